"""One job as who asked for it sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from abdominal_oncology.errors import AbdominalOncologyError
from abdominal_oncology.progress import Progress, silent
from abdominal_oncology.worker.jobs.request import JobRequest, JobResult
from abdominal_oncology.worker.log import LogLine

if TYPE_CHECKING:
    from abdominal_oncology.worker.client import WorkerClient


class JobState(StrEnum):
    QUEUED, RUNNING, CANCELLING, DONE, FAILED = "queued", "running", "cancelling", "done", "failed"


def _no_result(result: JobResult) -> None:
    """For who asks the handle instead."""


def _no_error(error: AbdominalOncologyError) -> None:
    """For who asks the handle instead."""


def _no_log(line: LogLine) -> None:
    """For who asks the client instead."""


@dataclass(frozen=True)
class Callbacks:
    """Exactly one of ``done`` and ``failed`` is called, once. A cancelled job fails with Cancelled."""

    progress: Progress = silent
    done: Callable[[JobResult], None] = _no_result
    failed: Callable[[AbdominalOncologyError], None] = _no_error
    log: Callable[[LogLine], None] = _no_log


class JobHandle:
    """``result`` is there once the state is DONE, ``error`` once it is FAILED."""

    def __init__(self, number: int, request: JobRequest, callbacks: Callbacks, client: WorkerClient) -> None:
        self.number, self.request, self.callbacks = number, request, callbacks
        self.state = JobState.QUEUED
        self.result: JobResult | None = None
        self.error: AbdominalOncologyError | None = None
        self._client = client

    @property
    def is_over(self) -> bool:
        return self.state in (JobState.DONE, JobState.FAILED)

    def outcome(self) -> JobResult:
        """The result of a job that is over, or its error raised."""
        if self.error is not None:
            raise self.error
        assert self.result is not None
        return self.result

    def cancel(self) -> None:
        """Stop it. A waiting job fails at once; a running one within half a second, by force if need be."""
        self._client.cancel(self)
