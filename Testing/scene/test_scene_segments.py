"""Segments ↔ masks: naming, grids, transforms, surfaces, terminology."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from scipy.spatial.transform import Rotation  # noqa: E402

from abdominal_oncology.errors import (  # noqa: E402
    EmptyMaskError,
    InvalidInputError,
    MissingInputError,
    SceneError,
)
from abdominal_oncology.imaging.anatomy import all_structures, find  # noqa: E402
from abdominal_oncology.imaging.geometry import Geometry  # noqa: E402
from abdominal_oncology.imaging.image import Image, Modality  # noqa: E402
from abdominal_oncology.scene import (  # noqa: E402
    find_segment,
    image_from_volume_node,
    mask_from_segment,
    segmentation_node_from_labels,
    segmentation_node_from_masks,
    segments,
    volume_node_from_image,
)
from abdominal_oncology.scene.terminology import parse, structure_of, terminology_of  # noqa: E402


def mask(voxels: np.ndarray, geometry: Geometry) -> Image:
    return Image(voxels, geometry, Modality.MASK)


def nearest(source: Image, grid: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """What a mask is at each voxel centre of another grid, and where that centre is too near a face to say."""
    index = source.geometry.to_index(grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1)))
    near = np.round(index).astype(int)
    inside = ((near >= 0) & (near < source.geometry.shape)).all(-1)
    result = np.zeros(grid.shape, bool)
    result[inside] = source.voxels[tuple(near[inside].T)] != 0
    return result, (np.abs(index - np.floor(index) - 0.5) < 1e-3).any(-1)


@pytest.fixture
def node(scene, blocks):
    ct = volume_node_from_image(blocks["ct"], "ct")
    masks = {name: blocks[name] for name in ("liver", "kidney_left")}
    return segmentation_node_from_masks(masks, "organs", beside=ct)


@pytest.mark.parametrize("reference", ["geometry", "image", "node"])
def test_a_mask_comes_back_on_its_own_grid_whatever_the_reference_is(node, blocks, reference: str) -> None:
    ct = blocks["ct"]
    given_as = {"geometry": ct.geometry, "image": ct, "node": volume_node_from_image(ct, "again")}[reference]
    for name in ("liver", "kidney_left"):
        back = mask_from_segment(node, name, given_as)
        assert back.is_mask
        assert np.array_equal(back.voxels, blocks[name].voxels)
        assert back.geometry.same_grid(ct.geometry, 1e-6)
    if reference != "geometry":
        assert back.source == ct.source


def test_without_a_reference_the_segment_brings_its_own_grid(node, blocks) -> None:
    back = mask_from_segment(node, "liver")
    assert back.voxels.all()
    points = blocks["liver"].geometry.to_world(np.argwhere(blocks["liver"].voxels))
    assert np.allclose(back.geometry.to_world(np.argwhere(back.voxels)), points, atol=1e-6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.tuples(*[st.floats(-math.pi, math.pi)] * 3),
    st.tuples(*[st.floats(0.5, 3.0)] * 3),
    st.tuples(*[st.floats(-10, 10)] * 3),
    st.booleans(),
)
def test_export_to_any_other_grid_is_the_nearest_voxel(blocks, angles, spacing, shift, flip) -> None:
    turn = Rotation.from_euler("xyz", angles).as_matrix()
    if flip:
        turn[1] *= -1
    node = segmentation_node_from_masks({"liver": blocks["liver"]}, "organs")
    middle = np.array(blocks["liver"].geometry.centre_mm) + shift
    shape = (14, 15, 16)
    origin = middle - turn.T @ (np.array(spacing) * (np.array(shape) - 1) / 2)
    grid = Geometry(shape, spacing, tuple(origin), tuple(map(tuple, turn)))
    expected, unsure = nearest(blocks["liver"], grid)
    if not (expected & ~unsure).any():
        return
    found = mask_from_segment(node, "liver", grid).voxels != 0
    assert np.array_equal(found[~unsure], expected[~unsure])


def test_transforms_above_the_segmentation_move_the_mask(node, blocks, transform_node) -> None:
    move = np.eye(4)
    move[:3, :3] = Rotation.from_euler("z", 0.4).as_matrix()
    move[:3, 3] = (7.0, -3.0, 2.0)
    node.SetAndObserveTransformNodeID(transform_node(move).GetID())
    back = mask_from_segment(node, "liver")
    flip = np.diag([-1.0, -1.0, 1.0])
    original = blocks["liver"].geometry.to_world(np.argwhere(blocks["liver"].voxels))
    moved = (original @ flip @ move[:3, :3].T + move[:3, 3]) @ flip
    assert np.allclose(back.geometry.to_world(np.argwhere(back.voxels)), moved, atol=1e-4)


def test_a_sheared_segmentation_is_resampled(node, blocks, transform_node) -> None:
    shear = np.eye(4)
    shear[0, 1] = 0.5
    node.SetAndObserveTransformNodeID(transform_node(shear).GetID())
    original = blocks["liver"].geometry.to_world(np.argwhere(blocks["liver"].voxels))
    centre = original.mean(0)
    moved = np.array([-(-centre[0] + 0.5 * -centre[1]), centre[1], centre[2]])
    grid = Geometry((60, 60, 60), (1.0, 1.0, 1.0), tuple(moved - 30))
    found = mask_from_segment(node, "liver", grid)
    assert np.allclose(grid.to_world(np.argwhere(found.voxels)).mean(0), moved, atol=1.0)
    volume = blocks["liver"].voxels.sum() * blocks["liver"].geometry.voxel_volume_mm3
    assert found.voxels.sum() == pytest.approx(volume, rel=0.1)  # this shear keeps the volume


def test_a_bent_segmentation_is_resampled_but_only_onto_a_reference(scene, node, blocks) -> None:
    import vtk

    warp = vtk.vtkThinPlateSplineTransform()
    points, moved = vtk.vtkPoints(), vtk.vtkPoints()
    for place in ((0, 0, 0), (90, 0, 0), (0, 90, 0), (0, 0, 90), (60, 60, 60), (-50, -20, 40)):
        points.InsertNextPoint(place)
        moved.InsertNextPoint(place[0] + 6.0, place[1] + 1e-6 * place[0] ** 2, place[2])
    warp.SetSourceLandmarks(points)
    warp.SetTargetLandmarks(moved)
    warp.SetBasisToR()
    transform = scene.AddNewNodeByClass("vtkMRMLTransformNode", "warp")
    transform.SetAndObserveTransformToParent(warp)
    node.SetAndObserveTransformNodeID(transform.GetID())
    grid = Geometry((60, 80, 80), (1.0, 1.0, 1.0), tuple(np.array(blocks["liver"].geometry.centre_mm) - 35))
    found = mask_from_segment(node, "liver", grid)
    centre = blocks["liver"].geometry.to_world(np.argwhere(blocks["liver"].voxels)).mean(0)
    assert grid.to_world(np.argwhere(found.voxels)).mean(0) == pytest.approx(centre - (6.0, 0.0, 0.0), abs=0.6)
    with pytest.raises(SceneError, match=r"non-linear.*reference grid"):
        mask_from_segment(node, "liver")


def test_closed_surfaces_are_rasterised_and_the_node_stays_as_it_is(node, blocks) -> None:
    big = np.zeros((40, 60, 60), bool)
    k, j, i = np.indices(big.shape)
    big[(k - 20) ** 2 / 15**2 + (j - 30) ** 2 / 22**2 + (i - 28) ** 2 / 20**2 < 1] = True
    ball = mask(big, Geometry(big.shape, (1.5, 1.0, 1.0), (-20.0, 5.0, 40.0)))
    surface = segmentation_node_from_masks({"liver": ball}, "surface")
    surface.CreateClosedSurfaceRepresentation()
    surface.GetSegmentation().SetSourceRepresentationName("Closed surface")
    surface.GetSegmentation().RemoveRepresentation("Binary labelmap")
    back = mask_from_segment(surface, "liver", ball.geometry)
    both = (back.voxels != 0) & ball.voxels
    assert 2 * both.sum() / (back.voxels.sum() + ball.voxels.sum()) > 0.97
    own = mask_from_segment(surface, "liver")
    assert own.voxels.sum() * own.geometry.voxel_volume_mm3 == pytest.approx(ball.voxels.sum() * 1.5, rel=0.05)
    assert own.geometry.to_world(np.argwhere(own.voxels)).mean(0) == pytest.approx(
        ball.geometry.to_world(np.argwhere(ball.voxels)).mean(0), abs=0.5
    )
    assert not surface.GetSegmentation().ContainsRepresentation("Binary labelmap")


def test_a_label_map_becomes_one_layer_of_named_segments(oblique: Geometry) -> None:
    labels = np.zeros(oblique.shape, np.int64)
    labels[2:6], labels[6:9, 5:], labels[0] = 5, 3, 99
    names = {5: "liver", 3: "kidney_left", 52: "aorta"}
    node = segmentation_node_from_labels(mask(labels, oblique), names, "labels")
    assert [each.name for each in segments(node)] == ["liver", "kidney_left"]
    assert node.GetSegmentation().GetNumberOfLayers() == 1
    for value, name in ((5, "liver"), (3, "kidney_left")):
        assert np.array_equal(mask_from_segment(node, name, oblique).voxels, labels == value)
    whole = segmentation_node_from_labels(mask(labels, oblique), names, "labels", keep_empty=True)
    assert [each.name for each in segments(whole)] == list(names.values())
    with pytest.raises(EmptyMaskError, match="aorta"):
        mask_from_segment(whole, "aorta", oblique)
    with pytest.raises(InvalidInputError, match="background"):
        segmentation_node_from_labels(mask(labels, oblique), {0: "air"}, "labels")


def test_slicers_own_export_agrees(node, blocks) -> None:
    ct = volume_node_from_image(blocks["ct"], "reference")
    for segment in segments(node):
        theirs = slicer.util.arrayFromSegmentBinaryLabelmap(node, segment.id, ct)
        assert np.array_equal(mask_from_segment(node, segment.id, ct).voxels, theirs)


@pytest.mark.parametrize("key", ["liver", "Liver", "LIVER", "10200004", find("liver")])
def test_a_segment_is_found_by_identifier_name_or_meaning(node, key) -> None:
    assert find_segment(node, key).id == "liver"


def test_a_renamed_segment_is_still_found_by_its_terminology(node) -> None:
    node.GetSegmentation().GetSegment("kidney_left").SetName("Niere links")
    assert find_segment(node, "left kidney").name == "Niere links"
    assert find_segment(node, "Niere links").structure == find("kidney_left")


def test_a_segment_drawn_by_hand_is_known_by_its_name(scene, blocks) -> None:
    ct = volume_node_from_image(blocks["ct"], "ct")
    drawn = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "by hand")
    drawn.CreateDefaultDisplayNodes()
    drawn.SetReferenceImageGeometryParameterFromVolumeNode(ct)
    segment_id = drawn.GetSegmentation().AddEmptySegment("", "IVC")
    with pytest.raises(EmptyMaskError, match="IVC"):
        mask_from_segment(drawn, "IVC", ct)
    slicer.util.updateSegmentBinaryLabelmapFromArray(blocks["liver"].voxels.astype(np.uint8), drawn, segment_id, ct)
    assert find_segment(drawn, "inferior_vena_cava").id == segment_id
    assert np.array_equal(mask_from_segment(drawn, "ivc", ct).voxels, blocks["liver"].voxels)


def test_strangers_and_doubles_are_named(node, scene, blocks) -> None:
    with pytest.raises(MissingInputError, match=r"spleen.*liver, kidney_left.*organs"):
        find_segment(node, "spleen")
    segment = slicer.vtkSegment()
    segment.SetName("liver")
    node.GetSegmentation().AddSegment(segment, "second")
    with pytest.raises(SceneError, match="2 segments match 'Liver'"):
        find_segment(node, "Liver")
    assert find_segment(node, "second").id == "second"
    scene.RemoveNode(node)
    with pytest.raises(SceneError, match="not in the scene"):
        segments(node)
    with pytest.raises(SceneError, match="a segmentation was expected"):
        segments(volume_node_from_image(blocks["ct"], "ct"))


def test_a_segment_outside_the_volume_is_an_empty_mask(node) -> None:
    with pytest.raises(EmptyMaskError, match="no voxel on this grid"):
        mask_from_segment(node, "liver", Geometry((4, 4, 4), origin_mm=(900.0, 900.0, 900.0)))


@pytest.mark.parametrize("place", [(0, 0, 0), (11, 19, 29), (4, 7, 9), (0, 19, 9)])
def test_a_single_voxel_is_a_segment_too(oblique: Geometry, place) -> None:
    voxels = np.zeros(oblique.shape, bool)
    voxels[place] = True
    node = segmentation_node_from_masks({"lesion_1": mask(voxels, oblique), "none": mask(voxels & False, oblique)}, "s")
    assert np.argwhere(mask_from_segment(node, "lesion_1", oblique).voxels).tolist() == [list(place)]
    assert find_segment(node, "lesion_1").structure == find("liver_lesion")
    with pytest.raises(EmptyMaskError, match="the segment is empty"):
        mask_from_segment(node, "none", oblique)


def test_masks_that_are_not_masks_are_refused(blocks) -> None:
    with pytest.raises(InvalidInputError, match="not a mask"):
        segmentation_node_from_masks({"liver": blocks["ct"]}, "wrong")


@pytest.mark.parametrize("structure", all_structures(), ids=lambda each: each.name)
def test_every_structure_survives_its_terminology(structure) -> None:
    entry = terminology_of(structure)
    text = entry.serialised()
    assert parse(text) == entry
    assert structure_of(parse(text)) == structure
    theirs = slicer.vtkSlicerTerminologyEntry()
    assert slicer.vtkSlicerTerminologiesModuleLogic.DeserializeTerminologyEntry(text, theirs)  # Slicer reads it too
    assert theirs.GetTypeObject().GetCodeValue() == entry.type[1]
    assert theirs.GetCategoryObject().GetCodeMeaning() == entry.category[2]


def test_a_volume_and_its_segments_share_a_world(node, blocks) -> None:
    ct = image_from_volume_node(volume_node_from_image(blocks["ct"], "ct2"))
    liver = mask_from_segment(node, "liver", ct)
    assert set(np.unique(ct.voxels[liver.voxels != 0])) <= {110, 160}
