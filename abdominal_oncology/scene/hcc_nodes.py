"""Which nodes are a liver study: volumes by phase, the segmentation with liver and lesions, an earlier study.

Nothing is read here and scipy is not needed, so a panel can ask while its user looks on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.phase_roles import PLAIN, assign_roles
from abdominal_oncology.imaging.anatomy import Kind
from abdominal_oncology.scene.nodes import Node, describe, require_node
from abdominal_oncology.scene.phase_fact import finding_of
from abdominal_oncology.scene.segments import SegmentInfo, find_segment

_VOLUME = "vtkMRMLScalarVolumeNode"
_PARTS_OF_LESIONS = ("lesion_capsule", "lesion_necrosis", "spicules")


@dataclass(frozen=True)
class PriorStudy:
    """An earlier segmentation: lesions have the names that they have today, or there is one then and now. It was
    ``months`` before today's study, or on the day ``on``.
    """

    segmentation: Node
    months: float | None = None
    on: date | None = None


Prior = PriorSize | Mapping[str, PriorSize] | PriorStudy
"""Earlier size of the only lesion, of lesions by name, or outlines on an earlier study."""


@dataclass(frozen=True)
class LiverNodes:
    """What the panel asks for. ``lesion_segments`` None: every segment that ``hcc_lesions.lesion_segments`` takes
    for one.
    """

    arterial: Node
    portal: Node
    delayed: Node
    segmentation: Node
    liver_segment: str | None = None
    lesion_segments: Sequence[str] | None = None
    non_contrast: Node = None
    prior: Prior | None = None

    @property
    def volumes(self) -> dict[str, Node]:
        given = {"arterial": self.arterial, "portal": self.portal, "delayed": self.delayed, PLAIN: self.non_contrast}
        return {role: node for role, node in given.items() if node is not None}


def check_volumes(nodes: LiverNodes) -> None:
    """The two phases that are needed are there, and no volume stands for two phases."""
    for role, node in nodes.volumes.items():
        require_node(node, _VOLUME, f"{role} volume")
    if len({node.GetID() for node in nodes.volumes.values()}) < len(nodes.volumes):
        raise InvalidInputError("one volume was given as two phases", remedy="choose a volume of its own for each")
    for role in ("arterial", "portal"):
        if role not in nodes.volumes:
            raise MissingInputError(f"the {role} phase is missing", remedy=f"choose the {role} phase of this study")


def find_liver(nodes: LiverNodes) -> SegmentInfo:
    """The liver's segment: the one that was chosen, else the one that is called or coded so."""
    try:
        return find_segment(nodes.segmentation, nodes.liver_segment or "liver")
    except MissingInputError as missing:
        raise MissingInputError(
            f"the liver's outline is missing: {missing.problem}",
            where=missing.where,
            remedy="segment the liver on the portal phase and choose its segment",
        ) from missing


def find_chosen_lesions(nodes: LiverNodes) -> list[SegmentInfo]:
    """The segments that were named as lesions, each once."""
    chosen = [find_segment(nodes.segmentation, which) for which in nodes.lesion_segments or ()]
    if not chosen:
        raise MissingInputError("no lesion was chosen", remedy="choose at least one segment, or draw one")
    return list({each.id: each for each in chosen}.values())


def check_lesions(lesions: Sequence[SegmentInfo], segmentation: Node) -> None:
    """Findings go by the names of lesions: two may not have the same."""
    if len({each.name for each in lesions}) < len(lesions):
        raise InvalidInputError(
            "two lesions have the same name", where=describe(segmentation), remedy="give each segment its own name"
        )


def why_no_lesion(segment: SegmentInfo) -> str | None:
    """Why a segment is no lesion by its code or name alone; empty where it is one of the liver, None where only its
    place can tell.
    """
    structure = segment.structure
    if structure is None:
        return None
    if structure.kind is not Kind.LESION:
        return f"it is {structure.label.lower()}"
    if structure.name in _PARTS_OF_LESIONS:
        return "it is a part of a lesion"
    return "" if structure.name.startswith("liver") else None


def phases_by_finding(volumes: Sequence[Node]) -> dict[str, Node]:
    """Volumes by phase from what PhaseClassifier found on them."""
    nodes = {node.GetID(): node for node in volumes}
    found = assign_roles({describe(node): finding_of(node) for node in volumes})
    named = {describe(node): node_id for node_id, node in nodes.items()}
    return {role: nodes[named[name]] for role, name in found.series.items()}
