"""The event loop in a test: wait for something, and measure how long the window stood still meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from PySide6 import QtCore, QtWidgets

_SLICE_MS = 20
_REST_SECONDS = 0.001
"""Between two looks: Qt's own waiting has no time limit, and to look all the time takes the core from the worker."""


def wait_until(condition: Callable[[], object], timeout_seconds: float = 30.0) -> None:
    """Let events happen until ``condition`` holds; AssertionError when it takes too long."""
    end = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"still not so after {timeout_seconds} s")
        _let_events_happen()
        QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)


def run_events(seconds: float) -> None:
    """Let events happen for a while."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _let_events_happen()


def _let_events_happen() -> None:
    QtWidgets.QApplication.processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, _SLICE_MS)
    time.sleep(_REST_SECONDS)


class Heartbeat:
    """A timer that should beat every ``beat_ms``; how late it came at most is how long the window was blocked.

    >>> with Heartbeat() as heart:  # doctest: +SKIP
    ...     wait_until(lambda: done)
    >>> assert heart.longest_pause_seconds < 0.1  # doctest: +SKIP
    """

    def __init__(self, beat_ms: int = 5) -> None:
        self.beats = 0
        self.longest_pause_seconds = 0.0
        self._last = 0.0
        self._timer = QtCore.QTimer()
        self._timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        self._timer.setInterval(beat_ms)
        self._timer.timeout.connect(self._beat)

    def __enter__(self) -> Heartbeat:
        self._last = time.monotonic()
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self._timer.stop()
        self._pause()

    def _beat(self) -> None:
        self.beats += 1
        self._pause()

    def _pause(self) -> None:
        now = time.monotonic()
        self.longest_pause_seconds = max(self.longest_pause_seconds, now - self._last)
        self._last = now
