"""Training patches: shape, masks, phases, speed."""

from __future__ import annotations

import time

import numpy as np
import pytest

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.patch import PATCH_SHAPE, lesion_patch


def test_shapes_masks_and_determinism() -> None:
    patch, again, other = lesion_patch(3), lesion_patch(3), lesion_patch(4)
    assert patch.voxels_hu.shape == (3, *PATCH_SHAPE)
    assert patch.voxels_hu.dtype == np.float32
    assert patch.lesion.shape == patch.liver.shape == PATCH_SHAPE
    assert (patch.liver | ~patch.lesion).all()
    assert np.array_equal(patch.voxels_hu, again.voxels_hu)
    assert patch.truth == again.truth
    assert not np.array_equal(patch.voxels_hu, other.voxels_hu)


@pytest.mark.parametrize("size_mm", [8.0, 20.0, 40.0])
def test_the_lesion_sits_in_the_middle_with_its_true_size(size_mm: float) -> None:
    patch = lesion_patch(1, kind="hcc", size_mm=size_mm)
    centre = np.argwhere(patch.lesion).mean(axis=0) * patch.spacing_mm
    middle = (np.asarray(PATCH_SHAPE) - 1) / 2 * patch.spacing_mm
    assert np.linalg.norm(centre - middle) < 0.12 * size_mm + 1
    assert patch.lesion.sum() * np.prod(patch.spacing_mm) == pytest.approx(patch.truth["volume_ml"] * 1000, rel=0.12)
    assert patch.truth["share_inside"] > 0.9


def test_a_lesion_larger_than_the_patch_says_so() -> None:
    assert lesion_patch(2, kind="hcc", size_mm=140.0).truth["share_inside"] < 0.7


def test_noise_free_cyst_is_dark_and_aligned_in_all_phases() -> None:
    patch = lesion_patch(5, kind="cyst", size_mm=22.0, noise_hu=0.0, misalignment=False)
    for phase in patch.voxels_hu:
        assert np.median(phase[patch.lesion]) < 25
        assert np.median(phase[patch.liver & ~patch.lesion]) > 40


def test_misalignment_moves_the_lesion_between_phases() -> None:
    patches = [lesion_patch(seed, kind="cyst", size_mm=22.0) for seed in range(8)]
    moves = [patch.truth["shifts_kji"] for patch in patches]
    assert all(move["portal"] == (0, 0, 0) for move in moves)
    assert any(any(move["arterial"]) for move in moves)
    patch = next(each for each in patches if any(each.truth["shifts_kji"]["arterial"]))
    dark = patch.voxels_hu < 45
    near = np.zeros(PATCH_SHAPE, bool)
    near[6:18, 30:66, 30:66] = True

    def middle(phase: int) -> np.ndarray:
        return np.argwhere(dark[phase] & near).mean(axis=0)

    assert middle(0) - middle(1) == pytest.approx(np.asarray(patch.truth["shifts_kji"]["arterial"]), abs=0.8)


def test_noise_has_the_standard_deviation_asked_for() -> None:
    quiet = lesion_patch(6, noise_hu=0.0, misalignment=False)
    noisy = lesion_patch(6, noise_hu=15.0, misalignment=False)
    for before, after in zip(quiet.voxels_hu, noisy.voxels_hu, strict=True):
        assert (after - before).std() == pytest.approx(15.0, rel=0.2)


def test_asked_class_is_given() -> None:
    assert all(lesion_patch(seed, is_hcc=True).truth["is_hcc"] for seed in range(4))
    assert not any(lesion_patch(seed, is_hcc=False).truth["is_hcc"] for seed in range(4))


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "wart"},
        {"size_mm": -3.0},
        {"shape": (1, 96, 96)},
        {"spacing_mm": (2.0, 0.0, 0.7)},
        {"noise_hu": -1.0},
        {"size_set": "gigantic"},
    ],
)
def test_wrong_arguments_are_refused_with_a_way_out(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        lesion_patch(0, **wrong)  # type: ignore[arg-type]
    assert caught.value.remedy


def test_patches_come_quickly() -> None:
    lesion_patch(0)
    times = []
    for seed in range(6):
        start = time.perf_counter()
        lesion_patch(seed)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.3  # 0.03 s on a quiet machine
