"""Sampled patients take up contrast as published ones do."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.imaging.anatomy import Kind, all_structures
from abdominal_oncology.phantom.physiology import LiverCondition, Patient, Population, population_hu

COLUMNS: tuple[float | None, ...] = (None, 25.0, 40.0, 75.0, 180.0, 450.0)

# HU, mean ± standard deviation between patients: literature, estimates where literature is silent
PUBLISHED = {
    "aorta": "40±6 300±70 300±75 140±22 100±12 80±10",
    "portal_vein": "36±6 48±12 120±30 150±25 98±12 78±10",
    "inferior_vena_cava": "38±6 55±18 95±28 128±20 97±12 78±10",
    "hepatic_veins": "40±6 48±8 65±15 140±22 98±12 78±10",
    "liver": "57±8 63±9 76±11 108±14 86±10 76±9",
    "spleen": "47±6 95±25 130±22 122±15 90±10 72±8",
    "kidney_left": "33±5 110±25 150±28 175±25 165±30 140±30",
    "pancreas": "38±9 75±15 110±17 88±14 68±10 58±9",
    "iliac_vena_right": "38±6 40±7 45±9 85±25 96±12 78±10",
    "muscle": "52±8 53±8 56±8 63±9 62±9 58±8",
    "bladder": "7±5 7±5 7±5 9±6 60±60 250±150",
}
# published without a spread, except late in the ureter
PUBLISHED_MEANS = {
    "renal_cortex": "33 150 200 190 165 140",
    "renal_medulla": "33 50 80 160 165 140",
    "renal_pelvis": "0 0 0 10±30 180±150 500±250",
    "ureters": "0 0 0 10±30 180±150 500±250",
}
CELLS = [
    (structure, seconds, cell)
    for structure, row in (PUBLISHED | PUBLISHED_MEANS).items()
    for seconds, cell in zip(COLUMNS, row.split(), strict=True)
]


@pytest.fixture(scope="module")
def people() -> Population:
    return Population.sample(6000, np.random.default_rng(5))


def quantiles(values: NDArray[np.float64], *percent: float) -> list[float]:
    return [float(v) for v in np.percentile(values, percent)]


def at_mixed_times(people: Population, structure: str, low: float, high: float) -> NDArray[np.float64]:
    """One scan of each patient at a second between ``low`` and ``high``; the same seconds for every structure."""
    times = np.linspace(low, high, 31)
    chosen = np.random.default_rng(9).integers(0, len(times), len(people))
    return people.hu(structure, times)[np.arange(len(people)), chosen]


@pytest.mark.parametrize(("structure", "seconds", "cell"), CELLS)
def test_population_meets_the_published_cell(
    people: Population, structure: str, seconds: float | None, cell: str
) -> None:
    mean, spread = (float(v or 0) for v in cell.partition("±")[::2])
    hu = people.hu(structure, seconds)
    assert abs(hu.mean() - mean) <= max(spread / 3, 2.0)
    if spread:
        assert hu.std() == pytest.approx(spread, rel=0.25)


@pytest.mark.parametrize(
    ("structure", "window", "median", "quartiles"),
    [
        ("aorta", (25.0, 45.0), 267, (216, 332)),
        ("portal_vein", (25.0, 45.0), 92, (68, 120)),
        ("aorta", (65.0, 95.0), 121, (108, 138)),
        ("portal_vein", (65.0, 95.0), 132, (113, 147)),
    ],
)
def test_vessels_lie_as_on_a_thousand_scans(
    people: Population,
    structure: str,
    window: tuple[float, float],
    median: float,
    quartiles: tuple[float, float],
) -> None:
    """When those scans were taken is known only as a phase: medians must lie within each other's middle half."""
    low, middle, high = quantiles(at_mixed_times(people, structure, *window), 25, 50, 75)
    assert quartiles[0] <= middle <= quartiles[1]
    assert low <= median <= high
    assert high - low == pytest.approx(quartiles[1] - quartiles[0], rel=0.35)


