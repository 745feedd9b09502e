"""The clinical questions by name. Above the rooms, which do not know each other; a room is imported when asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from abdominal_oncology.errors import InvalidInputError

if TYPE_CHECKING:
    from abdominal_oncology.learning.experiment import Experiment
    from abdominal_oncology.learning.networks import Network
    from abdominal_oncology.learning.task import Task

TASKS = ("phase", "hcc", "rectal")


def load_task(name: str) -> Task:
    """The task of a room, with its networks and losses registered."""
    if name not in TASKS:
        raise InvalidInputError(f"no task is called {name!r}", remedy=f"choose one of {', '.join(TASKS)}")
    task: Task = import_module(f"abdominal_oncology.{name}.task").TASK
    return task


def all_networks() -> list[Network]:
    """Every registered network of every task."""
    from abdominal_oncology.learning.networks import networks_of

    return [network for task in TASKS for network in networks_of(load_task(task).name).values()]


def experiments() -> dict[str, Experiment]:
    """Every experiment of every room by name."""
    found: dict[str, Experiment] = {}
    for task in TASKS:
        module = import_module(f"abdominal_oncology.{task}.experiments")
        found |= {each.name: each for each in module.EXPERIMENTS}
    return found
