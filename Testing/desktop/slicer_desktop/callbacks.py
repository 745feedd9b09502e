"""How PythonQt calls Python: with as many arguments as the function takes; an exception is reported, not passed on."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from types import CodeType, FunctionType, MethodType
from typing import Any

_VARIABLE = 0x04  # code flag of a function with *args


class Journal:
    """What Slicer would print to its Python console and nobody would see in a test: errors in slots, bad signatures."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    def report(self, text: str) -> None:
        self.entries.append(text)
        sys.stderr.write(f"{text}\n")

    def take(self) -> list[str]:
        """All entries; the journal is empty afterwards."""
        entries, self.entries = self.entries, []
        return entries


journal = Journal()


def accepted(function: Callable[..., Any]) -> int | None:
    """How many arguments a slot gets at most; None is all of them.

    Only plain functions and bound methods are looked into; defaults count.

    >>> accepted(lambda x=1: x), accepted(lambda *all: all), accepted(print)
    (1, None, None)
    """
    bound = isinstance(function, MethodType)
    plain = function.__func__ if isinstance(function, MethodType) else function
    if not isinstance(plain, FunctionType):
        return None
    code: CodeType = plain.__code__
    return None if code.co_flags & _VARIABLE else code.co_argcount - bound


def call(function: Callable[..., Any], arguments: Sequence[Any]) -> None:
    """Run a slot as a signal does."""
    try:
        function(*arguments[: accepted(function)])
    except Exception:
        journal.report(traceback.format_exc())
