"""The worker's questions to its client and their answers, from any thread of a job."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future

from abdominal_oncology.errors import AbdominalOncologyError, Cancelled
from abdominal_oncology.worker.protocol import FromWorker, Here, Refused, Taken

Answer = Here | Taken


class Exchange:
    """Sends questions of one job and keeps who waits for which answer. After :meth:`stop` everybody gets Cancelled."""

    def __init__(self, send: Callable[[FromWorker], None], numbers: itertools.count[int]) -> None:
        self._send, self._numbers = send, numbers
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[Answer]] = {}
        self._stopped = threading.Event()

    def ask(self, question: Callable[[int], FromWorker]) -> Future[Answer]:
        """Send what ``question`` makes of its number; whoever needs the answer waits for the result."""
        number = next(self._numbers)
        answer: Future[Answer] = Future()
        with self._lock:
            self.check()
            self._waiting[number] = answer
        self._send(question(number))
        return answer

    def answered(self, message: Here | Refused | Taken) -> None:
        """Called by whoever reads the client's messages. Answers to a stopped job are passed over."""
        with self._lock:
            waiting = self._waiting.pop(message.request, None)
        if waiting is None:
            return
        if isinstance(message, Refused):
            waiting.set_exception(message.error.error())
        else:
            waiting.set_result(message)

    def stop(self) -> None:
        self._stopped.set()
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for each in waiting.values():
            each.set_exception(cancelled())

    def check(self) -> None:
        """Raise Cancelled once the job was stopped."""
        if self._stopped.is_set():
            raise cancelled()


def cancelled() -> AbdominalOncologyError:
    return Cancelled("stopped, as asked")
