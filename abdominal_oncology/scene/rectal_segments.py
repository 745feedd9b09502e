"""Tumour and rectum of a segmentation, told by their codes or names."""

from __future__ import annotations

from abdominal_oncology.errors import EmptyMaskError, MissingInputError
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.rectal.words import MASKS, segment_not_used
from abdominal_oncology.scene.nodes import Node, describe
from abdominal_oncology.scene.segment_reader import reader_from_segment
from abdominal_oncology.scene.segments import segments


def roles_of(segmentation: Node) -> dict[str, str]:
    """The identifier of the segment of each role (``tumour``, ``rectum``) that there is."""
    known = {each.structure.name: each.id for each in segments(segmentation) if each.structure is not None}
    return {role: known[role] for role in MASKS if role in known}


def readers_of(segmentation: Node, volume: Node) -> tuple[dict[str, SliceReader], list[FindingWarning]]:
    """Tumour and rectum of a segmentation on its own grid, nothing copied yet; one in which nothing is drawn is told.

    A segmentation in which nobody can tell either of them is a MissingInputError.
    """
    found = roles_of(segmentation)
    if not found:
        raise MissingInputError(
            "no segment is called or coded as tumour or rectum",
            where=describe(segmentation),
            remedy="name segments tumour and rectum, or give them the terminology",
        )
    masks: dict[str, SliceReader] = {}
    doubts = []
    for role, segment in found.items():
        try:
            masks[role] = reader_from_segment(segmentation, segment, volume)
        except EmptyMaskError as empty:
            doubts.append(segment_not_used(role, empty))
    return masks, doubts
