"""Properties as attributes: read by their getter, set by their setter, refused where PythonQt refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from slicer_desktop import enums, facts
from slicer_desktop.conversion import UnfitError, convert
from slicer_desktop.wrapper import Wrapper, to_python, unwrap


class FactsProperty:
    """A property of a Slicer or CTK class."""

    kind = "Property"

    def __init__(self, fact: facts.Property, class_enums: Mapping[str, Mapping[str, int]]) -> None:
        self._fact = fact
        self._enum = class_enums.get(fact.type.rpartition("::")[2])

    def on_class(self) -> Any:
        raise AttributeError(self._fact.name)

    def on_instance(self, owner: Wrapper) -> Any:
        value = owner._qt_object.behaviour.read_property(self._fact)
        if self._enum is not None:
            return enums.type_from_facts(dict(self._enum))(int(value))
        return to_python(value)

    def assign(self, owner: Wrapper, value: Any) -> None:
        if self._fact.write is None:
            raise AttributeError(f"Property '{self._fact.name}' of {owner.className()} object is not writable")
        try:
            fitted = self._key(value) if self._enum is not None else convert(value, self._fact.type)
        except UnfitError:
            raise _unfit(self._fact.name, self._fact.type, value) from None
        owner._qt_object.behaviour.write_property(self._fact, unwrap(fitted))

    def _key(self, value: Any) -> int:
        """An enum takes integers and the names of its keys, those of flags joined by |."""
        if not isinstance(value, str):
            return int(convert(value, "int"))
        assert self._enum is not None
        keys = [each.rpartition("::")[2] for each in value.split("|")]
        if any(key not in self._enum for key in keys):
            raise UnfitError(value)
        found = 0
        for key in keys:
            found |= self._enum[key]
        return found


class QtProperty:
    """A property of one of Qt's own classes."""

    kind = "Property"

    def __init__(self, name: str, kind: str, writable: bool, enum: bool) -> None:
        self._name, self._type = name, kind
        self._writable, self._enum = writable, enum

    def on_class(self) -> Any:
        raise AttributeError(self._name)

    def on_instance(self, owner: Wrapper) -> Any:
        target = owner._qt_object
        for getter in (self._name, f"is{self._name[:1].upper()}{self._name[1:]}"):
            found = getattr(target, getter, None)  # QObject.property cannot give every enum
            if callable(found):
                return to_python(found())
        return to_python(target.property(self._name))

    def assign(self, owner: Wrapper, value: Any) -> None:
        if not self._writable:
            raise AttributeError(f"Property '{self._name}' of {owner.className()} object is not writable")
        try:
            if self._enum:
                fitted = value if isinstance(value, str) else int(convert(value, "int"))
            else:
                fitted = convert(value, self._type)
        except UnfitError:
            raise _unfit(self._name, self._type, value) from None
        plain = list(fitted) if isinstance(fitted, tuple) else unwrap(fitted)
        if not owner._qt_object.setProperty(self._name, plain):
            raise _unfit(self._name, self._type, value)


def _unfit(name: str, kind: str, value: Any) -> AttributeError:
    return AttributeError(
        f"Property '{name}' of type '{kind}' does not accept an object of type {type(value).__name__} ({value!r})"
    )
