"""A rectal finding in the scene: tables, a plot along the body, the class-activation map, the region as a ROI, facts.

Writing again replaces what was written for the same volume. The ROI stays the same node and is moved: it may be the one
that a person corrected to ask again.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from abdominal_oncology.errors import GeometryMismatchError, InvalidInputError
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.rectal.box import Box
from abdominal_oncology.rectal.plane import acquisition_plane
from abdominal_oncology.rectal.words import OPERATING, QUESTION, region_box
from abdominal_oncology.scene.attributes import fact, remove_fact, set_fact
from abdominal_oncology.scene.grids import geometry_of_volume_node
from abdominal_oncology.scene.headless import boot
from abdominal_oncology.scene.hierarchy import place_beside
from abdominal_oncology.scene.nodes import Node, describe, require_node
from abdominal_oncology.scene.plots import plot_node_from_table
from abdominal_oncology.scene.rectal_roi import fill_roi_node
from abdominal_oncology.scene.rectal_rows import headline, slices_table, summary_table
from abdominal_oncology.scene.rename import plain_name
from abdominal_oncology.scene.result_nodes import (
    TABLES_AND_CHARTS,
    all_or_nothing,
    mark_result,
    remove_results,
    results_by_kind,
    results_of_volume,
)
from abdominal_oncology.scene.steps import to_its_end
from abdominal_oncology.scene.tables import Table, table_node_from_rows
from abdominal_oncology.scene.volumes import source_node_of, volume_node_from_image

_VOLUME, _ROI = "vtkMRMLScalarVolumeNode", "vtkMRMLMarkupsROINode"
_CLASSES = (*TABLES_AND_CHARTS, _VOLUME, _ROI)
_KIND = "RectalResult"  # fact of a result node: which of the results it is
_SUMMARY, _SLICES, _CHART, _OVERLAY, _REGION = "summary", "slices", "chart", "overlay", "region"
_FINDING = "StageFinding"
_FACTS = (
    "Stage",
    "StageProbabilityT3",
    "StageOperatingPoint",
    "StageThreshold",
    "StageReason",
    "StageBundle",
    "StageBundleVersion",
    _FINDING,
)
_COLOURS = ("vtkMRMLColorTableNodeFileDivergingBlueRed.txt", "vtkMRMLColorTableNodefMRI")
"""For T3 and against it in two colours; the first is Slicer's own file, which is not everywhere."""


@dataclass(frozen=True)
class RectalResults:
    """The nodes of a volume's finding; ``slices``, ``chart`` and ``overlay`` are None where no network answered."""

    summary: Node | None = None
    slices: Node | None = None
    chart: Node | None = None
    overlay: Node | None = None
    region: Node | None = None


def write_stage(finding: Finding, volume: Node, overlay: Image | None = None) -> RectalResults:
    """Write the finding of a volume, and ``overlay`` (the class-activation map on the volume's grid) beside it.

    Everything is checked first: either all is written or nothing.
    """
    return to_its_end(writing_stage(finding, volume, overlay))


def writing_stage(finding: Finding, volume: Node, overlay: Image | None = None) -> Generator[None, None, RectalResults]:
    """The same piece by piece, for a window that wants to breathe; whoever stops half-way has written nothing."""
    box = _check(finding, volume, overlay)
    name = plain_name(volume)
    earlier = results_of_volume(_KIND, volume, _CLASSES)
    region = next((node for node in earlier if node.IsA(_ROI)), None)
    with all_or_nothing() as made:
        summary = _write_table(summary_table(finding), f"{name} rectal stage", _SUMMARY, volume, made)
        yield
        slices, chart = _write_slices(finding, name, volume, made)
        yield
        shown = _write_overlay(overlay, f"{name} T3 activation", volume, made) if overlay is not None else None
        yield
        if region is None or region.GetScene() is None:
            region = _new_region(volume)
            made.append(region)
    fill_roi_node(region, box)
    remove_results([node for node in earlier if node is not region])
    _write_facts(finding, volume)
    return RectalResults(summary, slices, chart, shown, region)


def put_region(volume: Node, box: Box) -> Node:
    """The ROI of a volume's rectal region on a box; it stays the same node until the results are removed."""
    require_node(volume, _VOLUME, "volume")
    region = results_by_kind(_KIND, volume, (_ROI,)).get(_REGION) or _new_region(volume)
    fill_roi_node(region, box)
    return region


