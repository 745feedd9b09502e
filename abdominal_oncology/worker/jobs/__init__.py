"""What a worker can do: each job by name, its module imported when the first of its kind arrives.

A job is a module with ``run(request, context) -> JobResult`` and a function that makes its request.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import cast

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.worker.jobs.request import Work

JOBS = MappingProxyType(
    {
        "phase": "abdominal_oncology.worker.jobs.phase",
        "hcc": "abdominal_oncology.worker.jobs.hcc",
        "rectal": "abdominal_oncology.worker.jobs.rectal",
        "warm": "abdominal_oncology.worker.jobs.warm",
    }
)


def find_job(name: str) -> Work:
    """The function that does jobs of this name."""
    if name not in JOBS:
        raise InvalidInputError(f"no job is called {name!r}", remedy=f"choose one of {', '.join(JOBS)}")
    return cast("Work", import_module(JOBS[name]).run)


def get_ready(name: str) -> None:
    """Import what jobs of this name need, and let the module prepare what the first of them would wait for."""
    find_job(name)
    prepare = getattr(import_module(JOBS[name]), "get_ready", None)
    if prepare is not None:
        prepare()
