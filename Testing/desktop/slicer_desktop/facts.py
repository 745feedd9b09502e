"""The committed extract of API facts: which properties, signals, methods and enums a Slicer or CTK class has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

FILE = Path(__file__).with_name("facts.json")


@dataclass(frozen=True)
class Property:
    """A Qt property; ``write`` is None where it is read-only, ``notify`` names the signal of a change."""

    name: str
    type: str
    read: str
    write: str | None
    notify: str | None


@dataclass(frozen=True)
class Method:
    """One callable arity of a signal, slot or invokable, in moc's normal form."""

    signature: str
    returns: str = "void"
    static: bool = False

    @property
    def name(self) -> str:
        return self.signature.partition("(")[0]

    @property
    def arguments(self) -> tuple[str, ...]:
        """
        >>> Method("plot(QList<int>,QMap<int,int>,bool)").arguments
        ('QList<int>', 'QMap<int,int>', 'bool')
        """
        found, depth = [""], 0
        for sign in self.signature.partition("(")[2][:-1]:
            depth += (sign == "<") - (sign == ">")
            if sign == "," and not depth:
                found.append("")
            else:
                found[-1] += sign
        return () if found == [""] else tuple(found)


@dataclass(frozen=True)
class ClassFacts:
    """What Python reaches on one class itself, without its bases."""

    name: str
    namespace: str | None
    bases: tuple[str, ...]
    designer_plugin: bool
    constructor: str | None
    properties: Mapping[str, Property]
    signals: tuple[Method, ...]
    methods: tuple[Method, ...]
    enums: Mapping[str, Mapping[str, int]]


def known() -> tuple[str, ...]:
    """Names of all classes of the extract, bases before what derives from them."""
    return tuple(name for name in _read() if name != "_meta")


@cache
def facts_of(name: str) -> ClassFacts:
    """Facts of one class of the extract; KeyError for any other."""
    entry = _read()[name]
    properties = {
        each["name"]: Property(each["name"], each["type"], each["read"], each.get("write"), each.get("notify"))
        for each in entry["properties"]
    }
    decorators = (
        Method(each["signature"], each.get("returns", "void"), each["kind"] == "static")
        for each in entry["decorators"]
        if each["kind"] in {"static", "instance"}
    )
    methods = (*decorators, *(Method(each["signature"], each.get("returns", "void")) for each in entry["methods"]))
    return ClassFacts(
        name,
        entry["python"],
        tuple(entry["bases"]),
        entry["designer_plugin"],
        entry["python_constructor"],
        MappingProxyType(properties),
        tuple(Method(signature) for signature in entry["signals"]),
        methods,
        MappingProxyType({key: each["values"] for key, each in entry["enums"].items()}),
    )


def lineage(name: str) -> Iterator[ClassFacts]:
    """The class and its bases of the extract, most derived first; Qt's classes are not listed."""
    if name in _read():
        yield facts_of(name)
        for base in facts_of(name).bases:
            yield from lineage(base)


def qt_base(name: str) -> str:
    """The nearest Qt class that the class derives from."""
    for each in lineage(name):
        for base in each.bases:
            if base.startswith("Q") and base != "QVTKWidget":
                return base
    return "QWidget"  # QVTKWidget: a widget that VTK draws into


@cache
def _read() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found
