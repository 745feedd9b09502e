"""Timing that can be compared: contenders take turns, the median counts, the answer is a ratio."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from abdominal_oncology.errors import MissingDependencyError
from abdominal_oncology.progress import Progress, part, silent


@dataclass(frozen=True)
class Contender:
    """One way to do a task. ``run`` does the whole task once; ``per`` divides the time (slices, say)."""

    name: str
    run: Callable[[], Any]
    ours: bool = False
    per: int = 1
    repeats: int = 3
    goal_seconds: float | None = None


@dataclass(frozen=True)
class Timing:
    """``ratio`` is this time over the fastest of ours: above 1, ours is faster. ``note`` says why a row has no time."""

    task: str
    name: str
    ours: bool
    seconds: float | None
    fastest: float | None
    slowest: float | None
    ratio: float | None
    goal_seconds: float | None
    note: str = ""


class Measurable(Protocol):
    """Something a suite is run on, and the names of the tasks that it gives."""

    @property
    def tasks(self) -> tuple[str, ...]: ...


_Setting = TypeVar("_Setting", bound=Measurable)


def each_setting(
    settings: Sequence[_Setting],
    only: str,
    measure: Callable[[_Setting, str, Progress], list[Timing]],
    progress: Progress,
) -> list[Timing]:
    """``measure`` each setting that has a task whose name contains ``only``."""
    chosen = [setting for setting in settings if any(only.lower() in task.lower() for task in setting.tasks)]
    timings: list[Timing] = []
    for number, setting in enumerate(chosen):
        timings += measure(setting, only, part(progress, number / len(chosen), (number + 1) / len(chosen)))
    return timings


def compare(task: str, contenders: Sequence[Contender], progress: Progress = silent) -> list[Timing]:
    """Run the contenders in turns (A B C A B C …) after a warm-up each: a drifting machine harms all alike."""
    times: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    notes: dict[str, str] = {}
    rounds = max(contender.repeats for contender in contenders)
    for turn in range(rounds + 1):
        for contender in contenders:
            if contender.name in notes or turn > contender.repeats:
                continue
            progress(turn / (rounds + 1), f"{task}: {contender.name}")
            start = time.perf_counter()
            try:
                contender.run()
            except MissingDependencyError as missing:
                notes[contender.name] = f"skipped: {missing.problem}"
                continue
            if turn > 0:
                times[contender.name].append((time.perf_counter() - start) / contender.per)
    medians = {name: statistics.median(values) for name, values in times.items() if values}
    best = min((medians[c.name] for c in contenders if c.ours and c.name in medians), default=None)
    return [
        Timing(
            task,
            contender.name,
            contender.ours,
            medians.get(contender.name),
            min(times[contender.name], default=None),
            max(times[contender.name], default=None),
            medians[contender.name] / best if best and contender.name in medians else None,
            contender.goal_seconds,
            notes.get(contender.name, ""),
        )
        for contender in contenders
    ]
