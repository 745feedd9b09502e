"""A worker process for scripts: subprocess, with a thread for each of its streams and everything else in ``pump``."""

from __future__ import annotations

import heapq
import itertools
import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import IO

from abdominal_oncology.worker.launch import Launch, worker_launch
from abdominal_oncology.worker.transport import Listener

_CHUNK_BYTES = 1 << 16
_END_SECONDS = 1.0


class Clock:
    """Calls to be made later, made by whoever looks."""

    def __init__(self) -> None:
        self._order = itertools.count()
        self._calls: list[tuple[float, int, Callable[[], None]]] = []

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        heapq.heappush(self._calls, (time.monotonic() + seconds, next(self._order), call))

    def wait_at_most(self, seconds: float) -> float:
        """So long, or until the first call is due."""
        return seconds if not self._calls else min(seconds, max(0.0, self._calls[0][0] - time.monotonic()))

    def make_due_calls(self) -> None:
        while self._calls and self._calls[0][0] <= time.monotonic():
            heapq.heappop(self._calls)[2]()

    def clear(self) -> None:
        self._calls.clear()


class ProcessTransport:
    """``python -m abdominal_oncology.worker`` with this interpreter, unless told otherwise."""

    def __init__(self, launch: Launch | None = None) -> None:
        self._launch = launch or worker_launch()
        self._process: subprocess.Popen[bytes] | None = None
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._clock = Clock()

    @property
    def process_id(self) -> int | None:
        """Of the process that runs now."""
        return None if self._process is None else self._process.pid

    def start(self, listener: Listener) -> None:
        launch = self._launch
        try:
            process = subprocess.Popen(
                [launch.program, *launch.arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, **launch.environment},
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            self._events.put(partial(listener.not_started, f"{launch.program}: {error.strerror or error}"))
            return
        self._process = process
        threading.Thread(target=self._follow, args=(process, listener), name="worker-watcher", daemon=True).start()

    def write(self, data: bytes) -> None:
        if self._process is None or self._process.stdin is None:
            return
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except (OSError, ValueError):  # it is gone; that is told by its end
            return

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        process, self._process = self._process, None
        self._clock.clear()
        self._events = queue.SimpleQueue()
        if process is None:
            return
        if process.stdin is not None:
            with suppress(OSError):  # what was still to be written has no reader
                process.stdin.close()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        self._clock.call_later(seconds, call)

    def pump(self, seconds: float) -> None:
        try:
            event: Callable[[], None] | None = self._events.get(timeout=self._clock.wait_at_most(seconds))
        except queue.Empty:
            event = None
        if event is not None:
            event()
        self._clock.make_due_calls()  # also when events never end: a flood of output must not hold up a kill

    def _follow(self, process: subprocess.Popen[bytes], listener: Listener) -> None:
        """In a thread of its own: both streams to their ends, then the end itself."""
        events = self._events
        assert process.stdout is not None
        assert process.stderr is not None
        errors = threading.Thread(target=_pass_on, args=(process.stderr, listener.logged, events), daemon=True)
        errors.start()
        _pass_on(process.stdout, listener.received, events)
        errors.join()
        code = process.wait()
        events.put(partial(self._gone, process, listener, abs(code), code < 0))

    def _gone(self, process: subprocess.Popen[bytes], listener: Listener, code: int, crashed: bool) -> None:
        if process is self._process:
            self._process = None
            listener.ended(code, crashed)


def _pass_on(stream: IO[bytes], call: Callable[[bytes], None], events: queue.SimpleQueue[Callable[[], None]]) -> None:
    with stream:
        while data := os.read(stream.fileno(), _CHUNK_BYTES):
            events.put(partial(call, data))
