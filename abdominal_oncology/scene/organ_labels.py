"""A segmentation's named structures as one label map on a volume's grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from abdominal_oncology.errors import EmptyMaskError, MissingInputError
from abdominal_oncology.imaging.image import Image, Modality, Step
from abdominal_oncology.scene.grids import geometry_of_volume_node
from abdominal_oncology.scene.nodes import Node, describe
from abdominal_oncology.scene.provenance import source_of
from abdominal_oncology.scene.segment_masks import mask_from_segment
from abdominal_oncology.scene.segments import segments


def labels_from_segmentation(node: Node, volume: Node, wanted: Sequence[str]) -> tuple[Image, dict[int, str]]:
    """Segments that are (by code or name) one of ``wanted``, on the grid of ``volume``, and what the values mean.

    Where segments overlap, the structure named first in ``wanted`` is kept. A segmentation in which nobody can tell
    any of them is a MissingInputError; one whose structures lie elsewhere an EmptyMaskError.
    """
    present = {each.id: each.structure for each in segments(node)}
    known = [(segment, structure) for segment, structure in present.items() if structure is not None]
    found = [(wanted.index(each.name), segment, each) for segment, each in known if each.name in wanted]
    if not found:
        raise MissingInputError(
            f"no segment is a structure that is needed here: {', '.join(wanted[:6])} …",
            where=describe(node),
            remedy="name the segments so, or give them the terminology",
        )
    grid = geometry_of_volume_node(volume)
    labels = np.zeros(grid.shape, np.int16)
    for _, segment, structure in sorted(found, reverse=True, key=lambda each: each[0]):
        try:
            mask = mask_from_segment(node, segment, grid)
        except EmptyMaskError:  # an organ that this volume does not show
            continue
        labels[mask.voxels != 0] = structure.number
    if not labels.any():
        raise EmptyMaskError(
            "none of its structures lies in the volume",
            where=f"{describe(node)} on {describe(volume)}",
            remedy="choose the segmentation of this volume, or check the transforms above both",
        )
    step = Step("segments", {"names": sorted({structure.name for _, _, structure in found})})
    image = Image(labels, grid, Modality.MASK, source_of(volume, grid.shape[0]), (step,))
    return image, {structure.number: structure.name for _, _, structure in found}
