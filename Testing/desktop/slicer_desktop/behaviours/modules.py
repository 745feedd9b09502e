"""Scripted modules as the application keeps them: the module, its one panel, the manager, the selector."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6 import QtWidgets

from slicer_desktop.behaviour import Behaviour
from slicer_desktop.behaviours.scene_widget import SceneWidget
from slicer_desktop.wrapper import wrap


class Module(Behaviour):
    """A scripted module; its panel is made when it is asked for first."""

    file: Path
    make_panel: Callable[[Any], Any]  # gives a new panel widget for this module
    _panel: Any = None

    def name(self) -> str:
        return self.file.stem

    def path(self) -> str:
        return str(self.file)

    def widgetRepresentation(self) -> Any:
        if self._panel is None:
            self._panel = self.make_panel(self)
        return self._panel

    def createNewWidgetRepresentation(self) -> Any:
        return self.make_panel(self)

    def has_panel(self) -> bool:
        return self._panel is not None

    def forget_panel(self) -> None:
        """Qt deletes it when it comes to it."""
        self._panel.deleteLater()
        self._panel = None


class ModulePanel(SceneWidget):
    """The Qt widget of a scripted module; ``self()`` is the Python object that fills it."""

    module_behaviour: Module
    python: Any = None
    _entered = False

    def build_up(self) -> None:
        super().build_up()
        QtWidgets.QVBoxLayout(self.target)

    def module(self) -> Any:
        return wrap(self.module_behaviour.target)

    def moduleName(self) -> str:
        return self.module_behaviour.name()

    def self(self) -> Any:  # its name in Slicer
        return self.python

    def isEntered(self) -> bool:
        return self._entered

    def enter(self) -> None:
        if not self._entered:
            self._entered = True
            _call(self.python, "enter")

    def exit(self) -> None:
        if self._entered:
            self._entered = False
            _call(self.python, "exit")


class ModuleManager(Behaviour):
    """Knows the modules that were loaded."""

    def build_up(self) -> None:
        self.modules: dict[str, Any] = {}

    def module(self, name: str) -> Any:
        return self.modules.get(name)

    def modulesNames(self) -> tuple[str, ...]:
        return tuple(self.modules)


class ModuleSelector(Behaviour):
    """Switching modules: the one panel is left, the other entered."""

    manager: ModuleManager

    def selectModule(self, name: str) -> None:
        before = self.held_value("selectedModule")
        if name == before:
            return
        left = self.manager.modules.get(before)
        if left is not None and left.behaviour.has_panel():
            left.behaviour.widgetRepresentation().behaviour.exit()
        self.hold_value("selectedModule", name, tells="moduleSelected")
        if name in self.manager.modules:
            self.manager.modules[name].behaviour.widgetRepresentation().behaviour.enter()


class MainWindow(Behaviour):
    selector: Any

    def build_up(self) -> None:
        self.target.setObjectName("qSlicerMainWindow")

    def moduleSelector(self) -> Any:
        return self.selector


def _call(python: Any, name: str) -> None:
    method = getattr(python, name, None)
    if method is not None:
        method()
