"""From a case to measured lesions and what LI-RADS is told; a lesion that cannot be measured is never given numbers."""

from __future__ import annotations

import numpy as np
import pytest
from liver_scene import LIVER_HU, LiverScene

from abdominal_oncology.errors import Cancelled
from abdominal_oncology.hcc.case import LesionMask
from abdominal_oncology.hcc.lesion_shape import LesionShape
from abdominal_oncology.hcc.lirads.assessment import Certainty
from abdominal_oncology.hcc.lirads.features import Feature, ImagedPhase
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.measure import LesionMeasurements, lesion_size, measure_lesions, measure_prepared
from abdominal_oncology.hcc.prepare import prepare
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image

_SMALL = {"spacing_mm": (3.0, 2.0, 2.0), "shape": (48, 80, 92)}


def _scene(**changes: object) -> LiverScene:
    return LiverScene(**(_SMALL | changes))  # type: ignore[arg-type]


def _codes(lesion: LesionMeasurements) -> set[str]:
    return {warning.code for warning in lesion.warnings}


@pytest.fixture(scope="module")
def measured() -> LesionMeasurements:
    scene = _scene(shifts_mm={"arterial": 11.0, "delayed": -6.0})
    return measure_lesions(scene.case(priors={"lesion 1": PriorSize(12.0, months=5.0)}))[0]


def test_differences_to_the_liver_are_those_painted(measured: LesionMeasurements) -> None:
    scene = _scene()
    assert measured.findings is not None
    for role in ("arterial", "portal", "delayed"):
        found = measured.findings.numbers[f"{role}_median"]
        assert found.value == pytest.approx(scene.lesion_hu[role] - LIVER_HU[role], abs=3)
        assert 0 < found.error < 8
    assert measured.published is not None
    assert measured.published.aphe_hu == pytest.approx(34, abs=3)
    assert measured.published.washout_hu == pytest.approx(-18, abs=3)
    assert measured.published.size_mm == measured.size.value
    assert measured.size.value == pytest.approx(20, abs=1.5)


def test_the_observation_says_what_was_seen(measured: LesionMeasurements) -> None:
    seen = measured.observation()
    assert seen.phases == frozenset({ImagedPhase.ARTERIAL, ImagedPhase.PORTAL, ImagedPhase.DELAYED})
    assert seen.features[Feature.APHE].value == "nonrim"
    assert seen.features[Feature.APHE].certainty is Certainty.SURE
    assert seen.features[Feature.WASHOUT].value == "nonperipheral"
    assert seen.features[Feature.CAPSULE].value == "absent"
    assert seen.size_mm == measured.size.value
    assert seen.size_sd_mm > 0
    assert Feature.NOT_CATEGORISABLE not in seen.features


def test_growth_against_a_prior(measured: LesionMeasurements) -> None:
    assert measured.growth_percent is not None
    assert measured.growth_percent.value == pytest.approx(100 * (20 / 12 - 1), abs=12)
    assert measured.growth_percent.error > 5
    assert measured.observation().priors == (PriorSize(12.0, months=5.0),)


def test_rows_for_a_finding_are_finite_and_named_once(measured: LesionMeasurements) -> None:
    rows = measured.measurements()
    names = [row.name for row in rows]
    assert len(set(names)) == len(names)
    assert {"size", "volume", "growth", "f_aphe", "f_ec", "f_npw", "arterial_core", "chance_capsule"} <= set(names)
    assert all(np.isfinite(row.value) for row in rows)
    assert all(row.low is None or row.low <= row.value <= row.high for row in rows)  # type: ignore[operator]
    chances = [row.value for row in rows if row.name.startswith("chance_")]
    assert all(0 <= chance <= 1 for chance in chances)


def test_maps_lie_on_the_portal_lesion(measured: LesionMeasurements) -> None:
    maps = measured.maps()
    assert set(maps) == {"enhancement", "washout", "regions", "shell"}
    grid = maps["enhancement"].geometry
    index = tuple(np.round(grid.to_index(_scene().centre_mm)).astype(int))
    assert maps["enhancement"].voxels[index] == pytest.approx(34, abs=25)
    assert maps["regions"].voxels[index] == 1


def test_place_and_alignment(measured: LesionMeasurements) -> None:
    assert measured.location is not None
    assert measured.location.side == "right"
    assert measured.doubtful_roles == frozenset()
    assert _codes(measured) == set()


def test_one_voxel_cannot_be_categorised() -> None:
    scene = _scene()
    labels = np.zeros(scene.shape, np.uint8)
    labels[24, 40, 36] = 1
    found = measure_lesions(scene.case(lesions=Image(labels, scene.grid, "MASK")))[0]
    assert found.findings is None
    assert found.published is None
    assert found.maps() == {}
    assert {"lesion_one_voxel", "not_measurable", "lesion_small"} <= _codes(found)
    told = found.observation().features
    assert list(told) == [Feature.NOT_CATEGORISABLE]
    assert told[Feature.NOT_CATEGORISABLE].value == "present"


def test_a_lesion_over_the_whole_liver_cannot_be_categorised() -> None:
    scene = _scene()
    found = measure_lesions(scene.case(lesions=scene.liver_mask()))[0]
    assert {"lesion_covers_liver", "not_measurable"} <= _codes(found)
    assert list(found.observation().features) == [Feature.NOT_CATEGORISABLE]


