"""A segment's voxels where they lie in memory, and several of them read slice by slice on one grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from abdominal_oncology.errors import SceneError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, ImageWarning, Modality, Source
from abdominal_oncology.imaging.reader import slice_indices
from abdominal_oncology.progress import Progress, silent
from abdominal_oncology.scene.grids import geometry_of_oriented_image
from abdominal_oncology.scene.nodes import Node, describe
from abdominal_oncology.scene.segment_masks import in_world
from abdominal_oncology.scene.segments import segmentation_of
from abdominal_oncology.scene.voxels import voxels_of

_LABELMAP = "Binary labelmap"


@dataclass(frozen=True)
class SegmentLayer:
    """One segment: where its value stands in the voxels of a layer, ``number`` is drawn."""

    image: Image
    value: int
    number: int


def layer_of_segment(node: Node, segment_id: str, number: int) -> SegmentLayer | None:
    """Nothing is copied; None where nothing is drawn. SceneError where the segment has no straight grid of its own: a
    closed surface, a segmentation under a shearing or bending transform.
    """
    segment = segmentation_of(node).GetSegment(segment_id)
    image, where = segment.GetRepresentation(_LABELMAP), f"segment {segment.GetName()} of {describe(node)}"
    if image is None:
        raise SceneError("a closed surface has no grid of its own", where=where)
    if image.IsEmpty():
        return None
    whole = Image(voxels_of(image, where), geometry_of_oriented_image(image, where), Modality.MASK)
    return SegmentLayer(in_world(whole, node), segment.GetLabelValue(), number)


def offset_within(grid: Geometry, within: Geometry) -> NDArray[np.int64]:
    """Where the first voxel of ``grid`` lies in ``within`` (k, j, i)."""
    return np.round(within.to_index(grid.origin_mm)).astype(np.int64)


class LayersReader:
    """The layers' numbers on ``grid``, which holds them all; later layers lie over earlier ones."""

    def __init__(
        self, layers: Sequence[SegmentLayer], grid: Geometry, where: str, value_type: DTypeLike = np.int16
    ) -> None:
        self._layers = [(layer, offset_within(layer.image.geometry, grid)) for layer in layers]
        self._geometry, self._source, self._value_type = grid, Source(where), value_type

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
        labels = np.zeros((len(indices), *self._geometry.shape[1:]), self._value_type)
        for layer, (k0, j0, i0) in self._layers:
            count, rows, columns = layer.image.geometry.shape
            for n, k in enumerate(indices - k0):
                if 0 <= k < count:
                    there = layer.image.voxels[k] == layer.value
                    labels[n, j0 : j0 + rows, i0 : i0 + columns][there] = layer.number
        return labels
