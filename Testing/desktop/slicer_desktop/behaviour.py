"""What a Slicer or CTK object does behind its API. Every class of the facts has one, most of them this one.

Methods of subclasses are named as in C++, so ``write`` of a property (``setNodeTypes``), its ``read`` (``nodeTypes``),
slots and invokables find their code by name. What has no code of its own is a value that is held: properties, and
pairs like ``setMRMLScene``/``mrmlScene``. Other slots are noted in ``calls``; other questions are NotImplementedError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from PySide6 import QtCore, QtGui, QtWidgets

from slicer_desktop import callbacks
from slicer_desktop.conversion import UnfitError, convert
from slicer_desktop.facts import Method, Property, lineage
from slicer_desktop.wrapper import exists, to_python

_EMPTY: Mapping[str, Any] = MappingProxyType({"bool": False, "int": 0, "double": 0.0, "QString": "", "QStringList": ()})


class Behaviour:
    """Holds values; subclasses add what matters of the real class."""

    qt_class: ClassVar[type[QtCore.QObject] | None] = None  # in place of the plain Qt base
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({})  # of properties, where they are not empty

    def __init__(self, name: str, target: Any) -> None:
        self.class_name = name
        self.target = target
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.connections: list[tuple[str, Callable[..., Any]]] = []
        self._values: dict[str, Any] = {}
        self._held: dict[str, Any] = {}  # set by a slot, asked by an invokable
        self.build_up()

    def build_up(self) -> None:
        """Build what the real constructor builds."""

    # properties

    def read_property(self, fact: Property) -> Any:
        getter = getattr(self, fact.read, None)
        return self.held_value(fact.name) if getter is None else getter()

    def write_property(self, fact: Property, value: Any) -> None:
        setter = getattr(self, fact.write or "", None)
        if setter is None:
            self.hold_value(fact.name, value)
        else:
            setter(value)

    def held_value(self, name: str) -> Any:
        """What was held last, or what the property has from its constructor."""
        if name in self._values:
            return self._values[name]
        for kind in type(self).__mro__:
            if name in vars(kind).get("defaults", {}):
                return vars(kind)["defaults"][name]
        return _empty(self._fact(name).type)

    def hold_value(self, name: str, value: Any, tells: str | None = None) -> bool:
        """Keep a property's value and tell of its change, by ``tells`` or what the facts name; False if it had it."""
        before = self.held_value(name)
        self._values[name] = value
        signal = tells or self._fact(name).notify
        if before != value and signal is not None:
            self.tell_signal(signal, value)
        return bool(before != value)

    def _fact(self, name: str) -> Property:
        return next(each.properties[name] for each in lineage(self.class_name) if name in each.properties)

    # methods

    def call_method(self, fact: Method, arguments: tuple[Any, ...]) -> Any:
        own = getattr(self, fact.name, None)
        if own is not None:
            return own(*arguments)
        fitting = [each for kind in lineage(self.class_name) for each in kind.properties.values()]
        for each in fitting:
            if each.write == fact.name and len(arguments) == 1:
                return self.write_property(each, arguments[0])
            if each.read == fact.name and not arguments:
                return self.read_property(each)
        if fact.returns == "void":
            if fact.name.startswith("set") and len(arguments) == 1:
                self._held[fact.name[3:].lower()] = arguments[0]
            self.calls.append((fact.name, arguments))
            return None
        if not arguments and self._settable(fact.name):
            return self._held.get(fact.name.lower())
        raise NotImplementedError(f"the desktop stand-in does not know what {self.class_name}::{fact.signature} gives")

    def _settable(self, name: str) -> bool:
        setter = f"set{name}".lower()
        return any(each.name.lower() == setter for kind in lineage(self.class_name) for each in kind.methods)

    # signals

    def connect_slot(self, signature: str, slot: Callable[..., Any]) -> None:
        self.connections.append((signature, slot))

    def disconnect_slot(self, signature: str, slot: Callable[..., Any] | None) -> bool:
        kept, gone = [], False
        for each in self.connections:
            if each[0] == signature and (slot is None or (each[1] == slot and not gone)):
                gone = True
            else:
                kept.append(each)
        self.connections = kept
        return gone

    def tell_signal(self, name: str, *arguments: Any) -> None:
        """Emit all overloads of a signal that take these arguments, as C++ code emits them one by one."""
        for fact in (each for kind in lineage(self.class_name) for each in kind.signals if each.name == name):
            try:
                fitted = [convert(value, kind) for value, kind in zip(arguments, fact.arguments, strict=True)]
            except (UnfitError, ValueError):
                continue
            self.emit_signal(fact.signature, *fitted)

    def emit_signal(self, signature: str, *arguments: Any) -> None:
        """Call the slots of exactly this signal."""
        if exists(self.target) and self.target.signalsBlocked():
            return
        for known, slot in list(self.connections):
            if known == signature:
                callbacks.call(slot, [to_python(each) for each in arguments])


def _empty(kind: str) -> Any:
    if kind in _EMPTY:
        return _EMPTY[kind]
    if kind == "QVariantMap":
        return {}
    if kind.startswith("QList<"):
        return ()
    for library in (QtCore, QtGui, QtWidgets):
        made = getattr(library, kind, None)
        if isinstance(made, type):
            return made()
    return None if kind.endswith("*") else 0  # the others are enums
