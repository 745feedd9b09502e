"""What is in a segmentation node, and which segment somebody means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import slicer
import vtk

from abdominal_oncology.errors import MissingInputError, SceneError
from abdominal_oncology.imaging.anatomy import Structure, lookup
from abdominal_oncology.scene.nodes import Node, describe, require_node
from abdominal_oncology.scene.terminology import Terminology, parse, structure_of

STRUCTURE_TAG = "AbdominalOncology.Structure"


@dataclass(frozen=True)
class SegmentInfo:
    """One segment: its identifier, its name, what it is (None where nobody can tell), its code, its colour 0 … 255."""

    id: str
    name: str
    structure: Structure | None
    terminology: Terminology | None
    colour: tuple[int, int, int]


def segments(node: Node) -> tuple[SegmentInfo, ...]:
    """Every segment of a segmentation node, in its order."""
    segmentation = segmentation_of(node)
    return tuple(_info(segmentation, segment_id) for segment_id in segmentation.GetSegmentIDs())


def find_segment(node: Node, which: str | Structure) -> SegmentInfo:
    """The segment with that identifier, else that name, else that meaning.

    A meaning is a structure, or anything :mod:`~abdominal_oncology.imaging.anatomy` knows ("IVC", "left kidney"), or a
    SNOMED CT code ("10200004"). Two candidates are an error, not a choice.
    """
    present = segments(node)
    text = which if isinstance(which, str) else which.name
    structure = lookup(which) if isinstance(which, str) else which
    by_rule = (
        [each for each in present if each.id == text],
        [each for each in present if each.name == text],
        [each for each in present if each.name.casefold() == text.casefold()],
        [each for each in present if structure is not None and each.structure == structure],
        [each for each in present if each.terminology is not None and each.terminology.type[1] == text],
    )
    found = next((candidates for candidates in by_rule if candidates), [])
    if not found:
        names = ", ".join(each.name for each in present) or "none at all"
        raise MissingInputError(
            f"there is no segment {text!r} (there are: {names})",
            where=describe(node),
            remedy="name one of these segments, or give the right one this terminology",
        )
    if len(found) > 1:
        names = ", ".join(f"{each.name} ({each.id})" for each in found)
        raise SceneError(
            f"{len(found)} segments match {text!r}: {names}", where=describe(node), remedy="name one by its identifier"
        )
    return found[0]


def segmentation_of(node: Node) -> Any:
    """The vtkSegmentation of a node."""
    require_node(node, "vtkMRMLSegmentationNode", "segmentation")
    segmentation = node.GetSegmentation()
    if segmentation is None:
        raise SceneError("the segmentation holds nothing", where=describe(node), remedy="load it again")
    return segmentation


def tag_of(segment: Any, name: str) -> str:
    """A segment's tag, or empty text."""
    value = vtk.reference("")
    return str(value) if segment.GetTag(name, value) else ""


def _info(segmentation: Any, segment_id: str) -> SegmentInfo:
    segment = segmentation.GetSegment(segment_id)
    terminology = parse(tag_of(segment, slicer.vtkSegment.GetTerminologyEntryTagName()))
    structure = lookup(tag_of(segment, STRUCTURE_TAG) or "?")
    if structure is None and terminology is not None:
        structure = structure_of(terminology)
    if structure is None and (terminology is None or not terminology.is_said):
        structure = lookup(segment.GetName())
    red, green, blue = (round(255 * part) for part in segment.GetColor())
    said = terminology if terminology is not None and terminology.is_said else None
    return SegmentInfo(segment_id, segment.GetName(), structure, said, (red, green, blue))
