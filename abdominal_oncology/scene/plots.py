"""Plots of a table node's columns: one chart node, one series node per line or cloud of points."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import slicer

from abdominal_oncology.column_titles import title_of, unit_in_words
from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.scene.headless import boot
from abdominal_oncology.scene.hierarchy import item_of, place_beside
from abdominal_oncology.scene.nodes import Node, describe, require_node

_COLOURS = ((31, 119, 180), (214, 39, 40), (44, 160, 44), (148, 103, 189), (255, 127, 14), (23, 190, 207))


class PlotKind(StrEnum):
    """How the points are drawn."""

    LINE = "line"
    SCATTER = "scatter"
    BAR = "bar"


def plot_node_from_table(
    table: Node,
    x: str,
    ys: Sequence[str],
    name: str,
    *,
    kind: PlotKind | str = PlotKind.LINE,
    labels: str = "",
    title: str = "",
) -> Node:
    """A chart of the columns ``ys`` over the column ``x``; axis titles carry the units of the table.

    ``labels`` names a text column whose values are written at the points (a bar plot's categories). The chart stands
    beside the table in the subject hierarchy and is saved with the scene.
    """
    require_node(table, "vtkMRMLTableNode", "table")
    kind = PlotKind(kind)
    if not ys:
        raise InvalidInputError("a plot needs at least one column to draw", where=describe(table))
    for column in (x, *ys, *([labels] if labels else [])):
        if table.GetColumnIndex(column) < 0:
            raise InvalidInputError(f"the table has no column {column!r}", where=describe(table))
    chart = boot().AddNewNodeByClass("vtkMRMLPlotChartNode", name)
    chart.SetTitle(title or name)
    chart.SetXAxisTitle(_axis_title(table, x))
    chart.SetYAxisTitle(_axis_title(table, ys[0]) if len(ys) == 1 else _unit(table, ys[0]))
    for index, y in enumerate(ys):
        chart.AddAndObservePlotSeriesNodeID(_series(table, x, y, kind, labels, index).GetID())
    item_of(table)
    place_beside(chart, table)
    return chart


def series_of_plot(chart: Node) -> tuple[Node, ...]:
    """The series nodes of a chart, in order."""
    require_node(chart, "vtkMRMLPlotChartNode", "plot")
    return tuple(chart.GetNthPlotSeriesNode(index) for index in range(chart.GetNumberOfPlotSeriesNodes()))


def _series(table: Node, x: str, y: str, kind: PlotKind, labels: str, index: int) -> Any:
    series = boot().AddNewNodeByClass("vtkMRMLPlotSeriesNode", y)
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName(x)
    series.SetYColumnName(y)
    if labels:
        series.SetLabelColumnName(labels)
    node_class = slicer.vtkMRMLPlotSeriesNode
    types = {
        PlotKind.LINE: node_class.PlotTypeScatter,  # Slicer's "scatter" with a line keeps the x values; "line" has none
        PlotKind.SCATTER: node_class.PlotTypeScatter,
        PlotKind.BAR: node_class.PlotTypeBar,
    }
    series.SetPlotType(types[kind])
    series.SetLineStyle(node_class.LineStyleSolid if kind is PlotKind.LINE else node_class.LineStyleNone)
    series.SetMarkerStyle(node_class.MarkerStyleCircle)
    series.SetColor(*(part / 255 for part in _COLOURS[index % len(_COLOURS)]))
    return series


def _unit(table: Node, column: str) -> str:
    return unit_in_words(str(table.GetColumnUnitLabel(column) or ""))


def _axis_title(table: Node, column: str) -> str:
    return title_of(column, str(table.GetColumnUnitLabel(column) or ""))
