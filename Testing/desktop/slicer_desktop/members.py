"""What a name means on a Qt, CTK or Slicer class, in the order in which PythonQt looks: property, method, enum.

Slicer's and CTK's classes have what the facts say and nothing else; below them, Qt's own classes are fully wrapped,
which is taken from PySide. PySide's own extras (``tr`` aside, its ``connect``, keyword arguments …) are not there.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from PySide6 import QtCore, QtGui, QtNetwork, QtUiTools, QtWidgets

from slicer_desktop import enums, facts, methods, native, properties, signals
from slicer_desktop.newer_qt import is_newer
from slicer_desktop.wrapper import Member, WrapperType

LIBRARIES = (QtCore, QtGui, QtWidgets, QtNetwork, QtUiTools)


class ClassInfo:
    """The names of one class; ``name`` is that of Qt, CTK or Slicer."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lineage = tuple(facts.lineage(name))
        self.namespace = self.lineage[0].namespace if self.lineage else "qt"
        self.qt = qt_class(facts.qt_base(name) if self.lineage else name)
        self._members: dict[str, Member | None] = {}
        self._qt_properties, self._qt_signals = _meta_names(self.qt)
        self.signals = frozenset(each for each in self._qt_signals if not is_newer(self.qt, each.partition("(")[0]))

    def member(self, name: str) -> Member | None:
        if name not in self._members:
            self._members[name] = self._find(name)
            if self._members[name] is None and name.endswith("_") and not name.endswith("__"):
                self._members[name] = self._method(name[:-1]) or self._method(name)  # exec_ is exec
        return self._members[name]

    def inherits(self, name: str) -> bool:
        return name in {each.name for each in self.lineage} or name in {each.__name__ for each in self.qt.__mro__}

    def construct(self, arguments: Sequence[Any], overrides: dict[str, Callable[..., Any]]) -> Any:
        if self.lineage:
            return native.construct(self.lineage[0], self.qt, arguments, overrides)
        return methods.refusing(self.name, native.with_overrides(self.qt, overrides), arguments)

    def _find(self, name: str) -> Member | None:
        found = self._property(name)
        if found is None and name == "name":
            found = self._property("objectName")  # where a class has no name of its own
        return found or self._method(name) or self._enum(name)

    def _property(self, name: str) -> Member | None:
        for each in self.lineage:
            if name in each.properties:
                return properties.FactsProperty(each.properties[name], each.enums)
        if name == "singleShot" and issubclass(self.qt, QtCore.QTimer):
            return None  # the static method is meant
        return None if is_newer(self.qt, name) else self._qt_properties.get(name)

    def _method(self, name: str) -> Member | None:
        known = [each for kind in self.lineage for each in kind.methods if each.name == name]
        told = [each.signature for kind in self.lineage for each in kind.signals if each.name == name]
        if known:
            return methods.FactsMethod(name, known)
        if told:
            return signals.SignalMember(told[0])
        if is_newer(self.qt, name):
            return None
        if issubclass(self.qt, QtCore.QObject):
            own = methods.DECORATORS.get(name)
            if own is not None:
                return own
            signature = next((each for each in self._qt_signals if each.partition("(")[0] == name), None)
            if signature is not None:
                return signals.SignalMember(signature)
        return self._qt_method(name)

    def _qt_method(self, name: str) -> Member | None:
        if name.startswith("_") or name in methods.ONLY_IN_PYSIDE:
            return None
        found = inspect.getattr_static(self.qt, name, None)
        if found is None or isinstance(found, QtCore.Signal | type | enum.Enum | QtCore.QMetaObject):
            return None
        static = isinstance(found, staticmethod) or not hasattr(found, "__get__")
        return methods.QtMethod(self.qt, name, static=static or inspect.isbuiltin(getattr(self.qt, name)))

    def _enum(self, name: str) -> Member | None:
        for each in self.lineage:
            if name in each.enums:
                return EnumMember("Enum", enums.type_from_facts(dict(each.enums[name])))
            for values in each.enums.values():
                if name in values:
                    return EnumMember("EnumValue", enums.EnumValue(values[name], name))
        if name.startswith("_"):
            return None
        found = getattr(self.qt, name, None)
        if isinstance(found, enum.Enum):
            return EnumMember("EnumValue", enums.from_qt(found))
        if isinstance(found, type) and issubclass(found, enum.Enum):
            return EnumMember("Enum", enums.type_from_qt(found))
        return None


def _meta_names(kind: type[Any]) -> tuple[dict[str, properties.QtProperty], list[str]]:
    """Properties by name, and signatures of signals: those of the most derived class first.

    Read once: PySide declares a meta object dead when an object that was asked for it is deleted.
    """
    found: dict[str, properties.QtProperty] = {}
    told: list[str] = []
    meta = getattr(kind, "staticMetaObject", None)
    while meta is not None:
        for index in range(meta.propertyOffset(), meta.propertyCount()):
            each = meta.property(index)
            made = properties.QtProperty(each.name(), each.typeName(), each.isWritable(), each.isEnumType())
            found.setdefault(each.name(), made)
        for index in range(meta.methodOffset(), meta.methodCount()):
            method = meta.method(index)
            if method.methodType() == QtCore.QMetaMethod.MethodType.Signal:
                told.append(method.methodSignature().data().decode())
        meta = meta.superClass()
    return found, told


class EnumMember:
    """An enum or one of its values, on the class and on each object."""

    def __init__(self, kind: str, value: Any) -> None:
        self.kind = kind
        self._value = value

    def on_class(self) -> Any:
        return self._value

    def on_instance(self, owner: Any) -> Any:
        return self._value

    def assign(self, owner: Any, value: Any) -> None:
        raise AttributeError(f"{self.kind} can not be overwritten")


def qt_class(name: str) -> type[Any]:
    """PySide's class of this name; KeyError where Qt has none."""
    for library in LIBRARIES if name.startswith("Q") else ():  # PySide's own (Signal, Slot …) do not
        found = getattr(library, name, None)
        if isinstance(found, type):
            return found
    raise KeyError(name)


@cache
def class_info(name: str) -> ClassInfo:
    return ClassInfo(name)


def name_of(target: Any) -> str:
    """The Slicer, CTK or Qt class of a live object."""
    behaviour = getattr(target, "behaviour", None)
    if behaviour is not None:
        return str(behaviour.class_name)
    return next(kind.__name__ for kind in type(target).__mro__ if kind.__module__.startswith("PySide6."))


WrapperType.info_of = class_info
WrapperType.name_of = name_of
