"""Volume nodes ↔ Images: coordinates, memory, transforms, provenance, and what is refused."""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

import vtk  # noqa: E402
from scipy.spatial.transform import Rotation  # noqa: E402

from abdominal_oncology.errors import InvalidInputError, SceneError  # noqa: E402
from abdominal_oncology.imaging.geometry import Geometry  # noqa: E402
from abdominal_oncology.imaging.image import Image, ImageWarning, Modality, Source, Step  # noqa: E402
from abdominal_oncology.imaging.reader import SliceReader  # noqa: E402
from abdominal_oncology.scene import (  # noqa: E402
    fill_volume_node,
    image_from_volume_node,
    images_from_sequence,
    reader_from_volume_node,
    remove_node,
    source_node_of,
    volume_node_from_image,
)
from abdominal_oncology.scene.grids import matrix_to_vtk  # noqa: E402

LPS_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
angles = st.floats(-math.pi, math.pi)
many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    """Any straight grid: oblique, anisotropic, either handedness."""
    turn = Rotation.from_euler("xyz", [draw(angles) for _ in range(3)]).as_matrix()
    if draw(st.booleans()):
        turn[0] *= -1
    shape = tuple(draw(st.integers(1, 7)) for _ in range(3))
    spacing = tuple(draw(st.floats(0.3, 8.0)) for _ in range(3))
    origin = tuple(draw(st.floats(-500.0, 500.0)) for _ in range(3))
    return Geometry(shape, spacing, origin, tuple(map(tuple, turn)))


@st.composite
def rigid_motions(draw: st.DrawFn, scale: bool = True) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", [draw(angles) for _ in range(3)]).as_matrix()
    matrix[:3, :3] *= draw(st.floats(0.5, 2.0)) if scale else 1.0
    matrix[:3, 3] = [draw(st.floats(-200, 200)) for _ in range(3)]
    return matrix


def numbered(geometry: Geometry, dtype: type = np.int16) -> Image:
    return Image(np.arange(np.prod(geometry.shape), dtype=dtype).reshape(geometry.shape), geometry, Modality.CT)


