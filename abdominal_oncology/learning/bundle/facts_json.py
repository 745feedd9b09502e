"""The facts of a bundle as JSON: nothing is lost, nothing unknown is passed over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from abdominal_oncology.errors import InvalidInputError, UnreadableFileError
from abdominal_oncology.learning.bundle.facts import BundleFacts, Unfamiliar


def facts_to_table(facts: BundleFacts) -> dict[str, Any]:
    """Plain tables, lists, texts and numbers; refused where a value is none of these.

    >>> facts = BundleFacts("liver", "1.2", "hcc", "net", ("a", "b"), (1, 8, 8), "phantoms")
    >>> facts_from_table(facts_to_table(facts)) == facts
    True
    """
    return {each.name: _plain(getattr(facts, each.name), each.name) for each in fields(BundleFacts)}


def facts_from_table(table: Any, where: str = "") -> BundleFacts:
    """The inverse; ``where`` is the file, for the error."""
    values = _known(BundleFacts, table, where)
    for name in ("classes", "input_shape", "references"):
        if name in values:
            values[name] = tuple(_list(values[name], name, where))
    for name in ("network_options", "preparation", "decision", "thresholds", "training", "results", "seconds"):
        if not isinstance(values.get(name, {}), dict):
            raise _wrong(f"{name!r} is not a table", where)
    for name in ("name", "version", "task", "network", "trained_on", "intended_use", "limits", "authors"):
        if not isinstance(values.get(name, ""), str):
            raise _wrong(f"{name!r} is not a text", where)
    if values.get("unfamiliar") is not None:
        values["unfamiliar"] = _unfamiliar(values["unfamiliar"], where)
    try:
        return BundleFacts(**values)
    except TypeError as error:
        raise _wrong(str(error), where) from error


def _unfamiliar(table: Any, where: str) -> Unfamiliar:
    return Unfamiliar(**{name: _frozen(value) for name, value in _known(Unfamiliar, table, where).items()})


def _known(kind: type[BundleFacts] | type[Unfamiliar], table: Any, where: str) -> dict[str, Any]:
    """A copy of the table, which has every field that is needed and none besides."""
    if not isinstance(table, dict):
        raise _wrong("what it says about its model is not a table", where)
    names = [each.name for each in fields(kind)]
    needed = [each.name for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING]
    for name in needed:
        if name not in table:
            raise _wrong(f"{name!r} is missing", where)
    for name in table:
        if name not in names:
            raise _wrong(f"{name!r} is not known here", where)
    return dict(table)


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInputError(f"{value} cannot be written as JSON", where=f"bundle facts, {where}")
        return value
    if isinstance(value, Unfamiliar):
        return {each.name: _plain(getattr(value, each.name), f"{where}.{each.name}") for each in fields(value)}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise InvalidInputError("the keys of a table are texts", where=f"bundle facts, {where}")
        return {key: _plain(each, f"{where}.{key}") for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, where) for each in value]
    raise InvalidInputError(
        f"{type(value).__name__} cannot be written as JSON",
        where=f"bundle facts, {where}",
        remedy="use numbers, texts, lists and tables",
    )


def _frozen(value: Any) -> Any:
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value


def _list(value: Any, name: str, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(f"{name!r} is not a list", where)
    return value


def _wrong(problem: str, where: str) -> UnreadableFileError:
    return UnreadableFileError(f"this is not a bundle that can be used: {problem}", where=where)