def test_aorta_to_portal_vein_ratio_as_on_a_thousand_scans(people: Population) -> None:
    def ratio(low: float, high: float) -> NDArray[np.float64]:
        return at_mixed_times(people, "aorta", low, high) / at_mixed_times(people, "portal_vein", low, high)

    low, middle, high = quantiles(ratio(30.0, 45.0), 5, 50, 95)
    assert middle == pytest.approx(2.93, rel=0.12)
    assert low == pytest.approx(1.4, rel=0.15)
    assert high == pytest.approx(6.0, rel=0.15)
    low, middle, high = quantiles(ratio(65.0, 95.0), 5, 50, 95)
    assert middle == pytest.approx(0.92, abs=0.04)
    assert low == pytest.approx(0.75, abs=0.08)
    assert high == pytest.approx(1.13, abs=0.08)


def test_cirrhosis_and_steatosis() -> None:
    rng = np.random.default_rng(6)
    cirrhotic = Population.sample(4000, rng, condition="cirrhosis")
    plain = cirrhotic.hu("liver", None)
    gained = cirrhotic.hu("liver", 75.0) - plain
    assert plain.mean() == pytest.approx(51, abs=3)
    assert plain.std() == pytest.approx(9, rel=0.25)
    assert gained.mean() == pytest.approx(40, abs=4)
    assert gained.std() == pytest.approx(12, rel=0.25)
    normal = Population.sample(4000, rng, condition=LiverCondition.NORMAL)
    assert (normal.hu("liver", 75.0) - normal.hu("liver", None)).mean() == pytest.approx(56, abs=14 / 3)
    fatty = Population.sample(4000, rng, condition="steatosis").hu("liver", None)
    assert fatty.mean() == pytest.approx(32, abs=14 / 3)
    assert fatty.std() == pytest.approx(14, rel=0.25)
    assert (fatty < 47).mean() > 0.75  # a fatty liver is darker than the average spleen


def test_contrast_passes_aorta_then_portal_vein_then_hepatic_veins(people: Population) -> None:
    seconds = np.arange(5.0, 200.0, 1.0)
    peaks = {
        name: seconds[people.hu(name, seconds).argmax(axis=1)] for name in ("aorta", "portal_vein", "hepatic_veins")
    }
    assert (peaks["aorta"] < peaks["portal_vein"]).mean() > 0.99
    assert (peaks["portal_vein"] < peaks["hepatic_veins"]).mean() > 0.9
    cortex, medulla = people.hu("renal_cortex", 35.0), people.hu("renal_medulla", 35.0)
    assert (cortex > medulla + 20).mean() > 0.98  # corticomedullary contrast, gone later
    late = people.hu("renal_cortex", 240.0).mean() - people.hu("renal_medulla", 240.0).mean()
    assert abs(late) < 10


def test_all_blood_is_one_blood_at_last(people: Population) -> None:
    vessels = ("aorta", "portal_vein", "inferior_vena_cava", "hepatic_veins", "iliac_vena_left", "iliac_artery_left")
    spread = {
        second: np.ptp([people.hu(name, second) for name in vessels], axis=0).mean() for second in (40.0, 75.0, 300.0)
    }
    assert spread[40.0] > 200
    assert spread[75.0] > spread[300.0] + 20
    assert spread[300.0] < 15


def test_every_curve_is_smooth(people: Population) -> None:
    seconds = np.arange(0.0, 900.0, 0.5)
    some = Population.sample(40, np.random.default_rng(3))
    for structure in ("aorta", "portal_vein", "hepatic_veins", "liver", "spleen", "renal_cortex", "pancreas"):
        curves = some.hu(structure, seconds)
        steps = np.abs(np.diff(curves, axis=1))
        reach = np.ptp(curves, axis=1)
        assert (steps.max(axis=1) < 0.09 * reach).all(), structure
    slow = np.abs(np.diff(some.hu("bladder", seconds), axis=1))
    assert (slow.max(axis=1) < 0.09 * np.ptp(some.hu("bladder", seconds), axis=1) + 0.5).all()


@pytest.mark.parametrize("structure", ["aorta", "liver", "kidney_left", "renal_pelvis", "bladder"])
def test_at_the_start_of_the_injection_nothing_has_changed(people: Population, structure: str) -> None:
    np.testing.assert_allclose(people.hu(structure, 0.0), people.hu(structure, None), atol=1e-9)


def test_fat_gas_and_bile_never_change(people: Population) -> None:
    for structure in ("subcutaneous_fat", "visceral_fat", "bowel_gas", "gallbladder", "ascites", "table"):
        np.testing.assert_allclose(people.hu(structure, 60.0), people.hu(structure, None), atol=1e-9)


