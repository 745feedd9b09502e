"""Commands of ``abdominal-oncology`` one after another in a process of their own, as a panel starts and stops them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from typing import Any

from abdominal_oncology.worker.lines import LineBuffer

_KILL_AFTER_MS = 5000


class CommandProcess:
    """``on_line`` hears every line that is written; ``on_end`` is called once, with True where all commands were well.

    The process ends with the application; what it was doing can go on by the same command.
    """

    def __init__(self, on_line: Callable[[str], None], on_end: Callable[[bool], None]) -> None:
        import qt  # type: ignore[import-not-found]  # PythonQt's, in the Slicer application

        from abdominal_oncology.worker.launch import worker_launch

        self._qt = qt
        self._on_line, self._on_end = on_line, on_end
        launch = worker_launch(shutil.which("PythonSlicer") or "")
        self._program = launch.program
        environment = qt.QProcessEnvironment.systemEnvironment()
        for name, value in launch.environment.items():
            environment.insert(name, value)
        self._waiting: list[Sequence[str]] = []
        self._lines = LineBuffer()
        self._runs = self._is_stopped = False
        self._process: Any = qt.QProcess()
        self._process.setProcessEnvironment(environment)
        self._process.setProcessChannelMode(qt.QProcess.MergedChannels)
        self._process.connect("readyReadStandardOutput()", self._read)
        self._process.connect("finished(int,QProcess::ExitStatus)", self._finished)
        self._process.connect("errorOccurred(QProcess::ProcessError)", self._error)

    @property
    def is_running(self) -> bool:
        return self._runs

    def start(self, commands: Sequence[Sequence[str]]) -> None:
        """Each command is the arguments of ``abdominal-oncology``; the next starts when the one before was well."""
        self._waiting = list(commands)
        self._runs, self._is_stopped = True, False
        self._next()

    def stop(self) -> None:
        """Ask it to end; what does not listen for five seconds is killed."""
        if self._runs and not self._is_stopped:
            self._is_stopped = True
            self._waiting.clear()
            self._process.terminate()
            self._qt.QTimer.singleShot(_KILL_AFTER_MS, self._kill)

    def close(self) -> None:
        """The panel goes: end at once, and tell nobody."""
        self._on_line, self._on_end = _nothing, _nothing
        self._waiting.clear()
        if self._runs:
            self._process.kill()
            self._process.waitForFinished(1000)

    def _next(self) -> None:
        self._lines = LineBuffer()
        self._process.start(self._program, ["-P", "-X", "utf8", "-m", "abdominal_oncology", *self._waiting.pop(0)])

    def _kill(self) -> None:
        if self._runs and self._is_stopped:
            self._process.kill()

    def _read(self) -> None:
        for line in self._lines.feed(self._process.readAllStandardOutput().data()):
            self._on_line(line.decode("utf-8", "replace"))

    def _finished(self, code: int, status: int) -> None:
        self._read()
        rest = self._lines.rest()
        if rest:
            self._on_line(rest.decode("utf-8", "replace"))
        if code == 0 and status != self._qt.QProcess.CrashExit and self._waiting:
            self._qt.QTimer.singleShot(0, self._next)  # not from within its own signal
            return
        self._end(code == 0 and status != self._qt.QProcess.CrashExit and not self._is_stopped)

    def _error(self, error: int) -> None:
        if error == self._qt.QProcess.FailedToStart:
            self._on_line(f"{self._program}: {self._process.errorString()}")
            self._qt.QTimer.singleShot(0, lambda: self._end(well=False))

    def _end(self, well: bool) -> None:
        if self._runs:
            self._runs = False
            self._on_end(well)


def _nothing(told: object) -> None:
    """For a panel that is gone."""
