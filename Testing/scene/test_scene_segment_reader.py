"""Segments read slice by slice say what their masks say, and views of phases go where they are told."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core gives the scene")

from abdominal_oncology.errors import EmptyMaskError, MissingInputError, SceneError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import SliceReader, read_image
from abdominal_oncology.scene import (
    mask_from_segment,
    segmentation_node_from_labels,
    volume_node_from_image,
)
from abdominal_oncology.scene.phase_views import centre_on, layout_of, show_phases
from abdominal_oncology.scene.segment_reader import reader_from_segment

GRID = Geometry((7, 8, 9), (3.0, 1.5, 1.0), (-4.0, 6.0, 20.0))


@pytest.fixture
def outlines() -> tuple[object, object]:
    """A volume, and a segmentation whose two segments share a layer."""
    labels = np.zeros(GRID.shape, np.uint8)
    labels[1:6, 1:7, 1:8] = 5
    labels[2:4, 3:5, 4:6] = 201
    volume = volume_node_from_image(Image(np.zeros(GRID.shape, np.int16), GRID, Modality.CT), "ct")
    image = Image(labels, GRID, Modality.MASK)
    return volume, segmentation_node_from_labels(image, {5: "liver", 201: "lesion"}, "outlines", beside=volume)


def points(mask: Image) -> set[tuple[float, ...]]:
    """The places in the patient that a mask marks."""
    return {tuple(np.round(point, 3)) for point in mask.geometry.to_world(np.argwhere(mask.voxels))}


@pytest.mark.parametrize("name", ["liver", "lesion"])
def test_a_segment_read_slice_by_slice_is_its_mask(outlines: tuple[object, object], name: str) -> None:
    volume, node = outlines
    reader = reader_from_segment(node, name, volume)
    assert isinstance(reader, SliceReader)
    whole = read_image(reader)
    assert whole.is_mask
    assert points(whole) == points(mask_from_segment(node, name))
    assert not whole.voxels[[0, -1]].any()
    assert not whole.voxels[:, [0, -1]].any(), "a voxel around it, so that an outline cut off can be told"
    some = reader.read([4, 1, 4])
    assert np.array_equal(some, whole.voxels[[4, 1, 4]])


def test_a_transform_moves_what_is_read(outlines: tuple[object, object]) -> None:
    import slicer

    volume, node = outlines
    before = points(read_image(reader_from_segment(node, "lesion", volume)))
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = slicer.util.arrayFromTransformMatrix(transform)
    matrix[2, 3] = 12.0
    slicer.util.updateTransformMatrixFromArray(transform, matrix)
    node.SetAndObserveTransformNodeID(transform.GetID())
    after = points(read_image(reader_from_segment(node, "lesion", volume)))
    assert after == {(x, y, round(z + 12.0, 3)) for x, y, z in before}


def test_a_surface_is_drawn_on_the_volume(outlines: tuple[object, object]) -> None:
    volume, node = outlines
    segmentation = node.GetSegmentation()  # type: ignore[attr-defined]
    segmentation.CreateRepresentation("Closed surface")
    segmentation.SetSourceRepresentationName("Closed surface")
    segmentation.RemoveRepresentation("Binary labelmap")
    mask = read_image(reader_from_segment(node, "liver", volume))
    assert mask.geometry.same_grid(GRID)
    assert mask.voxels.sum() == pytest.approx(5 * 6 * 7, rel=0.25)


def test_what_is_not_there_is_named(outlines: tuple[object, object]) -> None:
    import slicer

    volume, node = outlines
    node.GetSegmentation().AddEmptySegment("new", "new")  # type: ignore[attr-defined]
    assert not read_image(reader_from_segment(node, "new", volume)).voxels.any(), "it shares the layer of the others"
    bare = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    bare.GetSegmentation().AddEmptySegment("new", "new")
    with pytest.raises(EmptyMaskError, match="empty"):
        reader_from_segment(bare, "new", volume)
    with pytest.raises(MissingInputError, match="no segment 'spleen'"):
        reader_from_segment(node, "spleen", volume)


def test_each_set_of_phases_has_a_layout_of_its_own() -> None:
    layouts = [layout_of(roles) for roles in (["arterial", "portal"], ["portal", "arterial", "delayed"], ["portal"])]
    assert len({number for number, _ in layouts}) == 3
    assert all(number > 1000 for number, _ in layouts), "numbers below are Slicer's own"
    names = [view.get("singletontag") for view in ElementTree.fromstring(layouts[1][1]).iter("view")]
    assert names == ["PhaseArterial", "PhasePortal", "PhaseDelayed"]
    assert layout_of(["delayed", "portal", "arterial"]) == layouts[1]


def test_views_that_are_not_there_are_asked_for(outlines: tuple[object, object]) -> None:
    volume, _ = outlines
    with pytest.raises(SceneError, match="no view for the arterial phase"):
        show_phases({"arterial": volume})
    with pytest.raises(SceneError, match="no view"):
        centre_on(["portal"], {"portal": (0.0, 0.0, 0.0)})