def is_region_of_another(region: Node, volume: Node) -> bool:
    """Whether a ROI was put for the rectum of another volume than this."""
    return fact(region, _KIND) == _REGION and source_node_of(region) is not volume


def stage_of(volume: Node) -> Finding | None:
    """The finding written to a volume, without its tables of slices and views; None where there is none."""
    values = fact(volume, _FINDING)
    return None if values is None else Finding.from_dict(values)


def stage_results(volume: Node) -> RectalResults:
    """The result nodes of a volume that are still in the scene."""
    require_node(volume, _VOLUME, "volume")
    found = results_by_kind(_KIND, volume, _CLASSES)
    return RectalResults(*(found.get(kind) for kind in (_SUMMARY, _SLICES, _CHART, _OVERLAY, _REGION)))


def remove_stage(volume: Node) -> None:
    """Take the finding and its nodes away from a volume, as if nobody had asked."""
    require_node(volume, _VOLUME, "volume")
    remove_results(results_of_volume(_KIND, volume, _CLASSES))
    for name in _FACTS:
        remove_fact(volume, name)


def _check(finding: Finding, volume: Node, overlay: Image | None) -> Box:
    require_node(volume, _VOLUME, "volume")
    if finding.question != QUESTION:
        raise InvalidInputError(
            f"this finding answers the question {finding.question!r}, not {QUESTION}", where=describe(volume)
        )
    geometry = geometry_of_volume_node(volume)
    if overlay is not None and not overlay.geometry.same_grid(geometry):
        raise GeometryMismatchError(
            "the activation map lies on another grid than the volume",
            where=describe(volume),
            remedy="stage this volume again",
        )
    return region_box(finding, acquisition_plane(geometry, describe(volume)).geometry(geometry).directions)


def _new_region(volume: Node) -> Node:
    region = boot().AddNewNodeByClass(_ROI, f"{plain_name(volume)} rectal region")
    mark_result(region, _KIND, _REGION, volume)
    region.CreateDefaultDisplayNodes()
    place_beside(region, volume)
    return region


def _write_slices(finding: Finding, name: str, volume: Node, made: list[Node]) -> tuple[Node, Node] | tuple[None, None]:
    table = slices_table(finding)
    if table is None:
        return None, None
    slices = _write_table(table, f"{name} rectal slices", _SLICES, volume, made)
    chart = plot_node_from_table(
        slices,
        "z_mm",
        ("probability", "influence"),
        f"{name} rectal stage along the body",
        title=f"{name}: T3 by slice",
    )
    made.append(mark_result(chart, _KIND, _CHART, volume))
    chart.SetXAxisTitle("z towards the head [mm]")
    chart.SetYAxisTitle("probability of T3")
    return slices, chart


def _write_overlay(overlay: Image, name: str, volume: Node, made: list[Node]) -> Node:
    node = volume_node_from_image(overlay, name, beside=volume, window_level=(2.0, 0.0))
    made.append(mark_result(node, _KIND, _OVERLAY, volume))
    colours = next((each for each in _COLOURS if boot().GetNodeByID(each) is not None), None)
    if colours is not None:
        node.GetDisplayNode().SetAndObserveColorNodeID(colours)
    return node


def _write_table(table: Table, name: str, kind: str, volume: Node, made: list[Node]) -> Node:
    node = table_node_from_rows(table.rows, name, units=table.units, descriptions=table.descriptions, beside=volume)
    made.append(mark_result(node, _KIND, kind, volume))
    return node


def _write_facts(finding: Finding, volume: Node) -> None:
    (point,) = finding.tables.get(OPERATING) or ({},)
    values: Mapping[str, Any] = {
        "Stage": finding.decision,
        "StageProbabilityT3": finding.probabilities.get("T3"),
        "StageOperatingPoint": point.get("name"),
        "StageThreshold": point.get("threshold"),
        "StageReason": finding.reason,
        "StageBundle": finding.provenance.bundle,
        "StageBundleVersion": finding.provenance.bundle_version,
        _FINDING: headline(finding).to_dict(),
    }
    for name in _FACTS:
        set_fact(volume, name, values[name])
