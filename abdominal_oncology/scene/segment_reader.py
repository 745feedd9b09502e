"""A segment as a SliceReader: slices come out of the segmentation's memory when they are asked for."""

from __future__ import annotations

import numpy as np

from abdominal_oncology.errors import EmptyMaskError, SceneError
from abdominal_oncology.imaging.reader import ArrayReader, SliceReader
from abdominal_oncology.scene.nodes import Node, describe
from abdominal_oncology.scene.segment_layers import LayersReader, layer_of_segment
from abdominal_oncology.scene.segment_masks import mask_from_segment
from abdominal_oncology.scene.segments import find_segment


def reader_from_segment(node: Node, which: str, reference: Node) -> SliceReader:
    """The mask (0 and 1) of a segment on its own grid with a voxel around it, and nothing copied yet.

    Whether anything is drawn is found by who reads it. What has no grid of its own (a closed surface, a segmentation
    under a shearing or bending transform) is drawn on that of the volume ``reference`` here and now.
    """
    info = find_segment(node, which)
    where = f"segment {info.name} of {describe(node)}"
    try:
        layer = layer_of_segment(node, info.id, 1)
    except SceneError:
        return ArrayReader(mask_from_segment(node, info.id, reference))
    if layer is None:
        raise EmptyMaskError("the segment is empty", where=where, remedy="draw it first, or choose another segment")
    own = layer.image.geometry
    around = own.crop((-1, -1, -1), [n + 1 for n in own.shape])
    return LayersReader([layer], around, where, np.uint8)