def test_every_anatomical_structure_of_the_table_has_a_tissue() -> None:
    patient = Patient.sample(np.random.default_rng(0))
    without = set()
    for each in all_structures():
        try:
            assert -1100 < patient.hu(each.name, 70.0) < 9000
        except MissingInputError:
            without.add(each.name)
            # lesions and the layers of the rectum on MR have their own painters
            assert each.kind is Kind.LESION or each.number >= 240, each.name
    assert "liver_tumour" in without


def test_names_and_aliases_mean_the_same() -> None:
    patient = Patient.sample(np.random.default_rng(0))
    assert patient.hu("IVC", 60.0) == patient.hu("inferior_vena_cava", 60.0)
    assert patient.hu("Left kidney", 60.0) == patient.hu("kidney_left", 60.0)


def test_same_seed_same_patient() -> None:
    first, second = (Patient.sample(np.random.default_rng(8)) for _ in range(2))
    other = Patient.sample(np.random.default_rng(9))
    assert first == second
    assert first.hu("liver", 70.0) == second.hu("liver", 70.0) != other.hu("liver", 70.0)
    assert first.facts["condition"] in set(LiverCondition)
    assert "scores" not in first.facts


@given(
    seed=st.integers(0, 2**32 - 1),
    seconds=st.one_of(st.none(), st.floats(0.0, 2000.0)),
    structure=st.sampled_from(["aorta", "liver", "kidney_right", "renal_pelvis", "muscle", "vertebrae_L1", "heart"]),
)
def test_many_patients_at_once_equal_one(seed: int, seconds: float | None, structure: str) -> None:
    table = population_hu([structure, "aorta"], seconds, 1, np.random.default_rng(seed))
    patient = Patient.sample(np.random.default_rng(seed))
    assert table[0, 0] == pytest.approx(patient.hu(structure, seconds), abs=1e-9)
    assert patient.hu_table([structure], seconds) == {structure: patient.hu(structure, seconds)}


def test_times_together_equal_times_one_by_one() -> None:
    people = Population.sample(7, np.random.default_rng(2))
    together = people.hu("portal_vein", [20.0, 33.0, 90.0])
    assert together.shape == (7, 3)
    for column, seconds in enumerate((20.0, 33.0, 90.0)):
        np.testing.assert_allclose(together[:, column], people.hu("portal_vein", seconds))


def test_a_slow_heart_delays_and_a_weak_kidney_excretes_less() -> None:
    people = Population.sample(2000, np.random.default_rng(4))
    seconds = np.arange(5.0, 90.0)
    peak = seconds[people.hu("aorta", seconds).argmax(axis=1)]
    assert np.corrcoef(people.cardiac_output_l_min, peak)[0, 1] < -0.6
    weak = people.kidney_function < 0.8
    assert people.hu("renal_cortex", 75.0)[weak].mean() < people.hu("renal_cortex", 75.0)[~weak].mean() - 15
    assert people.hu("ureters", 300.0)[weak].mean() < people.hu("ureters", 300.0)[~weak].mean()


def test_spread_widens_the_population() -> None:
    usual, wide = (population_hu(["spleen"], None, 2000, np.random.default_rng(1), spread=s).std() for s in (1.0, 2.0))
    assert wide == pytest.approx(2 * usual, rel=1e-6)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), [30.0, float("nan")]])
def test_times_that_are_no_numbers_are_refused(seconds: float) -> None:
    with pytest.raises(InvalidInputError, match="finite"):
        Population.sample(2, np.random.default_rng(0)).hu("aorta", seconds)


def test_strangers_and_empty_populations_are_refused() -> None:
    with pytest.raises(MissingInputError, match="spaceship"):
        Patient.sample(np.random.default_rng(0)).hu("spaceship", 30.0)
    with pytest.raises(InvalidInputError, match="at least one patient"):
        Population.sample(0, np.random.default_rng(0))
    with pytest.raises(InvalidInputError, match="liver condition"):
        Patient.sample(np.random.default_rng(0), condition="broken")


def test_a_patient_answers_in_milliseconds() -> None:
    patient = Patient.sample(np.random.default_rng(0))
    patient.hu("liver", 50.0)
    taken = []
    for second in range(30):
        start = time.perf_counter()
        patient.hu("liver", float(second))
        taken.append(time.perf_counter() - start)
    assert min(taken) < 0.005