def world_of_ijk(node, ijk) -> np.ndarray:
    """LPS point of a voxel as Slicer itself computes it: own matrix, then every transform above."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    ras = [0.0, 0.0, 0.0]
    node.TransformPointToWorld(matrix.MultiplyPoint([*map(float, ijk), 1.0])[:3], ras)
    return (LPS_RAS @ [*ras, 1.0])[:3]


@many
@given(geometries(), st.data())
def test_a_marked_voxel_keeps_its_place_into_the_scene_and_back(geometry: Geometry, data: st.DataObject) -> None:
    k, j, i = (data.draw(st.integers(0, n - 1)) for n in geometry.shape)
    image = numbered(geometry)
    node = volume_node_from_image(image, "ct")
    assert np.allclose(world_of_ijk(node, (i, j, k)), geometry.to_world((k, j, i)), atol=1e-6)
    back = image_from_volume_node(node)
    assert back.geometry.same_grid(geometry, tolerance_mm=1e-6)
    assert back.voxels[k, j, i] == image.voxels[k, j, i]
    assert np.array_equal(back.voxels, image.voxels)


@many
@given(geometries(), rigid_motions(), rigid_motions(), st.data())
def test_nested_linear_transforms_end_up_in_the_geometry(transform_node, geometry, outer, inner, data) -> None:
    k, j, i = (data.draw(st.integers(0, n - 1)) for n in geometry.shape)
    node = volume_node_from_image(numbered(geometry), "ct")
    node.SetAndObserveTransformNodeID(transform_node(inner, transform_node(outer)).GetID())
    image = image_from_volume_node(node)
    assert np.allclose(image.geometry.to_world((k, j, i)), world_of_ijk(node, (i, j, k)), atol=1e-5)
    assert np.shares_memory(image.voxels, slicer.util.arrayFromVolume(node))
    node.HardenTransform()
    assert image_from_volume_node(node).geometry.same_grid(image.geometry, tolerance_mm=1e-4)


def test_scaling_along_the_volumes_own_axes_is_taken(transform_node) -> None:
    node = volume_node_from_image(numbered(Geometry((2, 3, 4), (2.0, 1.0, 1.0))), "ct")
    node.SetAndObserveTransformNodeID(transform_node(np.diag([2.0, 3.0, 0.5, 1.0])).GetID())
    assert image_from_volume_node(node).geometry.spacing_mm == pytest.approx((1.0, 3.0, 2.0))


def test_a_shear_is_refused_by_name(transform_node, oblique: Geometry) -> None:
    node = volume_node_from_image(numbered(oblique), "leaning")
    node.SetAndObserveTransformNodeID(transform_node(np.diag([2.0, 3.0, 0.5, 1.0])).GetID())
    with pytest.raises(SceneError, match=r"straight grid.*leaning.*Resample"):
        image_from_volume_node(node)


def test_a_non_linear_transform_is_refused_by_name(scene, oblique: Geometry) -> None:
    node = volume_node_from_image(numbered(oblique), "bent")
    warp = vtk.vtkThinPlateSplineTransform()
    points, moved = vtk.vtkPoints(), vtk.vtkPoints()
    for place in ((0, 0, 0), (50, 0, 0), (0, 50, 0), (0, 0, 50), (30, 30, 30)):
        points.InsertNextPoint(place)
        moved.InsertNextPoint(place[0] + place[1] ** 2 / 50, place[1], place[2])
    warp.SetSourceLandmarks(points)
    warp.SetTargetLandmarks(moved)
    warp.SetBasisToR()
    transform = scene.AddNewNodeByClass("vtkMRMLTransformNode", "warp")
    transform.SetAndObserveTransformToParent(warp)
    node.SetAndObserveTransformNodeID(transform.GetID())
    with pytest.raises(SceneError, match=r"non-linear.*bent.*warp.*harden"):
        image_from_volume_node(node)


def test_an_image_that_starts_at_another_index_keeps_its_place(scene) -> None:
    data = vtk.vtkImageData()
    data.SetExtent(2, 5, 3, 5, 4, 5)
    data.AllocateScalars(vtk.VTK_SHORT, 1)
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "shifted")
    node.SetAndObserveImageData(data)
    node.SetSpacing(2.0, 2.0, 3.0)
    image = image_from_volume_node(node)
    assert image.geometry.shape == (2, 3, 4)
    assert image.geometry.origin_mm == pytest.approx((-4.0, -6.0, 12.0))


@pytest.mark.parametrize(
    ("dtype", "stored"),
    [
        *((name, name) for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")),
        ("float16", "float32"),
        ("int64", "int32"),
        ("uint64", "int32"),
        ("bool", "uint8"),
        (">i2", "int16"),
    ],
)
def test_every_number_type_arrives_with_its_values(dtype: str, stored: str) -> None:
    voxels = np.array([[[0, 1], [1, 0]]], dtype=dtype) * np.array(1, dtype)
    back = image_from_volume_node(volume_node_from_image(Image(voxels, Geometry((1, 2, 2))), "typed"))
    assert back.voxels.dtype == np.dtype(stored)
    assert np.array_equal(back.voxels, voxels)


def test_numbers_too_large_for_32_bits_are_kept_as_fractions() -> None:
    voxels = np.array([[[2**40, -5]]])
    back = image_from_volume_node(volume_node_from_image(Image(voxels, Geometry((1, 1, 2))), "large"))
    assert back.voxels.dtype == np.float64
    assert back.voxels.tolist() == voxels.tolist()


def test_the_view_is_the_nodes_own_memory_and_a_copy_is_not(oblique: Geometry) -> None:
    node = volume_node_from_image(numbered(oblique), "ct")
    view, copy = image_from_volume_node(node), image_from_volume_node(node, copy=True)
    slicer.util.arrayFromVolume(node)[0, 0, 0] = 999
    assert view.voxels[0, 0, 0] == 999
    assert copy.voxels[0, 0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        view.voxels[0, 0, 0] = 1


@pytest.mark.parametrize("end", ["deleted", "closed", "replaced", "reallocated"])
def test_a_handed_out_image_outlives_its_node(scene, oblique: Geometry, end: str) -> None:
    image = numbered(oblique)
    expected = int(image.voxels.sum(dtype=np.int64))
    node = volume_node_from_image(image, "ct")
    view = image_from_volume_node(node)
    if end == "deleted":
        scene.RemoveNode(node)
    elif end == "closed":
        scene.Clear(False)
    elif end == "replaced":
        fill_volume_node(node, Image(np.zeros((2, 2, 2), np.int16), Geometry((2, 2, 2)), Modality.CT))
    else:
        node.GetImageData().SetDimensions(400, 400, 4)
        node.GetImageData().AllocateScalars(vtk.VTK_SHORT, 1)
    del node
    gc.collect()
    waste = [np.full(oblique.shape, 77, np.int16) for _ in range(20)]  # would land on memory that had been freed
    assert int(view.voxels.sum(dtype=np.int64)) == expected
    assert len(waste) == 20


def test_an_image_put_into_the_scene_does_not_change_with_it(oblique: Geometry) -> None:
    image = numbered(oblique)
    node = volume_node_from_image(image, "ct")
    slicer.util.arrayFromVolume(node)[:] = 0
    assert image.voxels.max() > 0


def test_provenance_comes_back(oblique: Geometry) -> None:
    uids = tuple(f"1.2.3.{k}" for k in range(oblique.shape[0]))
    source = Source("a/b", "P1", "1.2", "1.2.3", "1.9", uids, {"SeriesDescription": 'portal; "x"', "KVP": 120.0})
    warnings = (ImageWarning("gap", "one slice is missing"),)
    history = (Step("window", {"range_hu": (-160, 240), "by": np.float32(2.0)}),)
    image = Image(numbered(oblique).voxels, oblique, Modality.CT, source, history, warnings)
    node = volume_node_from_image(image, "ct")
    back = image_from_volume_node(node)
    assert (back.source, back.warnings, back.modality) == (source, warnings, Modality.CT)
    assert [step.operation for step in back.history] == ["window"]
    assert dict(back.history[0].parameters) == {"range_hu": [-160, 240], "by": 2.0}
    assert node.GetAttribute("DICOM.instanceUIDs") is None  # a computed volume does not pass for the series itself
    original = volume_node_from_image(Image(image.voxels, oblique, Modality.CT, source), "original")
    assert original.GetAttribute("DICOM.instanceUIDs").split() == list(uids)


def test_modality_is_taken_from_the_surest_witness(scene, blocks) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "plain")
    node.SetAndObserveImageData(volume_node_from_image(blocks["ct"], "x").GetImageData())
    assert image_from_volume_node(node).modality is Modality.OTHER
    unit = slicer.vtkCodedEntry()
    unit.SetValueSchemeMeaning("[hnsf'U]", "UCUM", "Hounsfield unit")
    node.SetVoxelValueUnits(unit)  # what Slicer's DICOM import says of a CT
    assert image_from_volume_node(node).modality is Modality.CT
    node.SetAttribute("DICOM.Modality", "MR")
    assert image_from_volume_node(node).modality is Modality.MR
    assert image_from_volume_node(node, modality="CT").modality is Modality.CT
    assert image_from_volume_node(volume_node_from_image(blocks["liver"], "mask")).is_mask


def test_a_result_stands_beside_its_source(blocks) -> None:
    source = volume_node_from_image(blocks["ct"], "ct")
    mask = volume_node_from_image(blocks["liver"], "liver", beside=source)
    assert source_node_of(mask) is source
    assert source_node_of(source) is None
    assert mask.IsA("vtkMRMLLabelMapVolumeNode")
    assert np.array_equal(image_from_volume_node(mask).voxels, blocks["liver"].voxels)


def test_filling_a_node_keeps_its_identity_and_refuses_the_wrong_kind(blocks, transform_node) -> None:
    node = volume_node_from_image(blocks["ct"], "ct")
    node.SetAndObserveTransformNodeID(transform_node(np.diag([2.0, 2.0, 2.0, 1.0])).GetID())
    identifier = node.GetID()
    fill_volume_node(node, blocks["ct"])
    assert (node.GetID(), node.GetName()) == (identifier, "ct")
    assert image_from_volume_node(node).geometry.same_grid(blocks["ct"].geometry)
    with pytest.raises(SceneError, match="label map"):
        fill_volume_node(node, blocks["liver"])


def test_a_reader_gives_slices_in_any_order_without_the_rest(oblique: Geometry) -> None:
    image = numbered(oblique)
    reader = reader_from_volume_node(volume_node_from_image(image, "ct"))
    assert isinstance(reader, SliceReader)
    assert np.array_equal(reader.read([7, 0, 7]), image.voxels[[7, 0, 7]])
    assert reader.geometry.same_grid(oblique, 1e-6)
    with pytest.raises(InvalidInputError):
        reader.read([oblique.shape[0]])


def _nodes_that_are_no_volume(scene) -> dict[str, object]:
    colour = vtk.vtkImageData()
    colour.SetDimensions(3, 3, 3)
    colour.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
    vector = scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "colour")
    vector.SetAndObserveImageData(colour)
    hollow = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "hollow")
    hollow.SetAndObserveImageData(vtk.vtkImageData())
    deleted = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "gone")
    scene.RemoveNode(deleted)
    return {
        "no volume was given": None,
        "not a int": 3,
        "not in the scene any more": deleted,
        "no image data": scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty"),
        "has no image data": hollow,
        "3 components": vector,
        "4-D sequence": scene.AddNewNodeByClass("vtkMRMLSequenceNode", "series"),
        "sequence of": scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "browser"),
        "not a Segmentation": scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "segments"),
    }


def test_what_is_no_volume_is_refused_with_a_reason_and_a_way_out(scene) -> None:
    for reason, node in _nodes_that_are_no_volume(scene).items():
        with pytest.raises(SceneError, match=reason) as caught:
            image_from_volume_node(node)
        assert caught.value.remedy
        if hasattr(node, "GetName"):
            assert node.GetName() in caught.value.where


def test_fractions_in_a_label_map_are_refused(scene) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "soft")
    data = vtk.vtkImageData()
    data.SetDimensions(2, 2, 2)
    data.AllocateScalars(vtk.VTK_FLOAT, 1)
    node.SetAndObserveImageData(data)
    with pytest.raises(SceneError, match="fractions"):
        image_from_volume_node(node)


def test_frames_of_a_sequence_can_be_had_one_by_one(scene, oblique: Geometry) -> None:
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "perfusion")
    for seconds in (20, 35, 70):
        frame = slicer.vtkMRMLScalarVolumeNode()
        frame.SetIJKToRASMatrix(matrix_to_vtk(np.eye(4)))
        slicer.util.updateVolumeFromArray(frame, np.full((2, 3, 4), seconds, np.int16))
        sequence.SetDataNodeAtValue(frame, str(seconds))
    images = images_from_sequence(sequence)
    assert {value: int(image.voxels.max()) for value, image in images.items()} == {"20": 20, "35": 35, "70": 70}

    browser = scene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    proxy = browser.GetProxyNode(sequence)
    shown = image_from_volume_node(proxy)
    assert shown.has_warning("sequence-frame")
    assert not np.shares_memory(shown.voxels, slicer.util.arrayFromVolume(proxy))
    with pytest.raises(SceneError, match="empty"):
        images_from_sequence(scene.AddNewNodeByClass("vtkMRMLSequenceNode", "void"))


def test_fifty_round_trips_do_not_eat_memory(scene) -> None:
    psutil = pytest.importorskip("psutil")
    process = psutil.Process()
    image = numbered(Geometry((16, 256, 256)), np.int32)  # 4 MiB

    def round_trip() -> None:
        node = volume_node_from_image(image, "ct")
        assert image_from_volume_node(node).voxels[-1, -1, -1] == image.voxels[-1, -1, -1]
        remove_node(node)

    for _ in range(5):
        round_trip()
    gc.collect()
    nodes, before = scene.GetNumberOfNodes(), process.memory_info().rss
    for _ in range(50):
        round_trip()
    gc.collect()
    assert scene.GetNumberOfNodes() == nodes
    assert process.memory_info().rss - before < 5 * image.voxels.nbytes  # a leak would be fifty times
