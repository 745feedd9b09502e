"""What can go wrong between a client and its worker, beside what goes wrong in the work itself."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from os import PathLike

from abdominal_oncology.errors import AbdominalOncologyError


class WorkerError(AbdominalOncologyError):
    """The worker cannot be used. ``log`` holds the last lines that it wrote."""

    def __init__(
        self, problem: str, *, where: str | PathLike[str] = "", remedy: str = "", log: Sequence[str] = ()
    ) -> None:
        super().__init__(problem, where=where, remedy=remedy)
        self.log = tuple(log)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.problem, self.where, self.remedy, self.log)


def _rebuild(kind: type[WorkerError], problem: str, where: str, remedy: str, log: Sequence[str]) -> WorkerError:
    return kind(problem, where=where, remedy=remedy, log=log)


class WorkerStartError(WorkerError):
    """The process could not be started, or said nothing for too long."""


class WorkerVersionError(WorkerError):
    """Client and worker are of different versions: files were exchanged under a running Slicer."""


class WorkerCrashedError(WorkerError):
    """The process ended although nobody wanted it to."""


class ProtocolError(WorkerError):
    """A message that nobody could have sent: unknown type or field, wrong kind of value."""


_WINDOWS_ENDS = {
    0xC0000005: "it used memory that is not its own: a fault in a library",
    0xC0000017: "memory ran out",
    0xC00000FD: "its stack ran over",
    0xC0000409: "a library ended it",
}
_SIGNAL_ENDS = {
    "SIGSEGV": "it used memory that is not its own: a fault in a library",
    "SIGBUS": "it used memory that is not there: a fault in a library, or no room for shared memory",
    "SIGILL": "a library asks for a newer processor",
    "SIGFPE": "a library divided by zero",
    "SIGABRT": "a library ended it",
    "SIGKILL": "the system or somebody ended it; most often memory had run out",
    "SIGTERM": "the system or somebody asked it to end",
}


def crash(code: int, crashed: bool, log: Sequence[str]) -> WorkerCrashedError:
    """The error for a process that ended by itself. ``code`` is the number of the signal where it ``crashed``.

    >>> print(crash(1, False, ["ValueError: no"]).problem)
    the worker process ended in the middle of its work (exit code 1): ValueError: no
    """
    name, why = _end(code, crashed)
    if not why:
        why = next((line for line in reversed(log) if line.strip()), "it says nothing about why")
    remedy = "run it again; if it happens again, report it with the log"
    if name == "SIGKILL" or code == 0xC0000017:
        remedy = "close other programs and run it again; less at once needs less memory"
    return WorkerCrashedError(
        f"the worker process ended in the middle of its work ({name}): {why}", remedy=remedy, log=log
    )


def no_start(log: Sequence[str]) -> WorkerStartError:
    """The error for a process that ended before its first word."""
    last = next((line for line in reversed(log) if line.strip()), "it says nothing about why")
    remedy = "look at the log; install the extension again if files are missing"
    return WorkerStartError(f"the worker did not start: {last}", remedy=remedy, log=log)


def _end(code: int, crashed: bool) -> tuple[str, str]:
    windows = _WINDOWS_ENDS.get(code & 0xFFFFFFFF)
    if windows:
        return f"{code & 0xFFFFFFFF:#x}", windows
    if not crashed:
        return f"exit code {code}", ""
    try:
        name = signal.Signals(code).name
    except ValueError:
        return f"code {code}", ""
    return name, _SIGNAL_ENDS.get(name, "")
