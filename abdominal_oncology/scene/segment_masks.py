"""Segments → mask Images, on any grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from abdominal_oncology.errors import EmptyMaskError, GeometryMismatchError, SceneError
from abdominal_oncology.imaging.anatomy import Structure
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality, Source, Step
from abdominal_oncology.scene.grids import (
    geometry_from_ijk_to_ras,
    geometry_of_oriented_image,
    geometry_of_volume_node,
    ijk_to_ras,
    oriented_image,
    parent_to_world,
)
from abdominal_oncology.scene.labelmaps import bounding_box, labelmap_image
from abdominal_oncology.scene.nodes import Node, describe
from abdominal_oncology.scene.provenance import source_of
from abdominal_oncology.scene.segments import find_segment, segmentation_of
from abdominal_oncology.scene.voxels import voxels_of

_LABELMAP = "Binary labelmap"
_SURFACE = "Closed surface"


def mask_from_segment(node: Node, which: str | Structure, reference: Geometry | Image | Node = None) -> Image:
    """The mask (0 and 1) of one segment on the grid of ``reference``: a Geometry, an Image, or a volume node.

    Without a reference the segment's own grid is used. The segmentation may lie on any grid, oblique to the reference,
    under a transform, or consist of closed surfaces only; each voxel of the result says whether its centre is inside.
    A segment without a voxel there is an :class:`~abdominal_oncology.errors.EmptyMaskError`.
    """
    info = find_segment(node, which)
    grid, source = _reference(reference)
    segmentation = segmentation_of(node)
    where = f"segment {info.name} of {describe(node)}"
    if segmentation.GetSegment(info.id).GetRepresentation(_LABELMAP) is None:
        grid = grid or _grid_of_surface(node, info.id, where)
        mask = _rasterised(node, info.id, grid, where)
    else:
        own = own_voxels(node, info.id, where)
        try:
            own = in_world(own, node)
        except SceneError as crooked:  # sheared or bent: a mask, unlike an image, may be resampled without asking
            if grid is None:
                raise SceneError(
                    crooked.problem, where=where, remedy="name a volume as the reference grid"
                ) from crooked
            mask = _resampled(own, grid, _transform_to_world(node))
        else:
            grid = grid or own.geometry
            mask = on_grid(own, grid)
    if not mask.any():
        raise EmptyMaskError(
            "the segment has no voxel on this grid",
            where=where,
            remedy="choose a segmentation that overlaps the volume, or check the transforms above both",
        )
    return Image(mask, grid, Modality.MASK, source, (Step("segment", {"name": info.name, "id": info.id}),))


def _reference(reference: Geometry | Image | Node) -> tuple[Geometry | None, Source]:
    if reference is None or isinstance(reference, Geometry):
        return reference, Source()
    if isinstance(reference, Image):
        return reference.geometry, reference.source
    grid = geometry_of_volume_node(reference)
    return grid, source_of(reference, grid.shape[0])


def own_voxels(node: Node, segment_id: str, where: str) -> Image:
    """The segment's voxels, cut to their bounding box, in the segmentation's coordinates (transforms not applied)."""
    segment = segmentation_of(node).GetSegment(segment_id)
    image = segment.GetRepresentation(_LABELMAP)
    voxels = None if image.IsEmpty() else voxels_of(image, where) == segment.GetLabelValue()  # layers are shared
    if voxels is None or not voxels.any():
        raise EmptyMaskError("the segment is empty", where=where, remedy="draw it first, or choose another segment")
    box, (start, stop) = bounding_box(voxels)
    return Image(box, geometry_of_oriented_image(image, where).crop(start, stop), Modality.MASK)


def in_world(own: Image, node: Node) -> Image:
    """The same voxels with the node's linear transforms in their geometry; a sheared or bent one is refused."""
    matrix = parent_to_world(node) @ ijk_to_ras(own.geometry)
    return Image(own.voxels, geometry_from_ijk_to_ras(own.geometry.shape, matrix), Modality.MASK)


def _transform_to_world(node: Node) -> Any:
    transform = vtk.vtkGeneralTransform()
    node.GetParentTransformNode().GetTransformToWorld(transform)
    return transform


