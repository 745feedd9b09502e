"""Frozen dataclasses ↔ plain JSON data, strictly: what is unknown, missing or of another kind is refused by name."""

from __future__ import annotations

import types
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import date
from enum import Enum
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from abdominal_oncology.errors import AbdominalOncologyError, InvalidInputError
from abdominal_oncology.worker.failures import ProtocolError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Settings = TypeVar("Settings", bound="DataclassInstance")


def to_plain(value: Any) -> Any:
    """Dataclasses, mappings, sequences, enums and numbers of numpy as JSON can hold them; other things are refused.

    >>> from abdominal_oncology.imaging.image import ImageWarning
    >>> to_plain({"warnings": (ImageWarning("gap", "a slice is missing"),)})
    {'warnings': [{'code': 'gap', 'message': 'a slice is missing'}]}
    """
    if isinstance(value, Enum):
        return to_plain(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(each) for each in value]
    if isinstance(value, frozenset):
        return sorted(to_plain(each) for each in value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "tolist"):
        return to_plain(value.tolist())
    raise InvalidInputError(
        f"a message cannot hold a {type(value).__name__}", remedy="give numbers, texts, lists and tables of these"
    )


def from_plain(kind: Any, value: Any, where: str = "message") -> Any:
    """What :func:`to_plain` made, as the type ``kind`` again.

    >>> from abdominal_oncology.imaging.image import ImageWarning
    >>> from_plain(ImageWarning, {"code": "gap", "message": 3}, "warning")
    Traceback (most recent call last):
        ...
    abdominal_oncology.worker.failures.ProtocolError: warning.message must be str, not int
    """
    if kind is Any:
        return value
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _from_union(get_args(kind), value, where)
    if origin is Literal:
        return _one_of(get_args(kind), value, where)
    if origin is tuple:
        return _tuple(get_args(kind), value, where)
    if origin is frozenset:
        return frozenset(_tuple((*get_args(kind), ...), value, where))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(get_args(kind), value, where)
    if is_dataclass(kind):
        return _dataclass(kind, value, where)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _made(kind, (value,), {}, where)
    if kind is date and isinstance(value, str):
        return _made(date.fromisoformat, (value,), {}, where, "date")
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise ProtocolError(f"{where} must be {kind.__name__}, not {type(value).__name__}")
    return value


def with_defaults(usual: Settings, changes: Mapping[str, Any], where: str) -> Settings:
    """A dataclass like ``usual`` but for some of its fields, these in plain data. Values that it refuses are the fault
    of who chose them, and its own error says so.

    >>> from abdominal_oncology.imaging.image import ImageWarning
    >>> with_defaults(ImageWarning("gap", "?"), {"message": "a slice is missing"}, "warning")
    ImageWarning(code='gap', message='a slice is missing')
    """
    hints: dict[str, Any] = _hints(type(usual))
    unknown = sorted(set(changes) - set(hints))
    if unknown:
        raise ProtocolError(f"{where}: unknown {', '.join(unknown)}")
    return replace(usual, **{name: from_plain(hints[name], each, f"{where}.{name}") for name, each in changes.items()})


@cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return get_type_hints(kind)


def _dataclass(kind: Any, value: Any, where: str) -> Any:
    hints = _hints(kind)
    table = _mapping((str, Any), value, where)
    unknown, missing = sorted(set(table) - set(hints)), [name for name in hints if name not in table]
    if unknown or missing:
        told = [f"unknown {', '.join(unknown)}"] if unknown else []
        told += [f"missing {', '.join(missing)}"] if missing else []
        raise ProtocolError(f"{where} is no {kind.__name__}: {'; '.join(told)}")
    return _made(
        kind, (), {name: from_plain(each, table[name], f"{where}.{name}") for name, each in hints.items()}, where
    )


def _tuple(kinds: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ProtocolError(f"{where} must be a list, not {type(value).__name__}")
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        raise ProtocolError(f"{where} must have {len(kinds)} entries, not {len(value)}")
    return tuple(
        from_plain(kind, each, f"{where}[{n}]") for n, (kind, each) in enumerate(zip(kinds, value, strict=True))
    )


def _mapping(kinds: tuple[Any, ...], value: Any, where: str) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise ProtocolError(f"{where} must be a table, not {type(value).__name__}")
    keys = value if kinds[0] is str else [_made(kinds[0], (key,), {}, where) for key in value]
    return {key: from_plain(kinds[1], value[name], f"{where}.{name}") for key, name in zip(keys, value, strict=True)}


def _one_of(choices: tuple[Any, ...], value: Any, where: str) -> Any:
    if value not in choices:
        raise ProtocolError(f"{where} must be one of {', '.join(map(str, choices))}, not {value!r}")
    return value


def _from_union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    others = [kind for kind in kinds if kind is not type(None)]
    fitting = [kind for kind in others if type(value) is kind or (kind is float and type(value) is int)]
    fitting += [kind for kind in others if is_dataclass(kind) == isinstance(value, dict)]
    return from_plain([*fitting, *others][0], value, where)


def _made(kind: Any, values: tuple[Any, ...], named: Mapping[str, Any], where: str, name: str = "") -> Any:
    """Types check what they are given; here that is the fault of the message."""
    try:
        return kind(*values, **named)
    except (AbdominalOncologyError, ValueError) as wrong:
        raise ProtocolError(f"{where} is no {name or kind.__name__}: {wrong}") from wrong
