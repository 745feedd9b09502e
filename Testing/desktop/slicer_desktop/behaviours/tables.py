"""``qMRMLTableView``: the cells of a table node, as they change."""

from __future__ import annotations

from typing import Any

import vtk
from PySide6 import QtCore, QtWidgets

from slicer_desktop.behaviours.scene_widget import SceneWidget

_CELLS = (QtCore.Qt.ItemDataRole.DisplayRole, QtCore.Qt.ItemDataRole.EditRole)


class TableModel(QtCore.QAbstractTableModel):
    """A ``vtkMRMLTableNode`` as Qt reads tables."""

    node: Any = None

    def show_node(self, node: Any) -> None:
        self.beginResetModel()
        self.node = node
        self.endResetModel()

    def rowCount(self, parent: Any = None) -> int:
        return int(self.node.GetNumberOfRows()) if self.node is not None else 0

    def columnCount(self, parent: Any = None) -> int:
        return int(self.node.GetNumberOfColumns()) if self.node is not None else 0

    def data(self, index: Any, role: int = 0) -> Any:
        return self.node.GetCellText(index.row(), index.column()) if role in _CELLS else None

    def setData(self, index: Any, value: Any, role: int = 2) -> bool:
        return bool(self.node.SetCellText(index.row(), index.column(), str(value)))

    def flags(self, index: Any) -> Any:
        editable = self.node is not None and not self.node.GetLocked()
        more = QtCore.Qt.ItemFlag.ItemIsEditable if editable else QtCore.Qt.ItemFlag.NoItemFlags
        return super().flags(index) | more

    def headerData(self, section: int, orientation: Any, role: int = 0) -> Any:
        if role != QtCore.Qt.ItemDataRole.DisplayRole or self.node is None:
            return None
        if orientation == QtCore.Qt.Orientation.Vertical:
            return str(section + 1)
        name = self.node.GetColumnName(section)
        return self.node.GetColumnTitle(name) or name


class TableView(SceneWidget):
    def build_up(self) -> None:
        super().build_up()
        self._node: Any = None
        self._view_node: Any = None
        self._model = TableModel(self.target)
        sorted_rows = QtCore.QSortFilterProxyModel(self.target)
        sorted_rows.setSourceModel(self._model)
        self._sorted = sorted_rows
        self.target.setModel(sorted_rows)
        self.target.selectionModel().selectionChanged.connect(lambda *_: self.tell_signal("selectionChanged"))

    def watch_scene(self, scene: Any) -> None:
        self.observing.watch(scene, scene.NodeRemovedEvent, self._node_left)

    def refresh(self) -> None:
        if self._scene is None:
            self.setMRMLTableNode(None)

    def _node_left(self, node: Any) -> None:
        if node is self._node:
            self.setMRMLTableNode(None)

    def setMRMLTableNode(self, node: Any) -> None:
        if node is not None and not node.IsA("vtkMRMLTableNode"):
            node = None
        if self._node is not None:
            self.observing.forget(self._node)
        self._node = node
        if node is not None:
            self.observing.watch(node, vtk.vtkCommand.ModifiedEvent, lambda _: self._model.show_node(self._node))
        self._model.show_node(node)

    def mrmlTableNode(self) -> Any:
        return self._node

    def setMRMLTableViewNode(self, node: Any) -> None:
        self._view_node = node
        self.setMRMLTableNode(node.GetTableNode() if node is not None else None)

    def mrmlTableViewNode(self) -> Any:
        return self._view_node

    def tableModel(self) -> TableModel:
        return self._model

    def sortFilterProxyModel(self) -> QtCore.QSortFilterProxyModel:
        return self._sorted

    def copySelection(self) -> None:
        """Tab-separated, as it can be pasted into a spreadsheet."""
        chosen = sorted((each.row(), each.column(), each.data()) for each in self.target.selectedIndexes())
        rows: dict[int, list[str]] = {}
        for row, _, text in chosen:
            rows.setdefault(row, []).append(str(text))
        QtWidgets.QApplication.clipboard().setText("\n".join("\t".join(cells) for cells in rows.values()))
