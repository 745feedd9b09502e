"""Resampling: marks stay where they are, the engines agree, edges and the outside are as promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imaging_cases import MARK, geometries, mark_mm, marked_images
from scipy import ndimage

from abdominal_oncology.errors import Cancelled, InvalidInputError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality, Source
from abdominal_oncology.imaging.resample import AIR_HU, resample, resample_to_spacing

ENGINES = ("sparse", "simpleitk", "torch")


def needs(engine: str) -> None:
    if engine == "torch":
        pytest.importorskip("torch", reason="torch is not installed")


def through(point_mm: Any, grid: Geometry, index: Any) -> Geometry:
    """``grid`` shifted so that its voxel ``index`` lies on the point."""
    return Geometry(
        grid.shape, grid.spacing_mm, tuple(grid.origin_mm + (point_mm - grid.to_world(index))), grid.directions
    )


def smooth(shape: tuple[int, int, int] = (14, 22, 26), dtype: Any = np.int16) -> Image:
    noise = np.random.default_rng(3).normal(0, 1, shape)
    values = ndimage.gaussian_filter(noise, 1.2) * 1500 + (100 if np.dtype(dtype).kind != "u" else 3000)
    return Image(values.astype(dtype), Geometry(shape, (3.0, 0.8, 0.9), (-5.0, 9.0, 70.0)), Modality.CT)


@pytest.mark.parametrize("engine", ["simpleitk", "torch"])
@pytest.mark.parametrize("interpolation", ["linear", "nearest"])
@settings(max_examples=40)
@given(image=marked_images(), grid=geometries(smallest=3), data=st.data())
def test_a_mark_survives_any_turn(
    engine: Any, interpolation: Any, image: Image, grid: Geometry, data: st.DataObject
) -> None:
    needs(engine)
    index = tuple(data.draw(st.integers(0, n - 1)) for n in grid.shape)
    target = through(mark_mm(image), grid, index)
    result = resample(image, target, interpolation, engine)
    assert abs(int(result.voxels[index]) - MARK) <= 1
    np.testing.assert_allclose(result.geometry.to_world(index), mark_mm(image), atol=1e-6)


def test_a_denormal_direction_does_not_empty_the_volume() -> None:
    tiny = 5.4e-306
    grid = Geometry((1, 1, 1), (1.0, 1.0, 3.0), directions=((-1, 0, 0), (0, -1, tiny), (0, -tiny, -1)))
    image = Image(np.full((1, 1, 1), MARK, np.int16), grid, Modality.MR)
    assert resample(image, Geometry((1, 1, 1)), "nearest", "simpleitk").voxels.item() == MARK


@settings(max_examples=60)
@given(image=marked_images(), data=st.data())
def test_a_mark_survives_flips_swaps_and_spacings(image: Image, data: st.DataObject) -> None:
    """Grids along the same axes go through the sparse engine, exactly."""
    order = data.draw(st.permutations([0, 1, 2]))
    signs = [data.draw(st.sampled_from([-1.0, 1.0])) for _ in range(3)]
    axes = np.asarray(image.geometry.directions)[order] * np.array(signs)[:, None]
    shape = tuple(data.draw(st.integers(1, 9)) for _ in range(3))
    spacing = tuple(data.draw(st.floats(0.3, 8.0)) for _ in range(3))
    index = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
    target = through(mark_mm(image), Geometry(shape, spacing, (0, 0, 0), tuple(map(tuple, axes))), index)
    for interpolation in ("linear", "nearest"):
        result = resample(image, target, interpolation)
        assert result.history[-1].parameters["engine"] == "sparse"
        assert result.voxels[index] == MARK


@settings(max_examples=40)
@given(image=marked_images(smallest=3), spacing=st.tuples(*[st.floats(0.4, 4.0)] * 3))
def test_another_spacing_puts_the_mark_within_half_a_voxel(image: Image, spacing: tuple[float, float, float]) -> None:
    result = resample_to_spacing(image, spacing, "nearest")
    if result.voxels.max() == MARK:  # a coarser grid may step over one voxel
        marks = np.argwhere(result.voxels == MARK)
        off = image.geometry.to_index(result.geometry.to_world(marks)) - np.argwhere(image.voxels == MARK)
        assert np.abs(off).max() <= 0.5 + 1e-4
    else:
        assert (np.asarray(spacing) > np.asarray(image.geometry.spacing_mm)).any()


@settings(max_examples=30)
@given(grid=geometries(smallest=12, largest=16), factor=st.tuples(*[st.floats(0.45, 1.4)] * 3))
def test_a_blob_keeps_its_centre(grid: Geometry, factor: tuple[float, float, float]) -> None:
    """The centre of mass of a soft blob in LPS mm, measured in voxels, moves by less than a tenth."""
    centre = (np.asarray(grid.shape) - 1) / 2 + 0.3
    away = np.moveaxis(np.indices(grid.shape), 0, -1) - centre
    blob = Image((np.exp(-(away**2).sum(-1) / 6) * 1000).astype(np.float32), grid, Modality.MR)
    result = resample_to_spacing(blob, np.multiply(grid.spacing_mm, factor))

    def mass_centre(image: Image) -> Any:
        weights = image.voxels.astype(np.float64)
        where = np.moveaxis(np.indices(image.voxels.shape), 0, -1).reshape(-1, 3)
        return image.geometry.to_world((where * weights.reshape(-1, 1)).sum(0) / weights.sum())

    moved = grid.to_index(mass_centre(result)) - grid.to_index(mass_centre(blob))
    assert np.abs(moved).max() < 0.1


TARGETS = {
    "finer": Geometry((30, 37, 41), (1.3, 0.47, 0.55), (-5.2, 8.7, 69.0)),
    "coarser": Geometry((5, 9, 11), (6.7, 1.7, 2.1), (-3.0, 10.0, 71.0)),
    "reaching outside": Geometry((20, 40, 40), (3.3, 0.83, 0.77), (-12.0, 3.0, 60.0)),
    "flipped": Geometry((14, 22, 26), (3.1, 0.7, 0.8), (16.0, 9.1, 108.0), ((0, 0, -1), (0, 1, 0), (-1, 0, 0))),
    "sagittal": Geometry((20, 12, 20), (0.9, 2.9, 0.8), (-4.3, 9.3, 70.2), ((1, 0, 0), (0, 0, 1), (0, 1, 0))),
}


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.float32, np.float64, np.int32])
@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_engines_agree_on_straight_grids(target: Geometry, dtype: Any) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    image = smooth(dtype=dtype)
    sparse, itk, torch = (
        resample(image, target, "linear", engine, -7 if dtype != np.uint16 else 7) for engine in ENGINES
    )
    # a rounding at exactly a half may fall either way: one step for whole numbers; values reach ±1000
    tolerance = 1 if np.dtype(dtype).kind in "iu" else 0.02
    for other in (itk, torch):
        assert other.voxels.dtype == sparse.voxels.dtype == image.voxels.dtype
        np.testing.assert_allclose(other.voxels.astype(float), sparse.voxels.astype(float), atol=tolerance, rtol=0)
    if np.dtype(dtype).kind == "i":
        assert (itk.voxels != sparse.voxels).mean() < 0.01
    nearest = [resample(image, target, "nearest", engine, 7).voxels for engine in ENGINES]
    # half way between two voxels the last bit decides: leave those points alone
    index = image.geometry.to_index(target.to_world(np.moveaxis(np.indices(target.shape), 0, -1)))
    clear = (np.abs(index - np.floor(index) - 0.5) > 1e-5).all(-1)
    assert clear.mean() > 0.7
    np.testing.assert_array_equal(nearest[0][clear], nearest[1][clear])
    np.testing.assert_array_equal(nearest[0][clear], nearest[2][clear])


@settings(max_examples=25)
@given(turn=geometries(smallest=4, largest=12))
def test_torch_and_itk_agree_on_turned_grids(turn: Geometry) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    image = smooth(dtype=np.float32)
    centre = (np.asarray(turn.shape) - 1) / 2
    target = through(np.asarray(image.geometry.centre_mm), turn, centre)
    itk, torch = (resample(image, target, "linear", engine, 5000).voxels for engine in ("simpleitk", "torch"))
    # a point within rounding of the outer edge may count as in or out: leave a hair's breadth of edge alone
    index = image.geometry.to_index(target.to_world(np.moveaxis(np.indices(target.shape), 0, -1)))
    edge = (np.abs(index + 0.5) < 1e-4) | (np.abs(index - np.asarray(image.voxels.shape) + 0.5) < 1e-4)
    clear = ~edge.any(-1)
    np.testing.assert_allclose(itk[clear], torch[clear], atol=0.05, rtol=0)


@pytest.mark.parametrize("engine", ENGINES)
def test_edges_hold_up_to_the_outer_voxel_edge(engine: Any) -> None:
    needs(engine)
    image = Image(np.array([[[10.0, 20.0]]], np.float32), Geometry((1, 1, 2), (1.0, 1.0, 2.0)), Modality.MR)
    at_mm = np.array([-1.2, -0.9, 0.0, 1.0, 2.0, 2.9, 3.2])
    values = [
        float(resample(image, Geometry((1, 1, 1), origin_mm=(x, 0.0, 0.0)), engine=engine, outside=-1).voxels[0, 0, 0])
        for x in at_mm
    ]
    np.testing.assert_allclose(values, [-1, 10, 10, 15, 20, 20, -1], atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_grid_gives_the_same_voxels(engine: Any) -> None:
    needs(engine)
    image = smooth()
    for interpolation in ("linear", "nearest"):
        np.testing.assert_array_equal(resample(image, image.geometry, interpolation, engine).voxels, image.voxels)


@pytest.mark.parametrize("engine", ENGINES)
def test_whole_numbers_are_rounded_not_cut(engine: Any) -> None:
    needs(engine)
    image = Image(np.array([[[-10, -9, 0]]], np.int16), Geometry((1, 1, 3)), Modality.CT)
    halfway = Geometry((1, 1, 1), origin_mm=(0.75, 0.0, 0.0))
    assert resample(image, halfway, engine=engine).voxels.item() == -9  # -9.25; cutting off -9.75 would give -9 too
    below = Geometry((1, 1, 1), origin_mm=(0.25, 0.0, 0.0))
    assert resample(image, below, engine=engine).voxels.item() == -10  # -9.75


@pytest.mark.parametrize(
    ("modality", "dtype", "expected"),
    [
        ("CT", np.int16, AIR_HU),
        ("CT", np.float32, AIR_HU),
        ("CT", np.uint16, 0),
        ("MR", np.int16, 0),
        ("MASK", np.uint8, 0),
    ],
)
def test_what_lies_outside(modality: str, dtype: Any, expected: float) -> None:
    image = Image(np.ones((2, 2, 2), dtype), Geometry((2, 2, 2)), modality)  # type: ignore[arg-type]
    for target in (Geometry((1, 1, 1), origin_mm=(50, 0, 0)), Geometry((3, 2, 2))):
        result = resample(image, target)
        assert result.voxels[-1, -1, -1] == expected
        assert result.history[-1].parameters["outside"] == expected


def test_a_nan_stays_in_its_neighbourhood() -> None:
    values = np.zeros((6, 20, 20), np.float32)
    values[3, 10, 10] = np.nan
    image = Image(values, Geometry(values.shape), Modality.MR)
    result = resample_to_spacing(image, (0.9, 0.7, 0.7))
    assert 0 < np.isnan(result.voxels).sum() <= 4**3


def test_masks_keep_their_labels() -> None:
    labels = np.random.default_rng(0).choice([0, 3, 117, 255], (6, 9, 9)).astype(np.uint8)
    mask = Image(labels, Geometry(labels.shape, (5.0, 1.0, 1.0)), Modality.MASK)
    result = resample_to_spacing(mask, (1.5, 0.6, 0.6))
    assert set(np.unique(result.voxels)) <= {0, 3, 117, 255}
    assert result.history[-1].parameters["interpolation"] == "nearest"
    assert result.is_mask
    with pytest.raises(InvalidInputError, match="cannot be interpolated linearly"):
        resample(mask, mask.geometry, "linear")


def test_history_source_and_slices() -> None:
    image = smooth()
    image = Image(image.voxels, image.geometry, "CT", Source(series_uid="7", instance_uids=tuple("abcdefghijklmn")))
    in_plane = resample_to_spacing(image, (3.0, 1.6, 1.6))
    assert in_plane.source == image.source
    across = resample_to_spacing(image, (1.5, 0.8, 0.9))
    assert (across.source.series_uid, across.source.instance_uids) == ("7", ())
    step = across.history[-1]
    assert step.operation == "resample"
    assert dict(step.parameters) == {
        "spacing_mm": (1.5, 0.8, 0.9),
        "shape": (28, 22, 26),
        "interpolation": "linear",
        "outside": AIR_HU,
        "engine": "sparse",
    }


def test_nonsense_is_refused() -> None:
    image = smooth()
    turned = Geometry((2, 2, 2), directions=((0, 0.6, 0.8), (0, 0.8, -0.6), (1, 0, 0)))
    with pytest.raises(InvalidInputError, match="turned against each other"):
        resample(image, turned, engine="sparse")
    assert resample(image, turned).history[-1].parameters["engine"] == "simpleitk"
    with pytest.raises(InvalidInputError, match="unknown engine"):
        resample(image, image.geometry, engine="magic")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="unknown interpolation"):
        resample(image, image.geometry, "cubic")  # type: ignore[arg-type]
    for outside, dtype in ((-1024, np.uint8), (0.5, np.int16), (70000, np.int16), (2, np.bool_), (np.nan, np.int16)):
        whole = Image(np.zeros((2, 2, 2), dtype), Geometry((2, 2, 2)), Modality.OTHER)
        with pytest.raises(InvalidInputError, match="does not fit"):
            resample(whole, whole.geometry, outside=outside)
    with pytest.raises(InvalidInputError, match="must be positive"):
        resample_to_spacing(image, (1, 1, 0))


def test_resampling_reports_and_can_be_cancelled() -> None:
    seen: list[float] = []
    resample_to_spacing(smooth(), (1, 1, 1), progress=lambda fraction, stage: seen.append(fraction))
    assert seen[-1] == 1.0

    def stop(fraction: float, stage: str) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        resample_to_spacing(smooth(), (1, 1, 1), progress=stop)