def on_grid(own: Image, grid: Geometry) -> NDArray[np.uint8]:
    """A mask's voxels on another grid: copied where the grids coincide, else nearest neighbour."""
    offset = np.round(grid.to_index(own.geometry.origin_mm)).astype(int)
    stop = offset + own.geometry.shape
    if own.geometry.same_grid(grid.crop(offset.tolist(), stop.tolist()), tolerance_mm=1e-4):
        result = np.zeros(grid.shape, np.uint8)
        low, high = np.maximum(offset, 0), np.minimum(stop, grid.shape)
        if (high > low).all():
            there = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            here = tuple(slice(a, b) for a, b in zip(low - offset, high - offset, strict=True))
            result[there] = own.voxels[here] != 0
        return result
    near = own.geometry.to_index(grid.corners_mm())
    first = np.maximum(np.floor(near.min(0)).astype(int), 0).tolist()  # only what the grid touches is resampled
    last = np.minimum(np.ceil(near.max(0)).astype(int) + 1, own.geometry.shape).tolist()
    if min(np.subtract(last, first)) <= 0:
        return np.zeros(grid.shape, np.uint8)
    part = own.voxels[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
    return _resampled(Image(part, own.geometry.crop(first, last), Modality.MASK), grid, None)


def _resampled(own: Image, grid: Geometry, transform: Any) -> NDArray[np.uint8]:
    """Nearest neighbour on another grid, through a transform of RAS points if there is one."""
    output = slicer.vtkOrientedImageData()
    resample = slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage
    if not resample(
        labelmap_image(own.voxels, own.geometry), oriented_image(grid), output, False, False, transform, 0.0
    ):
        raise GeometryMismatchError("the segment could not be resampled to the reference grid")
    voxels: NDArray[np.uint8] = (voxels_of(output) != 0).astype(np.uint8)
    return voxels


def _surface(node: Node, segment_id: str, where: str) -> Any:
    surface = vtk.vtkPolyData()
    logic = slicer.vtkSlicerSegmentationsModuleLogic
    if (
        not logic.GetSegmentClosedSurfaceRepresentation(node, segment_id, surface, True)
        or not surface.GetNumberOfCells()
    ):
        raise EmptyMaskError("the segment is empty", where=where, remedy="draw it first, or choose another segment")
    return surface


def _rasterised(node: Node, segment_id: str, grid: Geometry, where: str) -> NDArray[np.uint8]:
    """A closed surface drawn on a grid, in a segmentation of its own so that the user's node stays as it is."""
    segment = slicer.vtkSegment()
    segment.AddRepresentation(_SURFACE, _surface(node, segment_id, where))
    single = slicer.vtkSegmentation()
    single.SetSourceRepresentationName(_SURFACE)
    converter = slicer.vtkSegmentationConverter
    geometry = converter.SerializeImageGeometry(oriented_image(grid))
    single.AddSegment(segment, "surface")
    single.SetConversionParameter(converter.GetReferenceImageGeometryParameterName(), geometry)
    if not single.CreateRepresentation(_LABELMAP):
        raise SceneError("the closed surface cannot be turned into a labelmap", where=where, remedy="close its holes")
    image = segment.GetRepresentation(_LABELMAP)
    if image.IsEmpty():
        return np.zeros(grid.shape, np.uint8)
    return on_grid(Image(voxels_of(image), geometry_of_oriented_image(image), Modality.MASK), grid)


def _grid_of_surface(node: Node, segment_id: str, where: str) -> Geometry:
    """One-millimetre cubes around the surface, for want of a reference."""
    bounds = _surface(node, segment_id, where).GetBounds()
    low, high = np.array(bounds[::2]), np.array(bounds[1::2])
    shape = np.ceil(high - low).astype(int)[::-1] + 2
    origin = (-high[0] - 1.0, -high[1] - 1.0, low[2] - 1.0)  # RAS to LPS: the largest R and A are the smallest L and P
    return Geometry((int(shape[0]) + 1, int(shape[1]) + 1, int(shape[2]) + 1), origin_mm=origin)
