"""From a Python value to what a C++ type takes, as lenient and as strict as PythonQt.

PythonQt knows two ways. *Strict* is tried first where a method has several signatures; the lenient way turns anything
into a string, floats into ints, and asks any object for its truth.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

_INTEGERS = {"int", "uint", "long", "ulong", "qint64", "quint64", "vtkIdType", "short", "ushort"}
_ANYTHING = {"QVariant", "PyObject*", "qSlicerIO::IOProperties", "void*"}


class UnfitError(Exception):
    """PythonQt has no way from this value to that type."""


def convert(value: Any, kind: str, *, strict: bool = False) -> Any:
    """``value`` as the C++ type ``kind`` holds it; :class:`UnfitError` where PythonQt refuses.

    >>> convert(2.9, "int"), convert(7, "QString"), convert(("a", 1), "QStringList")
    (2, '7', ('a', '1'))
    """
    kind = kind.removesuffix("&")
    if kind in _ANYTHING:
        return value
    if kind.endswith("*"):
        return _pointer(value, kind[:-1])
    if kind == "bool":
        return _bool(value, strict)
    if kind in _INTEGERS:
        return _int(value, strict)
    if kind in {"double", "float", "qreal"}:
        return _float(value, strict)
    if kind in {"QString", "qSlicerIO::IOFileType", "QChar"}:
        return _text(value, strict)
    if kind == "QStringList":
        return _texts(value, strict)
    if kind.startswith("QList<"):
        return tuple(convert(each, kind[6:-1], strict=strict) for each in _items(value))
    if kind in {"QVariantMap", "QVariantList"}:
        return _container(value, kind)
    return _value(value, kind)


def _refuse(value: Any, kind: str) -> UnfitError:
    return UnfitError(f"{kind} does not take {type(value).__name__} ({value!r})")


def _bool(value: Any, strict: bool) -> bool:
    if strict and not isinstance(value, bool):
        raise _refuse(value, "bool")
    return bool(value)


def _int(value: Any, strict: bool) -> int:
    if isinstance(value, float) and not strict:
        return math.floor(value)
    if strict and type(value) is not int and not hasattr(value, "qt"):
        raise _refuse(value, "int")
    try:
        return operator.index(value)
    except TypeError:
        raise _refuse(value, "int") from None


def _float(value: Any, strict: bool) -> float:
    if isinstance(value, str) or (strict and type(value) is not float):
        raise _refuse(value, "double")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise _refuse(value, "double") from None


def _text(value: Any, strict: bool) -> str:
    if strict and not isinstance(value, str):
        raise _refuse(value, "QString")
    return str(value)


def _items(value: Any) -> Sequence[Any]:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        raise _refuse(value, "a list")
    return value


def _texts(value: Any, strict: bool) -> tuple[str, ...]:
    if isinstance(value, str) and not strict:
        return tuple(value)  # PythonQt sees a sequence of letters here, a trap that must stay one
    return tuple(str(each) for each in _items(value))


def _container(value: Any, kind: str) -> Any:
    if not isinstance(value, dict if kind == "QVariantMap" else Sequence):
        raise _refuse(value, kind)
    return value


def _pointer(value: Any, kind: str) -> Any:
    """None is the null pointer; VTK's and Qt's objects must be of the class or derive from it."""
    if value is None:
        return None
    if kind.startswith("vtk") and callable(getattr(value, "IsA", None)) and value.IsA(kind):
        return value
    if not kind.startswith("vtk") and hasattr(value, "_qt_object") and value.inherits(kind):
        return value
    raise _refuse(value, f"{kind}*")


def _value(value: Any, kind: str) -> Any:
    """Enums take integers and key names; Qt's values (QColor, QIcon …) their own class."""
    for library in (QtCore, QtGui, QtWidgets):
        known = getattr(library, kind, None)
        if isinstance(known, type):
            if isinstance(value, known):
                return value
            raise _refuse(value, kind)
    if isinstance(value, int | str):
        return value
    if hasattr(value, "value"):
        return value.value
    raise _refuse(value, kind)
