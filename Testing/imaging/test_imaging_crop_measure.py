"""Crops keep their place; diameters and volumes are those of the voxel boxes; N4 finds a planted field."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imaging_cases import MARK, geometries, mark_mm, marked_images
from numpy.typing import NDArray

from abdominal_oncology.errors import (
    Cancelled,
    EmptyMaskError,
    GeometryMismatchError,
    InvalidInputError,
    WrongModalityError,
)
from abdominal_oncology.imaging.bias_field import correct_bias_field
from abdominal_oncology.imaging.crop import crop_to_box, crop_to_index, crop_to_mask, mask_box
from abdominal_oncology.imaging.diameter import diameter_3d, in_plane_diameter, volume_mm3
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality, Source

triples = st.tuples(*[st.integers(-4, 12)] * 3)


def mask_of(image: Image) -> Image:
    return Image((image.voxels == MARK).astype(np.uint8), image.geometry, Modality.MASK)


# crops


@given(image=marked_images(), start=triples, size=st.tuples(*[st.integers(1, 12)] * 3))
def test_a_mark_survives_crops_and_padding(image: Image, start: Any, size: Any) -> None:
    stop = np.add(start, size)
    if (np.minimum(stop, image.voxels.shape) <= np.maximum(start, 0)).any():
        with pytest.raises(GeometryMismatchError, match="lies outside"):
            crop_to_index(image, start, stop)
        return
    result = crop_to_index(image, start, stop)
    assert result.voxels.shape == tuple(size)
    index = np.argwhere(image.voxels == MARK)[0]
    kept = bool((index >= start).all() and (index < stop).all())
    assert (result.voxels.max() == MARK) == kept
    if kept:
        np.testing.assert_allclose(mark_mm(result), mark_mm(image), atol=1e-6)


@given(image=marked_images(), margin=st.floats(0, 20))
def test_a_crop_to_a_mask_holds_the_mask_and_its_margin(image: Image, margin: float) -> None:
    result = crop_to_mask(image, mask_of(image), margin)
    np.testing.assert_allclose(mark_mm(result), mark_mm(image), atol=1e-6)
    reach = (np.asarray(result.voxels.shape) - 1) * np.asarray(image.geometry.spacing_mm)
    assert (reach <= 2 * (margin + np.asarray(image.geometry.spacing_mm)) + 1e-6).all()
    index = np.argwhere(image.voxels == MARK)[0]
    steps = np.floor(margin / np.asarray(image.geometry.spacing_mm) - 1e-5).astype(int)
    clipped = np.minimum(index + steps + 1, image.voxels.shape) - np.maximum(index - steps, 0)
    assert (np.asarray(result.voxels.shape) >= clipped).all()


@settings(max_examples=50)
@given(image=marked_images(), grid=geometries(smallest=2))
def test_a_mask_on_another_grid_crops_the_same_place(image: Image, grid: Geometry) -> None:
    index = np.asarray(grid.shape) // 2
    shift = np.asarray(mark_mm(image)) - grid.to_world(index)
    voxels = np.zeros(grid.shape, np.uint8)
    voxels[tuple(index)] = 1
    moved = Geometry(grid.shape, grid.spacing_mm, tuple(grid.origin_mm + shift), grid.directions)
    result = crop_to_mask(image, Image(voxels, moved, Modality.MASK))
    assert result.voxels.max() == MARK
    np.testing.assert_allclose(mark_mm(result), mark_mm(image), atol=1e-6)


@settings(max_examples=50)
@given(image=marked_images(), half=st.floats(0.05, 30))
def test_a_box_around_the_mark_holds_it(image: Image, half: float) -> None:
    result = crop_to_box(image, mark_mm(image) - half, mark_mm(image) + half)
    assert result.voxels.max() == MARK
    np.testing.assert_allclose(mark_mm(result), mark_mm(image), atol=1e-6)


def test_a_box_along_voxel_edges_takes_exactly_those_voxels() -> None:
    image = Image(np.arange(120).reshape(4, 5, 6), Geometry((4, 5, 6), (5.0, 0.7, 0.8), (-3.0, 4.0, 100.0)), "CT")
    corners = image.geometry.crop((1, 1, 2), (3, 4, 5)).corners_mm()
    result = crop_to_box(image, corners.min(axis=0), corners.max(axis=0))
    np.testing.assert_array_equal(result.voxels, image.voxels[1:3, 1:4, 2:5])
    whole = crop_to_box(image, (-1e4, -1e4, -1e4), (1e4, 1e4, 1e4))
    assert whole.geometry == image.geometry
    assert dict(result.history[-1].parameters) == {"start": (1, 1, 2), "stop": (3, 4, 5)}


def test_padding_is_air_in_ct_and_what_is_asked_for() -> None:
    image = Image(np.ones((2, 2, 2), np.int16), Geometry((2, 2, 2)), Modality.CT)
    assert crop_to_index(image, (-1, 0, 0), (2, 2, 2)).voxels[0].tolist() == [[-1024, -1024]] * 2
    assert crop_to_index(image, (-1, 0, 0), (2, 2, 2), outside=-5).voxels[0, 0, 0] == -5
    with pytest.raises(InvalidInputError, match="does not fit"):
        crop_to_index(image, (-1, 0, 0), (2, 2, 2), outside=1e6)


def test_a_crop_does_not_keep_the_whole_volume_alive() -> None:
    image = Image(np.zeros((9, 9, 9), np.int16), Geometry((9, 9, 9)), Modality.CT)
    assert crop_to_index(image, (0, 0, 0), (2, 2, 2)).voxels.base.size == 8


def test_instance_uids_stay_when_only_the_plane_is_cropped() -> None:
    image = Image(np.zeros((2, 4, 4), np.int16), Geometry((2, 4, 4)), "CT", Source(instance_uids=("a", "b")))
    assert crop_to_index(image, (0, 1, 1), (2, 3, 3)).source.instance_uids == ("a", "b")
    assert crop_to_index(image, (1, 1, 1), (2, 3, 3)).source.instance_uids == ()


def test_bad_crops_are_refused() -> None:
    image = Image(np.zeros((2, 2, 2), np.int16), Geometry((2, 2, 2)), Modality.CT)
    empty = Image(np.zeros((2, 2, 2), np.uint8), Geometry((2, 2, 2)), Modality.MASK, Source(path="m.nrrd"))
    for box in (((0, 0, 0), (0, 1, 1)), ((0, 0, 0), (1, 1, -1)), ((5, 5, 5), (4, 9, 9))):
        with pytest.raises(InvalidInputError):
            crop_to_index(image, *box)
        with pytest.raises(InvalidInputError):
            crop_to_box(image, *box)
    with pytest.raises(InvalidInputError):
        crop_to_box(image, (0, 0, np.nan), (1, 1, 1))
    with pytest.raises(GeometryMismatchError, match="same patient position"):
        crop_to_box(image, (50, 50, 50), (60, 60, 60))
    with pytest.raises(EmptyMaskError) as nothing:
        crop_to_mask(image, empty)
    assert nothing.value.where == "m.nrrd"
    full = Image(np.ones((2, 2, 2), np.uint8), Geometry((2, 2, 2)), Modality.MASK)
    with pytest.raises(EmptyMaskError, match="label 7"):
        mask_box(full, 7)
    for margin in (-1, np.nan, np.inf):
        with pytest.raises(InvalidInputError, match="margin"):
            crop_to_mask(image, full, margin)
    with pytest.raises(InvalidInputError, match="a mask was expected"):
        crop_to_mask(image, image)
    away = Image(full.voxels, Geometry((2, 2, 2), origin_mm=(99, 0, 0)), Modality.MASK)
    with pytest.raises(GeometryMismatchError):
        crop_to_mask(image, away)


def test_margins_per_axis_and_labels() -> None:
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[10, 10, 10], labels[0, 0, 0] = 2, 1
    mask = Image(labels, Geometry(labels.shape, (5.0, 1.0, 1.0)), Modality.MASK)
    assert crop_to_mask(mask, mask, (5, 2, 0), label=2).voxels.shape == (3, 5, 1)
    assert crop_to_mask(mask, mask, 3, label=1).voxels.shape == (2, 4, 4)


# diameters


def box_corners(mask: Image) -> NDArray[np.float64]:
    signs = np.array(list(product((-0.5, 0.5), repeat=3)))
    return (np.argwhere(mask.voxels)[:, None] + signs).reshape(-1, 3)


def brute_3d(mask: Image) -> float:
    points = mask.geometry.to_world(box_corners(mask))
    return float(np.sqrt(((points[:, None] - points) ** 2).sum(-1)).max())


def brute_in_plane(mask: Image) -> float:
    best = 0.0
    for k in range(mask.voxels.shape[0]):
        corners = box_corners(
            Image(mask.voxels[k : k + 1], mask.geometry.crop((0, 0, 0), (1, *mask.voxels.shape[1:])), "MASK")
        )
        if len(corners):
            flat = corners[:, 1:] * np.asarray(mask.geometry.spacing_mm[1:])
            best = max(best, float(np.sqrt(((flat[:, None] - flat) ** 2).sum(-1)).max()))
    return best


@settings(max_examples=60)
@given(grid=geometries(largest=6), seed=st.integers(0, 2**32 - 1), density=st.floats(0.02, 0.6))
def test_diameters_equal_brute_force(grid: Geometry, seed: int, density: float) -> None:
    voxels = (np.random.default_rng(seed).random(grid.shape) < density).astype(np.uint8)
    voxels[tuple(n // 2 for n in grid.shape)] = 1
    mask = Image(voxels, grid, Modality.MASK)
    solid, flat = diameter_3d(mask), in_plane_diameter(mask)
    np.testing.assert_allclose(solid.length_mm, brute_3d(mask), rtol=1e-9)
    np.testing.assert_allclose(flat.length_mm, brute_in_plane(mask), rtol=1e-9)
    assert solid.length_mm >= flat.length_mm - 1e-9
    for found in (solid, flat):
        apart = np.linalg.norm(np.subtract(found.start_mm, found.end_mm))
        np.testing.assert_allclose(apart, found.length_mm, rtol=1e-6)
    # the end points lie on the mask: corners of its voxels in 3-D, at the slice's own height in plane
    index = grid.to_index([solid.start_mm, solid.end_mm])
    assert all(np.abs(box_corners(mask) - end).max(axis=1).min() < 1e-6 for end in index)
    np.testing.assert_allclose(grid.to_index([flat.start_mm, flat.end_mm])[:, 0], flat.slice_index, atol=1e-6)


def test_one_voxel_has_the_diameter_of_its_box() -> None:
    voxels = np.zeros((3, 3, 3), np.uint8)
    voxels[1, 1, 1] = 5
    mask = Image(voxels, Geometry((3, 3, 3), (12.0, 3.0, 4.0)), Modality.MASK)
    assert in_plane_diameter(mask).length_mm == pytest.approx(5.0)
    assert diameter_3d(mask).length_mm == pytest.approx(13.0)
    assert in_plane_diameter(mask).slice_index == 1
    assert volume_mm3(mask) == pytest.approx(144.0)
    assert volume_mm3(mask, label=4) == 0.0


def test_a_ball_measures_its_diameter() -> None:
    grid = Geometry((25, 81, 81), (2.0, 0.5, 0.5))
    away = (np.moveaxis(np.indices(grid.shape), 0, -1) - (12, 40, 40)) * grid.spacing_mm
    ball = Image(((away**2).sum(-1) <= 15**2).astype(np.uint8), grid, Modality.MASK)
    # centres reach at most 30 mm; the outer edges add at most one voxel's diagonal
    assert 30 <= in_plane_diameter(ball).length_mm <= 30 + np.hypot(0.5, 0.5)
    assert 30 <= diameter_3d(ball).length_mm <= 30 + np.linalg.norm(grid.spacing_mm)
    assert volume_mm3(ball) == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.02)


def test_only_the_label_asked_for_is_measured() -> None:
    voxels = np.zeros((2, 9, 9), np.uint8)
    voxels[0, 0, :], voxels[1, 2, 2:4] = 1, 2
    mask = Image(voxels, Geometry((2, 9, 9)), Modality.MASK)
    assert in_plane_diameter(mask, label=1).length_mm == pytest.approx(np.hypot(9, 1))
    assert in_plane_diameter(mask, label=2).length_mm == pytest.approx(np.hypot(2, 1))
    assert in_plane_diameter(mask, label=2).slice_index == 1


@pytest.mark.parametrize("measure", [in_plane_diameter, diameter_3d])
def test_what_cannot_be_measured(measure: Any) -> None:
    with pytest.raises(EmptyMaskError):
        measure(Image(np.zeros((2, 2, 2), np.uint8), Geometry((2, 2, 2)), Modality.MASK))
    with pytest.raises(InvalidInputError, match="a mask was expected"):
        measure(Image(np.ones((2, 2, 2), np.uint8), Geometry((2, 2, 2)), Modality.MR))


# bias field


def shaded(shape: tuple[int, int, int] = (8, 96, 96)) -> tuple[Image, NDArray[np.float64], NDArray[np.bool_]]:
    """A flat two-tissue disc under a known smooth field of about ±30 %."""
    rng = np.random.default_rng(1)
    z, y, x = (np.linspace(-1, 1, n).reshape(np.roll((n, 1, 1), axis)) for axis, n in enumerate(shape))
    body = (x**2 + y**2 + 0 * z) < 0.7
    tissue = np.where(((4 * x) % 2 < 1) & (x > -0.6) & (y < 0.2), 350.0, 600.0)
    field = np.exp(0.35 * x - 0.2 * y**2 + 0.05 * z)
    values = np.where(body, tissue * field, 5) + rng.normal(0, 5, shape)
    grid = Geometry(shape, (4.0, 2.0, 2.0), (1.0, 2.0, 3.0))
    return Image(np.abs(values).astype(np.float32), grid, Modality.MR), field, body


@pytest.fixture(scope="module")
def corrected() -> Any:
    image, field, body = shaded()
    seen: list[float] = []
    return image, field, body, correct_bias_field(image, 4, 15, lambda fraction, stage: seen.append(fraction)), seen


def test_a_planted_field_is_found(corrected: Any) -> None:
    _, field, body, result, _ = corrected
    ratio = result.field.voxels[body] / field[body]
    ratio /= np.median(ratio)
    assert np.abs(ratio - 1).mean() < 0.03
    assert np.std(np.log(field[body])) > 0.15  # what there was to find


def test_the_image_is_the_input_divided_by_the_field(corrected: Any) -> None:
    image, _, body, result, _ = corrected
    np.testing.assert_allclose(result.image.voxels * result.field.voxels, image.voxels, rtol=1e-5)
    assert result.field.voxels[body].mean() == pytest.approx(1, abs=0.02)
    assert result.image.geometry == result.field.geometry == image.geometry
    assert (result.image.modality, result.field.modality) == (Modality.MR, Modality.OTHER)
    assert dict(result.image.history[-1].parameters) == {"in_plane_shrink": (4, 4), "rounds_per_level": 15}


def test_a_coarser_fit_gives_nearly_the_same_field(corrected: Any) -> None:
    image, _, body, result, _ = corrected
    ratio = correct_bias_field(image, 8, 15).field.voxels[body] / result.field.voxels[body]
    assert np.abs(ratio / np.median(ratio) - 1).mean() < 0.01


def test_the_fit_reports_where_it_is(corrected: Any) -> None:
    seen = corrected[-1]
    assert seen == sorted(seen)
    assert len(seen) > 5
    assert seen[-1] == pytest.approx(0.9)


@pytest.mark.filterwarnings("ignore")
def test_the_fit_can_be_cancelled() -> None:
    calls: list[float] = []

    def stop(fraction: float, stage: str) -> None:
        calls.append(fraction)
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        correct_bias_field(shaded((4, 48, 48))[0], 2, 15, stop)
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("voxels", "modality", "error"),
    [
        (np.full((4, 16, 16), 3.0), "MR", InvalidInputError),
        (np.full((4, 16, 16), np.nan), "MR", InvalidInputError),
        (np.linspace(-5, 5, 1024).reshape(4, 16, 16), "MR", InvalidInputError),
        (np.random.default_rng(0).random((1, 16, 16)), "MR", InvalidInputError),
        (np.random.default_rng(0).random((4, 16, 16)), "CT", WrongModalityError),
        (np.ones((4, 16, 16), np.uint8), "MASK", WrongModalityError),
    ],
)
def test_what_has_no_bias_field(voxels: Any, modality: Any, error: Any) -> None:
    image = Image(voxels, Geometry(voxels.shape), modality, Source(path="x.nii"))
    with pytest.raises(error) as refused:
        correct_bias_field(image)
    assert refused.value.where == "x.nii"


def test_impossible_settings_are_refused() -> None:
    for shrink, rounds in ((0, 20), (8, 0)):
        with pytest.raises(InvalidInputError):
            correct_bias_field(shaded((4, 16, 16))[0], shrink, rounds)
