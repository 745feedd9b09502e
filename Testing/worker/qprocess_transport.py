"""The transport that a panel needs, written for real Qt: the pattern for ``qt.QProcess``, line by line."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QProcess, QProcessEnvironment, QTimer

from abdominal_oncology.worker.launch import Launch
from abdominal_oncology.worker.transport import Listener


class QProcessTransport:
    """No thread, no waiting: everything happens in the event loop of the thread that made it.

    One QProcess for all starts: an object that is dropped within its own signal takes the program with it.
    """

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._listener: Listener | None = None
        environment = QProcessEnvironment.systemEnvironment()
        for name, value in launch.environment.items():
            environment.insert(name, value)
        self._process = QProcess()
        self._process.setProcessEnvironment(environment)
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.readyReadStandardError.connect(self._read_log)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._error)

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
            if not self._process.waitForFinished(500):
                self._process.kill()
                self._process.waitForFinished(500)

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        QTimer.singleShot(int(seconds * 1000), call)

    def _runs(self) -> bool:
        return self._process.state() != QProcess.ProcessState.NotRunning

    def _read(self) -> None:
        data = self._process.readAllStandardOutput().data()
        if data and self._listener is not None:
            self._listener.received(data)

    def _read_log(self) -> None:
        data = self._process.readAllStandardError().data()
        if data and self._listener is not None:
            self._listener.logged(data)

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        self._read_log()
        if self._listener is not None:
            self._listener.ended(code, status == QProcess.ExitStatus.CrashExit)

    def _error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            problem = f"{self._launch.program}: {self._process.errorString()}"
            QTimer.singleShot(0, lambda: self._not_started(problem))  # Qt may call from within start

    def _not_started(self, problem: str) -> None:
        if self._listener is not None:
            self._listener.not_started(problem)
