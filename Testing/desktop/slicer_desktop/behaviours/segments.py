"""Segments to choose from (``qMRMLSegmentSelectorWidget``) and to look at (``qMRMLSegmentsTableView``)."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import vtk
from PySide6 import QtCore, QtWidgets

from slicer_desktop.behaviours.node_combo_box import NodeComboBox
from slicer_desktop.behaviours.scene_widget import SceneWidget


class _OfSegmentation(SceneWidget):
    """Follows the segments of one node."""

    _node: Any = None

    def follow(self, node: Any) -> None:
        if self._node is not None:
            self.observing.forget(self._node)
        self._node = node
        if node is not None:
            kind = node.GetSegmentation()
            for event in (kind.SegmentAdded, kind.SegmentRemoved, kind.SegmentModified, kind.SegmentsOrderModified):
                self.observing.watch(node, event, lambda _: self.list_segments())
            self.observing.watch(node, vtk.vtkCommand.ModifiedEvent, lambda _: self.list_segments())
        self.list_segments()

    def list_segments(self) -> None:
        """The segments, or the node itself, have changed."""

    def segmentIDs(self) -> tuple[str, ...]:
        if self._node is None:
            return ()
        segmentation = self._node.GetSegmentation()
        return tuple(segmentation.GetNthSegmentID(index) for index in range(segmentation.GetNumberOfSegments()))


class SegmentSelector(_OfSegmentation):
    """A segmentation and one of its segments; with ``multiSelection`` several."""

    defaults = MappingProxyType({"segmentationNodeSelectorVisible": True, "selectNodeUponCreation": True})

    def build_up(self) -> None:
        super().build_up()
        self._chosen: tuple[str, ...] = ()
        holder = QtWidgets.QWidget(self.target)
        self._nodes = NodeComboBox("qMRMLNodeComboBox", holder)
        self._nodes.setNodeTypes(("vtkMRMLSegmentationNode",))
        self._nodes.connect_slot("currentNodeChanged(vtkMRMLNode*)", self._node_chosen)
        self._box = QtWidgets.QComboBox(self.target)
        self._list = QtWidgets.QListWidget(self.target)
        self._list.hide()
        layout = QtWidgets.QVBoxLayout(self.target)
        layout.setContentsMargins(0, 0, 0, 0)
        for each in (holder, self._box, self._list):
            layout.addWidget(each)
        self._holder = holder
        self._box.activated.connect(lambda _: self.setCurrentSegmentID(self._box.currentData() or ""))
        self._list.itemChanged.connect(lambda _: self._ticked())

    def refresh(self) -> None:
        self._nodes.setMRMLScene(self._scene)

    def _node_chosen(self, node: Any) -> None:
        self.follow(node)
        self.emit_signal("currentNodeChanged(vtkMRMLNode*)", node)
        self.emit_signal("currentNodeChanged(bool)", node is not None)

    def list_segments(self) -> None:
        names = self.segmentIDs()
        segmentation = self._node.GetSegmentation() if self._node is not None else None
        self._box.clear()
        self._list.blockSignals(True)
        self._list.clear()
        if self.held_value("noneEnabled"):
            self._box.addItem("None", "")
        for each in names:
            label = segmentation.GetSegment(each).GetName()
            self._box.addItem(label, each)
            item = QtWidgets.QListWidgetItem(label, self._list)
            item.setData(QtCore.Qt.ItemDataRole.UserRole, each)
            ticked = QtCore.Qt.CheckState.Checked if each in self._chosen else QtCore.Qt.CheckState.Unchecked
            item.setCheckState(ticked)
        self._list.blockSignals(False)
        kept = tuple(each for each in self._chosen if each in names)
        if not kept and names and not self.held_value("noneEnabled") and not self.held_value("multiSelection"):
            kept = names[:1]
        self._choose(kept)

    def _ticked(self) -> None:
        items = (self._list.item(row) for row in range(self._list.count()))
        ticked = (each for each in items if each.checkState() == QtCore.Qt.CheckState.Checked)
        self._choose(tuple(each.data(QtCore.Qt.ItemDataRole.UserRole) for each in ticked))

    def _choose(self, names: tuple[str, ...]) -> None:
        changed, self._chosen = names != self._chosen, names
        self._box.setCurrentIndex(self._box.findData(names[0] if names else ""))
        if not changed:
            return
        if self.held_value("multiSelection"):
            self.tell_signal("segmentSelectionChanged", names)
        else:
            self.tell_signal("currentSegmentChanged", names[0] if names else "")

    # what the class offers

    def currentNode(self) -> Any:
        return self._node

    def currentNodeID(self) -> str:
        return self._nodes.currentNodeID()

    def setCurrentNode(self, node: Any) -> None:
        self._nodes.setCurrentNode(node)

    def setCurrentNodeID(self, identifier: str) -> None:
        self._nodes.setCurrentNodeID(identifier)

    def currentSegmentID(self) -> str:
        return self._chosen[0] if self._chosen else ""

    def setCurrentSegmentID(self, name: str) -> None:
        self._choose((name,) if name in self.segmentIDs() else ())

    def selectedSegmentIDs(self) -> tuple[str, ...]:
        return self._chosen

    def setSelectedSegmentIDs(self, names: tuple[str, ...]) -> None:
        self._chosen, before = tuple(each for each in names if each in self.segmentIDs()), self._chosen
        chosen, self._chosen = self._chosen, before
        self._choose(chosen)
        self.list_segments()

    def setMultiSelection(self, several: bool) -> None:
        self.hold_value("multiSelection", several)
        self._box.setVisible(not several)
        self._list.setVisible(several)
        self.list_segments()

    def setNoneEnabled(self, enabled: bool) -> None:
        self.hold_value("noneEnabled", enabled)
        self._nodes.setNoneEnabled(enabled)
        self.list_segments()

    def setSegmentationNodeSelectorVisible(self, visible: bool) -> None:
        self.hold_value("segmentationNodeSelectorVisible", visible)
        self._holder.setVisible(visible)


class SegmentsTable(_OfSegmentation):
    """Names of segments in a list; those selected in it."""

    def build_up(self) -> None:
        super().build_up()
        self._list = QtWidgets.QListWidget(self.target)
        self._list.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.ExtendedSelection)
        layout = QtWidgets.QVBoxLayout(self.target)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._list)

    def setSegmentationNode(self, node: Any) -> None:
        self.follow(node)

    def segmentationNode(self) -> Any:
        return self._node

    def list_segments(self) -> None:
        selected = self.selectedSegmentIDs()
        self._list.clear()
        for each in self.segmentIDs():
            item = QtWidgets.QListWidgetItem(self._node.GetSegmentation().GetSegment(each).GetName(), self._list)
            item.setData(QtCore.Qt.ItemDataRole.UserRole, each)
            item.setSelected(each in selected)

    def segmentCount(self) -> int:
        return len(self.segmentIDs())

    def selectedSegmentIDs(self) -> tuple[str, ...]:
        return tuple(each.data(QtCore.Qt.ItemDataRole.UserRole) for each in self._list.selectedItems())

    def setSelectedSegmentIDs(self, names: tuple[str, ...]) -> None:
        for row in range(self._list.count()):
            item = self._list.item(row)
            item.setSelected(item.data(QtCore.Qt.ItemDataRole.UserRole) in names)

    def clearSelection(self) -> None:
        self._list.clearSelection()
