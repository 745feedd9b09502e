"""A segmentation's named structures as one label map that is read slice by slice, where it lies in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import EmptyMaskError, MissingInputError, SceneError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, ImageWarning, Modality, Source
from abdominal_oncology.imaging.reader import ArrayReader, SliceReader, slice_indices
from abdominal_oncology.progress import Progress, silent
from abdominal_oncology.scene.grids import geometry_of_oriented_image
from abdominal_oncology.scene.nodes import Node, describe
from abdominal_oncology.scene.organ_labels import labels_from_segmentation
from abdominal_oncology.scene.segment_masks import in_world
from abdominal_oncology.scene.segments import segmentation_of, segments
from abdominal_oncology.scene.voxels import voxels_of

_LABELMAP = "Binary labelmap"
_SAME_MM = 1e-3


def reader_from_segmentation(node: Node, wanted: Sequence[str], volume: Node) -> tuple[SliceReader, dict[int, str]]:
    """Segments that are (by code or name) one of ``wanted``, on their own grid, and what the values mean.

    Where segments overlap, the structure named first in ``wanted`` is kept. Nothing is copied yet. Segments that have
    no common grid of their own (closed surfaces, a bending transform) are drawn on that of ``volume`` here and now.
    """
    known = [(each.id, each.structure) for each in segments(node) if each.structure is not None]
    found = [(wanted.index(each.name), segment, each) for segment, each in known if each.name in wanted]
    if not found:
        raise MissingInputError(
            "no segment is a structure that says anything about contrast",
            where=describe(node),
            remedy=f"name segments as one of {', '.join(wanted[:7])} …, or give them the terminology",
        )
    found.sort(reverse=True, key=lambda each: each[0])  # drawn last, seen first
    try:
        layers = [_layer(node, segment, structure.number) for _, segment, structure in found]
        grid = _common_grid([layer.image.geometry for layer in layers if layer is not None])
    except SceneError:
        labels, names = labels_from_segmentation(node, volume, wanted)
        return ArrayReader(labels), names
    drawn = [layer for layer in layers if layer is not None]
    names = {structure.number: structure.name for _, _, structure in found}
    return _LabelsReader(drawn, grid, describe(node)), names


@dataclass(frozen=True)
class _Layer:
    """One segment: where its value stands in the voxels of a layer, ``number`` is drawn."""

    image: Image
    value: int
    number: int


def _layer(node: Node, segment_id: str, number: int) -> _Layer | None:
    segment = segmentation_of(node).GetSegment(segment_id)
    image, where = segment.GetRepresentation(_LABELMAP), f"segment {segment.GetName()} of {describe(node)}"
    if image is None:
        raise SceneError("a closed surface has no grid of its own", where=where)
    if image.IsEmpty():
        return None
    whole = Image(voxels_of(image, where), geometry_of_oriented_image(image, where), Modality.MASK)
    return _Layer(in_world(whole, node), segment.GetLabelValue(), number)


def _common_grid(grids: Sequence[Geometry]) -> Geometry:
    """The smallest grid that holds all; SceneError where their voxels do not coincide."""
    if not grids:
        raise EmptyMaskError(
            "nothing is drawn in the named segments", remedy="draw an organ, or choose no segmentation"
        )
    first = grids[0]
    starts = [_offset(each, first) for each in grids]
    stops = [start + each.shape for start, each in zip(starts, grids, strict=True)]
    for each, start, stop in zip(grids, starts, stops, strict=True):
        if not each.same_grid(first.crop(start.tolist(), stop.tolist()), _SAME_MM):
            raise SceneError("the segments lie on different grids")
    return first.crop(np.min(starts, axis=0).tolist(), np.max(stops, axis=0).tolist())


def _offset(grid: Geometry, within: Geometry) -> NDArray[np.int64]:
    return np.round(within.to_index(grid.origin_mm)).astype(np.int64)


class _LabelsReader:
    def __init__(self, layers: Sequence[_Layer], grid: Geometry, where: str) -> None:
        self._layers = [(layer, _offset(layer.image.geometry, grid)) for layer in layers]
        self._geometry, self._source = grid, Source(where)

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
        labels = np.zeros((len(indices), *self._geometry.shape[1:]), np.int16)
        for layer, (k0, j0, i0) in self._layers:
            count, rows, columns = layer.image.geometry.shape
            for n, k in enumerate(indices - k0):
                if 0 <= k < count:
                    there = layer.image.voxels[k] == layer.value
                    labels[n, j0 : j0 + rows, i0 : i0 + columns][there] = layer.number
        return labels
