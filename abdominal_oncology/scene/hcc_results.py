"""Findings of liver lesions in the scene: a row per lesion, a row per feature, shells looked at for capsules, maps.

Results refer to the segmentation whose lesions they are of; writing again replaces what was written for it before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from abdominal_oncology.errors import InvalidInputError, SceneError
from abdominal_oncology.hcc.finding_lirads import lirads_of
from abdominal_oncology.hcc.finding_parts import QUESTION
from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.scene.attributes import fact, set_fact
from abdominal_oncology.scene.hcc_rows import features_table, summary_table
from abdominal_oncology.scene.nodes import Node, describe, require_node
from abdominal_oncology.scene.result_nodes import (
    all_or_nothing,
    mark_result,
    remove_results,
    results_by_kind,
    results_of_volume,
)
from abdominal_oncology.scene.segmentations import segmentation_node_from_masks
from abdominal_oncology.scene.tables import Table, fill_table_node, table_node_from_rows
from abdominal_oncology.scene.volumes import volume_node_from_image

SUMMARY_NAME, FEATURES_NAME, SHELLS_NAME = "Liver lesions", "LI-RADS features", "Lesion shells"

_KIND = "LesionResult"  # fact of a result node: which of the results it is
_FINDINGS = "LesionFindings"
_LESION = "Lesion"  # fact of a map: whose
_CLASSES = ("vtkMRMLTableNode", "vtkMRMLSegmentationNode", "vtkMRMLScalarVolumeNode")
_MAPS = ("enhancement", "washout")
_SHELL = "shell"
_WINDOWS: Mapping[str, tuple[float, float]] = {"enhancement": (160.0, 20.0), "washout": (60.0, 30.0)}
_COLOURS: Mapping[str, str] = {"enhancement": "vtkMRMLColorTableNodeRed", "washout": "vtkMRMLColorTableNodeBlue"}
_SEEN_FROM_HU = 5.0


@dataclass(frozen=True)
class LesionResults:
    """The nodes that were written. ``maps`` by lesion, then by kind; ``shells`` None where no map was asked for."""

    summary: Node
    features: Node
    shells: Node | None = None
    maps: Mapping[str, Mapping[str, Node]] = field(default_factory=dict)


def write_findings(
    findings: Sequence[Finding],
    segmentation: Node,
    portal: Node,
    maps: Mapping[str, Mapping[str, Image]] | None = None,
) -> LesionResults:
    """Write the findings of a segmentation's lesions beside the portal volume. Everything is checked first: either all
    is written or nothing.

    ``maps`` by lesion, as :meth:`~abdominal_oncology.hcc.measure.LesionMeasurements.maps` gives them: enhancement and
    washout become volumes, shells segments. The findings stay with the summary: :func:`findings_of`.
    """
    _check(findings, segmentation, portal, maps or {})
    earlier = results_of_volume(_KIND, segmentation, _CLASSES)
    with all_or_nothing() as made:

        def keep(node: Node, kind: str) -> Node:
            made.append(node)
            return mark_result(node, _KIND, kind, segmentation)

        summary = keep(_table(summary_table(findings), SUMMARY_NAME, portal), "summary")
        set_fact(summary, _FINDINGS, [each.to_dict() for each in findings])
        features = keep(_table(features_table(findings), FEATURES_NAME, portal), "features")
        drawn, shells = _draw(maps or {}, portal, keep)
    remove_results(earlier)
    return LesionResults(summary, features, shells, drawn)


def rewrite_findings(findings: Sequence[Finding], segmentation: Node) -> LesionResults:
    """Other words on the same lesions (a reader's override) in the tables that are there; maps and shells stay."""
    known = results_by_kind(_KIND, segmentation, _CLASSES[:1])
    if not {"summary", "features"} <= known.keys():
        raise SceneError("the tables of its lesions are gone", where=describe(segmentation), remedy="analyze once more")
    for finding in findings:
        lirads_of(finding)
    fill_table_node(known["summary"], summary_table(findings))
    fill_table_node(known["features"], features_table(findings))
    set_fact(known["summary"], _FINDINGS, [each.to_dict() for each in findings])
    return LesionResults(known["summary"], known["features"])


def write_maps(maps: Mapping[str, Mapping[str, Image]], segmentation: Node, portal: Node) -> LesionResults:
    """Maps and shells of lesions whose findings are written, in place of those drawn before."""
    known = results_by_kind(_KIND, segmentation, _CLASSES[:1])
    if "summary" not in known:
        raise SceneError("no finding is written for its lesions", where=describe(segmentation), remedy="analyze first")
    _check_maps(findings_of(segmentation), maps, segmentation)
    tables = {known["summary"].GetID(), known["features"].GetID()}
    earlier = [each for each in results_of_volume(_KIND, segmentation, _CLASSES) if each.GetID() not in tables]
    with all_or_nothing() as made:

        def keep(node: Node, kind: str) -> Node:
            made.append(node)
            return mark_result(node, _KIND, kind, segmentation)

        drawn, shells = _draw(maps, portal, keep)
    remove_results(earlier)
    return LesionResults(known["summary"], known["features"], shells, drawn)


def results_of(segmentation: Node) -> LesionResults | None:
    """The tables written for a segmentation's lesions; None where nobody has asked. Maps are found by their lesions."""
    known = results_by_kind(_KIND, segmentation, _CLASSES[:1])
    if not {"summary", "features"} <= known.keys():
        return None
    shells = results_by_kind(_KIND, segmentation, _CLASSES[1:2]).get("shells")
    drawn: dict[str, dict[str, Node]] = {}
    for node in results_of_volume(_KIND, segmentation, _CLASSES[2:]):
        drawn.setdefault(str(fact(node, _LESION)), {})[str(fact(node, _KIND))] = node
    return LesionResults(known["summary"], known["features"], shells, drawn)


def findings_of(segmentation: Node) -> list[Finding]:
    """The findings written for a segmentation's lesions; none where nobody has asked."""
    require_node(segmentation, "vtkMRMLSegmentationNode", "segmentation")
    for node in results_of_volume(_KIND, segmentation, _CLASSES[:1]):
        if fact(node, _KIND) == "summary":
            return [Finding.from_dict(values) for values in fact(node, _FINDINGS, [])]
    return []


def is_result(node: Node) -> bool:
    """Whether a node is one of ours, and so no outline that somebody drew."""
    return fact(node, _KIND) is not None


def remove_findings(segmentation: Node) -> None:
    """Take what was written for a segmentation away, as if nobody had asked."""
    require_node(segmentation, "vtkMRMLSegmentationNode", "segmentation")
    remove_results(results_of_volume(_KIND, segmentation, _CLASSES))


def _check(
    findings: Sequence[Finding], segmentation: Node, portal: Node, maps: Mapping[str, Mapping[str, Image]]
) -> None:
    require_node(segmentation, "vtkMRMLSegmentationNode", "segmentation")
    require_node(portal, "vtkMRMLScalarVolumeNode", "portal volume")
    if not findings:
        raise InvalidInputError("there is no finding to write", remedy="analyze at least one lesion")
    for finding in findings:
        if finding.question != QUESTION:
            raise InvalidInputError(
                f"this finding answers the question {finding.question!r}, not {QUESTION}", where=describe(portal)
            )
        lirads_of(finding)  # a whole case's finding has lesions in its parts and no category of its own
    _check_maps(findings, maps, segmentation)


def _check_maps(findings: Sequence[Finding], maps: Mapping[str, Mapping[str, Image]], segmentation: Node) -> None:
    strangers = sorted(set(maps) - {each.subject for each in findings})
    if strangers:
        raise SceneError(f"there are maps but no finding of {', '.join(strangers)}", where=describe(segmentation))


def _draw(
    maps: Mapping[str, Mapping[str, Image]], portal: Node, keep: Callable[[Node, str], Node]
) -> tuple[dict[str, dict[str, Node]], Node | None]:
    """Volumes by lesion and kind, and one segmentation with all shells (None where there is none)."""
    drawn: dict[str, dict[str, Node]] = {}
    for lesion, images in maps.items():
        drawn[lesion] = {
            kind: keep(_map_node(images[kind], lesion, kind, portal), kind) for kind in _MAPS if kind in images
        }
    shells = {lesion: images[_SHELL] for lesion, images in maps.items() if _SHELL in images}
    return drawn, keep(_shells(shells, portal), "shells") if shells else None


def _table(table: Table, name: str, beside: Node) -> Node:
    return table_node_from_rows(table.rows, name, units=table.units, descriptions=table.descriptions, beside=beside)


def _map_node(image: Image, lesion: str, kind: str, portal: Node) -> Node:
    node = volume_node_from_image(image, f"{lesion} {kind}", beside=portal)
    display = node.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevel(*_WINDOWS[kind])
    display.SetAndObserveColorNodeID(_COLOURS[kind])
    display.SetApplyThreshold(True)  # laid over a phase, a map must not hide what it says nothing of
    display.SetLowerThreshold(_SEEN_FROM_HU)
    set_fact(node, _LESION, lesion)
    return node


def _shells(shells: Mapping[str, Image], portal: Node) -> Node:
    capsule = find("lesion_capsule")
    named = {f"{lesion} shell": mask for lesion, mask in shells.items()}
    return segmentation_node_from_masks(named, SHELLS_NAME, beside=portal, structures=dict.fromkeys(named, capsule))
