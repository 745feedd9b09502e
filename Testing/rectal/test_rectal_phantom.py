"""The rectal MR phantom: what its truth says is what was painted, and its figures are those of the source study."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy import ndimage

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.phantom.result import Phantom
from abdominal_oncology.rectal.phantom import rectal_phantom
from abdominal_oncology.rectal.tumour import draw_tumour
from abdominal_oncology.rectal.wall import RectalWall


def _mask(phantom: Phantom, name: str, role: str = "t2") -> np.ndarray:
    return phantom.labels[role].voxels == find(name).number


def _painted_depth_mm(phantom: Phantom) -> float:
    """How far tumour voxels lie outside the rectum as it was, in plane."""
    spacing = phantom.images["t2"].geometry.spacing_mm[1:]
    deepest = 0.0
    for tumour, rectum in zip(_mask(phantom, "tumour"), _mask(phantom, "rectum", "rectum"), strict=True):
        outside = tumour & ~rectum
        if outside.any():
            deepest = max(deepest, float(ndimage.distance_transform_edt(~rectum, sampling=spacing)[outside].max()))
    # distances run between voxel centres; the wall's surface lies half a voxel before the first centre inside it
    return max(deepest - min(spacing) / 2, 0.0)


@pytest.fixture(scope="module")
def small() -> dict[str, list[Phantom]]:
    return {
        stage: [rectal_phantom(seed, stage=stage, matrix=160, slices=16) for seed in range(8)] for stage in ("T2", "T3")
    }


def test_same_seed_same_patient_other_seed_another() -> None:
    first, again, other = (rectal_phantom(seed, matrix=96, slices=6) for seed in (5, 5, 6))
    assert np.array_equal(first.images["t2"].voxels, again.images["t2"].voxels)
    assert np.array_equal(first.labels["t2"].voxels, again.labels["t2"].voxels)
    assert first.truth == again.truth
    assert not np.array_equal(first.images["t2"].voxels, other.images["t2"].voxels)


def test_shapes_and_grids_agree() -> None:
    phantom = rectal_phantom(2, matrix=96, slices=7, spacing_mm=(3.0, 1.1, 1.2))
    image = phantom.images["t2"]
    assert image.voxels.shape == (7, 96, 96)
    assert image.geometry.spacing_mm == (3.0, 1.1, 1.2)
    assert image.modality is Modality.MR
    assert all(each.geometry.same_grid(image.geometry) and each.is_mask for each in phantom.labels.values())
    present = set(np.unique(phantom.labels["t2"].voxels)) - {0}
    assert present <= set(phantom.label_names)


def test_painted_depth_is_the_true_depth(small: dict[str, list[Phantom]]) -> None:
    for phantom in small["T3"]:
        voxel = float(np.hypot(*phantom.images["t2"].geometry.spacing_mm[1:]))
        assert phantom.truth["depth_mm"] > 0
        assert _painted_depth_mm(phantom) == pytest.approx(
            phantom.truth["depth_mm"], abs=max(1.25 * voxel, 0.15 * phantom.truth["depth_mm"])
        )


def test_t2_leaves_the_outer_muscularis_whole(small: dict[str, list[Phantom]]) -> None:
    for phantom in small["T2"]:
        assert phantom.truth["depth_mm"] == 0
        assert _painted_depth_mm(phantom) == 0
        cross = ndimage.generate_binary_structure(2, 1)
        around = np.stack([ndimage.binary_dilation(plane, cross) for plane in _mask(phantom, "tumour")])
        assert not (around & _mask(phantom, "mesorectal_fat")).any()


def test_volume_and_representative_slices_are_the_painted_ones(small: dict[str, list[Phantom]]) -> None:
    for phantom in small["T2"] + small["T3"]:
        tumour = _mask(phantom, "tumour")
        volume = tumour.sum() * phantom.images["t2"].geometry.voxel_volume_mm3 / 1000
        assert phantom.truth["volume_ml"] == pytest.approx(volume)
        slices = phantom.truth["representative_slices"]
        assert 1 <= len(slices) <= 3
        assert all(tumour[k].any() for k in slices)
        if phantom.truth["stage"] == "T3":
            assert max(phantom.truth["depth_per_slice_mm"]) in [phantom.truth["depth_per_slice_mm"][k] for k in slices]
        middle = phantom.images["t2"].geometry.to_index(phantom.truth["centre_mm"])
        assert middle == pytest.approx(np.argwhere(tumour).mean(axis=0), abs=1e-6)


@pytest.mark.parametrize(("stage", "mean", "sd"), [("T2", 3.32, 5.21), ("T3", 9.3, 10.49)])
def test_volumes_follow_the_source_study(stage: str, mean: float, sd: float) -> None:
    rng = np.random.default_rng(0)
    volumes = []
    for _ in range(150):
        wall = RectalWall.draw(rng)
        volumes.append(draw_tumour(rng, stage, wall, 3.0, 0.44, 0.5).volume_ml(wall))
    assert np.mean(volumes) == pytest.approx(mean, rel=0.35)
    assert np.std(volumes) == pytest.approx(sd, rel=0.5)


def test_depth_classes_all_occur_and_microscopic_spread_is_common() -> None:
    rng = np.random.default_rng(1)
    depths = []
    for _ in range(150):
        wall = RectalWall.draw(rng)
        depths.append(float(draw_tumour(rng, "T3", wall, 3.0, 0.44, 0.5).depth_mm))
    shares = np.histogram(depths, [0, 1, 5, 15, 30])[0] / len(depths)
    assert (shares > 0.01).all()
    assert 0.1 < shares[0] < 0.35


def test_relative_signals_are_those_measured() -> None:
    patients = [rectal_phantom(seed, matrix=128, slices=24, spacing_mm=(3.5, 1.5, 1.5)) for seed in range(6)]

    def relative(name: str) -> float:
        values = []
        for phantom in patients:
            voxels = phantom.images["t2"].voxels
            inside = ndimage.binary_erosion(_mask(phantom, name), np.ones((1, 3, 3)))
            if inside.sum() > 20:
                values.append(
                    np.median(voxels[inside])
                    / np.median(voxels[ndimage.binary_erosion(_mask(phantom, "muscle"), np.ones((1, 5, 5)))])
                )
        return float(np.mean(values))

    assert relative("mesorectal_fat") == pytest.approx(5.0, rel=0.15)
    assert relative("urinary_bladder") == pytest.approx(8.5, rel=0.15)
    assert relative("tumour") == pytest.approx(2.1, abs=0.6)


def test_strands_beyond_a_whole_wall_occur_in_t2_but_not_always() -> None:
    rng = np.random.default_rng(2)
    counts = []
    for _ in range(60):
        wall = RectalWall.draw(rng)
        counts.append(len(draw_tumour(rng, "T2", wall, 3.0, 0.44, 0.5).spicules))
    assert 0.15 < np.mean(np.array(counts) > 0) < 0.7


@pytest.mark.parametrize(
    "wrong",
    [
        {"stage": "T4"},
        {"matrix": 8},
        {"slices": 0},
        {"spacing_mm": (3.0, 0.0, 0.4)},
        {"spacing_mm": (3.0, float("nan"), 0.4)},
        {"difficulty": 1.5},
    ],
)
def test_wrong_arguments_are_refused_with_a_way_out(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        rectal_phantom(0, **wrong)  # type: ignore[arg-type]
    assert caught.value.remedy


def test_negative_seed_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        rectal_phantom(-1)


def test_training_size_is_quick() -> None:
    rectal_phantom(0, matrix=128, slices=16)
    times = []
    for seed in range(3):
        start = time.perf_counter()
        rectal_phantom(seed, matrix=128, slices=16)
        times.append(time.perf_counter() - start)
    assert min(times) < 1.5  # 0.15 s on a quiet machine
