"""The worker's transport in Slicer: ``qt.QProcess``. No thread, no waiting: all happens in the window's event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from abdominal_oncology.worker.launch import Launch
from abdominal_oncology.worker.transport import Listener

_END_MS = 500


class QProcessTransport:
    """One QProcess for all starts: an object that is dropped within its own signal takes the program with it."""

    def __init__(self, launch: Launch) -> None:
        import qt  # type: ignore[import-not-found]  # PythonQt's, in the Slicer application

        self._qt = qt
        self._launch = launch
        self._listener: Listener | None = None
        environment = qt.QProcessEnvironment.systemEnvironment()
        for name, value in launch.environment.items():
            environment.insert(name, value)
        self._process: Any = qt.QProcess()
        self._process.setProcessEnvironment(environment)
        self._process.connect("readyReadStandardOutput()", self._read)
        self._process.connect("readyReadStandardError()", self._read_log)
        self._process.connect("finished(int,QProcess::ExitStatus)", self._finished)
        self._process.connect("errorOccurred(QProcess::ProcessError)", self._error)

    @property
    def process_id(self) -> int | None:
        """Of the process that runs now."""
        return int(self._process.processId()) if self._runs() else None

    def start(self, listener: Listener) -> None:
        self._listener = listener
        self._process.start(self._launch.program, list(self._launch.arguments))

    def write(self, data: bytes) -> None:
        if self._runs():
            self._process.write(data)

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self._listener = None
        if self._runs():
            self._process.closeWriteChannel()  # the worker ends by itself
            if not self._process.waitForFinished(_END_MS):
                self._process.kill()
                self._process.waitForFinished(_END_MS)

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        self._qt.QTimer.singleShot(int(seconds * 1000), call)

    def _runs(self) -> bool:
        return bool(self._process.state() != self._qt.QProcess.NotRunning)

    def _read(self) -> None:
        data = self._process.readAllStandardOutput().data()
        if data and self._listener is not None:
            self._listener.received(data)

    def _read_log(self) -> None:
        data = self._process.readAllStandardError().data()
        if data and self._listener is not None:
            self._listener.logged(data)

    def _finished(self, code: int, status: int) -> None:
        self._read()
        self._read_log()
        if self._listener is not None:
            self._listener.ended(code, status == self._qt.QProcess.CrashExit)

    def _error(self, error: int) -> None:
        if error == self._qt.QProcess.FailedToStart:
            problem = f"{self._launch.program}: {self._process.errorString()}"
            self._qt.QTimer.singleShot(0, lambda: self._not_started(problem))  # Qt may call from within start

    def _not_started(self, problem: str) -> None:
        if self._listener is not None:
            self._listener.not_started(problem)
