"""Files and folders: ``ctkPathLineEdit`` and ``ctkDirectoryButton``."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from PySide6 import QtWidgets

from slicer_desktop import dialogs
from slicer_desktop.behaviour import Behaviour


class PathLineEdit(Behaviour):
    """A path typed, or chosen in a dialog (see :mod:`slicer_desktop.dialogs`)."""

    defaults = MappingProxyType(
        {"filters": 7 | 1024 | 2048 | 512, "showBrowseButton": True, "showHistoryButton": True, "sizeAdjustPolicy": 1}
        | {"minimumContentsLength": 10}
    )

    def build_up(self) -> None:
        self._box = QtWidgets.QComboBox(self.target)
        self._box.setEditable(True)
        self._box.setInsertPolicy(QtWidgets.QComboBox.InsertPolicy.NoInsert)
        self._box.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        button = QtWidgets.QToolButton(self.target)
        button.setText("…")
        button.clicked.connect(self.browse)
        layout = QtWidgets.QHBoxLayout(self.target)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._box, 1)
        layout.addWidget(button)
        self._button = button
        self._valid = False
        self._box.editTextChanged.connect(self._typed)

    def setCurrentPath(self, path: str) -> None:
        self._box.setEditText(path)

    def _typed(self, path: str) -> None:
        self.hold_value("currentPath", path, tells="currentPathChanged")
        valid = bool(path) and Path(path).exists()
        if valid != self._valid:
            self._valid = valid
            self.tell_signal("validInputChanged", valid)

    def setShowBrowseButton(self, shown: bool) -> None:
        self.hold_value("showBrowseButton", shown)
        self._button.setVisible(shown)

    def browse(self, checked: bool = False) -> None:
        chosen = dialogs.desk.answer("QFileDialog", "browse", None, (self.held_value("label"), ""))
        if chosen:
            self.setCurrentPath(str(chosen))

    def addCurrentPathToHistory(self) -> None:
        path = self.held_value("currentPath")
        if path and self._box.findText(path) < 0:
            self._box.blockSignals(True)
            self._box.insertItem(0, path)
            self._box.setEditText(path)
            self._box.blockSignals(False)

    def comboBox(self) -> QtWidgets.QComboBox:
        return self._box


class DirectoryButton(Behaviour):
    """A folder chosen in a dialog."""

    def build_up(self) -> None:
        self._button = QtWidgets.QPushButton(self.target)
        layout = QtWidgets.QHBoxLayout(self.target)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._button)
        self._button.clicked.connect(lambda: self.browse())

    def setDirectory(self, path: str) -> None:
        if path != self.held_value("directory"):
            self._button.setText(self.held_value("text") or path)
            self.hold_value("directory", path, tells="directoryChanged")

    def browse(self) -> str:
        chosen = dialogs.desk.answer("QFileDialog", "browse", None, (self.held_value("caption"), ""))
        if chosen:
            self.setDirectory(str(chosen))
        self.tell_signal("directorySelected", self.held_value("directory"))
        return str(self.held_value("directory"))
