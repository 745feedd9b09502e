"""Qt objects behind the wrappers: PySide's own classes, and one made for each Slicer or CTK class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from slicer_desktop.behaviours import behaviour_of
from slicer_desktop.facts import ClassFacts
from slicer_desktop.wrapper import unwrap, wrap


def construct(fact: ClassFacts, qt_base: type[Any], arguments: Sequence[Any], overrides: dict[str, Any]) -> Any:
    """An object as the Python constructor of the facts makes it."""
    if fact.constructor is None:
        raise ValueError(f"No constructors available for {fact.name}")
    most = 0 if fact.constructor == "()" else 1
    if len(arguments) > most:
        raise ValueError(f"Called {fact.name}{fact.constructor} with wrong arguments: {tuple(arguments)!r}")
    return make(fact.name, qt_base, arguments[0] if arguments else None, overrides)


def make(name: str, qt_base: type[Any], parent: Any = None, overrides: dict[str, Any] | None = None) -> Any:
    """As C++ makes it, also where Python has no constructor: the Qt object with its behaviour."""
    behaviour = behaviour_of(name)
    made = with_overrides(_class(name, behaviour.qt_class or qt_base), overrides or {})(parent)
    made.behaviour = behaviour(name, made)
    return made


@cache
def _class(name: str, base: type[Any]) -> type[Any]:
    return type(name, (base,), {"__doc__": f"{name} of the desktop stand-in."})


def with_overrides(base: type[Any], overrides: dict[str, Callable[..., Any]]) -> type[Any]:
    """The class, where a Python subclass overrides virtual methods, with those passed on to it."""
    virtual = {name: _passing(name) for name in overrides if not name.startswith("_") and hasattr(base, name)}
    return type(base.__name__, (base,), virtual) if overrides else base


def _passing(name: str) -> Callable[..., Any]:
    def method(self: Any, *arguments: Any) -> Any:
        shell = getattr(self, "python_shell", None)
        if shell is None:  # still in its constructor
            return getattr(super(type(self), self), name)(*arguments)
        return unwrap(getattr(shell, name)(*(wrap(each) for each in arguments)))

    return method
