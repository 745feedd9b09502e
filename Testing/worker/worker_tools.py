"""Clients of odd workers, images, and readers that count."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, ImageWarning, Modality, Source
from abdominal_oncology.imaging.reader import ArrayReader
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.progress import Progress, silent
from abdominal_oncology.worker.blocks import usual_base
from abdominal_oncology.worker.client import WorkerClient
from abdominal_oncology.worker.handle import Callbacks, JobHandle
from abdominal_oncology.worker.jobs.request import JobRequest
from abdominal_oncology.worker.launch import Launch, worker_launch
from abdominal_oncology.worker.process_transport import ProcessTransport

PROGRAMS = Path(__file__).parent / "programs"


def odd_launch(program: str = "odd_worker.py", *arguments: str) -> Launch:
    return Launch(sys.executable, (str(PROGRAMS / program), *arguments), worker_launch().environment)


def folders() -> set[Path]:
    """What clients of anybody have left in the shared memory just now."""
    return set(usual_base().glob("abdominal-oncology-*"))


def ramp(slices: int, rows: int = 8, columns: int = 6, kind: Any = np.int16) -> Image:
    """Every voxel of slice k holds about 10 k; small and easy to check."""
    plane = np.arange(rows * columns).reshape(rows, columns) % 7
    voxels = (np.arange(slices)[:, None, None] * 10 + plane).astype(kind)
    source = Source("a/b", "P1", "1.2", "1.2.3", "1.2.4", tuple(f"1.{k}" for k in range(slices)), {"KVP": 120.0})
    grid = Geometry((slices, rows, columns), (2.5, 0.7, 0.7), (1.0, -2.0, 3.5))
    return Image(voxels, grid, Modality.CT, source, warnings=(ImageWarning("gap", "a slice is missing"),))


class CountingReader(ArrayReader):
    """Remembers what was asked for."""

    def __init__(self, image: Image) -> None:
        super().__init__(image)
        self.asked: list[int] = []

    def read(self, slices: Sequence[int] | None = None, progress: Progress = silent) -> NDArray[Any]:
        assert slices is not None, "nobody may read the whole series at once"
        self.asked += [int(k) for k in slices]
        return super().read(slices)


def read_request(image: ArrayReader, slices: Sequence[int] | None, **settings: Any) -> JobRequest:
    named = None if slices is None else [int(k) for k in slices]
    return JobRequest("read", {"slices": named, **settings}, {"image": image})


def submit_and_wait_for_start(client: WorkerClient, request: JobRequest) -> JobHandle:
    """A job that has told its first progress."""
    seen: list[float] = []
    job = client.submit(request, Callbacks(progress=lambda fraction, stage: seen.append(fraction)))
    pump_until(client, lambda: bool(seen) or job.is_over)
    assert not job.is_over, job.error
    return job


def pump_until(client: WorkerClient, reached: Callable[[], bool], seconds: float = 60.0) -> float:
    """Seconds it took; a failure after ``seconds``."""
    transport = client._transport
    assert isinstance(transport, ProcessTransport)
    started = time.monotonic()
    while not reached():
        transport.pump(0.005)
        assert time.monotonic() - started < seconds, "it did not happen"
    return time.monotonic() - started


class Stalls:
    """How long a busy machine has kept this process from running, for tests that measure fractions of a second.

    A thread that wants to run every 5 ms notes when it was much later. What our own code takes does not count: it lets
    other threads run every few milliseconds.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        before = time.monotonic()
        while not self._stop.wait(0.005):
            now = time.monotonic()
            if now - before > 0.03:
                self.seconds += now - before - 0.005
            before = now

    def __enter__(self) -> Stalls:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def seconds_to_cancel(client: WorkerClient, job: JobHandle) -> float:
    """From the click on Cancel to the end of the job."""
    with Stalls() as stalls:
        job.cancel()
        took = pump_until(client, lambda: job.is_over)
    return took - stalls.seconds


def timeless(finding: Finding) -> Any:
    """All of a finding but when it was made and how long that took."""

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(each) for key, each in value.items() if key not in ("seconds", "when")}
        return [without(each) for each in value] if isinstance(value, list) else value

    return without(finding.to_dict())


def is_alive(process: int) -> bool:
    """Neither gone nor a zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until(reached: Callable[[], bool], seconds: float) -> float:
    started = time.monotonic()
    while not reached():
        assert time.monotonic() - started < seconds, "it did not happen"
        time.sleep(0.005)
    return time.monotonic() - started
