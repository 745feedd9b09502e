"""How long work says where it is, and how it is asked to stop.

Long functions take ``progress: Progress = silent`` and call ``progress(fraction, stage)`` now and then. A listener that
wants to stop the work raises :class:`~abdominal_oncology.errors.Cancelled` from that call.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """``fraction`` runs from 0 to 1; ``stage`` is a short phrase such as ``"reading headers"``."""

    def __call__(self, fraction: float, stage: str) -> None: ...


def silent(fraction: float, stage: str) -> None:
    """The listener of those who do not listen."""


def part(progress: Progress, start: float, stop: float) -> Progress:
    """A progress whose 0..1 is the stretch ``start``..``stop`` of another, for work made of steps.

    >>> seen = []
    >>> part(lambda fraction, stage: seen.append((fraction, stage)), 0.5, 1.0)(0.5, "second half")
    >>> seen
    [(0.75, 'second half')]
    """

    def report(fraction: float, stage: str) -> None:
        progress(start + (stop - start) * min(max(fraction, 0.0), 1.0), stage)

    return report
