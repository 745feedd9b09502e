"""Geometry, Image, Source, Step, errors, progress and ArrayReader: what they refuse, keep and promise."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from imaging_cases import geometries

from abdominal_oncology import errors
from abdominal_oncology.errors import AbdominalOncologyError, Cancelled, GeometryMismatchError, InvalidInputError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, ImageWarning, Modality, Source, Step
from abdominal_oncology.imaging.reader import ArrayReader, SliceReader, read_image, slice_indices
from abdominal_oncology.progress import part, silent

SHAPE = (3, 4, 5)
GRID = Geometry(SHAPE, (5.0, 0.7, 0.8), (-10.0, 20.0, 30.0))


def image(**changes: object) -> Image:
    facts: dict[str, object] = {"voxels": np.zeros(SHAPE, np.int16), "geometry": GRID, "modality": "CT"}
    return Image(**{**facts, **changes})  # type: ignore[arg-type]


# Geometry


@given(geometries(), st.lists(st.tuples(*[st.floats(-50, 50)] * 3), min_size=1, max_size=5))
def test_index_and_world_are_inverse(grid: Geometry, points: list[tuple[float, float, float]]) -> None:
    np.testing.assert_allclose(grid.to_index(grid.to_world(points)), points, atol=1e-8)
    np.testing.assert_allclose(grid.to_world(points[0]), (grid.affine @ [*points[0], 1])[:3], atol=1e-9)


@given(geometries())
def test_affine_holds_the_whole_geometry(grid: Geometry) -> None:
    again = Geometry.from_affine(grid.shape, grid.affine)
    assert again.same_grid(grid, 1e-9)
    np.testing.assert_allclose(again.spacing_mm, grid.spacing_mm)
    np.testing.assert_allclose(again.directions, grid.directions, atol=1e-12)


@given(geometries(), st.tuples(*[st.integers(-4, 4)] * 3), st.tuples(*[st.integers(1, 5)] * 3))
def test_a_crop_keeps_every_voxel_in_place(
    grid: Geometry, start: tuple[int, int, int], size: tuple[int, int, int]
) -> None:
    cropped = grid.crop(start, np.add(start, size))
    assert cropped.shape == size
    np.testing.assert_allclose(cropped.to_world([1, 2, 3]), grid.to_world(np.add(start, [1, 2, 3])), atol=1e-9)


@given(geometries(), st.tuples(*[st.floats(0.3, 6.0)] * 3))
def test_another_spacing_keeps_the_first_corner(grid: Geometry, spacing: tuple[float, float, float]) -> None:
    other = grid.with_spacing(spacing)
    np.testing.assert_allclose(other.corners_mm()[0], grid.corners_mm()[0], atol=1e-8)
    assert (np.abs(np.subtract(other.size_mm, grid.size_mm)) <= np.maximum(spacing, 1e-9) * 0.5 + 1e-9).sum() >= sum(
        n > 1 for n in other.shape
    )


def test_corners_are_voxel_edges() -> None:
    corners = Geometry((2, 3, 4)).corners_mm()
    np.testing.assert_array_equal(corners.min(axis=0), [-0.5, -0.5, -0.5])
    np.testing.assert_array_equal(corners.max(axis=0), [3.5, 2.5, 1.5])


@pytest.mark.parametrize(
    ("directions", "plane"),
    [
        (((0, 0, 1), (0, 1, 0), (1, 0, 0)), "axial"),
        (((0, 1, 0), (0, 0, -1), (1, 0, 0)), "coronal"),
        (((1, 0, 0), (0, 0, -1), (0, 1, 0)), "sagittal"),
    ],
)
def test_plane_and_obliquity_of_straight_stacks(directions: object, plane: str) -> None:
    grid = Geometry((2, 2, 2), directions=directions)  # type: ignore[arg-type]
    assert (grid.plane, grid.obliquity_degrees) == (plane, 0.0)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"shape": (0, 4, 4)}, "three positive whole numbers"),
        ({"shape": (4, 4)}, "three positive whole numbers"),
        ({"shape": (2.5, 4, 4)}, "three positive whole numbers"),
        ({"shape": (2, 2, 2), "spacing_mm": (1, 0, 1)}, "must be positive"),
        ({"shape": (2, 2, 2), "spacing_mm": (1, -1, 1)}, "must be positive"),
        ({"shape": (2, 2, 2), "spacing_mm": (1, float("nan"), 1)}, "finite"),
        ({"shape": (2, 2, 2), "origin_mm": (0, 0, float("inf"))}, "finite"),
        ({"shape": (2, 2, 2), "origin_mm": (0, 0)}, "three finite numbers"),
        ({"shape": (2, 2, 2), "directions": ((0, 0, 1), (0, 1, 0.3), (1, 0, 0))}, "sheared or scaled"),
        ({"shape": (2, 2, 2), "directions": ((0, 0, 2), (0, 1, 0), (1, 0, 0))}, "sheared or scaled"),
        ({"shape": (2, 2, 2), "directions": ((0, 0, 1), (0, 1, 0))}, "three finite unit vectors"),
    ],
)
def test_geometry_refuses_nonsense_with_a_reason(facts: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        Geometry(**facts)  # type: ignore[arg-type]


def test_from_affine_refuses_what_is_no_grid() -> None:
    flat = np.diag([1.0, 1.0, 0.0, 1.0])
    with pytest.raises(InvalidInputError, match="flattens an axis"):
        Geometry.from_affine((2, 2, 2), flat)
    with pytest.raises(InvalidInputError, match="4 × 4"):
        Geometry.from_affine((2, 2, 2), np.eye(3))
    with pytest.raises(InvalidInputError, match="positive"):
        GRID.with_spacing((1, 0, 1))


def test_geometry_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        GRID.shape = (1, 1, 1)  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        GRID.affine[0, 0] = 2


# Image


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"voxels": [[[0]]]}, InvalidInputError, "numpy array"),
        ({"voxels": np.zeros((4, 5))}, InvalidInputError, "three axes"),
        ({"voxels": np.zeros((2, 3, 4, 5))}, InvalidInputError, "three axes"),
        ({"voxels": np.zeros(SHAPE, np.complex64)}, InvalidInputError, "real numbers"),
        ({"voxels": np.zeros(SHAPE, object)}, InvalidInputError, "real numbers"),
        ({"voxels": np.zeros((5, 4, 3))}, GeometryMismatchError, "the geometry says"),
        ({"voxels": np.zeros(SHAPE), "modality": "MASK"}, InvalidInputError, "whole-number labels"),
        ({"source": Source(instance_uids=("1", "2"))}, InvalidInputError, "2 instance UIDs for 3 slices"),
    ],
)
def test_image_refuses_nonsense_with_a_reason(
    changes: dict[str, object], error: type[AbdominalOncologyError], says: str
) -> None:
    with pytest.raises(error, match=says):
        image(**changes)


def test_image_is_immutable() -> None:
    given_array = np.zeros(SHAPE, np.int16)
    one = image(voxels=given_array)
    with pytest.raises(ValueError, match="read-only"):
        one.voxels[0] = 1
    with pytest.raises(AttributeError):
        one.modality = Modality.MR  # type: ignore[misc]
    with pytest.raises(TypeError):
        one.source.header["x"] = 1  # type: ignore[index]
    with pytest.raises(TypeError):
        Step("a", {"b": 1}).parameters["b"] = 2  # type: ignore[index]
    assert given_array.flags.writeable  # the caller's own array is not locked


def test_header_and_parameters_are_copies() -> None:
    header, parameters = {"a": 1}, {"b": 2}
    source, step = Source(header=header), Step("x", parameters)
    header["a"] = parameters["b"] = 9
    assert (source.header["a"], step.parameters["b"]) == (1, 2)


@pytest.mark.parametrize(
    ("text", "modality"),
    [("CT", Modality.CT), ("mr", Modality.MR), ("SEG", Modality.MASK), ("PT", Modality.OTHER), ("", Modality.OTHER)],
)
def test_modality_accepts_strings(text: str, modality: Modality) -> None:
    assert image(modality=text).modality is modality


def test_derive_adds_history_and_keeps_the_rest() -> None:
    warned = image(warnings=(ImageWarning("a", "first"),), source=Source(path="here", header={"k": "v"}))
    after = warned.derive("add", {"by": 1}, voxels=warned.voxels + 1, warnings=(ImageWarning("b", "second"),))
    after = after.derive("label", modality=Modality.OTHER)
    assert [step.operation for step in after.history] == ["add", "label"]
    assert dict(after.history[0].parameters) == {"by": 1}
    assert (after.has_warning("a"), after.has_warning("b"), after.has_warning("c")) == (True, True, False)
    assert after.source == warned.source
    assert warned.history == ()
    assert int(after.voxels.max()) == 1


def test_instance_uids_stay_only_with_their_slices() -> None:
    one = image(source=Source(series_uid="9", instance_uids=("1", "2", "3")))
    in_plane = GRID.crop((0, 1, 1), (3, 4, 4))
    assert one.derive("crop", voxels=one.voxels[:, 1:4, 1:4], geometry=in_plane).source.instance_uids == ("1", "2", "3")
    assert one.derive("shift").source.instance_uids == ("1", "2", "3")
    fewer, moved, flipped = GRID.crop((0, 0, 0), (2, 4, 5)), GRID.crop((1, 0, 0), (4, 4, 5)), None
    assert one.derive("crop", voxels=one.voxels[:2], geometry=fewer).source.instance_uids == ()
    assert one.derive("move", geometry=moved).source.instance_uids == ()
    flipped = Geometry(SHAPE, GRID.spacing_mm, tuple(GRID.to_world([2, 0, 0])), ((0, 0, -1), *GRID.directions[1:]))
    assert one.derive("flip", voxels=one.voxels[::-1], geometry=flipped).source.instance_uids == ()
    stretched = GRID.with_spacing((2.5, 0.7, 0.8)).crop((0, 0, 0), SHAPE)
    assert one.derive("thin", geometry=stretched).source.instance_uids == ()
    assert one.derive("thin", geometry=stretched).source.series_uid == "9"


def test_everything_can_be_pickled() -> None:
    one = image(
        source=Source("p", "id", "1", "2", "3", ("a", "b", "c"), {"SeriesDescription": "art"}),
        history=(Step("window", {"center_hu": 50}),),
        warnings=(ImageWarning("c", "m"),),
    )
    again = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(again.voxels, one.voxels)
    assert (again.geometry, again.modality, again.warnings) == (one.geometry, one.modality, one.warnings)
    assert again.source == one.source
    assert again.history == one.history
    assert not again.voxels.flags.writeable


# errors and progress


@pytest.mark.parametrize(
    "kind",
    [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, AbdominalOncologyError)],
    ids=lambda kind: kind.__name__,
)
def test_errors_survive_a_process_and_say_all_three_things(kind: type[AbdominalOncologyError]) -> None:
    error = kind("it broke", where="file.dcm", remedy="mend it")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (again.problem, again.where, again.remedy) == ("it broke", "file.dcm", "mend it")
    assert str(again) == "it broke [file.dcm]. To go on: mend it."


def test_an_error_without_place_or_remedy_is_just_its_problem() -> None:
    assert str(errors.MissingInputError("gone")) == "gone"
    assert isinstance(InvalidInputError("x"), ValueError)


def test_part_maps_and_clips_fractions() -> None:
    seen: list[float] = []
    half = part(lambda fraction, stage: seen.append(fraction), 0.5, 1.0)
    for fraction in (-1, 0, 0.5, 2):
        half(fraction, "x")
    assert seen == [0.5, 0.5, 0.75, 1.0]
    assert silent(0.5, "x") is None  # type: ignore[func-returns-value]


def test_cancelling_passes_through_part() -> None:
    def stop(fraction: float, stage: str) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        part(stop, 0, 0.5)(0.1, "x")


# ArrayReader


def test_array_reader_is_a_slice_reader_and_gives_the_slices_asked_for() -> None:
    one = image(voxels=np.arange(60, dtype=np.int16).reshape(SHAPE))
    reader = ArrayReader(one)
    assert isinstance(reader, SliceReader)
    np.testing.assert_array_equal(reader.read([2, 0, 0]), one.voxels[[2, 0, 0]])
    assert reader.read([]).shape == (0, 4, 5)
    whole = read_image(reader)
    np.testing.assert_array_equal(whole.voxels, one.voxels)
    assert (whole.geometry, whole.modality, whole.warnings) == (one.geometry, one.modality, one.warnings)


@pytest.mark.parametrize("slices", [[-1], [3], [0, 99]])
def test_slices_outside_are_refused_not_wrapped(slices: list[int]) -> None:
    with pytest.raises(InvalidInputError, match=r"0 … 2"):
        slice_indices(slices, 3)
    with pytest.raises(InvalidInputError):
        ArrayReader(image()).read(slices)
