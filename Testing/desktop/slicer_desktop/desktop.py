"""The application around a panel: put in place of Slicer for some tests, and taken away again.

>>> with Desktop() as desktop:  # doctest: +SKIP
...     panel = desktop.open("PhaseClassifier")
...     panel.ui.applyButton.click()
...     wait_until(lambda: panel.ui.applyButton.text == "Apply")
"""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType, SimpleNamespace, TracebackType
from typing import Any

import shiboken6
from PySide6 import QtCore, QtWidgets

from slicer_desktop import behaviours, callbacks, dialogs, native, translation
from slicer_desktop.members import class_info
from slicer_desktop.module_shelf import ModuleShelf
from slicer_desktop.namespaces import FactsModule, QtModule, slicer_classes
from slicer_desktop.packaging import Packaging
from slicer_desktop.wrapper import wrap

REPOSITORY = Path(__file__).resolve().parents[3]
_MUCH_GARBAGE = 50_000
"""So many new objects are looked through for garbage in milliseconds."""


class Desktop:
    """One application on the scene of slicer-core. ``journal`` has what Slicer's console would show as errors."""

    journal = callbacks.journal
    desk = dialogs.desk

    def __enter__(self) -> Desktop:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
        self.qt_application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["Slicer"])
        _check_references(self.qt_application)
        self.qt_application.setApplicationName("Slicer")
        self.qt_application.setOrganizationName("NA-MIC")
        self.qt_application.setStyle("Fusion")
        from abdominal_oncology.scene import boot

        scene = boot()
        import slicer

        self._undo = ExitStack()
        self._headless, self._slicer = slicer.app, slicer
        self._home = tempfile.mkdtemp(prefix="slicer-desktop-")
        self._undo.callback(shutil.rmtree, self._home, ignore_errors=True)
        ini = QtCore.QSettings.Format.IniFormat
        QtCore.QSettings.setDefaultFormat(ini)
        QtCore.QSettings.setPath(ini, QtCore.QSettings.Scope.UserScope, self._home)
        if not scene.GetTagByClassName("vtkMRMLScriptedModuleNode"):
            scene.RegisterNodeClass(slicer.vtkMRMLScriptedModuleNode())
        self._make_application()
        self._put_in_place()
        self.desk.clear()
        self.journal.take()
        # A window that dies in another thread's garbage collection waits for the main thread, which may be waiting for
        # that thread. Until the desktop is left, garbage is collected here, and only what is new is looked through.
        gc.disable()
        gc.freeze()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        try:
            self.qt_application.aboutToQuit.emit()  # ends the worker that a panel started
            self.close_modules()
            self._application.layout_manager.behaviour.take_down(self._headless.applicationLogic())
            self._undo.close()
            for each in self._made:
                shiboken6.delete(each)
            self.qt_application.behaviour = None
            _destroy_windows()
        finally:
            gc.collect()
            gc.unfreeze()
            gc.enable()

    # what a person does

    def open(self, module: str | Path) -> Any:
        """Load a module (its name in this repository, or its file) where needed, and go to its panel."""
        path = self.file_of(module) if isinstance(module, str) else module
        if path.stem not in self.manager.modules:
            self.load(path)
        self.select(path.stem)
        return self.panel(path.stem)

    def select(self, module: str) -> None:
        """Switch to another panel; "" for none."""
        self._window.behaviour.selector.behaviour.selectModule(module)

    def panel(self, module: str) -> Any:
        """The Python object that fills the panel."""
        return self.manager.modules[module].behaviour.widgetRepresentation().behaviour.python

    def testing(self, enabled: bool) -> None:
        """Slicer shows no dialogs while it is tested; to test them, switch it off and lay answers on the desk."""
        self._application.testing = enabled

    def clear(self) -> None:
        """Close all modules and the scene; testing again, no dialogs, no entries."""
        self.close_modules()
        self._slicer.mrmlScene.Clear(False)
        self.testing(True)
        self._application.connections.clear()
        self.packaging.forget()
        self.samples.clear()
        self.desk.clear()
        self.journal.take()
        if gc.get_count()[0] > _MUCH_GARBAGE:
            gc.collect()

    # what the application does

    def file_of(self, module: str) -> Path:
        """The file of one of the extension's modules."""
        return REPOSITORY / module / f"{module}.py"

    def load(self, path: Path) -> Any:
        """Discover a module file, as at the application's start; gives the Python module."""
        return self._shelf.load(path)

    def start_up(self) -> None:
        """The application has started: modules register their sample data now."""
        self._application.emit_signal("startupCompleted()")

    def close_modules(self) -> None:
        """As at the application's end: panels are left, cleaned up and destroyed."""
        self.select("")
        self._shelf.close()
        self.qt_application.processEvents()

    def _make_application(self) -> None:
        self._made: list[Any] = []

        def make(name: str) -> Any:
            self._made.append(native.make(name, class_info(name).qt))
            return self._made[-1]

        application = behaviours.behaviour_of("qSlicerApplication")("qSlicerApplication", self.qt_application)
        assert isinstance(application, behaviours.Application)
        self._application = application
        self.qt_application.behaviour = application
        application.headless = self._headless
        application.home = self._home
        self._window = make("qSlicerMainWindow")
        self._window.behaviour.selector = make("qSlicerModuleSelectorToolBar")
        self._manager_object = make("qSlicerModuleManager")
        self.manager = self._manager_object.behaviour
        self._window.behaviour.selector.behaviour.manager = self.manager
        self._shelf = ModuleShelf(self._slicer, self.manager)
        application.module_manager = self._manager_object
        application.io_manager = make("qSlicerIOManager")
        application.io_manager.behaviour.headless = self._headless.coreIOManager()
        application.layout_manager = make("qSlicerLayoutManager")
        views = application.layout_manager.behaviour
        views.build_views(self._headless.mrmlScene(), self._headless.applicationLogic(), make)

    def _put_in_place(self) -> None:
        """``import qt`` and the rest find the stand-in, until the desktop is left."""
        from slicer_desktop import parameters, scripted

        slicer = self._slicer
        self.packaging = Packaging(slicer)
        self.samples: list[dict[str, Any]] = []
        samples = SimpleNamespace(
            registerCustomSampleDataSource=lambda **source: self.samples.append(source),
            registerCustomSampleDataCategory=lambda *names, **titles: None,
        )
        modules = {
            "qt": QtModule("qt"),
            "ctk": FactsModule("ctk"),
            "slicer.ScriptedLoadableModule": _module(
                "slicer.ScriptedLoadableModule", {each.__name__: each for each in scripted.CLASSES}
            ),
            "slicer.parameterNodeWrapper": _module("slicer.parameterNodeWrapper", parameters.EXPORTED),
            "slicer.i18n": _module("slicer.i18n", {"tr": translation.tr, "translate": translation.translate}),
            "slicer.packaging": self.packaging,
            "SampleData": _module("SampleData", {"SampleDataLogic": samples}),
        }
        for name, made in modules.items():
            self._replace(sys.modules, name, made)
            if name.startswith("slicer."):
                self._replace(vars(slicer), name.removeprefix("slicer."), made)
        for name, made in slicer_classes().items():
            self._replace(vars(slicer), name, made)
        self._replace(vars(slicer), "app", wrap(self.qt_application))

    def _replace(self, where: dict[str, Any], name: str, value: Any) -> None:
        if name in where:
            self._undo.callback(where.__setitem__, name, where[name])
        else:
            self._undo.callback(where.pop, name, None)
        where[name] = value


def _destroy_windows() -> None:
    """Those that nobody closed, now and here. What belongs to another, as a combo box's list does, goes with it."""
    for each in QtWidgets.QApplication.topLevelWidgets():
        if each.parent() is None:
            each.deleteLater()
    QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)


def _check_references(application: Any) -> None:
    """PySide6 6.12 gives away a reference to None with every call under Python 3.11, until the interpreter aborts."""
    before = sys.getrefcount(None)
    for _ in range(200):
        application.processEvents()
    if sys.getrefcount(None) < before - 150:
        raise RuntimeError("this PySide6 loses references under this Python; install PySide6-Essentials<6.12")


def _module(name: str, members: dict[str, Any]) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(members)
    return made
