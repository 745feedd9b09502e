"""Writing in steps: a window takes one at a time, a script all at once."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")


def to_its_end(steps: Generator[None, None, Result]) -> Result:
    """Take every step, and give what the last one returns.

    >>> def writing():
    ...     yield
    ...     return "written"
    >>> to_its_end(writing())
    'written'
    """
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
