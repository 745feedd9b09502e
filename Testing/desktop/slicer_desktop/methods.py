"""Methods as PythonQt calls them: by position only; number, then types of arguments choose the signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from PySide6 import QtCore

from slicer_desktop import callbacks, dialogs, signals
from slicer_desktop.conversion import UnfitError, convert
from slicer_desktop.facts import Method
from slicer_desktop.wrapper import Wrapper, exists, to_python, unwrap

ONLY_IN_PYSIDE = frozenset({"emit", "staticMetaObject"})


class BoundMethod:
    """A method of one object, ready to be called."""

    def __init__(self, owner: Wrapper | None, label: str, run: Callable[[tuple[Any, ...]], Any]) -> None:
        self.__name__ = label
        self._owner = owner
        self._run = run

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        if self._owner is not None and not exists(self._owner._qt_object):
            raise ValueError(f"Trying to call '{self.__name__}' on a destroyed {self._owner.className()} object")
        if keywords:
            raise ValueError(f"Called {self.__name__} with keyword arguments, but called slot does not support kwargs.")
        return self._run(arguments)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BoundMethod):
            return False
        return self.__name__ == other.__name__ and self._owner is not None and self._owner == other._owner

    def __hash__(self) -> int:
        return hash(self.__name__)


class _Method:
    """Common to all kinds of methods."""

    kind = "Slot"
    name: str

    def run(self, owner: Wrapper, arguments: tuple[Any, ...]) -> Any:
        raise NotImplementedError

    def on_class(self) -> BoundMethod:
        """Called with an instance first, as an overriding method calls that of its base."""
        return BoundMethod(None, self.name, lambda arguments: self.run(*_instance(self.name, arguments)))

    def on_instance(self, owner: Wrapper) -> BoundMethod:
        return BoundMethod(owner, self.name, lambda arguments: self.run(owner, arguments))

    def assign(self, owner: Wrapper, value: Any) -> None:
        raise AttributeError(f"Slot '{self.name}' can not be overwritten on {owner.className()} object")


class FactsMethod(_Method):
    """A slot, invokable or Python decorator of a Slicer or CTK class, with all its signatures."""

    def __init__(self, name: str, overloads: Sequence[Method]) -> None:
        self.name = name
        self._overloads = overloads

    def run(self, owner: Wrapper, arguments: tuple[Any, ...]) -> Any:
        fact, fitted = self._fitting(arguments)
        return to_python(owner._qt_object.behaviour.call_method(fact, tuple(unwrap(each) for each in fitted)))

    def _fitting(self, arguments: tuple[Any, ...]) -> tuple[Method, list[Any]]:
        countable = [each for each in self._overloads if len(each.arguments) == len(arguments)]
        if not countable:
            raise ValueError(f"Called {self._overloads[0].signature} with wrong number of arguments: {arguments!r}")
        for strict in (True, False) if len(self._overloads) > 1 else (False,):
            for each in countable:
                try:
                    pairs = zip(arguments, each.arguments, strict=True)
                    return each, [convert(value, kind, strict=strict) for value, kind in pairs]
                except UnfitError:
                    continue
        available = "\n".join(each.signature for each in self._overloads)
        raise ValueError(f"Could not find matching overload for given arguments:\n{arguments!r}\n{available}")


class QtMethod(_Method):
    """A method of one of Qt's own classes."""

    def __init__(self, kind: type[Any], name: str, *, static: bool) -> None:
        self.name = name
        self._class = kind
        self._static = static

    def on_class(self) -> BoundMethod:
        """Static, or of this very class: an override calls its base so."""
        function = getattr(self._class, self.name)
        if self._static:
            return BoundMethod(None, self.name, lambda arguments: self._call(function, None, arguments))
        return BoundMethod(None, self.name, lambda arguments: self._call(function, *_instance(self.name, arguments)))

    def run(self, owner: Wrapper, arguments: tuple[Any, ...]) -> Any:
        return self._call(getattr(owner._qt_object, self.name), owner, arguments)

    def _call(self, function: Callable[..., Any], owner: Wrapper | None, arguments: tuple[Any, ...]) -> Any:
        if dialogs.waits_for_a_person(self._class, self.name):
            return dialogs.desk.answer(self._class.__name__, self.name, owner, arguments)
        if self.name == "singleShot":
            return refusing(self.name, function, [arguments[0], _deferred(*arguments[1:])])
        if any(callable(each) and not isinstance(each, Wrapper | type) for each in arguments):
            raise ValueError(f"Called {self.name} with a Python function; PythonQt connects signals only")
        plain = [unwrap(each) for each in arguments]
        if owner is not None and inspect.ismethoddescriptor(function):
            plain.insert(0, owner._qt_object)
        return to_python(refusing(self.name, function, plain))


