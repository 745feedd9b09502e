"""A segmentation as one label map: the same voxels as drawn on a volume, read slice by slice where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core gives the scene")

import slicer
import vtk

from abdominal_oncology.errors import EmptyMaskError, MissingInputError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.scene import segmentation_node_from_masks, volume_node_from_image
from abdominal_oncology.scene.labels_reader import reader_from_segmentation
from abdominal_oncology.scene.organ_labels import labels_from_segmentation

GRID = Geometry((12, 20, 24), (3.0, 1.5, 1.5), (-10.0, -20.0, 5.0))
WANTED = ("aorta", "liver", "spleen")


def ct() -> Any:
    return volume_node_from_image(Image(np.zeros(GRID.shape, np.int16), GRID, Modality.CT), "ct")


def organs(**boxes: tuple[slice, slice, slice]) -> Any:
    masks = {}
    for name, box in boxes.items():
        mask = np.zeros(GRID.shape, np.uint8)
        mask[box] = 1
        masks[name] = Image(mask, GRID, Modality.MASK)
    return segmentation_node_from_masks(masks, "organs")


def box(k: int, j: int, i: int, size: int = 4) -> tuple[slice, slice, slice]:
    return slice(k, k + size), slice(j, j + size), slice(i, i + size)


def on_volume(reader: Any) -> Any:
    """The reader's labels where the volume's voxels are."""
    labels = read_image(reader)
    found = np.zeros(GRID.shape, np.int16)
    start = np.round(GRID.to_index(labels.geometry.origin_mm)).astype(int)
    found[tuple(slice(a, a + n) for a, n in zip(start, labels.geometry.shape, strict=True))] = labels.voxels
    return found


def test_it_is_what_is_drawn_on_the_volume() -> None:
    node, volume = organs(liver=box(2, 3, 3), spleen=box(6, 10, 15), aorta=box(1, 14, 8)), ct()
    reader, names = reader_from_segmentation(node, WANTED, volume)
    drawn, drawn_names = labels_from_segmentation(node, volume, WANTED)
    assert names == drawn_names
    assert np.array_equal(on_volume(reader), drawn.voxels)
    assert reader.modality is Modality.MASK
    some = reader.read([3, 0, 3])
    assert np.array_equal(some, read_image(reader).voxels[[3, 0, 3]])


def test_where_organs_overlap_the_first_named_is_seen() -> None:
    node, volume = organs(liver=box(2, 3, 3), aorta=box(4, 5, 5)), ct()
    reader, names = reader_from_segmentation(node, WANTED, volume)
    drawn, _ = labels_from_segmentation(node, volume, WANTED)
    assert np.array_equal(on_volume(reader), drawn.voxels)
    labels = on_volume(reader)
    assert names[int(labels[4, 5, 5])] == "aorta"
    assert names[int(labels[2, 3, 3])] == "liver"


def test_a_shift_above_the_segmentation_is_in_its_grid() -> None:
    node, volume = organs(aorta=box(2, 3, 3)), ct()
    before, _ = reader_from_segmentation(node, WANTED, volume)
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(2, 3, 30.0)
    transform.SetMatrixTransformToParent(matrix)
    node.SetAndObserveTransformNodeID(transform.GetID())
    after, _ = reader_from_segmentation(node, WANTED, volume)
    moved = np.subtract(after.geometry.origin_mm, before.geometry.origin_mm)
    assert moved == pytest.approx([0.0, 0.0, 30.0])


def test_surfaces_are_drawn_on_the_volumes_grid() -> None:
    node, volume = organs(liver=box(2, 3, 3, 8)), ct()
    node.CreateClosedSurfaceRepresentation()
    node.GetSegmentation().SetSourceRepresentationName("Closed surface")
    node.GetSegmentation().RemoveRepresentation("Binary labelmap")
    reader, names = reader_from_segmentation(node, WANTED, volume)
    assert reader.geometry.same_grid(GRID)
    assert list(names.values()) == ["liver"]
    assert 300 < (read_image(reader).voxels > 0).sum() < 700, "about a cube of 8 voxels, its edges smoothed"


def test_nothing_to_measure_is_named() -> None:
    with pytest.raises(MissingInputError, match="name segments as one of aorta"):
        reader_from_segmentation(organs(liver=box(1, 1, 1)), ("aorta",), ct())
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "empty")
    node.CreateDefaultDisplayNodes()
    node.GetSegmentation().AddEmptySegment("aorta", "aorta")
    with pytest.raises(EmptyMaskError, match="nothing is drawn"):
        reader_from_segmentation(node, WANTED, ct())
