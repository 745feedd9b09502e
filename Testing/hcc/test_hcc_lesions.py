"""Lesions: populations meet the measured figures, what is painted is what the truth says, classes overlap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc import lesions
from abdominal_oncology.hcc.lesion_kinds import RECIPES, LesionKind, SizeSet, size_moments
from abdominal_oncology.hcc.lesion_shape import LesionShape
from abdominal_oncology.hcc.lesions import REFERENCE_SECONDS, Lesion, draw_kind, draw_lesion, draw_size
from abdominal_oncology.phantom.physiology import Patient

_NOISE_HU = 12.0  # the published figures are of noisy scans


def _population(
    kind: LesionKind, count: int, size_set: SizeSet, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Medians, 90th percentiles and spreads, (count, 4): plain, arterial, portal, delayed."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        cirrhotic = rng.random() < RECIPES[kind].cirrhosis_share
        patient = Patient.sample(rng, condition="cirrhosis" if cirrhotic else None)
        lesion = draw_lesion(rng, patient, kind, size_mm=draw_size(rng, kind is LesionKind.HCC, size_set))
        points = lesion.shape.inside(rng, 300)
        row = []
        for seconds in (None, *REFERENCE_SECONDS.values()):
            painted, mask = lesion.paint(np.full(len(points), 80.0, np.float32), points, seconds)
            assert mask.all()
            noisy = painted + rng.normal(0, _NOISE_HU, len(points))
            row.append((np.median(noisy), np.percentile(noisy, 90), noisy.std()))
        rows.append(row)
    table = np.asarray(rows)
    return table[..., 0], table[..., 1], table[..., 2]


@pytest.fixture(scope="module")
def hcc() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return _population(LesionKind.HCC, 200, SizeSet.MEASURED)


def test_hcc_medians_meet_361_measured_pairs(hcc: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    median, bright, spread = hcc
    assert median[:, 1].mean() == pytest.approx(66, abs=4)
    assert median[:, 1].std() == pytest.approx(17, abs=4)
    assert median[:, 2].mean() == pytest.approx(88, abs=4)
    assert median[:, 2].std() == pytest.approx(23, abs=5)
    rise = median[:, 2] - median[:, 1]
    assert rise.mean() == pytest.approx(22, abs=4)
    assert rise.std() == pytest.approx(18, abs=4)
    assert (rise > 0).mean() > 0.8  # brighter in the portal phase in nine of ten
    assert bright[:, 1].mean() == pytest.approx(97, abs=6)
    assert bright[:, 2].mean() == pytest.approx(116, abs=6)
    assert spread[:, 1:3].mean() == pytest.approx(24, abs=3)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(LesionKind.FNH, (51, 118, 112)), (LesionKind.ADENOMA, (56, 80, 110))],
)
def test_fnh_and_adenoma_means(kind: LesionKind, expected: tuple[float, float, float]) -> None:
    median, _, _ = _population(kind, 80, SizeSet.SMALL)
    assert median[:, :3].mean(axis=0) == pytest.approx(expected, abs=6)


def test_cysts_stay_dark() -> None:
    median, _, _ = _population(LesionKind.CYST, 40, SizeSet.SMALL)
    assert median.max() <= 25
    assert median.mean() < 20
    assert np.ptp(median.mean(axis=0)) < 3


def test_haemangiomas_fill_in_and_cholangiocarcinomas_brighten_inside() -> None:
    rng = np.random.default_rng(4)
    for kind in (LesionKind.HAEMANGIOMA, LesionKind.CHOLANGIOCARCINOMA):
        cores = []
        for _ in range(40):
            patient = Patient.sample(rng, condition="normal")
            lesion = draw_lesion(rng, patient, kind, size_mm=30.0)
            points = lesion.shape.inside(rng, 300)
            core = points[lesion.shape.depth(points)[1] < 0.5]
            liver = [patient.hu("liver", seconds) for seconds in (40.0, 180.0)]
            hu = [
                float(np.median(lesion.paint(np.zeros(len(core), np.float32), core, seconds)[0]))
                for seconds in (40.0, 180.0)
            ]
            cores.append((hu[0] - liver[0], hu[1] - liver[1]))
        early, late = np.mean(cores, axis=0)
        assert early < -5
        assert late > early + 15


@pytest.mark.parametrize("size_set", [SizeSet.SMALL, SizeSet.LARGE, SizeSet.MEASURED])
@pytest.mark.parametrize("is_hcc", [True, False])
def test_sizes_follow_their_set(size_set: SizeSet, is_hcc: bool) -> None:
    rng = np.random.default_rng(7)
    sizes = np.array([draw_size(rng, is_hcc, size_set) for _ in range(1500)])
    mean, sd = size_moments(size_set, is_hcc)
    assert sizes.mean() == pytest.approx(mean, rel=0.08)
    assert sizes.std() == pytest.approx(sd, rel=0.2)
    if size_set is SizeSet.MEASURED and is_hcc:
        assert np.median(sizes) == pytest.approx(39, rel=0.08)


def test_painted_size_and_volume_are_the_true_ones() -> None:
    rng = np.random.default_rng(3)
    patient = Patient.sample(rng)
    step = 0.6
    for kind in LesionKind:
        lesion = draw_lesion(rng, patient, kind, size_mm=24.0, centre_mm=(10.0, -20.0, 30.0))
        low, high = lesion.box_mm
        axes = [np.arange(a, b, step) for a, b in zip(low, high, strict=True)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).astype(np.float32)
        _, mask = lesion.paint(np.zeros(points.shape[:-1], np.float32), points, 40.0)
        inside = points[mask]
        surface = inside[:: max(1, len(inside) // 6000)]
        directions = np.random.default_rng(0).normal(size=(300, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        extent = surface @ directions.T
        largest = float((extent.max(axis=0) - extent.min(axis=0)).max())
        assert largest == pytest.approx(24.0, abs=2 * step)
        assert mask.sum() * step**3 == pytest.approx(lesion.shape.volume_mm3, rel=0.05)
        for axis in range(3):  # nothing at the faces: the box holds all of it
            assert not mask.take([0, -1], axis=axis).any()


def test_painting_is_the_same_on_any_grid_and_touches_nothing_outside() -> None:
    rng = np.random.default_rng(5)
    lesion = draw_lesion(rng, Patient.sample(rng), "hcc", size_mm=20.0)
    points = rng.uniform(-20, 20, (500, 3)).astype(np.float32)
    before = np.full(500, 90.0, np.float32)
    together, mask = lesion.paint(before, points, 75.0)
    single = np.concatenate([lesion.paint(before[n : n + 1], points[n : n + 1], 75.0)[0] for n in range(500)])
    assert together == pytest.approx(single, abs=1e-2)
    depth, _ = lesion.shape.depth(points)
    assert np.array_equal(mask, depth > 0)
    assert (together[depth < -lesion.edge_mm] == 90).all()
    assert (before == 90).all()


def test_features_agree_with_the_picture() -> None:
    rng = np.random.default_rng(11)
    seen: set[tuple[str, str]] = set()
    pairs = []
    for _ in range(120):
        patient = Patient.sample(rng, condition="cirrhosis")
        lesion = draw_lesion(rng, patient, draw_kind(rng), size_mm=float(rng.uniform(12, 40)))
        features = lesion.features
        seen.add((features["aphe"], features["washout"]))
        seconds = patient.arrival_seconds + (REFERENCE_SECONDS["arterial"] - 13.0) * patient.stretch
        points = lesion.shape.inside(rng, 800)
        hu, _ = lesion.paint(np.zeros(800, np.float32), points, seconds)
        contrast = float(np.median(hu)) - patient.hu("liver", seconds)
        pairs.append((contrast, features["arterial_minus_liver_hu"]))
        if features["aphe"] == "nonrim":
            assert np.percentile(hu, 90) > patient.hu("liver", seconds)
    painted, true = np.transpose(pairs)
    assert np.median(np.abs(painted - true)) < 4  # other points, and the soft edge, move the median a little
    assert np.corrcoef(painted, true)[0, 1] > 0.95
    assert {aphe for aphe, _ in seen} == {"none", "rim", "nonrim"}
    assert {"none", "nonperipheral"} <= {washout for _, washout in seen}


def test_classes_overlap_as_on_real_scans() -> None:
    """Medians of arterial and portal contrast alone must not tell HCC from the rest, nor be worthless."""
    rng = np.random.default_rng(8)
    rows, answers = [], []
    for _ in range(260):
        kind = draw_kind(rng)
        lesion = draw_lesion(
            rng,
            Patient.sample(rng, condition="cirrhosis" if rng.random() < 0.6 else None),
            kind,
            size_mm=draw_size(rng, kind is LesionKind.HCC),
        )
        names = ("arterial", "portal", "delayed")
        rows.append([*(lesion.features[f"{name}_minus_liver_hu"] for name in names), lesion.size_mm])
        answers.append(lesion.is_hcc)
    x, y = np.asarray(rows), np.asarray(answers)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    half = len(y) // 2
    design = np.column_stack([x, x**2, np.ones(len(y))])
    weights, *_ = np.linalg.lstsq(design[:half], y[:half].astype(float), rcond=None)
    score, truth = design[half:] @ weights, y[half:]
    wins = score[truth][:, None] > score[~truth][None, :]
    assert 0.6 < wins.mean() < 0.93


def test_small_hcc_show_their_features_as_often_as_readers_see_them() -> None:
    """Most are hyperenhancing, about half wash out, half have a capsule; look-alikes differ in the last two."""
    rng = np.random.default_rng(4)
    seen: dict[bool, list[tuple[bool, bool, bool]]] = {True: [], False: []}
    for _ in range(500):
        kind = draw_kind(rng)
        size = draw_size(rng, kind is LesionKind.HCC, SizeSet.SMALL)
        features = draw_lesion(rng, Patient.sample(rng), kind, size_mm=size, grain_hu=8.0).features
        found = (features["aphe"] == "nonrim", features["washout"] == "nonperipheral", features["capsule"])
        seen[kind is LesionKind.HCC].append(found)
    aphe, washout, capsule = np.mean(seen[True], axis=0)
    other_aphe, other_washout, other_capsule = np.mean(seen[False], axis=0)
    assert 0.6 < aphe < 0.85
    assert 0.45 < washout < 0.75
    assert 0.4 < capsule < 0.7
    assert 0.3 < other_aphe < aphe
    assert other_washout < washout - 0.1
    assert other_capsule < 0.2


def test_a_look_alike_differs_from_an_hcc_only_in_how_many_signs_it_has() -> None:
    hcc, other = RECIPES[LesionKind.HCC], RECIPES[LesionKind.DYSPLASTIC_NODULE]
    assert replace(other, signs=hcc.signs) == hcc
    for recipe, least, most in ((hcc, 0.8, 1.0), (other, 0.0, 0.2)):
        shares = [share for share, _ in recipe.signs]
        assert sum(shares) == pytest.approx(1)
        several = sum(share for share, signs in recipe.signs if sum(signs) >= 2)
        assert least < several < most


@pytest.mark.parametrize(("place", "feature"), [(0, "aphe"), (1, "washout"), (2, "capsule")])
def test_a_sign_that_is_drawn_is_seen(place: int, feature: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By an ideal reader, in most lesions that have it and few that do not."""
    seen = {}
    for has in (True, False):
        signs = tuple(has if n == place else n == 0 for n in range(3))
        recipe = replace(RECIPES[LesionKind.HCC], signs=((1.0, signs),))
        monkeypatch.setattr(lesions, "RECIPES", {LesionKind.HCC: recipe})
        rng = np.random.default_rng(7)
        drawn = [
            draw_lesion(rng, Patient.sample(rng, condition="cirrhosis"), "hcc", size_mm=20.0, grain_hu=8.0).features
            for _ in range(60)
        ]
        seen[has] = np.mean([each[feature] in (True, "nonrim", "nonperipheral") for each in drawn])
    assert seen[True] > 0.75
    assert seen[False] < 0.35


