"""Loading of scripted modules, as the application discovers them at its start, and unloading, as at its end."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from PySide6 import QtCore

from slicer_desktop import native
from slicer_desktop.behaviours.modules import Module, ModuleManager, ModulePanel
from slicer_desktop.members import class_info
from slicer_desktop.wrapper import wrap


class ModuleShelf:
    """The modules of one desktop; ``slicer.modules`` has what Slicer has of each."""

    def __init__(self, slicer: Any, manager: ModuleManager) -> None:
        self._slicer = slicer
        self._manager = manager
        self._before: dict[str, Any] = {}  # Python modules of the same names, to be put back

    def load(self, path: Path) -> Any:
        """The Python module of a file; its module class is known to ``slicer.modules`` afterwards."""
        name = path.stem
        found = importlib.util.spec_from_file_location(name, path)
        assert found is not None
        assert found.loader is not None
        python = importlib.util.module_from_spec(found)
        self._before.setdefault(name, sys.modules.get(name))
        sys.modules[name] = python
        sys.path.insert(0, str(path.parent))
        found.loader.exec_module(python)
        made = native.make("qSlicerScriptedLoadableModule", class_info("qSlicerScriptedLoadableModule").qt)
        made.behaviour.file = path
        made.behaviour.make_panel = self._make_panel
        self._manager.modules[name] = made
        setattr(self._slicer.modules, name.lower(), wrap(made))
        setattr(self._slicer.modules, f"{name}Instance", getattr(python, name)(wrap(made)))
        self._manager.tell_signal("moduleLoaded", name)
        return python

    def close(self) -> None:
        """Panels are cleaned up and destroyed, modules forgotten."""
        for name, module in self._manager.modules.items():
            self._manager.tell_signal("moduleAboutToBeUnloaded", name)
            sys.path.remove(str(module.behaviour.file.parent))
            for label in (name.lower(), f"{name}Instance", f"{name}Widget"):
                if hasattr(self._slicer.modules, label):
                    delattr(self._slicer.modules, label)
            if module.behaviour.has_panel():
                module.behaviour.forget_panel()
        self._manager.modules.clear()
        for name, before in self._before.items():
            sys.modules.pop(name, None)
            if before is not None:
                sys.modules[name] = before
        self._before.clear()
        QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)

    def _make_panel(self, module: Module) -> Any:
        kind = "qSlicerScriptedLoadableModuleWidget"
        made = native.make(kind, class_info(kind).qt)
        behaviour: ModulePanel = made.behaviour
        behaviour.module_behaviour = module
        behaviour.setMRMLScene(self._slicer.mrmlScene)
        name = module.name()
        behaviour.python = getattr(sys.modules[name], f"{name}Widget")(wrap(made))
        setattr(self._slicer.modules, f"{name}Widget", behaviour.python)
        behaviour.python.setup()
        return made
