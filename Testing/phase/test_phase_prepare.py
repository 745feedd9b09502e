"""Slices for a network: quick ways give what the plain ones gave, and what cannot be right is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.resize import resize_planes, resize_slices
from abdominal_oncology.phase.prepare import SlicePreparation, around_body, prepare_slices


def slowly(plane: NDArray[Any], preparation: SlicePreparation) -> NDArray[np.uint8]:
    """The same by its definition: scipy's morphology, a padded square, the window first and dense weights after."""
    size, (centre, width) = preparation.size, preparation.window_hu
    square = square_slowly(plane) if preparation.crop == "body" else plane
    windowed = np.clip((square.astype(np.float64) - (centre - width / 2)) / width, 0, 1)
    rows, columns = (shares(old, size, preparation.crop == "none" or len(square) > size) for old in square.shape)
    return np.rint(rows @ windowed @ columns.T * 255).astype(np.uint8)


def square_slowly(plane: NDArray[Any]) -> NDArray[Any]:
    coarse = plane[::4, ::4] > -300
    labels, count = ndimage.label(ndimage.binary_opening(coarse, iterations=2))
    box = ((0, plane.shape[0]), (0, plane.shape[1]))
    sizes = np.bincount(labels.ravel(), minlength=2)[1:]
    if count and sizes.max() >= 0.02 * coarse.size:
        body = ndimage.binary_fill_holes(labels == int(sizes.argmax()) + 1)
        box = tuple(ellipse(body.sum(axis=axis)) for axis in (1, 0))  # type: ignore[assignment]
    side = int(np.ceil(max(stop - start for start, stop in box) / 8) * 8)
    (top, bottom), (left, right) = box
    room = 2 * max(plane.shape) + side
    padded = np.pad(plane, room, constant_values=-1024)
    row, column = room + (top + bottom - side) // 2, room + (left + right - side) // 2
    return padded[row : row + side, column : column + side]


def ellipse(profile: NDArray[np.intp]) -> tuple[int, int]:
    wide = np.flatnonzero(profile >= 0.45 * profile.max())
    first, last = int(wide[0]), int(wide[-1]) + 1
    half = (last - first) / 2 / (1 - 0.45**2) ** 0.5
    return round(((first + last) / 2 - half) * 4), round(((first + last) / 2 + half) * 4)


def shares(old: int, new: int, by_area: bool) -> NDArray[np.float64]:
    if by_area:
        cuts = np.arange(old + 1) / old * new
        lower, upper = np.maximum.outer(np.arange(new), cuts[:-1]), np.minimum.outer(np.arange(1, new + 1), cuts[1:])
        return np.clip(upper - lower, 0, None)
    at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    return np.clip(1 - np.abs(at[:, None] - np.arange(old)), 0, None)


def trunk(shape: tuple[int, int], centre: tuple[float, float], radii: tuple[float, float], seed: int) -> NDArray[Any]:
    """An ellipse of soft tissue with two lungs, an arm beside it, a couch and noise; shares of the slice."""
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij")
    hu = np.full(shape, -1000.0)
    hu[((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 < 1] = 60
    for side in (-0.4, 0.4):
        lung = ((y - centre[0]) / radii[0] * 2.2) ** 2 + ((x - centre[1]) / radii[1] - side) ** 2 / 0.06 < 1
        hu[lung] = -800
    hu[((y - centre[0]) ** 2 + (x - centre[1] - radii[1] * 1.2) ** 2) < 0.03**2] = 40
    hu[(y > centre[0] + radii[0] * 1.05) & (y < centre[0] + radii[0] * 1.05 + 0.01)] = 300
    return np.rint(hu + 30 * rng.standard_normal(shape)).astype(np.int16)


SCENES = [
    ((512, 512), (0.5, 0.5), (0.3, 0.4)),
    ((512, 512), (0.5, 0.5), (0.45, 0.6)),  # wider than the slice
    ((512, 512), (0.15, 0.9), (0.3, 0.35)),  # out of the middle: the square leaves the slice
    ((300, 420), (0.5, 0.4), (0.4, 0.3)),
    ((101, 97), (0.5, 0.5), (0.4, 0.4)),  # smaller than what a network reads
    ((512, 512), (0.5, 0.5), (0.02, 0.02)),  # nothing that could be a body
]


@pytest.mark.parametrize("size", [96, 128])
@pytest.mark.parametrize("crop", ["body", "none"])
@pytest.mark.parametrize("scene", range(len(SCENES)))
def test_prepared_slices_are_those_of_the_definition(scene: int, crop: Any, size: int) -> None:
    preparation = SlicePreparation(size=size, crop=crop)
    plane = trunk(*SCENES[scene], seed=scene)
    # as stored, and as the view of a series that lies the other way round
    for slices in (plane[None], plane[None, ::-1, ::-1]):
        prepared = prepare_slices(slices, preparation)[0, 0]
        expected = slowly(slices[0], preparation)
        assert np.abs(prepared.astype(int) - expected).max() <= 1
        assert (prepared == expected).mean() > 0.98  # averages that end in .5 are rounded either way
        assert len(np.unique(prepared)) > 10 or scene == len(SCENES) - 1


@pytest.mark.parametrize("scene", range(len(SCENES)))
def test_the_square_around_the_body_is_that_of_the_definition(scene: int) -> None:
    plane = trunk(*SCENES[scene], seed=10 + scene)
    np.testing.assert_array_equal(around_body(plane), square_slowly(plane))


def test_arms_and_couch_are_left_out_and_lungs_are_not() -> None:
    square = around_body(trunk((512, 512), (0.5, 0.5), (0.3, 0.4), seed=1))
    assert square.shape[0] == pytest.approx(0.8 * 512, abs=20)
    assert (square < -700).mean() > 0.1


def test_slices_do_not_depend_on_their_neighbours() -> None:
    planes = [trunk((256, 256), (0.5, 0.5), (0.25 + 0.03 * n, 0.3 + 0.02 * n), seed=n) for n in range(5)]
    together = prepare_slices(np.stack(planes), SlicePreparation(size=64))
    alone = [prepare_slices(plane[None], SlicePreparation(size=64))[0] for plane in planes]
    np.testing.assert_array_equal(together, np.stack(alone))


def test_planes_of_one_size_are_resized_as_slices_are() -> None:
    rng = np.random.default_rng(0)
    slices = rng.normal(0, 300, (3, 50, 60)).astype(np.float32)
    np.testing.assert_array_equal(
        resize_planes(list(slices), 24, (50, 400)), resize_slices(slices, 24, "area", (50, 400))
    )
    np.testing.assert_array_equal(resize_planes(list(slices), 70), resize_slices(slices, 70, "bilinear"))


@pytest.mark.parametrize("crop", ["body", "none"])
def test_what_is_no_number_is_refused(crop: Any) -> None:
    hu = trunk((128, 128), (0.5, 0.5), (0.3, 0.4), seed=1).astype(np.float32)[None]
    hu[0, 64, 64] = np.nan
    with pytest.raises(InvalidInputError, match="no numbers"):
        prepare_slices(hu, SlicePreparation(size=32, crop=crop))


def test_no_slices_give_no_samples() -> None:
    for crop in ("body", "none"):
        empty = np.zeros((0, 64, 64), np.int16)
        assert prepare_slices(empty, SlicePreparation(size=32, crop=crop)).shape == (0, 1, 32, 32)
