"""Phase findings in the scene: one summary table, votes along the body, HU of regions, facts on each volume.

Writing again replaces what was written before for the same volumes and leaves that of others alone.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.scene.attributes import fact, remove_fact, set_fact
from abdominal_oncology.scene.nodes import Node, describe, require_node
from abdominal_oncology.scene.phase_fact import FINDING, finding_of
from abdominal_oncology.scene.phase_rows import (
    classes_of,
    headline,
    regions_table,
    seconds_of,
    summary_table,
    votes_table,
)
from abdominal_oncology.scene.plots import plot_node_from_table
from abdominal_oncology.scene.rename import add_to_name, plain_name, undo_rename
from abdominal_oncology.scene.result_nodes import (
    all_or_nothing,
    mark_result,
    marked_results,
    remove_results,
    results_by_kind,
    results_of_volume,
)
from abdominal_oncology.scene.steps import to_its_end
from abdominal_oncology.scene.tables import Table, table_node_from_rows

SUMMARY_NAME = "Contrast phases"

_KIND = "PhaseResult"  # fact of a result node: which of the results it is
_MEMBER = "AbdominalOncology.PhaseVolume"  # references of the summary table, one per row
_ROWS = "PhaseRows"  # fact of the summary table: the volumes' identifiers, in the order of its rows
_FACTS = ("Phase", "PhaseProbability", "PhaseSeconds", "PhaseReason", "PhaseBundle", "PhaseBundleVersion", FINDING)


@dataclass(frozen=True)
class VolumeResults:
    """The nodes of one volume's finding; None where it has no such evidence."""

    votes: Node | None = None
    chart: Node | None = None
    regions: Node | None = None


@dataclass(frozen=True)
class PhaseResults:
    """The summary table (all volumes of the scene that have a finding), and the nodes of each volume written now."""

    summary: Node
    details: tuple[VolumeResults, ...]


def write_findings(findings: Sequence[Finding], volumes: Sequence[Node], *, rename: bool = False) -> PhaseResults:
    """Write each finding to its volume. Everything is checked first: either all is written or nothing.

    ``rename`` adds the phase to the volume's name (``scan [venous]``); without it such a name is taken back, as it
    would tell of an older finding. The finding itself stays on the volume: :func:`finding_of`.
    """
    return to_its_end(writing_findings(findings, volumes, rename=rename))


def writing_findings(
    findings: Sequence[Finding], volumes: Sequence[Node], *, rename: bool = False
) -> Generator[None, None, PhaseResults]:
    """The same volume by volume, for a window that wants to breathe; whoever stops half-way has written nothing."""
    _check(findings, volumes)
    earlier = [node for volume in volumes for node in results_of_volume(_KIND, volume)]
    old_summaries = _summaries()
    with all_or_nothing() as made:
        details = []
        for finding, volume in zip(findings, volumes, strict=True):
            details.append(_write_details(finding, volume, made))
            yield
        fresh = dict(zip([node.GetID() for node in volumes], findings, strict=True))
        members = [*(each for each in _members(old_summaries) if each.GetID() not in fresh), *volumes]
        known = {node.GetID(): fresh.get(node.GetID()) or finding_of(node) for node in members}
        summary = _write_summary([(node, known[node.GetID()]) for node in members], volumes[0], made)
        yield
    remove_results([*earlier, *old_summaries])
    for finding, volume in zip(findings, volumes, strict=True):
        _write_facts(finding, volume)
        if rename and finding.decision is not None:
            add_to_name(volume, finding.decision)
        else:
            undo_rename(volume)
    return PhaseResults(summary, tuple(details))


def results_of(volume: Node) -> VolumeResults:
    """The result nodes of a volume that are still in the scene."""
    require_node(volume, "vtkMRMLScalarVolumeNode", "volume")
    found = results_by_kind(_KIND, volume)
    return VolumeResults(found.get("votes"), found.get("chart"), found.get("regions"))


def summary_node() -> Node | None:
    """The summary table of the scene, if there is one."""
    return next(iter(_summaries()), None)


def summary_volumes(summary: Node) -> tuple[Node | None, ...]:
    """The volume of each row of the summary table, in their order; None where it has been deleted since."""
    count = summary.GetNumberOfNodeReferences(_MEMBER)
    nodes = [summary.GetNthNodeReference(_MEMBER, n) for n in range(count)]
    if count == summary.GetNumberOfRows():
        return tuple(nodes)
    left = {node.GetID(): node for node in nodes if node is not None}  # a deleted node takes its reference along
    return tuple(left.get(identifier) for identifier in fact(summary, _ROWS, []))


