"""A worker without a process, for scripts and tests: the same messages, made, sent and read in one thread.

A job runs within ``pump``. It can be cancelled from its own progress, but not killed.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial

from abdominal_oncology.worker.jobs import find_job
from abdominal_oncology.worker.jobs.request import Work
from abdominal_oncology.worker.process_transport import Clock
from abdominal_oncology.worker.protocol import FromWorker, Run, decode_to_worker, encode
from abdominal_oncology.worker.session import Session
from abdominal_oncology.worker.transport import Listener


class InProcess:
    """Models stay warm as long as this object lives."""

    def __init__(self, find: Callable[[str], Work] = find_job) -> None:
        self._find = find
        self._session: Session | None = None
        self._listener: Listener | None = None
        self._todo: deque[Callable[[], None]] = deque()
        self._clock = Clock()
        self._one_at_a_time = threading.RLock()

    def start(self, listener: Listener) -> None:
        self._listener = listener
        self._session = Session(self._to_client, self._find)
        self._todo.append(self._session.greet)

    def write(self, data: bytes) -> None:
        """Answers to a running job arrive at once; a job waits for ``pump``."""
        if self._session is None:
            return
        message = decode_to_worker(data)
        if isinstance(message, Run):
            self._todo.append(partial(self._run, self._session, message))
        else:
            self._session.handle(message)

    def kill(self) -> None:
        """What runs in this thread cannot be killed, so nothing runs when this is called: the session ends."""
        self._todo.append(partial(self._end, 9, crashed=True))

    def close(self) -> None:
        if self._session is not None:
            self._session.stop()
            self._session.models.close()
        self._session = self._listener = None
        self._todo.clear()
        self._clock.clear()

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        self._clock.call_later(seconds, call)

    def pump(self, seconds: float) -> None:
        if self._todo:
            self._todo.popleft()()
        else:
            time.sleep(self._clock.wait_at_most(seconds))
        self._clock.make_due_calls()

    def _run(self, session: Session, message: Run) -> None:
        """A fault in a job's code goes on to who pumps; the client hears that its worker has ended."""
        well = False
        try:
            session.run(message)
            well = True
        finally:
            if not well:
                self._end(1, crashed=False)

    def _end(self, code: int, *, crashed: bool) -> None:
        session, listener = self._session, self._listener
        self._session = None
        if session is not None and listener is not None:
            session.models.close()
            listener.ended(code, crashed)

    def _to_client(self, message: FromWorker) -> None:
        with self._one_at_a_time:  # a job may read its images from a thread of its own
            if self._listener is not None:
                self._listener.received(encode(message))
