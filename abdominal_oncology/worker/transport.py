"""What a client needs of whatever carries its messages. A process in scripts, a QProcess in Slicer, nothing in tests.

A transport calls its listener from one thread only, the one that the client lives in, and never from within ``start``,
``write``, ``kill`` or ``close``. In Slicer that is the main thread: Python threads stand still there while Qt waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable


class Listener(Protocol):
    """The client, as its transport knows it."""

    def received(self, data: bytes) -> None:
        """Bytes of the worker's standard output, in any pieces."""
        ...

    def logged(self, data: bytes) -> None:
        """Bytes of its standard error, in any pieces."""
        ...

    def ended(self, code: int, crashed: bool) -> None:
        """The process is gone and all it wrote was passed on. ``code`` is the signal's number where it ``crashed``."""
        ...

    def not_started(self, problem: str) -> None:
        """There is no process, and why. ``ended`` does not follow."""
        ...


class Transport(Protocol):
    """One process at a time; it can be started again after ``ended`` or ``not_started``."""

    def start(self, listener: Listener) -> None: ...

    def write(self, data: bytes) -> None:
        """To its standard input, without waiting. When the process is gone, nothing happens."""
        ...

    def kill(self) -> None:
        """End it at once; ``ended`` follows."""
        ...

    def close(self) -> None:
        """End it and forget the listener: no call follows."""
        ...

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call once, unless closed before."""
        ...


@runtime_checkable
class PumpedTransport(Transport, Protocol):
    """A transport without an event loop: its listener is called only from within ``pump``."""

    def pump(self, seconds: float) -> None:
        """Pass on what has come; wait at most so long for something to come."""
        ...
