"""The job ``networks``: the names of a room's registered networks."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult
from abdominal_oncology.worker.wire import from_plain

_ROOMS = ("phase", "hcc", "rectal")


@dataclass(frozen=True)
class _Settings:
    room: str


def run(request: JobRequest, context: JobContext) -> JobResult:
    asked: _Settings = from_plain(_Settings, request.settings, "settings of the job networks")
    if asked.room not in _ROOMS:
        raise InvalidInputError(f"there is no room {asked.room!r}", remedy=f"one of {', '.join(_ROOMS)}")
    context.progress(0.0, "looking at the networks")
    import_module(f"abdominal_oncology.{asked.room}.networks")  # importing registers them
    from abdominal_oncology.learning.networks import networks_of

    return JobResult(facts={"networks": sorted(networks_of(asked.room))})