def remove_findings(volumes: Sequence[Node]) -> None:
    """Take findings, their nodes and names of ours away from volumes, as if nobody had asked."""
    for volume in volumes:
        require_node(volume, "vtkMRMLScalarVolumeNode", "volume")
    gone = {volume.GetID() for volume in volumes}
    summaries = _summaries()
    left = [(node, finding_of(node)) for node in _members(summaries) if node.GetID() not in gone]
    remove_results([*(node for volume in volumes for node in results_of_volume(_KIND, volume)), *summaries])
    if left:
        _write_summary(left, left[0][0], [])
    for volume in volumes:
        undo_rename(volume)
        for name in _FACTS:
            remove_fact(volume, name)


def _check(findings: Sequence[Finding], volumes: Sequence[Node]) -> None:
    if len(findings) != len(volumes) or not volumes:
        raise InvalidInputError(
            f"{len(findings)} findings for {len(volumes)} volumes", remedy="give one finding for each volume"
        )
    for finding, volume in zip(findings, volumes, strict=True):
        require_node(volume, "vtkMRMLScalarVolumeNode", "volume")
        if finding.question != "phase":
            raise InvalidInputError(
                f"this finding answers the question {finding.question!r}, not phase", where=describe(volume)
            )
    if len({volume.GetID() for volume in volumes}) < len(volumes):
        raise InvalidInputError("one volume was given twice", remedy="give each volume once")


def _write_details(finding: Finding, volume: Node, made: list[Node]) -> VolumeResults:
    name = plain_name(volume)
    votes = regions = chart = None
    table = votes_table(finding)
    if table is not None:
        votes = _write_table(table, f"{name} phase votes", "votes", volume, made)
        x = "z_mm" if "z_mm" in table.columns else "slice"
        chart = plot_node_from_table(
            votes, x, classes_of(table.rows), f"{name} phase along the body", title=f"{name}: phase by slice"
        )
        made.append(mark_result(chart, _KIND, "chart", volume))
        chart.SetXAxisTitle("z towards the head [mm]" if x == "z_mm" else "slice")
        chart.SetYAxisTitle("probability")
    table = regions_table(finding)
    if table is not None:
        regions = _write_table(table, f"{name} phase regions", "regions", volume, made)
    return VolumeResults(votes, chart, regions)


def _write_summary(members: Sequence[tuple[Node, Finding | None]], beside: Node, made: list[Node]) -> Node:
    names = _told_apart([node for node, _ in members])
    known = {names[node.GetID()]: finding for node, finding in members if finding is not None}
    summary = _write_table(summary_table(known), SUMMARY_NAME, "summary", beside, made)
    rows = [node.GetID() for node, finding in members if finding is not None]
    for identifier in rows:
        summary.AddNodeReferenceID(_MEMBER, identifier)
    set_fact(summary, _ROWS, rows)
    return summary


def _write_table(table: Table, name: str, kind: str, volume: Node, made: list[Node]) -> Node:
    node = table_node_from_rows(table.rows, name, units=table.units, descriptions=table.descriptions, beside=volume)
    made.append(mark_result(node, _KIND, kind, volume if kind != "summary" else None))
    return node


def _write_facts(finding: Finding, volume: Node) -> None:
    values: Mapping[str, Any] = {
        "Phase": finding.decision,
        "PhaseProbability": finding.probability,
        "PhaseSeconds": seconds_of(finding),
        "PhaseReason": finding.reason,
        "PhaseBundle": finding.provenance.bundle,
        "PhaseBundleVersion": finding.provenance.bundle_version,
        FINDING: headline(finding).to_dict(),
    }
    for name in _FACTS:
        set_fact(volume, name, values[name])


def _told_apart(nodes: Sequence[Node]) -> dict[str, str]:
    """A name for the row of each node (by ID); nodes of one name get numbers."""
    names: dict[str, str] = {}
    for node in nodes:
        plain, count = plain_name(node), 1
        name = plain
        while name in names.values():
            count += 1
            name = f"{plain} ({count})"
        names[node.GetID()] = name
    return names


def _summaries() -> list[Node]:
    return [node for node in marked_results(_KIND) if fact(node, _KIND) == "summary"]


def _members(summaries: Sequence[Node]) -> list[Node]:
    """The volumes of summary tables that are still there and still have their finding, each once."""
    found: dict[str, Node] = {}
    for summary in summaries:
        for n in range(summary.GetNumberOfNodeReferences(_MEMBER)):
            node = summary.GetNthNodeReference(_MEMBER, n)
            if node is not None and finding_of(node) is not None:
                found.setdefault(node.GetID(), node)
    return list(found.values())
