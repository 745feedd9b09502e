"""Jobs that behave as real ones should and as they should not, for a worker of the tests."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from abdominal_oncology.errors import EmptyMaskError, InvalidInputError
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.worker.jobs import find_job
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult, Work
from abdominal_oncology.worker.log import LOGGER


def read(request: JobRequest, context: JobContext) -> JobResult:
    """The slices named, back as an array; with ``threads``, each read in a thread."""
    slices = request.settings["slices"]
    reader = request.image("image")
    threads = request.settings.get("threads", 0)
    if not threads:
        return JobResult(arrays={"voxels": reader.read(slices, context.progress)})
    with ThreadPoolExecutor(threads) as pool:
        parts = list(pool.map(lambda k: reader.read([k]), slices))
    return JobResult(arrays={"voxels": np.concatenate(parts)})


def skim(request: JobRequest, context: JobContext) -> JobResult:
    """All slices, some at a time, none kept."""
    reader, total, highest = request.image("image"), 0, 0
    count = reader.geometry.shape[0]
    for start in range(0, count, 16):
        voxels = reader.read(range(start, min(count, start + 16)))
        total += int(voxels[:, 0, 0].sum())
        highest = max(highest, peak_memory())
        context.progress(start / count, "skimming")
    return JobResult(facts={"total": total, "peak": highest})


def copy(request: JobRequest, context: JobContext) -> JobResult:
    image = read_image(request.image("image"))
    return JobResult(images={"copy": image}, arrays={"empty": np.zeros((0, 3)), "one": np.float32([[1.5]])})


def double_read(request: JobRequest, context: JobContext) -> JobResult:
    """Looks at an image that was not given."""
    request.image("image").read([0])
    return JobResult(images={"other": read_image(request.image("other"))})


def polite(request: JobRequest, context: JobContext) -> JobResult:
    """Works until it is stopped, telling so all the time."""
    started = time.monotonic()
    while True:
        context.progress(min(0.99, (time.monotonic() - started) / 60), "working")
        time.sleep(0.005)


def bookworm(request: JobRequest, context: JobContext) -> JobResult:
    """Reads for ever, never asks whether to stop; told so by its reader alone."""
    context.progress(0.0, "reading")
    while True:
        request.image("image").read(None)


def deaf(request: JobRequest, context: JobContext) -> JobResult:
    context.progress(0.0, "not listening")
    time.sleep(60)
    return JobResult()


def flood(request: JobRequest, context: JobContext) -> JobResult:
    """Listens to nobody and writes without end."""
    context.progress(0.0, "writing")
    line = b"a line that nobody wants\n" * 100
    while True:
        os.write(2, line)


def sleep(request: JobRequest, context: JobContext) -> JobResult:
    context.progress(0.5, "sleeping")
    time.sleep(request.settings["seconds"])
    return JobResult(facts={"said": request.settings.get("say", "")})


def chatter(request: JobRequest, context: JobContext) -> JobResult:
    """Prints in every way there is, also what looks like a message."""
    print("printed by Python")  # noqa: T201
    print('{"type": "Done", "job": 1}', flush=True)  # noqa: T201
    os.write(1, b"written to descriptor 1\n")
    libc = ctypes.CDLL(None)
    libc.puts(b"put by C")
    libc.fflush(None)
    os.system("echo echoed by a child")  # inherits the streams
    warnings.warn("this is a warning", stacklevel=1)
    stolen = sys.stdin.read() if sys.stdin else ""
    return JobResult(facts={"stolen": stolen})


def fail(request: JobRequest, context: JobContext) -> JobResult:
    raise EmptyMaskError("the mask is empty", where="liver", remedy="draw it")


class OwnError(InvalidInputError):
    """A named error that only this room knows."""


def fail_oddly(request: JobRequest, context: JobContext) -> JobResult:
    raise OwnError("nobody knows me", where="here")


def bug(request: JobRequest, context: JobContext) -> JobResult:
    return {}["missing"]  # type: ignore[return-value]


def die(request: JobRequest, context: JobContext) -> JobResult:
    """Ends the process in the way that is asked for, after some progress."""
    context.progress(0.3, "about to die")
    how = request.settings["how"]
    if how == "exit":
        os._exit(7)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "fault":
        ctypes.string_at(0)
    return JobResult()


def hungry(request: JobRequest, context: JobContext) -> JobResult:
    """Memory that ends, as Python and as torch tell it; a disk that does."""
    if request.settings["of"] == "disk":
        Path("/dev/full").write_bytes(b"one byte too many")
    if request.settings["of"] == "torch":
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
    if request.settings["of"] == "numpy":
        np.empty((1 << 20, 1 << 20, 1 << 10))
    raise RuntimeError("a fault of another kind")


def objects(request: JobRequest, context: JobContext) -> JobResult:
    return JobResult(arrays={"objects": np.array([{}], dtype=object)})


def threads(request: JobRequest, context: JobContext) -> JobResult:
    return JobResult(facts={"process": os.getpid(), "main": threading.current_thread() is threading.main_thread()})


def leave_models(request: JobRequest, context: JobContext) -> JobResult:
    """As if two models were loaded now; who releases them says so in the log."""

    class Pool:
        def __len__(self) -> int:
            return 2

        def release_gpu(self) -> None:
            LOGGER.info("pool: release_gpu")

        def close(self) -> None:
            LOGGER.info("pool: close")

    context.models._pool = Pool()  # type: ignore[assignment]
    return JobResult()


def peak_memory() -> int:
    """Bytes that this process held at its peak, apart from mapped files."""
    status = Path(f"/proc/{os.getpid()}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(fields["RssAnon"].split()[0]) * 1024


_JOBS: dict[str, Work] = {
    job.__name__: job
    for job in (
        read,
        skim,
        copy,
        double_read,
        polite,
        bookworm,
        deaf,
        flood,
        sleep,
        chatter,
        fail,
        fail_oddly,
        bug,
        die,
    )
} | {job.__name__: job for job in (hungry, objects, threads, leave_models)}


def find_odd(name: str) -> Callable[[JobRequest, JobContext], JobResult]:
    return _JOBS[name] if name in _JOBS else find_job(name)
