"""Signals and connections as PythonQt makes them, for Qt's own signals and for those of the facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import shiboken6
from PySide6 import QtCore

from slicer_desktop import callbacks
from slicer_desktop.facts import Method, lineage
from slicer_desktop.wrapper import Wrapper, exists, to_python, unwrap

# the trampolines that Qt calls for Python's slots: Qt object → signature, slot, trampoline
_trampolines: dict[int, list[tuple[str, Callable[..., Any], Callable[..., Any]]]] = {}


class SignalMember:
    """A signal as a name of a class."""

    kind = "Signal"

    def __init__(self, signature: str) -> None:
        self._signature = signature

    def on_class(self) -> str:
        return self._signature

    def on_instance(self, owner: Wrapper) -> BoundSignal:
        return BoundSignal(owner, self._signature)

    def assign(self, owner: Wrapper, value: Any) -> None:
        raise AttributeError(f"Signal '{self._signature}' can not be overwritten on {owner.className()} object")


class BoundSignal:
    """``widget.clicked``: the first declared overload."""

    def __init__(self, owner: Wrapper, signature: str) -> None:
        self._owner = owner
        self._signature = signature

    def connect(self, slot: Callable[..., Any]) -> bool:
        return connect(self._owner, self._signature, slot)

    def disconnect(self, slot: Callable[..., Any] | None = None) -> bool:
        return disconnect(self._owner, self._signature, slot)

    def emit(self, *arguments: Any) -> None:
        target = _existing(self._owner, self._signature)
        behaviour = getattr(target, "behaviour", None)
        if behaviour is not None and self._signature in _declared(behaviour.class_name):
            behaviour.emit_signal(self._signature, *arguments)
        else:
            target.emit(QtCore.SIGNAL(self._signature), *(unwrap(each) for each in arguments))

    __call__ = emit


def connect(owner: Wrapper, signature: str, receiver: Any, slot: str | None = None) -> bool:
    """``owner.connect("clicked(bool)", f)`` or ``owner.connect(signal, object, "slot()")``; False if there is none."""
    target = _existing(owner, "connect")
    if slot is not None:
        receiver = _method_named(receiver, slot)
    if not callable(receiver):
        raise ValueError(f"connect: {receiver!r} can not be called")
    normal = _normal(signature)
    behaviour = getattr(target, "behaviour", None)
    if behaviour is not None and normal in _declared(behaviour.class_name):
        behaviour.connect_slot(normal, receiver)
        return True
    if normal not in owner._info.signals:
        callbacks.journal.report(f"QObject::connect: signal '{signature}' does not exist on {owner.className()}")
        return False

    def trampoline(*arguments: Any) -> None:
        callbacks.call(receiver, [to_python(each) for each in arguments])

    QtCore.QObject.connect(target, QtCore.SIGNAL(normal), trampoline)
    key = _address(target)
    if key not in _trampolines:
        _trampolines[key] = []
        target.destroyed.connect(lambda: _trampolines.pop(key, None))
    _trampolines[key].append((normal, receiver, trampoline))
    return True


def disconnect(owner: Wrapper, signature: str, receiver: Any = None, slot: str | None = None) -> bool:
    """Undo one connection of this signal, or without a receiver all that Python made."""
    target = _existing(owner, "disconnect")
    if slot is not None:
        receiver = _method_named(receiver, slot)
    normal = _normal(signature)
    behaviour = getattr(target, "behaviour", None)
    if behaviour is not None and normal in _declared(behaviour.class_name):
        return bool(behaviour.disconnect_slot(normal, receiver))
    known = _trampolines.get(_address(target), [])
    for each in list(known):
        if each[0] == normal and (receiver is None or each[1] == receiver):
            QtCore.QObject.disconnect(target, QtCore.SIGNAL(normal), each[2])
            known.remove(each)
            if receiver is not None:
                return True
    return receiver is None


def _existing(owner: Wrapper, what: str) -> Any:
    if not exists(owner._qt_object):
        raise ValueError(f"Trying to call '{what}' on a destroyed {owner.className()} object")
    return owner._qt_object


def _address(target: Any) -> int:
    return int(shiboken6.getCppPointer(target)[0])


def _normal(signature: str) -> str:
    return bytes(QtCore.QMetaObject.normalizedSignature(signature).data()).decode()


def _declared(class_name: str) -> set[str]:
    return {each.signature for kind in lineage(class_name) for each in kind.signals}


def _method_named(receiver: Wrapper, slot: str) -> Callable[..., Any]:
    """A slot given as text: its arguments are those of its signature."""
    fact = Method(_normal(slot))
    function = getattr(receiver, fact.name, None)
    if not callable(function):
        raise ValueError(f"connect: slot '{slot}' does not exist on {receiver.className()}")
    return _NamedSlot(receiver, function, len(fact.arguments))


class _NamedSlot:
    """A connection between objects ends with either."""

    def __init__(self, receiver: Wrapper, function: Callable[..., Any], count: int) -> None:
        self._receiver, self._function, self._count = receiver, function, count

    def __call__(self, *arguments: Any) -> None:
        if self._receiver:
            self._function(*arguments[: self._count])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _NamedSlot) and self._function == other._function

    __hash__ = object.__hash__
