"""The modules ``qt`` and ``ctk`` and what ``slicer`` has of widgets."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from PySide6 import QtCore

from slicer_desktop import enums, facts, ui_files
from slicer_desktop.members import qt_class
from slicer_desktop.wrapper import WRAPPED, unwrap, wrap, wrapper_class


class QUiLoader:
    """``qt.QUiLoader``, reading what :mod:`slicer_desktop.ui_files` accepts."""

    def load(self, file: Any, parent: Any = None) -> Any:
        data = unwrap(file).readAll().data()
        return wrap(ui_files.load(bytes(data).decode("utf-8"), unwrap(parent)))


class QtModule(ModuleType):
    """``import qt``: all of Qt's libraries in one, as PythonQt gives them to Slicer."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name == "QUiLoader":
            return QUiLoader
        if name == "Qt":
            return _QT
        try:
            kind = qt_class(name)
        except KeyError:
            raise AttributeError(f"module 'qt' has no attribute '{name}'") from None
        return wrapper_class(name) if issubclass(kind, WRAPPED) else kind


class _QtNamespace:
    """``qt.Qt``: enums and their values."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(QtCore.Qt, name, None)
        if found is None:
            raise AttributeError(f"Qt has no attribute named '{name}'")
        if isinstance(found, type):
            return enums.type_from_qt(found)
        return enums.from_qt(found) if hasattr(found, "value") else found


_QT = _QtNamespace()


class FactsModule(ModuleType):
    """``import ctk``: the classes of one namespace of the facts."""

    def __getattr__(self, name: str) -> Any:
        if name in facts.known() and facts.facts_of(name).namespace == self.__name__:
            return wrapper_class(name)
        raise AttributeError(f"module '{self.__name__}' has no attribute '{name}' in the desktop stand-in")


def slicer_classes() -> dict[str, Any]:
    """What ``slicer`` has of widgets and Qt objects."""
    return {name: wrapper_class(name) for name in facts.known() if facts.facts_of(name).namespace == "slicer"}