def test_a_phase_that_misses_the_lesion_is_not_used() -> None:
    scene = _scene(centre_mm=(-20.0, 5.0, 34.0), lesion_mm=16.0)
    low = Geometry((30, 80, 92), scene.spacing_mm, scene.grid.origin_mm)  # ends below the lesion
    late = measure_lesions(scene.case(delayed=scene.image("delayed", low)))[0]
    assert "lesion_not_shown" in _codes(late)
    assert late.roles == ("arterial", "portal")
    told = late.observation()
    assert told.phases == frozenset({ImagedPhase.ARTERIAL, ImagedPhase.PORTAL})
    assert told.features[Feature.DELAYED_CENTRAL_ENHANCEMENT].certainty is Certainty.NOT_ASSESSABLE
    early = measure_lesions(scene.case(arterial=scene.image("arterial", low)))[0]
    assert "arterial" in early.unmeasurable
    assert list(early.observation().features) == [Feature.NOT_CATEGORISABLE]


def test_two_phases_only_still_measure_and_say_so() -> None:
    found = measure_lesions(_scene().case(delayed=None))[0]
    assert "delayed_missing" in _codes(found)
    assert found.observation().features[Feature.APHE].value == "nonrim"
    assert found.observation().phases == frozenset({ImagedPhase.ARTERIAL, ImagedPhase.PORTAL})


def test_a_lesion_outside_the_liver_warns() -> None:
    scene = _scene(centre_mm=(0.0, -70.0, -30.0), lesion_mm=14.0)
    assert "lesion_outside_liver" in _codes(measure_lesions(scene.case())[0])


def test_a_phase_of_a_stranger_warns_and_is_named_doubtful() -> None:
    scene = _scene()
    stranger = _scene(half_axes_mm=(52.0, 74.0, 68.0), seed=5)
    found = measure_lesions(scene.case(arterial=stranger.image("arterial"), delayed=None))[0]
    assert "misaligned" in _codes(found)
    assert found.doubtful_roles == frozenset({"arterial"})


def test_thick_slices_and_a_mask_on_its_own_grid_give_the_same_answer() -> None:
    thin, thick = _scene(), LiverScene(spacing_mm=(5.0, 2.0, 2.0), shape=(28, 80, 92))
    own = Geometry((90, 120, 140), (1.5, 1.3, 1.3), (-92.0, -78.0, -66.0))
    first = measure_lesions(thin.case())[0]
    second = measure_lesions(thick.case(lesions=thick.lesion_mask(own)))[0]
    assert {"thick_slices", "mask_on_other_grid"} <= _codes(second)
    for name in ("arterial_core", "delayed_core"):
        assert first.findings is not None
        assert second.findings is not None
        assert second.findings.numbers[name].value == pytest.approx(first.findings.numbers[name].value, abs=4)
    assert second.size.value == pytest.approx(first.size.value, abs=1.5)


def test_neighbouring_lesions_are_not_parenchyma() -> None:
    scene = _scene(noise_hu=4.0)
    image, lesion = scene.image("arterial"), scene.lesion_mask()
    beside = _scene(centre_mm=(8.0, 5.0, 5.0), lesion_mm=18.0).lesion_mask()
    voxels = image.voxels.copy()
    voxels[beside.voxels > 0] = 250
    case = scene.case(arterial=image.derive("paint", voxels=voxels), lesions={"one": lesion, "two": beside})
    one, two = measure_lesions(case)
    assert one.findings is not None
    assert one.findings.numbers["arterial_median"].value == pytest.approx(34, abs=4)
    assert two.findings is not None
    assert two.findings.numbers["arterial_median"].value == pytest.approx(250 - 76, abs=6)


def test_energy_sum_is_offered() -> None:
    prepared = prepare(_scene().case(delayed=None), shifts_mm={"arterial": 0.0})
    mean, total = (measure_prepared(prepared, energy=form)[0].published for form in ("mean", "sum"))
    assert mean is not None
    assert total is not None
    assert (mean.energy, total.energy) == ("mean", "sum")
    assert abs(total.capsule_hu2) > 100 * abs(mean.capsule_hu2)


def test_progress_runs_forward_and_can_cancel() -> None:
    seen: list[float] = []
    case = _scene().case(delayed=None)
    measure_lesions(case, lambda fraction, stage: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0

    def stop(fraction: float, stage: str) -> None:
        raise Cancelled("stopped")

    with pytest.raises(Cancelled):
        measure_lesions(case, stop)


@pytest.mark.parametrize("spacing", [(1.0, 0.7, 0.7), (2.5, 0.75, 0.75), (5.0, 0.8, 0.8)])
def test_sizes_of_painted_lesions_are_unbiased_and_their_errors_honest(spacing: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(11)
    off, told = [], []
    for true in (9.0, 12.0, 14.0, 17.0, 19.0, 22.0, 26.0, 30.0):
        shape = LesionShape.draw(rng, (0.3, -0.2, 0.4), true, 0.1)
        counts = [int((true + 8) / mm) + 2 for mm in spacing]
        axes = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(counts, spacing, strict=True)]
        z, y, x = np.meshgrid(*axes, indexing="ij")
        depth, _ = shape.depth(np.stack([x, y, z], axis=-1).astype(np.float32))
        grid = Geometry((counts[0], counts[1], counts[2]), spacing, (axes[2][0], axes[1][0], axes[0][0]))
        size = lesion_size(LesionMask("one", Image((depth > 0).astype(np.uint8), grid, "MASK")))
        off.append(size.value - true)
        told.append(size.error)
    assert abs(np.mean(off)) < 0.4 + 0.1 * spacing[0]
    assert (np.abs(off) < 2 * np.asarray(told)).all()
