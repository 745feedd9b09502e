"""Measured features against the truth of painted lesions: each separates those that have it from those that do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from abdominal_oncology.errors import EmptyMaskError
from abdominal_oncology.hcc.features.enhancement import lively, own_spread
from abdominal_oncology.hcc.features.findings import Findings, findings_of
from abdominal_oncology.hcc.features.maps import CORE, PARENCHYMA, SHELL, feature_maps
from abdominal_oncology.hcc.features.region import LesionRegion, depth_below, parenchyma_of
from abdominal_oncology.hcc.features.uncertain import UNKNOWN, Uncertain, median_error
from abdominal_oncology.hcc.patch import lesion_patch
from abdominal_oncology.hcc.phase_roles import PHASES
from abdominal_oncology.imaging.geometry import Geometry

_KINDS = (
    *("hcc",) * 14, *("metastasis",) * 6, *("cholangiocarcinoma",) * 6, *("haemangioma",) * 7, *("fnh",) * 3,
    *("adenoma",) * 2, *("cyst",) * 3,
)  # fmt: skip
_GRID = Geometry((20, 78, 78), (2.0, 0.76, 0.76))
_SHAPE, _SPACING = _GRID.shape, _GRID.spacing_mm

Truth = dict[str, object]


@pytest.fixture(scope="module")
def lesions() -> list[tuple[Truth, Findings]]:
    result: list[tuple[Truth, Findings]] = []
    for n, kind in enumerate(_KINDS):
        size = float(np.random.default_rng(n).uniform(12, 32))
        patch = lesion_patch(5000 + n, kind=kind, size_mm=size, shape=_SHAPE)
        region = LesionRegion.of(_GRID, dict(zip(PHASES, patch.voxels_hu, strict=True)), patch.lesion, patch.liver)
        result.append(({"kind": kind, **patch.truth["features"]}, findings_of(region, size)))
    return result


def auc(present: list[bool], score: list[float]) -> float:
    yes = np.asarray(present)
    ranks = rankdata(score)
    return float((ranks[yes].sum() - yes.sum() * (yes.sum() + 1) / 2) / (yes.sum() * (~yes).sum()))


@pytest.mark.parametrize(
    ("chance", "feature", "value", "at_least"),
    [
        ("aphe_nonrim", "aphe", "nonrim", 0.88),
        ("aphe_rim", "aphe", "rim", 0.78),
        ("washout_nonperipheral", "washout", "nonperipheral", 0.88),
        ("capsule", "capsule", True, 0.7),
        ("blood_pool", "blood_pool", True, 0.85),
        ("delayed_bright", "delayed_central", True, 0.9),
        ("fluid", "kind", "cyst", 0.99),
    ],
)
def test_chances_separate_by_truth(
    lesions: list[tuple[Truth, Findings]], chance: str, feature: str, value: object, at_least: float
) -> None:
    present = [truth[feature] == value for truth, _ in lesions]
    assert 2 <= sum(present) <= len(present) - 2
    assert auc(present, [found.chances[chance] for _, found in lesions]) >= at_least


def test_chances_are_probabilities_and_fit_together(lesions: list[tuple[Truth, Findings]]) -> None:
    for _, found in lesions:
        chances = found.chances
        assert all(0 <= chance <= 1 for chance in chances.values())
        assert chances["aphe_nonrim"] + chances["aphe_rim"] <= 1 + 1e-9
        assert chances["washout_nonperipheral"] + chances["washout_peripheral"] <= 1 + 1e-9


def test_medians_are_those_of_the_noiseless_lesion_within_their_error(
    lesions: list[tuple[Truth, Findings]],
) -> None:
    off, told = [], []
    for truth, found in lesions:
        if truth["kind"] == "haemangioma":
            continue  # its truth is that of one moment; a fill front runs with the seconds
        for phase in PHASES:
            measured = found.numbers[f"{phase}_median"]
            off.append(measured.value - float(truth[f"{phase}_minus_liver_hu"]))  # type: ignore[arg-type]
            told.append(measured.error)
    assert abs(float(np.median(off))) < 2.5
    assert float(np.median(np.abs(off))) < 5
    # two thirds lie within one standard error where errors are honest; phases here are also taken at other seconds
    within = np.mean(np.abs(off) < 2 * np.asarray(told))
    assert within > 0.55


def _ball(
    radius_mm: float, hu: dict[str, tuple[float, float]], shell_mm: float = 0.0, noise: float = 0.0
) -> LesionRegion:
    """A ball of (core, shell) HU above a liver of 0 HU + 80, the shell being the outermost ``shell_mm``."""
    axes = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(_SHAPE, _SPACING, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    radius = np.sqrt(x**2 + y**2 + z**2)
    rng = np.random.default_rng(3)
    pictures = {}
    for role, (core, shell) in hu.items():
        picture = np.where(radius < radius_mm, np.where(radius > radius_mm - shell_mm, shell, core), 0.0) + 80
        pictures[role] = (picture + rng.normal(0, max(noise, 0.1), _SHAPE)).astype(np.float32)
    return LesionRegion.of(_GRID, pictures, radius < radius_mm, np.ones(_SHAPE, bool))


def _flat(arterial: float, portal: float, delayed: float, noise: float = 0.0) -> LesionRegion:
    levels = {"arterial": arterial, "portal": portal, "delayed": delayed}
    return _ball(9.0, {role: (hu, hu) for role, hu in levels.items()}, noise=noise)


def test_bright_then_dark_is_nonrim_with_washout() -> None:
    chances = findings_of(_flat(40, -2, -25, noise=8), 18.0).chances
    assert chances["aphe_nonrim"] > 0.95
    assert chances["washout_nonperipheral"] > 0.95
    assert max(chances[name] for name in ("aphe_rim", "capsule", "blood_pool", "fluid")) < 0.1


def test_what_never_enhanced_does_not_wash_out() -> None:
    dark = findings_of(_flat(-25, -25, -25, noise=8), 18.0).chances
    assert dark["washout_nonperipheral"] < 0.05
    fluid = findings_of(_flat(-72, -72, -72, noise=8), 18.0).chances
    assert fluid["fluid"] > 0.95
    assert fluid["washout_nonperipheral"] < 0.01


def test_a_lesion_like_liver_has_nothing() -> None:
    chances = findings_of(_flat(0, 0, 0, noise=8), 18.0).chances
    assert max(chances.values()) < 0.15


def test_shell_brighter_than_core_is_rim() -> None:
    hu = {"arterial": (-15.0, 30.0), "portal": (-30.0, -10.0), "delayed": (-10.0, -20.0)}
    chances = findings_of(_ball(11.0, hu, shell_mm=2.6, noise=6), 22.0).chances
    assert chances["aphe_rim"] > 0.6
    assert chances["aphe_nonrim"] < 0.3


def test_a_thin_bright_shell_is_a_capsule_and_goes_round() -> None:
    hu = {"arterial": (20.0, 20.0), "portal": (-8.0, 14.0), "delayed": (-20.0, 22.0)}
    found = findings_of(_ball(11.0, hu, shell_mm=1.5, noise=6), 22.0)
    assert found.chances["capsule"] > 0.8
    assert found.numbers["delayed_capsule_share"].value > 0.8
    assert found.numbers["delayed_capsule_lift"].value > 8
    bare = findings_of(_ball(11.0, {role: (pair[0], pair[0]) for role, pair in hu.items()}, noise=6), 22.0)
    assert bare.chances["capsule"] < 0.2


def test_filling_from_the_edge_parallels_the_blood_pool() -> None:
    hu = {"arterial": (-28.0, 60.0), "portal": (-50.0, 35.0), "delayed": (5.0, 10.0)}
    chances = findings_of(_ball(11.0, hu, shell_mm=3.0, noise=6), 22.0).chances
    assert chances["blood_pool"] > 0.9
    assert chances["aphe_nonrim"] + chances["aphe_rim"] < 0.2
    assert chances["washout_nonperipheral"] < 0.1


def test_without_a_delayed_phase_less_is_said() -> None:
    hu = {"arterial": (35.0, 35.0), "portal": (-2.0, -2.0)}
    found = findings_of(_ball(9.0, hu, noise=8), 18.0)
    assert found.chances["delayed_central"] == 0
    assert "delayed_core" not in found.numbers
    assert found.chances["washout_nonperipheral"] < 0.5
    assert found.chances["aphe_nonrim"] > 0.95


def test_error_grows_with_noise_and_shrinks_with_size() -> None:
    def error(radius: float, noise: float) -> float:
        level = dict.fromkeys(PHASES, (30.0, 30.0))
        return findings_of(_ball(radius, level, noise=noise), 2 * radius).numbers["arterial_core"].error

    assert error(9.0, 20.0) > 1.5 * error(9.0, 5.0)
    assert error(5.0, 15.0) > 1.3 * error(11.0, 15.0)


def test_lively_part_and_heterogeneity_without_noise() -> None:
    rng = np.random.default_rng(0)
    mixed = np.where(rng.random(20_000) < 0.3, 50.0, 0.0)
    noisy = (mixed + rng.normal(0, 15, 20_000)).astype(np.float32)
    assert own_spread(noisy, 15.0) == pytest.approx(mixed.std(), abs=1.5)
    assert lively(noisy, 15.0) > 25
    assert own_spread(rng.normal(0, 15, 20_000).astype(np.float32), 15.0) < 3
    assert np.isnan(lively(np.array([np.nan], np.float32), 1.0))
    assert np.isnan(own_spread(np.array([np.nan], np.float32), 1.0))


def test_parenchyma_leaves_out_lesions_rim_edge_and_vessels() -> None:
    shape = (20, 60, 60)
    grid = Geometry(shape, (2.0, 1.0, 1.0))
    rng = np.random.default_rng(1)
    hu = rng.normal(100, 8, shape).astype(np.float32)
    liver = np.zeros(shape, bool)
    liver[2:18, 4:56, 4:56] = True
    lesion = np.zeros(shape, bool)
    lesion[8:12, 26:34, 26:34] = True
    hu[:, 10:14, :] += 60  # a vessel
    parenchyma, vessels = parenchyma_of(grid, {"portal": hu}, liver, lesion)
    assert vessels[6:14, 11:13, 10:50].mean() > 0.95
    assert not parenchyma[:, 11:13].any()
    assert not (parenchyma & lesion).any()
    assert not parenchyma[10, 23, 30]
    assert not parenchyma[10, 30, 5]
    assert parenchyma[10, 45, 30:50].mean() > 0.9
    assert hu[parenchyma].mean() == pytest.approx(100, abs=1)


@pytest.mark.parametrize("radius", [4.0, 8.0, 11.5])
def test_depth_is_the_distance_to_a_ball(radius: float) -> None:
    spacing = (2.0, 0.8, 0.8)
    axes = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip((17, 41, 41), spacing, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    true = radius - np.sqrt(x**2 + y**2 + z**2)
    found = depth_below(true > 0, spacing)
    near = np.abs(true) < 5
    assert np.abs(found - true)[near].mean() < 0.35
    assert ((found > 0) == (true > 0)).all()


def test_maps_show_where_and_nothing_far_away() -> None:
    region = _ball(9.0, {"arterial": (40.0, 40.0), "portal": (-5.0, -5.0), "delayed": (-30.0, -30.0)}, noise=3)
    maps = feature_maps(region, capsule_place_mm=0.5)
    inside = region.depth_mm > 1
    assert float(np.median(maps["enhancement"].voxels[inside])) == pytest.approx(40, abs=2)
    assert float(np.median(maps["washout"].voxels[inside])) == pytest.approx(30, abs=2)
    assert not maps["enhancement"].voxels[region.depth_mm < -4].any()
    assert set(np.unique(maps["regions"].voxels)) == {0, CORE, SHELL, PARENCHYMA}
    assert maps["shell"].is_mask
    assert 0 < maps["shell"].voxels.sum() < region.lesion.sum()
    assert "shell" not in feature_maps(region)


def test_nothing_known_counts_as_absent_and_halves_lie_at_the_threshold() -> None:
    assert UNKNOWN.above(0) == UNKNOWN.below(0) == 0
    assert not UNKNOWN.known
    assert Uncertain(5.0, 2.0).above(5.0) == pytest.approx(0.5)
    assert Uncertain(5.0, 2.0).above(3.0) + Uncertain(5.0, 2.0).below(3.0) == pytest.approx(1)
    assert Uncertain(5.0, 0.0).above(4.0) == 1
    assert Uncertain(5.0, 3.0).minus(Uncertain(2.0, 4.0)) == Uncertain(3.0, 5.0)
    assert Uncertain(10.0, 1.0).interval == pytest.approx((8.355, 11.645))


def test_error_of_a_median_is_what_repeated_draws_show() -> None:
    rng = np.random.default_rng(2)
    draws = rng.normal(0, 10, (400, 101))
    assert median_error(draws[0], 101) == pytest.approx(float(np.median(draws, axis=1).std()), rel=0.35)


def test_an_empty_lesion_is_refused() -> None:
    hu = {"arterial": np.zeros(_SHAPE, np.float32)}
    with pytest.raises(EmptyMaskError):
        LesionRegion.of(_GRID, hu, np.zeros(_SHAPE, bool), np.ones(_SHAPE, bool))
