"""Measured figures, ours beside named baselines, in one run: ``abdominal-oncology bench SUITE``."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol

from abdominal_oncology.bench.measure import Timing
from abdominal_oncology.progress import Progress

SUITES = ("imaging", "dicom", "phantom", "prediction", "training", "phase", "hcc", "rectal", "worker")
"""One module of this package each, with a function ``run(only, progress)``."""


class _Suite(Protocol):
    def run(self, only: str, progress: Progress) -> list[Timing]: ...


def run_suite(name: str, only: str, progress: Progress) -> list[Timing]:
    """All tasks of a suite whose name contains ``only``."""
    suite: _Suite = import_module(f"{__name__}.{name}")
    return suite.run(only, progress)
