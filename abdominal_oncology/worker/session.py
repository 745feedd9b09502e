"""The worker's half of the conversation: greets, runs jobs, asks for voxels, sends results. Knows no process."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology import __version__
from abdominal_oncology.errors import AbdominalOncologyError, PredictionFailedError
from abdominal_oncology.files import refusal
from abdominal_oncology.worker.blocks import PIECE_BYTES, BlockReader, BlockWriter, plain_array
from abdominal_oncology.worker.exchange import Exchange
from abdominal_oncology.worker.failures import ProtocolError
from abdominal_oncology.worker.jobs import find_job
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult, Work
from abdominal_oncology.worker.log import LOGGER
from abdominal_oncology.worker.models import Models
from abdominal_oncology.worker.protocol import (
    PROTOCOL,
    Cancel,
    Done,
    ErrorFacts,
    Failed,
    FromWorker,
    Hello,
    Here,
    ImageFacts,
    Part,
    Refused,
    Reported,
    Run,
    Taken,
    ToWorker,
    Welcome,
)
from abdominal_oncology.worker.remote_reader import Channel, RemoteReader

_REPORT_SECONDS = 0.05
_MEMORY_PHRASES = ("out of memory", "allocate memory", "failed to allocate", "bad_alloc", "bad allocation")


class Session:
    """``handle`` may be called from another thread than ``run``: so a running job gets its answers and is stopped."""

    def __init__(self, send: Callable[[FromWorker], None], find: Callable[[str], Work] = find_job) -> None:
        self.models = Models()
        self.hello: Hello | None = None
        self._send, self._find = send, find
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._exchange: Exchange | None = None
        self._job = 0
        self._stopped: set[int] = set()
        self._channel: Channel | None = None
        self._results: BlockWriter | None = None

    def greet(self) -> None:
        self._send(Welcome(PROTOCOL, __version__, os.getpid()))

    def handle(self, message: ToWorker) -> None:
        """Everything but Run."""
        if isinstance(message, Hello):
            self.hello = message
            self._channel = Channel(BlockReader(Path(message.folder)))
            self._results = BlockWriter(Path(message.folder), "result")
        elif isinstance(message, Cancel):
            self._cancel(message.job)
        elif isinstance(message, Here | Refused | Taken):
            exchange = self._exchange
            if exchange is not None:
                exchange.answered(message)

    def run(self, message: Run) -> None:
        """Do a job in this thread and send what came of it. A fault in the code of a job is not caught."""
        if self._channel is None or self._results is None:
            raise ProtocolError("Run came before Hello")
        exchange = Exchange(self._send, self._numbers)
        with self._lock:
            self._job, self._exchange = message.job, exchange
            if message.job in self._stopped:
                exchange.stop()
        readers = {
            key: RemoteReader(key, message.job, facts, exchange, self._channel) for key, facts in message.images.items()
        }
        started = time.perf_counter()
        try:
            exchange.check()
            context = JobContext(self.models, _Report(message.job, exchange, self._send))
            result = self._find(message.name)(JobRequest(message.name, message.settings, readers), context)
            read = {key: reader.slices_read for key, reader in readers.items()}
            facts = {"seconds": round(time.perf_counter() - started, 4), "slices_read": read}
            self._send(self._sent(message.job, result, exchange, facts))
            LOGGER.info("%s: done in %.2f s", message.name, time.perf_counter() - started)
        except AbdominalOncologyError as error:
            self._send(Failed(message.job, ErrorFacts.of(error)))
            LOGGER.info("%s: %s after %.2f s", message.name, type(error).__name__, time.perf_counter() - started)
        except OSError as error:
            refused = refusal(error)
            if refused is None:
                raise
            self._send(Failed(message.job, ErrorFacts.of(refused)))
            LOGGER.warning("%s: %s", message.name, refused)
        except (MemoryError, RuntimeError) as error:  # torch's error of this kind is a RuntimeError
            if not _is_out_of_memory(error):
                raise
            self.models.close()
            self._send(Failed(message.job, ErrorFacts.of(_out_of_memory(error))))
            LOGGER.warning("%s: memory ran out after %.2f s", message.name, time.perf_counter() - started)
        finally:
            with self._lock:
                self._job, self._exchange = 0, None
                self._stopped.clear()

    def stop(self) -> None:
        """The client is gone: whatever runs is of no use."""
        with self._lock:
            exchange = self._exchange
        if exchange is not None:
            exchange.stop()

    def _cancel(self, job: int) -> None:
        with self._lock:
            exchange = self._exchange if self._job == job else None
            if exchange is None:  # not begun, or over
                self._stopped.add(job)
        if exchange is not None:
            exchange.stop()

    def _sent(self, job: int, result: JobResult, exchange: Exchange, facts: dict[str, Any]) -> Done:
        arrays: dict[str, NDArray[Any]] = {name: image.voxels for name, image in result.images.items()}
        for name, values in [*arrays.items(), *result.arrays.items()]:
            self._send_array(job, name, values, exchange)
        return Done(
            job,
            tuple(finding.to_dict() for finding in result.findings),
            {name: ImageFacts.of(image) for name, image in result.images.items()},
            {**result.facts, **facts},
        )

    def _send_array(self, job: int, name: str, values: NDArray[Any], exchange: Exchange) -> None:
        assert self._results is not None
        flat = np.ascontiguousarray(plain_array(values)).reshape(-1)
        each = max(1, PIECE_BYTES // max(1, flat.itemsize))
        for start in range(0, max(1, flat.size), each):
            piece = flat[start : start + each]
            file = self._results.put(0, piece)
            told = (job, name, piece.dtype.str, tuple(values.shape), start, piece.size, file)
            exchange.ask(lambda number, told=told: Part(number, *told)).result()  # type: ignore[misc]


class _Report:
    """Progress of a job: stops it when it was cancelled, and tells the client some twenty times a second at most."""

    def __init__(self, job: int, exchange: Exchange, send: Callable[[FromWorker], None]) -> None:
        self._job, self._exchange, self._send = job, exchange, send
        self._last = -_REPORT_SECONDS

    def __call__(self, fraction: float, stage: str) -> None:
        self._exchange.check()
        now = time.monotonic()
        if now - self._last >= _REPORT_SECONDS or fraction >= 1:
            self._last = now
            self._send(Reported(self._job, min(max(float(fraction), 0.0), 1.0), stage))


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(phrase in str(error).lower() for phrase in _MEMORY_PHRASES)


def _out_of_memory(error: Exception) -> PredictionFailedError:
    told = str(error).splitlines()[0][:160] if str(error) else "no memory is left"
    return PredictionFailedError(
        f"the memory ran out: {told}", remedy="close other programs, choose the CPU, or take less at once"
    )
