"""A segment as a SliceReader: slices come out of the segmentation's memory when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import EmptyMaskError, SceneError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, ImageWarning, Modality, Source
from abdominal_oncology.imaging.reader import ArrayReader, SliceReader, slice_indices
from abdominal_oncology.progress import Progress, silent
from abdominal_oncology.scene.grids import geometry_of_oriented_image
from abdominal_oncology.scene.nodes import Node, describe
from abdominal_oncology.scene.segment_masks import in_world, mask_from_segment
from abdominal_oncology.scene.segments import find_segment, segmentation_of
from abdominal_oncology.scene.voxels import voxels_of

_LABELMAP = "Binary labelmap"


def reader_from_segment(node: Node, which: str, reference: Node) -> SliceReader:
    """The mask (0 and 1) of a segment on its own grid with a voxel around it, and nothing copied yet.

    Whether anything is drawn is found by who reads it. What has no grid of its own (a closed surface, a segmentation
    under a shearing or bending transform) is drawn on that of the volume ``reference`` here and now.
    """
    info = find_segment(node, which)
    where = f"segment {info.name} of {describe(node)}"
    segment = segmentation_of(node).GetSegment(info.id)
    image = segment.GetRepresentation(_LABELMAP)
    if image is None:
        return ArrayReader(mask_from_segment(node, info.id, reference))
    if image.IsEmpty():
        raise EmptyMaskError("the segment is empty", where=where, remedy="draw it first, or choose another segment")
    whole = Image(voxels_of(image, where), geometry_of_oriented_image(image, where), Modality.MASK)
    try:
        placed = in_world(whole, node)
    except SceneError:
        return ArrayReader(mask_from_segment(node, info.id, reference))
    return _SegmentReader(placed, segment.GetLabelValue(), where)


class _SegmentReader:
    """One value of a layer of labels; layers may be shared. Slice 0 and the last one lie outside of the layer."""

    def __init__(self, layer: Image, value: int, where: str) -> None:
        self._layer, self._value = layer, value
        self._geometry = layer.geometry.crop((-1, -1, -1), [n + 1 for n in layer.geometry.shape])
        self._source = Source(where)

    @property
    def geometry(self) -> Geometry:
        return self._geometry

    @property
    def modality(self) -> Modality:
        return Modality.MASK

    @property
    def source(self) -> Source:
        return self._source

    @property
    def warnings(self) -> tuple[ImageWarning, ...]:
        return ()

    def read(self, slices: Sequence[int] | None = None, progress: Progress = silent) -> NDArray[Any]:
        indices = slice_indices(slices, self._geometry.shape[0])
        voxels = np.zeros((len(indices), *self._geometry.shape[1:]), np.uint8)
        count = len(self._layer.voxels)
        for n, k in enumerate(indices - 1):
            if 0 <= k < count:
                voxels[n, 1:-1, 1:-1] = self._layer.voxels[k] == self._value
        return voxels