def test_same_seed_same_lesion() -> None:
    def once() -> Lesion:
        rng = np.random.default_rng(21)
        return draw_lesion(rng, Patient.sample(rng), "hcc", size_mm=18.0)

    points = np.random.default_rng(0).uniform(-9, 9, (200, 3)).astype(np.float32)
    first, second = once(), once()
    assert first.truth == second.truth
    zeros = np.zeros(200, np.float32)
    assert np.array_equal(first.paint(zeros, points, 40.0)[0], second.paint(zeros, points, 40.0)[0])


def test_shape_has_the_size_asked_for() -> None:
    rng = np.random.default_rng(1)
    for irregularity in (0.0, 0.1, 0.2):
        shape = LesionShape.draw(rng, (0.0, 0.0, 0.0), 30.0, irregularity)
        surface = shape.surface_mm(900)
        distances = np.linalg.norm(surface[:, None] - surface[None], axis=-1)
        assert distances.max() == pytest.approx(30.0, rel=0.03)


@pytest.mark.parametrize(("kind", "size"), [("melanoma", 20.0), ("hcc", 2.0), ("hcc", 400.0), ("hcc", float("nan"))])
def test_wrong_lesions_are_refused_with_a_way_out(kind: str, size: float) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InvalidInputError) as caught:
        draw_lesion(rng, Patient.sample(rng), kind, size_mm=size)
    assert caught.value.remedy


def test_unknown_size_set_is_refused() -> None:
    with pytest.raises(InvalidInputError) as caught:
        size_moments("huge", True)
    assert caught.value.remedy
