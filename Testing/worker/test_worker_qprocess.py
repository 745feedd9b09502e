"""The client on a real Qt event loop, as a panel has it: nothing waits, and the window never stands still."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PySide6.QtWidgets", reason="a QProcess needs Qt (libEGL, libGL)", exc_type=ImportError)

from PySide6.QtCore import QCoreApplication, QTimer
from slicer_desktop.fixtures import desktop_of_file
from worker_tools import CountingReader, Stalls, folders, odd_launch, ramp

from abdominal_oncology.errors import Cancelled
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.panels.qprocess_transport import QProcessTransport
from abdominal_oncology.worker.client import ClientState, WorkerClient
from abdominal_oncology.worker.failures import WorkerCrashedError, WorkerStartError
from abdominal_oncology.worker.handle import Callbacks, JobHandle
from abdominal_oncology.worker.jobs.request import JobRequest
from abdominal_oncology.worker.launch import Launch

__all__ = ["desktop_of_file"]


@pytest.fixture(scope="module")
def application(desktop_of_file: Any) -> QCoreApplication:
    """The desktop's, where ``import qt`` gives what PythonQt gives."""
    return desktop_of_file.qt_application


@pytest.fixture(scope="module")
def client(application: QCoreApplication) -> Iterator[WorkerClient]:
    made = WorkerClient(QProcessTransport(odd_launch()))
    yield made
    made.close()


def turn(application: QCoreApplication, reached: Callable[[], bool], seconds: float = 60.0) -> float:
    """Let Qt work until something has happened; seconds that it took."""
    started = time.monotonic()
    while not reached():
        application.processEvents()
        time.sleep(0.001)
        assert time.monotonic() - started < seconds, "it did not happen"
    return time.monotonic() - started


def finished(application: QCoreApplication, client: WorkerClient, name: str, **settings: Any) -> JobHandle:
    job = client.submit(JobRequest(name, settings))
    turn(application, lambda: job.is_over)
    return job


def test_jobs_are_done(application: QCoreApplication, client: WorkerClient) -> None:
    done: list[Any] = []
    job = client.submit(
        JobRequest("read", {"slices": [5, 1]}, {"image": CountingReader(ramp(9))}), Callbacks(done=done.append)
    )
    turn(application, lambda: job.is_over)
    (result,) = done
    assert result.arrays["voxels"][:, 0, 0].tolist() == [50, 10]


def test_a_deaf_job_is_killed_by_a_timer_of_qt(application: QCoreApplication, client: WorkerClient) -> None:
    seen: list[float] = []
    job = client.submit(JobRequest("deaf"), Callbacks(progress=lambda fraction, stage: seen.append(fraction)))
    turn(application, lambda: bool(seen))
    with Stalls() as stalls:
        job.cancel()
        took = turn(application, lambda: job.is_over)
    assert took - stalls.seconds < 0.5
    assert isinstance(job.error, Cancelled)
    turn(application, lambda: client.state is ClientState.IDLE)


@pytest.mark.parametrize(("how", "said"), [("kill", "SIGKILL"), ("fault", "SIGSEGV"), ("exit", "exit code 7")])
def test_qt_tells_how_it_ended(application: QCoreApplication, client: WorkerClient, how: str, said: str) -> None:
    job = finished(application, client, "die", how=how)
    assert isinstance(job.error, WorkerCrashedError)
    assert said in str(job.error)
    assert finished(application, client, "threads").result is not None


def test_a_program_that_is_not_there(application: QCoreApplication) -> None:
    client = WorkerClient(QProcessTransport(Launch("no-such-python", (), {})))
    job = finished(application, client, "threads")
    assert isinstance(job.error, WorkerStartError)
    assert "no-such-python" in str(job.error)
    client.close()


def test_closing_leaves_nothing(application: QCoreApplication) -> None:
    before = folders()
    client = WorkerClient(QProcessTransport(odd_launch()))
    job = client.submit(JobRequest("polite"))
    turn(application, lambda: client.state is ClientState.BUSY)
    client.close()
    assert isinstance(job.error, Cancelled)
    assert not folders() - before


def test_the_window_does_not_stand_still(application: QCoreApplication, client: WorkerClient) -> None:
    """300 slices of 512 × 512, all of them asked for: no single call into the client takes a tenth of a second."""
    plane = np.arange(512 * 512, dtype=np.int16).reshape(1, 512, 512)
    grid = ramp(1, 512, 512).geometry.crop((0, 0, 0), (300, 512, 512))
    image = Image(np.broadcast_to(plane, grid.shape), grid)
    finished(application, client, "threads")
    spent: list[float] = []
    received = client.received

    def timed(data: bytes) -> None:
        started = time.thread_time()  # what we take; a loaded machine takes more
        received(data)
        spent.append(time.thread_time() - started)

    ticks: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(time.monotonic()))
    timer.start(10)
    client.received = timed  # type: ignore[method-assign]
    job = client.submit(JobRequest("skim", {}, {"image": CountingReader(image)}))
    turn(application, lambda: job.is_over)
    timer.stop()
    del client.received  # type: ignore[attr-defined]
    assert job.result is not None
    assert len(spent) >= 300 / 16
    assert max(spent) < 0.1
    assert ticks, "timers of the window are served in between"
