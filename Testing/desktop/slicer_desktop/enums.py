"""Enum values as PythonQt gives them: integers that know their name."""

from __future__ import annotations

import enum
from typing import Any


class EnumValue(int):
    """A value of a Qt, CTK or Slicer enum; ``qt`` is the value that PySide takes, where the enum is Qt's own."""

    name: str
    qt: Any

    def __new__(cls, value: int, name: str = "", qt: Any = None) -> EnumValue:
        made = super().__new__(cls, value)
        made.name, made.qt = name, qt
        return made

    def __or__(self, other: int) -> EnumValue | int:
        return _combined(self, other, int(self) | int(other))

    def __and__(self, other: int) -> EnumValue | int:
        return _combined(self, other, int(self) & int(other))

    __ror__, __rand__ = __or__, __and__

    def __eq__(self, other: object) -> bool:
        return int(self) == (other.value if isinstance(other, enum.Enum) else other)

    __hash__ = int.__hash__

    def __repr__(self) -> str:
        return f"{self.name} ({int(self)})"


class EnumType:
    """An enum's type as an attribute of its class: ``ctkPathLineEdit.Filters.Dirs``; called, it makes a value."""

    def __init__(self, members: dict[str, EnumValue]) -> None:
        self.members = members

    def __getattr__(self, name: str) -> EnumValue:
        if name in self.members:
            return self.members[name]
        raise AttributeError(f"this enum has no value named '{name}'")

    def __call__(self, value: int = 0) -> EnumValue:
        found = [each for each in self.members.values() if each == value]
        kind = type(next(iter(self.members.values())).qt)
        return found[0] if found else EnumValue(value, "", kind(value) if issubclass(kind, enum.Enum) else None)


def _combined(left: EnumValue, right: int, value: int) -> EnumValue | int:
    kind = type(left.qt)
    if issubclass(kind, enum.Flag):
        return EnumValue(value, f"{left.name}|{getattr(right, 'name', right)}", kind(value))
    return value


def from_qt(value: enum.Enum) -> EnumValue:
    """What Python sees of a value that PySide returned."""
    return EnumValue(value.value, str(value.name), value)


def type_from_qt(kind: type[enum.Enum]) -> EnumType:
    return EnumType({name: EnumValue(each.value, name, each) for name, each in kind.__members__.items()})


def type_from_facts(values: dict[str, int]) -> EnumType:
    return EnumType({name: EnumValue(value, name) for name, value in values.items()})
