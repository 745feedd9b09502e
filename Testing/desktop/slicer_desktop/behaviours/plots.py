"""``qMRMLPlotView``: the series of a plot chart node, drawn simply."""

from __future__ import annotations

from typing import Any

import vtk
from PySide6 import QtCore, QtGui, QtWidgets

from slicer_desktop.behaviours.scene_widget import SceneWidget

_MARGIN = (52, 24, 12, 34)  # left, top, right, bottom: room for numbers and titles


class _Canvas(QtWidgets.QWidget):
    behaviour: Any = None

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(320, 200)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), self.palette().base())
        chart = self.behaviour.chart() if self.behaviour is not None else None
        if chart is not None:
            _draw(painter, self.rect(), self.palette(), chart)


class PlotView(SceneWidget):
    """The chart of a plot view node; drawn again when the chart, a series or its table changes."""

    qt_class = _Canvas
    _view_node: Any = None

    def setMRMLPlotViewNode(self, node: Any) -> None:
        self.observing.forget()
        self._view_node = node
        if node is not None:
            self.observing.watch(node, vtk.vtkCommand.ModifiedEvent, lambda _: self._follow_chart())
        self._follow_chart()

    def mrmlPlotViewNode(self) -> Any:
        return self._view_node

    def chart(self) -> Any:
        return self._view_node.GetPlotChartNode() if self._view_node is not None else None

    def _follow_chart(self) -> None:
        chart = self.chart()
        if chart is not None:
            self.observing.forget(chart)
            self.observing.watch(chart, vtk.vtkCommand.ModifiedEvent, lambda _: self.target.update())
        self.target.update()


class PlotWidget(SceneWidget):
    """A plot view with its controller."""

    def build_up(self) -> None:
        super().build_up()
        self._canvas = _Canvas(self.target)
        self._canvas.behaviour = PlotView("qMRMLPlotView", self._canvas)
        layout = QtWidgets.QVBoxLayout(self.target)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._canvas)

    def setMRMLPlotViewNode(self, node: Any) -> None:
        self._canvas.behaviour.setMRMLPlotViewNode(node)

    setMRMLAbstractViewNode = setMRMLPlotViewNode

    def mrmlPlotViewNode(self) -> Any:
        return self._canvas.behaviour.mrmlPlotViewNode()

    mrmlAbstractViewNode = mrmlPlotViewNode

    def plotView(self) -> Any:
        return self._canvas

    viewWidget = plotView

    def refresh(self) -> None:
        self._canvas.behaviour.setMRMLScene(self._scene)


def points_of(series: Any) -> list[tuple[float, float]]:
    """What a series draws; without a column for x the row number."""
    table = series.GetTableNode()
    if table is None:
        return []
    column = table.GetTable().GetColumnByName(series.GetYColumnName() or "")
    if column is None or not column.IsNumeric():
        return []
    across = table.GetTable().GetColumnByName(series.GetXColumnName() or "")
    rows = range(column.GetNumberOfTuples())
    return [(float(across.GetTuple1(row)) if across is not None else float(row), column.GetTuple1(row)) for row in rows]


def _draw(painter: QtGui.QPainter, where: QtCore.QRect, palette: QtGui.QPalette, chart: Any) -> None:
    left, top, right, bottom = _MARGIN
    area = where.adjusted(left, top, -right, -bottom)
    series = [chart.GetNthPlotSeriesNode(index) for index in range(chart.GetNumberOfPlotSeriesNodes())]
    drawn = [(each, points_of(each)) for each in series if each is not None]
    every = [point for _, points in drawn for point in points]
    painter.setPen(palette.color(QtGui.QPalette.ColorRole.Text))
    painter.drawText(where.adjusted(0, 2, 0, 0), _align("HCenter", "Top"), chart.GetTitle() or "")
    painter.drawText(where.adjusted(0, 0, 0, -2), _align("HCenter", "Bottom"), chart.GetXAxisTitle() or "")
    painter.drawRect(area)
    if not every:
        return
    low_x, high_x = min(x for x, _ in every), max(x for x, _ in every)
    low_y, high_y = min(y for _, y in every), max(y for _, y in every)
    high_x, high_y = high_x if high_x > low_x else low_x + 1, high_y if high_y > low_y else low_y + 1
    for value, height in ((high_y, area.top()), (low_y, area.bottom() - 12)):
        painter.drawText(QtCore.QRect(0, height, left - 4, 14), _align("Right", "VCenter"), f"{value:.3g}")
    for value, aside in ((low_x, area.left()), (high_x, area.right() - 40)):
        painter.drawText(QtCore.QRect(aside, area.bottom() + 2, 40, 14), _align("Left", "Top"), f"{value:.3g}")
    for each, points in drawn:
        colour = QtGui.QColor.fromRgbF(*each.GetColor())
        painter.setPen(QtGui.QPen(colour, 2))
        at = [
            QtCore.QPointF(
                area.left() + (x - low_x) / (high_x - low_x) * area.width(),
                area.bottom() - (y - low_y) / (high_y - low_y) * area.height(),
            )
            for x, y in points
        ]
        if each.GetPlotType() in (each.PlotTypeLine, each.PlotTypeScatter):
            painter.drawPolyline(at)
        painter.setBrush(colour)
        for point in at if each.GetPlotType() != each.PlotTypeLine else ():
            painter.drawEllipse(point, 2.5, 2.5)


def _align(*names: str) -> QtCore.Qt.AlignmentFlag:
    found = QtCore.Qt.AlignmentFlag(0)
    for name in names:
        found |= QtCore.Qt.AlignmentFlag[f"Align{name}"]
    return found
