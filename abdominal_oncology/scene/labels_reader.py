"""A segmentation's named structures as one label map that is read slice by slice, where it lies in memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from abdominal_oncology.errors import EmptyMaskError, MissingInputError, SceneError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.reader import ArrayReader, SliceReader
from abdominal_oncology.scene.nodes import Node, describe
from abdominal_oncology.scene.organ_labels import labels_from_segmentation
from abdominal_oncology.scene.segment_layers import LayersReader, layer_of_segment, offset_within
from abdominal_oncology.scene.segments import segments

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
        layers = [layer_of_segment(node, segment, structure.number) for _, segment, structure in found]
        grid = _common_grid([layer.image.geometry for layer in layers if layer is not None])
    except SceneError:
        labels, names = labels_from_segmentation(node, volume, wanted)
        return ArrayReader(labels), names
    drawn = [layer for layer in layers if layer is not None]
    names = {structure.number: structure.name for _, _, structure in found}
    return LayersReader(drawn, grid, describe(node)), names


def _common_grid(grids: Sequence[Geometry]) -> Geometry:
    """The smallest grid that holds all; SceneError where their voxels do not coincide."""
    if not grids:
        raise EmptyMaskError(
            "nothing is drawn in the named segments", remedy="draw an organ, or choose no segmentation"
        )
    first = grids[0]
    starts = [offset_within(each, first) for each in grids]
    stops = [start + each.shape for start, each in zip(starts, grids, strict=True)]
    for each, start, stop in zip(grids, starts, stops, strict=True):
        if not each.same_grid(first.crop(start.tolist(), stop.tolist()), _SAME_MM):
            raise SceneError("the segments lie on different grids")
    return first.crop(np.min(starts, axis=0).tolist(), np.max(stops, axis=0).tolist())
