"""Qt, CTK and Slicer objects as PythonQt shows them to Python.

A :class:`Wrapper` stands for one Qt object. It has no state of its own and may be made anew; the rules of attribute
access are those of PythonQt's instance wrapper: a property hides its getter, what the class lacks cannot be set, a
destroyed object raises ValueError. Wrapper classes do not derive from each other: ``isinstance`` sees the exact class
only, as in Slicer.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol
from weakref import WeakValueDictionary

import shiboken6
from PySide6 import QtCore, QtWidgets

from slicer_desktop import enums

WRAPPED = (QtCore.QObject, QtWidgets.QLayoutItem)  # Qt's values (colours, sizes, icons …) are PySide's own
_alive: WeakValueDictionary[int, Wrapper] = WeakValueDictionary()
_classes: dict[str, WrapperType] = {}


class Member(Protocol):
    """What a name means on a class."""

    kind: str  # as PythonQt calls it in its messages: Property, Slot, Signal, EnumValue, Enum

    def on_class(self) -> Any: ...
    def on_instance(self, owner: Wrapper) -> Any: ...
    def assign(self, owner: Wrapper, value: Any) -> None: ...


class Info(Protocol):
    """What is known of a class."""

    name: str
    namespace: str | None
    signals: frozenset[str]  # signatures of Qt's own

    def member(self, name: str) -> Member | None: ...
    def inherits(self, name: str) -> bool: ...
    def construct(self, arguments: Sequence[Any], overrides: dict[str, Callable[..., Any]]) -> Any: ...


class WrapperType(type):
    """What is reached on a class: enum values, static methods, methods to be called with an instance."""

    info_of: ClassVar[Callable[[str], Info]]  # how a class is known by its name; set by ``members``
    name_of: ClassVar[Callable[[Any], str]]  # and how an object names its class

    def __getattr__(cls, name: str) -> Any:
        info: Info | None = cls._info if cls is not Wrapper else None  # type: ignore[attr-defined]
        member = info.member(name) if info is not None and not name.startswith("_") else None
        if member is None or member.kind == "Property":
            raise AttributeError(f"type object '{cls.__name__}' has no attribute '{name}'")
        return member.on_class()


class Wrapper(metaclass=WrapperType):
    """One Qt object seen from Python; made by calling the class, or by :func:`wrap`."""

    _info: ClassVar[Info]
    _qt_object: Any

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        if keywords:
            raise ValueError(f"{self._info.name}: PythonQt's constructors take no keyword arguments")
        derived = type(self) if type(self) is not _classes.get(self._info.name) else None
        made = self._info.construct([unwrap(each) for each in arguments], _overrides(derived))
        object.__setattr__(self, "_qt_object", made)
        if derived is not None:
            made.python_shell = self  # lives as long as the Qt object
        _remember(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        member = self._info.member(name)
        target = self._qt_object
        if member is not None:
            if member.kind == "Property" and not exists(target):
                raise ValueError(f"Trying to read property '{name}' from a destroyed {self._info.name} object")
            return member.on_instance(self)
        if exists(target) and isinstance(target, QtCore.QObject):
            value = target.property(name)
            if value is not None:
                return to_python(value)
            for child in target.children():
                if child.objectName() == name:
                    return wrap(child)
        raise AttributeError(f"{self._info.name} has no attribute named '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        member = self._info.member(name)
        target = self._qt_object
        if member is not None and member.kind == "Property":
            if not exists(target):
                raise AttributeError(f"Trying to set property '{name}' on a destroyed {self._info.name} object")
            member.assign(self, value)
        elif member is not None:
            raise AttributeError(f"{member.kind} '{name}' can not be overwritten on {self._info.name} object")
        elif exists(target) and isinstance(target, QtCore.QObject) and target.property(name) is not None:
            if value is None:
                raise AttributeError(f"Dynamic property '{name}' does not accept an object of type NoneType (None)")
            target.setProperty(name, unwrap(value))
        elif type(self) is not _classes.get(self._info.name):
            object.__setattr__(self, name, value)
        else:
            place = f"'{name}' does not exist on {self._info.name}"
            raise AttributeError(f"{place} and creating new attributes on C++ objects is not allowed")

    def __eq__(self, other: object) -> bool:
        if other is None:
            return not exists(self._qt_object)
        return isinstance(other, Wrapper) and self._qt_object is other._qt_object

    def __hash__(self) -> int:
        return hash(id(self._qt_object))

    def __bool__(self) -> bool:
        return exists(self._qt_object)

    def __repr__(self) -> str:
        return f"{self._info.name} (stand-in at {id(self._qt_object):#x})"

    def className(self) -> str:
        return self._info.name

    def inherits(self, name: str) -> bool:
        return self._info.inherits(name)

    def delete(self) -> None:
        shiboken6.delete(self._qt_object)


def exists(target: Any) -> bool:
    """Whether the C++ object is still there."""
    return bool(shiboken6.isValid(target))


def wrapper_class(name: str) -> WrapperType:
    """The Python class of a Qt, CTK or Slicer class."""
    if name not in _classes:
        info = WrapperType.info_of(name)
        _classes[name] = WrapperType(name, (Wrapper,), {"_info": info, "__module__": info.namespace})
    return _classes[name]


def wrap(target: Any) -> Any:
    """The wrapper of a Qt object; the same one as long as somebody holds it. Other values pass."""
    if not isinstance(target, WRAPPED):
        return to_python(target)
    shell = getattr(target, "python_shell", None)
    if shell is not None:
        return shell
    found = _alive.get(id(target))
    if found is not None and found._qt_object is target:
        return found
    made = object.__new__(wrapper_class(WrapperType.name_of(target)))
    object.__setattr__(made, "_qt_object", target)
    _remember(made)
    return made


def unwrap(value: Any) -> Any:
    """What PySide takes: Qt objects for wrappers, its own enums for enum values, also inside of lists."""
    if isinstance(value, Wrapper):
        if not exists(value._qt_object):
            raise ValueError(f"a destroyed {value._info.name} object is no argument")
        return value._qt_object
    if isinstance(value, enums.EnumValue) and value.qt is not None:
        return value.qt
    if isinstance(value, list | tuple):
        return [unwrap(each) for each in value]
    return value


def to_python(value: Any) -> Any:
    """A value from Qt as PythonQt gives it: lists are tuples, enums are integers."""
    if isinstance(value, WRAPPED):
        return wrap(value)
    if isinstance(value, enum.Enum):
        return enums.from_qt(value)
    if isinstance(value, list | tuple):
        return tuple(to_python(each) for each in value)
    return value


def _remember(made: Wrapper) -> None:
    _alive[id(made._qt_object)] = made


def _overrides(derived: type | None) -> dict[str, Callable[..., Any]]:
    """Methods of a Python subclass that Qt shall call in place of its own."""
    if derived is None:
        return {}
    found: dict[str, Callable[..., Any]] = {}
    for each in derived.__mro__:
        if each is Wrapper or "_info" in each.__dict__:
            break
        found = {name: method for name, method in vars(each).items() if callable(method)} | found
    return found
