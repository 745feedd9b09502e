"""The subject hierarchy as a tree and as a combo box: enough to choose a patient, a study or a series."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from slicer_desktop.behaviours.scene_widget import SceneWidget

_ITEM = QtCore.Qt.ItemDataRole.UserRole


class _Hierarchy(SceneWidget):
    """Items of the hierarchy, filtered by level, node class and name, in a Qt model."""

    defaults = MappingProxyType({"noneDisplay": "None", "contextMenuEnabled": True, "showEmptyHierarchyItems": True})
    _root = 0
    filling = False

    def build_up(self) -> None:
        super().build_up()
        self._model = QtGui.QStandardItemModel(self.target)
        self._current: tuple[int, ...] = ()

    def watch_scene(self, scene: Any) -> None:
        tree = self.subjectHierarchyNode()
        for event in (
            *(tree.SubjectHierarchyItemAddedEvent, tree.SubjectHierarchyItemRemovedEvent),
            *(tree.SubjectHierarchyItemModifiedEvent, tree.SubjectHierarchyItemReparentedEvent),
        ):
            self.observing.watch(tree, event, lambda _: self.refresh())
        self.observing.watch(scene, scene.EndCloseEvent, lambda _: self.refresh())

    def subjectHierarchyNode(self) -> Any:
        import slicer

        return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene) if self._scene else None

    def refresh(self) -> None:
        self.filling = True  # what Qt selects meanwhile is nobody's choice
        self._model.clear()
        tree = self.subjectHierarchyNode()
        if tree is not None:
            self._fill(tree, self.rootItem(), self._model.invisibleRootItem())
        self.show_items()
        self.filling = False
        known = set(self.items())
        self.choose(tuple(each for each in self._current if each in known))
        self.show_choice()

    def show_items(self) -> None:
        """The model was filled anew."""

    def _fill(self, tree: Any, item: int, parent: QtGui.QStandardItem) -> bool:
        """Children of ``item``; True if there are any. What leads to an item that fits is listed with it."""
        import vtk

        found = False
        identifiers = vtk.vtkIdList()
        tree.GetItemChildren(item, identifiers, False)
        for index in range(identifiers.GetNumberOfIds()):
            child = identifiers.GetId(index)
            row = QtGui.QStandardItem(tree.GetItemName(child))
            row.setData(child, _ITEM)
            row.setEditable(False)
            within = self._fill(tree, child, row)
            if within or self._fits(tree, child):
                parent.appendRow(row)
                found = True
        return found

    def _fits(self, tree: Any, item: int) -> bool:
        node = tree.GetItemDataNode(item)
        kinds, levels = self.held_value("nodeTypes"), self._levels()
        if node is not None and node.GetHideFromEditors():
            return False
        if kinds and not (node is not None and any(node.IsA(kind) for kind in kinds)):
            return False
        if levels and (tree.GetItemLevel(item) or "") not in levels:
            return False
        return self._named(tree.GetItemName(item))

    def _levels(self) -> tuple[str, ...]:
        return ()

    def _named(self, name: str) -> bool:
        return True

    def items(self) -> list[int]:
        found: list[int] = []

        def walk(parent: QtCore.QModelIndex) -> None:
            for row in range(self._model.rowCount(parent)):
                index = self._model.index(row, 0, parent)
                found.append(index.data(_ITEM))
                walk(index)

        walk(QtCore.QModelIndex())
        return found

    def choose(self, items: tuple[int, ...]) -> None:
        if items == self._current:
            return
        self._current = items
        self.show_choice()
        self.tell_signal("currentItemsChanged", items)
        self.tell_signal("currentItemChanged", self.currentItem())
        if self.class_name.endswith("TreeView"):
            self.tell_signal("currentNodeChanged", self.currentNode())

    def show_choice(self) -> None:
        """Another item was chosen from code."""

    def index_of(self, item: int) -> QtCore.QModelIndex:
        found = self._model.match(
            self._model.index(0, 0),
            _ITEM,
            item,
            1,
            QtCore.Qt.MatchFlag.MatchExactly | QtCore.Qt.MatchFlag.MatchRecursive,
        )
        return found[0] if found else QtCore.QModelIndex()

    # what the classes offer

    def rootItem(self) -> int:
        tree = self.subjectHierarchyNode()
        return self._root or (tree.GetSceneItemID() if tree is not None else 0)

    def setRootItem(self, item: int) -> None:
        self._root = item
        self.refresh()

    def currentItem(self) -> int:
        return self._current[0] if self._current else 0

    def setCurrentItem(self, item: int) -> None:
        self.choose((item,) if item in self.items() else ())

    def currentNode(self) -> Any:
        tree = self.subjectHierarchyNode()
        return tree.GetItemDataNode(self.currentItem()) if tree is not None and self._current else None

    def setCurrentNode(self, node: Any) -> None:
        tree = self.subjectHierarchyNode()
        self.setCurrentItem(tree.GetItemByDataNode(node) if node is not None and tree is not None else 0)

    def setNodeTypes(self, kinds: tuple[str, ...]) -> None:
        self.hold_value("nodeTypes", kinds)
        self.refresh()

    def clearSelection(self) -> None:
        self.choose(())


class HierarchyTree(_Hierarchy):
    def build_up(self) -> None:
        super().build_up()
        self.target.setModel(self._model)
        self.target.setHeaderHidden(True)
        self.target.selectionModel().selectionChanged.connect(lambda *_: self._selected())

    def _levels(self) -> tuple[str, ...]:
        return tuple(self.held_value("levelFilter"))

    def _named(self, name: str) -> bool:
        return str(self.held_value("nameFilter")).lower() in name.lower()

    def show_items(self) -> None:
        self.target.expandAll()

    def show_choice(self) -> None:
        model = self.target.selectionModel()
        model.blockSignals(True)
        model.clearSelection()
        for item in self._current:
            model.select(self.index_of(item), QtCore.QItemSelectionModel.SelectionFlag.Select)
        model.blockSignals(False)
        self.target.viewport().update()

    def _selected(self) -> None:
        if not self.filling:
            self.choose(tuple(each.data(_ITEM) for each in self.target.selectionModel().selectedIndexes()))

    def setMultiSelection(self, several: bool) -> None:
        self.hold_value("multiSelection", several)
        modes = QtWidgets.QAbstractItemView.SelectionMode
        self.target.setSelectionMode(modes.ExtendedSelection if several else modes.SingleSelection)

    def setCurrentItems(self, items: Any) -> None:
        if hasattr(items, "GetNumberOfIds"):
            items = [items.GetId(index) for index in range(items.GetNumberOfIds())]
        known = set(self.items())
        self.choose(tuple(each for each in items if each in known))

    def currentItems(self, into: Any) -> None:
        into.Reset()
        for item in self._current:
            into.InsertNextId(item)

    def setLevelFilter(self, levels: tuple[str, ...]) -> None:
        self.hold_value("levelFilter", levels)
        self.refresh()

    def setNameFilter(self, text: str) -> None:
        self.hold_value("nameFilter", text)
        self.refresh()

    def displayedItemCount(self) -> int:
        return len(self.items())


class HierarchyComboBox(_Hierarchy):
    def build_up(self) -> None:
        super().build_up()
        self._level_filter: tuple[str, ...] = ()
        self.target.activated.connect(lambda _: self._picked())

    def _levels(self) -> tuple[str, ...]:
        return self._level_filter

    def setLevelFilter(self, levels: tuple[str, ...]) -> None:
        self._level_filter = levels
        self.refresh()

    def show_items(self) -> None:
        tree = self.subjectHierarchyNode()
        self.target.blockSignals(True)
        self.target.clear()
        if self.held_value("noneEnabled"):
            self.target.addItem(self.held_value("noneDisplay"), 0)
        for item in self.items():
            self.target.addItem(tree.GetItemName(item), item)
        self.target.blockSignals(False)
        self.show_choice()

    def show_choice(self) -> None:
        self.target.blockSignals(True)
        self.target.setCurrentIndex(self.target.findData(self.currentItem()))
        self.target.blockSignals(False)

    def _picked(self) -> None:
        item = self.target.currentData()
        self.choose((item,) if item else ())

    def setNoneEnabled(self, enabled: bool) -> None:
        self.hold_value("noneEnabled", enabled)
        self.refresh()