class Decorator(_Method):
    """What PythonQt itself adds to every QObject; called on the class, as ``qt.QObject.connect(sender, …)``."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = function.__name__
        self._function = function

    def run(self, owner: Wrapper, arguments: tuple[Any, ...]) -> Any:
        try:
            inspect.signature(self._function).bind(owner, *arguments)
        except TypeError:
            raise ValueError(f"Called {self.name} with wrong number of arguments: {arguments!r}") from None
        return self._function(owner, *arguments)


def parent(owner: Wrapper) -> Any:
    return to_python(owner._qt_object.parent())


def setParent(owner: Wrapper, new: Wrapper | None) -> None:
    owner._qt_object.setParent(unwrap(new))


def children(owner: Wrapper) -> Any:
    return to_python(owner._qt_object.children())


def findChildren(owner: Wrapper, kind: Any, name: str = "") -> tuple[Any, ...]:
    """Of a class, given as such or by its name, and all that derive from it."""
    wanted = kind if isinstance(kind, str) else kind.__name__
    found = (to_python(each) for each in owner._qt_object.findChildren(QtCore.QObject))
    return tuple(each for each in found if each.inherits(wanted) and name in ("", each.objectName))


def findChild(owner: Wrapper, kind: Any, name: str = "") -> Any:
    return next(iter(findChildren(owner, kind, name)), None)


def property(owner: Wrapper, name: str) -> Any:
    """Declared or dynamic; None where there is none."""
    member = owner._info.member(name)
    if member is not None and member.kind == "Property":
        return member.on_instance(owner)
    return to_python(owner._qt_object.property(name))


def setProperty(owner: Wrapper, name: str, value: Any) -> bool:
    """True for a declared property that took the value; any other becomes a dynamic property."""
    member = owner._info.member(name)
    if member is None or member.kind != "Property":
        return bool(owner._qt_object.setProperty(name, unwrap(value)))
    try:
        member.assign(owner, value)
    except AttributeError:
        return False
    return True


DECORATORS: Mapping[str, Decorator] = MappingProxyType(
    {
        each.__name__: Decorator(each)
        for each in (parent, setParent, children, findChild, findChildren, property, setProperty)
    }
    | {"connect": Decorator(signals.connect), "disconnect": Decorator(signals.disconnect)}
)


def refusing(name: str, function: Callable[..., Any], arguments: Sequence[Any]) -> Any:
    """Call into PySide; arguments that it refuses are PythonQt's ValueError."""
    try:
        return function(*arguments)
    except TypeError as error:
        raise ValueError(f"Called {name} with wrong arguments: {arguments!r}\n{error}") from None


def _instance(name: str, arguments: tuple[Any, ...]) -> tuple[Wrapper, tuple[Any, ...]]:
    if not arguments or not isinstance(arguments[0], Wrapper):
        raise ValueError(f"slot {name} requires an instance as first argument")
    return arguments[0], arguments[1:]


def _deferred(function: Callable[..., Any]) -> Callable[[], None]:
    return lambda: callbacks.call(function, ())
