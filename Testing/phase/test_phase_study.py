"""Pairing the series of a study: what is set aside, what belongs together, who is best, what is missing or odd."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality, Source
from abdominal_oncology.imaging.reader import ArrayReader
from abdominal_oncology.learning.finding import Finding, Provenance
from abdominal_oncology.phase.labels import Phase
from abdominal_oncology.phase.locate import Slab
from abdominal_oncology.phase.series_finding import SeriesFinding
from abdominal_oncology.phase.study import EXPECTED, PairedStudy, pair_study
from abdominal_oncology.phase.study_times import gap_between

CORONAL = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (1.0, 0.0, 0.0))
SCANNED = {"non-contrast": "100000", "arterial": "100200", "venous": "100235", "delayed": "100500", "others": "100400"}


def series(
    name: str,
    phase: str | None = "venous",
    *,
    p: float = 0.95,
    low_mm: float = 0.0,
    slices: int = 60,
    step_mm: float = 5.0,
    patient: str = "P1",
    study: str = "1.2",
    frame: str = "1.2.3",
    abdomen_mm: tuple[float, float] | None = None,
    directions: Any = None,
    modality: Modality = Modality.CT,
    **header: Any,
) -> SeriesFinding:
    """A series of 60 slices of 5 mm that lies at z 0 … 300 mm and was acquired when its phase usually is."""
    probabilities = {each: (p if each == phase else (1 - p) / 4) for each in map(str, Phase)}
    finding = Finding("phase", name, phase, probabilities, Provenance("votes"), "blurred" if phase is None else "")
    geometry = Geometry((slices, 64, 64), (step_mm, 4.0, 4.0), (0.0, 0.0, low_mm + step_mm / 2))
    if directions is not None:
        geometry = replace(geometry, directions=directions)
    facts = {"AcquisitionDate": "20200101", "AcquisitionTime": SCANNED.get(phase or ""), "Modality": "CT"} | header
    source = Source("", patient, study, name, frame, (), {key: value for key, value in facts.items() if value})
    return SeriesFinding(name, finding, geometry, source, modality, abdomen_mm)


def four() -> list[SeriesFinding]:
    return [series(phase[0].upper(), phase) for phase in map(str, EXPECTED)]


def reason_of(paired: PairedStudy, name: str) -> str:
    return next(each.reason for each in paired.aside if each.name == name)


def test_four_phases_are_one_complete_set() -> None:
    (found,) = pair_study(four())
    assert found.series == {Phase.NON_CONTRAST: "N", Phase.ARTERIAL: "A", Phase.VENOUS: "V", Phase.DELAYED: "D"}
    assert (found.is_complete, found.warnings, found.duplicates) == (True, (), ())
    assert found.extent_mm == (0.0, 300.0)
    assert (found.patient_id, found.study_uid, found.frame_of_reference_uid) == ("P1", "1.2", "1.2.3")


@pytest.mark.parametrize("gone", EXPECTED)
def test_what_is_missing_is_said(gone: Phase) -> None:
    (found,) = pair_study([each for each in four() if each.phase is not gone])
    assert found.missing == {gone: f"no {gone} series"}
    assert not found.is_complete


def test_a_phase_of_another_space_is_told_and_not_used() -> None:
    study = [each for each in four() if each.phase is not Phase.DELAYED] + [series("late", "delayed", frame="9.9")]
    main, other = pair_study(study)
    assert set(main.series.values()) == {"N", "A", "V"}
    assert set(other.series.values()) == {"late"}
    assert main.missing == {Phase.DELAYED: "no delayed series here; late cannot be paired with these"}


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (series("x", modality=Modality.MR, Modality=""), "is MR, not CT"),
        (series("x", Modality="PT"), "is PT, not CT"),
        (series("x", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "LOCALIZER"),
        (series("x", SeriesDescription="Topogramm 1.0"), "a localizer"),
        (series("x", SeriesDescription="PreMonitoring"), "watches the bolus arrive"),
        (series("x", SeriesDescription="Iodine map"), "iodine"),
        (series("x", ImageType="DERIVED\\SECONDARY\\AXIAL\\MIP"), "a maximum projection"),
        (series("x", SeriesDescription="VEN MIP 10mm"), "a projection"),
        (series("x", slices=1), "has only 1 slice"),
        (series("x", slices=5), "is only 25 mm long"),
        (series("x", directions=CORONAL), "has coronal slices"),
        (replace(series("x"), finding=None), "was not classified"),
        (series("x", None), "its phase is not known: blurred"),
        (series("x", "portal"), '"portal" is no contrast phase'),
        (series("x", ImageType=["DERIVED", "SECONDARY", "AXIAL"]), "is derived, and V is the original"),
    ],
)
def test_what_is_no_phase_series_is_set_aside_with_its_reason(odd: SeriesFinding, why: str) -> None:
    paired = pair_study([*four(), odd])
    assert why in reason_of(paired, "x")
    assert [set(each.series.values()) for each in paired] == [{"N", "A", "V", "D"}]


def test_a_derived_series_without_its_original_stays_with_a_warning() -> None:
    study = [each for each in four() if each.phase is not Phase.VENOUS]
    (found,) = pair_study([*study, series("thick", "venous", ImageType=["DERIVED", "SECONDARY", "REFORMATTED"])])
    assert found.series[Phase.VENOUS] == "thick"
    assert [each.code for each in found.warnings] == ["derived"]


ABDOMEN = (50.0, 250.0)


@pytest.mark.parametrize(
    ("rule", "better", "worse"),
    [
        ("covers the abdomen", {"abdomen_mm": ABDOMEN}, {"low_mm": 100.0, "p": 0.99, "abdomen_mm": ABDOMEN}),
        ("soft kernel", {"ConvolutionKernel": "B30f"}, {"ConvolutionKernel": "B70f", "p": 0.99, "step_mm": 2.5}),
        ("soft kernel", {"SliceThickness": 5.0}, {"SeriesDescription": "abdomen bone", "SliceThickness": 1.0}),
        ("sure", {"p": 0.9}, {"p": 0.7, "slices": 150, "step_mm": 2.0}),
        ("thin slices", {"slices": 150, "step_mm": 2.0}, {"slices": 70}),
        ("thin slices", {"SliceThickness": 1.0, "step_mm": 2.0}, {"SliceThickness": 5.0, "step_mm": 2.0}),
        ("long", {"slices": 66}, {}),
        ("many slices", {"step_mm": 1.0, "slices": 300}, {"step_mm": 1.25, "slices": 240}),
        ("first", {"SeriesNumber": 3}, {"SeriesNumber": 12}),
        ("first", {"SeriesNumber": 3}, {}),
        ("name", {}, {}),
    ],
)
def test_each_rule_decides_between_two(rule: str, better: dict[str, Any], worse: dict[str, Any]) -> None:
    names = ("a", "b") if rule == "name" else ("z", "b")  # the name would say otherwise
    study = [series(names[0], **better), series(names[1], **worse)]
    (found,) = pair_study(study)
    assert found.series == {Phase.VENOUS: names[0]}
    (other,) = found.duplicates
    assert (other.name, other.phase, other.rule) == (names[1], Phase.VENOUS, rule)
    assert other.reason.startswith(names[0]) or other.rule == "name" or "SeriesNumber" in better


def test_original_beats_derived_even_where_it_is_thick_and_less_sure() -> None:
    thin = series("b", p=0.99, slices=200, step_mm=1.5, ImageType=["DERIVED", "SECONDARY"])
    paired = pair_study([series("z", p=0.8), thin])
    assert paired.sets[0].series == {Phase.VENOUS: "z"}
    assert "is derived" in reason_of(paired, "b")


def test_a_reconstruction_is_told_from_a_second_scan() -> None:
    study = [
        series("a", SeriesNumber=1),
        series("b", SeriesNumber=2),
        series("c", SeriesNumber=3, AcquisitionTime="100300"),
        series("d", SeriesNumber=4, AcquisitionTime=""),
    ]
    relations = {each.name: each.relation for each in pair_study(study).sets[0].duplicates}
    assert relations == {
        "b": "another reconstruction",
        "c": "another acquisition",
        "d": "another reconstruction or acquisition",
    }


def test_times_against_the_order_of_phases_name_both_series() -> None:
    wrong = [replace_time(each, "093000") if each.name == "D" else each for each in four()]
    (found,) = pair_study(wrong)
    texts = [each.message for each in found.warnings if each.code == "order-of-times"]
    assert len(texts) == 3  # before each of the three others
    assert any("V (venous) and D (delayed)" in text and "10:02:35 and 09:30:00" in text for text in texts)


def test_one_acquisition_cannot_be_two_phases() -> None:
    (found,) = pair_study([series("A", "arterial"), series("V", "venous", AcquisitionTime="100200")])
    assert [each.code for each in found.warnings] == ["same-acquisition"]


@pytest.mark.parametrize("dates", [("20200101", "20200102"), ("", "")])
def test_an_examination_may_cross_midnight(dates: tuple[str, str]) -> None:
    study = [
        series("A", "arterial", AcquisitionTime="235930", AcquisitionDate=dates[0]),
        series("V", "venous", AcquisitionTime="000010", AcquisitionDate=dates[1]),
    ]
    (found,) = pair_study(study)
    assert found.warnings == ()
    swapped = [replace(study[0], finding=study[1].finding), replace(study[1], finding=study[0].finding)]
    assert pair_study(swapped).sets[0].has_warning("order-of-times")


def test_the_best_clock_that_both_headers_have_is_used() -> None:
    whole = {"AcquisitionDateTime": "20200101100000.0", "SeriesTime": "120000"}
    assert gap_between(whole, {"AcquisitionTime": "100010", "SeriesTime": "090000"}).seconds == 10.0
    assert gap_between(whole, {"SeriesTime": "115900"}).seconds == -60.0
    assert gap_between({"AcquisitionDate": "20200101", "AcquisitionTime": "10"}, whole) is None
    nonsense = {"AcquisitionDate": "20209999", "AcquisitionTime": "100001"}
    assert gap_between(whole, nonsense).seconds == 1.0


def test_two_regions_make_two_sets_and_a_long_scan_goes_with_the_abdomen() -> None:
    chest = [series("C-A", "arterial", low_mm=250.0), series("C-V", "venous", low_mm=250.0)]
    long = series("long", "venous", slices=110, abdomen_mm=ABDOMEN, AcquisitionTime="100236")
    belly = [series("N", "non-contrast"), series("A", "arterial")]
    main, other = pair_study([*chest, long, *belly])
    assert (main.part, set(main.series.values())) == ("abdomen", {"N", "A", "long"})
    assert (other.part, set(other.series.values())) == ("another part", {"C-A", "C-V"})


def test_regions_are_told_apart_without_a_located_abdomen() -> None:
    study = [series("A", "arterial"), series("V", "venous"), series("chest", "venous", low_mm=250.0)]
    first, second = pair_study(study)
    assert [first.part, second.part] == ["unknown", "unknown"]
    assert (set(first.series.values()), set(second.series.values())) == ({"A", "V"}, {"chest"})


def test_two_examinations_in_one_frame_are_two_sets() -> None:
    late = [replace_time(each, "15" + str(each.header["AcquisitionTime"])[2:], f"{each.name}2") for each in four()]
    untimed = series("untimed", AcquisitionTime="")
    paired = pair_study([*four(), *late, untimed])
    assert sorted(sorted(each.series.values()) for each in paired) == [["A", "D", "N", "V"], ["A2", "D2", "N2", "V2"]]
    assert "no time tells" in reason_of(paired, "untimed")


def test_what_the_headers_do_not_say_is_warned_of() -> None:
    (found,) = pair_study([replace(each, source=Source()) for each in four()])
    assert [each.code for each in found.warnings] == ["frame-unknown", "patient-unknown"]
    (alone,) = pair_study([replace(four()[0], source=Source())])
    assert alone.warnings == ()


def test_names_must_differ() -> None:
    with pytest.raises(InvalidInputError, match="same name"):
        pair_study([series("a"), series("a", "arterial")])
    empty = pair_study([])
    assert (empty.sets, empty.aside) == ((), ())


def test_the_report_is_plain_json() -> None:
    paired = pair_study([*four(), series("x", slices=1), series("second", p=0.8)])
    values = json.loads(paired.to_json())
    assert values["sets"][0]["series"]["venous"] == "V"
    assert values["sets"][0]["duplicates"][0]["rule"] == "sure"
    assert values["sets"][0]["extent_mm"] == [0.0, 300.0]
    assert values["aside"] == [{"name": "x", "reason": "has only 1 slice"}]


def test_a_reader_brings_its_place_and_where_the_abdomen_is() -> None:
    geometry = Geometry((10, 8, 8), (5.0, 1.0, 1.0), (0.0, 0.0, 100.0))
    source = Source(header={"SeriesNumber": 4, "SeriesDescription": "PV", "ImageType": "ORIGINAL\\PRIMARY"})
    reader = ArrayReader(Image(np.zeros((10, 8, 8), np.int16), geometry, Modality.CT, source))
    slab = Slab(2, 6, 0.9, tuple(range(10)))
    found = SeriesFinding.of_reader("a", reader, None, slab)
    assert (found.extent_mm, found.abdomen_mm) == ((97.5, 147.5), (107.5, 127.5))
    assert (found.title, found.image_type) == ("4: PV", ("ORIGINAL", "PRIMARY"))
    for unsure in (replace(slab, confidence=0.2), replace(slab, upside_down=True), replace(slab, start=6)):
        assert SeriesFinding.of_reader("a", reader, None, unsure).abdomen_mm is None


def replace_time(each: SeriesFinding, clock: str, name: str = "") -> SeriesFinding:
    header = dict(each.header) | {"AcquisitionTime": clock}
    return replace(each, name=name or each.name, source=replace(each.source, header=header))


@st.composite
def studies(draw: st.DrawFn) -> list[SeriesFinding]:
    return [
        series(
            f"s{number}",
            draw(st.sampled_from([*map(str, Phase), None])),
            p=draw(st.sampled_from([0.5, 0.8, 0.95])),
            low_mm=draw(st.sampled_from([0.0, 100.0, 280.0])),
            slices=draw(st.sampled_from([1, 5, 60, 120])),
            patient=draw(st.sampled_from(["", "P1", "P2"])),
            study=draw(st.sampled_from(["1.1", "1.2"])),
            frame=draw(st.sampled_from(["", "1.2.3", "9.9"])),
            abdomen_mm=draw(st.sampled_from([None, ABDOMEN])),
            AcquisitionTime=draw(st.sampled_from(["", "100000", "100100", "143000", "235959"])),
            ImageType=draw(st.sampled_from([["ORIGINAL"], ["DERIVED"], ["ORIGINAL", "PRIMARY", "LOCALIZER"]])),
        )
        for number in range(draw(st.integers(0, 7)))
    ]


@settings(max_examples=60)
@given(studies(), st.randoms(use_true_random=False))
def test_order_of_series_does_not_matter_and_none_is_lost(study: list[SeriesFinding], random: Any) -> None:
    paired = pair_study(study)
    shuffled = list(study)
    random.shuffle(shuffled)
    assert pair_study(shuffled) == paired
    told = [name for each in paired for name in (*each.series.values(), *(d.name for d in each.duplicates))]
    told += [each.name for each in paired.aside]
    assert sorted(told) == sorted(each.name for each in study)  # every series once, in one place
    assert all(each.reason for each in paired.aside)


@settings(max_examples=60)
@given(studies())
def test_never_two_patients_or_frames_in_a_set(study: list[SeriesFinding]) -> None:
    by_name = {each.name: each for each in study}
    for found in pair_study(study):
        members = [by_name[name] for name in (*found.series.values(), *(each.name for each in found.duplicates))]
        assert len({(each.source.patient_id, each.source.frame_of_reference_uid) for each in members}) == 1
        assert all(by_name[name].phase is phase for phase, name in found.series.items())
        assert set(found.missing) == set(EXPECTED) - set(found.series)
