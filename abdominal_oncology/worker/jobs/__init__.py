"""What a worker can do: each job by name, its module imported when the first of its kind arrives.

A job is two modules: a light one with a function that makes its request, and one with
``run(request, context) -> JobResult`` that imports whatever the work needs.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from abdominal_oncology.errors import InvalidInputError

if TYPE_CHECKING:
    from abdominal_oncology.worker.jobs.request import Work

JOBS = MappingProxyType(
    {
        "phase": "abdominal_oncology.worker.jobs.phase_work",
        "hcc": "abdominal_oncology.worker.jobs.hcc_work",
        "rectal": "abdominal_oncology.worker.jobs.rectal_work",
        "rectal-locate": "abdominal_oncology.worker.jobs.rectal_locate_work",
        "networks": "abdominal_oncology.worker.jobs.networks_work",
        "sample": "abdominal_oncology.worker.jobs.sample_work",
        "warm": "abdominal_oncology.worker.jobs.warm_work",
    }
)


def find_job(name: str) -> Work:
    """The function that does jobs of this name."""
    if name not in JOBS:
        raise InvalidInputError(f"no job is called {name!r}", remedy=f"choose one of {', '.join(JOBS)}")
    return cast("Work", import_module(JOBS[name]).run)


def get_ready(task: str) -> tuple[str, ...]:
    """Import what jobs of a clinical question need and let them prepare what the first would wait for.

    Gives the names of the room's bundles, the one to use first.
    """
    find_job(task)
    module = import_module(JOBS[task])
    if hasattr(module, "get_ready"):
        module.get_ready()
    bundles: tuple[str, ...] = getattr(module, "BUNDLES", ())
    return bundles
