"""Sections that a click folds: ``ctkCollapsibleButton``, ``ctkCollapsibleGroupBox``, ``ctkExpandButton``."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from slicer_desktop.behaviour import Behaviour


class _Header(QtWidgets.QAbstractButton):
    """A button as tall as its contents; the header line is drawn over the top margin."""

    behaviour: Any = None

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setChecked(True)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Minimum, QtWidgets.QSizePolicy.Policy.Preferred)
        self.setContentsMargins(0, self.header_height(), 0, 0)

    def header_height(self) -> int:
        return self.fontMetrics().height() + 8

    def sizeHint(self) -> QtCore.QSize:
        text = self.fontMetrics().horizontalAdvance(self.text()) + 40
        layout = self.layout()
        if layout is None or not self.isChecked():
            return QtCore.QSize(text, self.header_height())
        inner = layout.totalSizeHint()
        return QtCore.QSize(max(text, inner.width()), inner.height())

    def minimumSizeHint(self) -> QtCore.QSize:
        layout = self.layout()
        if layout is None or not self.isChecked():
            return QtCore.QSize(40, self.header_height())
        return layout.totalMinimumSize().expandedTo(QtCore.QSize(40, self.header_height()))

    def hitButton(self, where: QtCore.QPoint) -> bool:
        return where.y() < self.header_height()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtWidgets.QStylePainter(self)
        option = QtWidgets.QStyleOptionButton()
        option.initFrom(self)
        option.rect.setHeight(self.header_height())
        painter.drawControl(QtWidgets.QStyle.ControlElement.CE_PushButtonBevel, option)
        arrow = QtWidgets.QStyle.PrimitiveElement
        option.rect = QtCore.QRect(6, self.header_height() // 2 - 5, 10, 10)
        painter.drawPrimitive(arrow.PE_IndicatorArrowDown if self.isChecked() else arrow.PE_IndicatorArrowRight, option)
        place = QtCore.QRect(22, 0, self.width() - 26, self.header_height())
        flags = QtCore.Qt.AlignmentFlag.AlignVCenter | QtCore.Qt.AlignmentFlag.AlignLeft
        role = QtGui.QPalette.ColorRole.ButtonText
        self.style().drawItemText(painter, place, int(flags), self.palette(), self.isEnabled(), self.text(), role)

    def showEvent(self, event: QtGui.QShowEvent) -> None:
        super().showEvent(event)
        if self.behaviour is not None and not self.isChecked():
            self.behaviour.hide_contents()


class CollapsibleButton(Behaviour):
    """The contents are seen while the button is checked."""

    qt_class = _Header
    defaults = MappingProxyType({"collapsedHeight": 10, "flat": False})

    def build_up(self) -> None:
        self._hidden: list[QtWidgets.QWidget] = []
        self.target.toggled.connect(lambda checked: self.setCollapsed(not checked))

    def setCollapsed(self, collapsed: bool) -> None:
        if self.held_value("collapsed") == collapsed:
            return
        self.target.blockSignals(True)
        self.target.setChecked(not collapsed)
        self.target.blockSignals(False)
        self.hold_value("collapsed", collapsed)
        if collapsed:
            self.hide_contents()
        else:
            for each in self._hidden:
                each.show()
            self._hidden = []
        self.target.updateGeometry()

    def hide_contents(self) -> None:
        """Also what was added while the section was folded; what is hidden by itself stays so."""
        seen = [each for each in self._contents() if not each.isHidden()]
        for each in seen:
            each.hide()
        self._hidden += seen

    def _contents(self) -> list[QtWidgets.QWidget]:
        return [each for each in self.target.children() if isinstance(each, QtWidgets.QWidget)]


class CollapsibleGroupBox(CollapsibleButton):
    """A group box whose title folds it."""

    qt_class = None

    def build_up(self) -> None:
        self.target.setCheckable(True)
        super().build_up()


class ExpandButton(Behaviour):
    defaults = MappingProxyType({"mirrorOnExpand": False})

    def build_up(self) -> None:
        self.target.setCheckable(True)
        self.target.setArrowType(QtCore.Qt.ArrowType.RightArrow)
