"""The worker as a process: JSON lines on standard input and output, the log on standard error, gone with its client."""

from __future__ import annotations

import faulthandler
import os
import queue
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import BinaryIO

from abdominal_oncology.errors import AbdominalOncologyError
from abdominal_oncology.worker.jobs import find_job
from abdominal_oncology.worker.jobs.request import Work
from abdominal_oncology.worker.log import LOGGER, log_to_stderr
from abdominal_oncology.worker.protocol import FromWorker, Run, decode_to_worker, encode
from abdominal_oncology.worker.session import Session

_GRACE_SECONDS = 0.25
"""How long a job may take to notice that its client is gone."""


def main(find: Callable[[str], Work] = find_job) -> int:
    """Serve until standard input closes. ``find`` gives the function that does jobs of a name."""
    incoming, outgoing = _take_streams()
    log_to_stderr()
    faulthandler.enable(sys.stderr)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the client, which then says what is to be done
    session = Session(_Sender(outgoing), find)
    jobs: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(incoming, session, jobs), name="listener", daemon=True).start()
    session.greet()
    while (job := _next_job(jobs, session)) is not None:
        session.run(job)
    return 0


class _Sender:
    """Whole lines, from any thread."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._lock = stream, threading.Lock()

    def __call__(self, message: FromWorker) -> None:
        line = encode(message)
        with self._lock:
            self._stream.write(line)
            self._stream.flush()


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for messages alone: what a library prints goes to the log instead."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return incoming, outgoing


def _listen(incoming: BinaryIO, session: Session, jobs: queue.SimpleQueue[Run | None]) -> None:
    """Until the end of the input, which is the end of the client, however it came; or of sense in what it says."""
    code = 0
    try:
        for line in incoming:
            message = decode_to_worker(line)
            if isinstance(message, Run):
                jobs.put(message)
            else:
                session.handle(message)
    except AbdominalOncologyError as wrong:
        LOGGER.error("%s", wrong)
        code = 2
    finally:
        session.stop()
        jobs.put(None)
        if session.hello is not None:
            shutil.rmtree(session.hello.folder, ignore_errors=True)
        time.sleep(_GRACE_SECONDS)
        os._exit(code)


def _next_job(jobs: queue.SimpleQueue[Run | None], session: Session) -> Run | None:
    """Waits for it, and gives memory back when that takes long."""
    started = time.monotonic()
    if session.hello is not None:
        rests = (
            (session.hello.gpu_idle_seconds, session.models.release_gpu, "the memory of GPUs was given back"),
            (session.hello.model_idle_seconds, session.models.close, "all models were given back"),
        )
        for seconds, release, told in rests:
            try:
                return jobs.get(timeout=max(0.0, started + seconds - time.monotonic()))
            except queue.Empty:
                if len(session.models):
                    release()
                    LOGGER.info("%s after %g s without work", told, seconds)
    return jobs.get()
