"""Phantoms: a CT phase, a training slice, a label map coloured, an MR study. Nothing else draws these, so goals stand
beside the times instead of other people's tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from abdominal_oncology.bench.measure import Contender, Timing, compare
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.phantom.ct_slices import training_slices
from abdominal_oncology.phantom.ct_study import ct_study
from abdominal_oncology.phantom.paint_labels import paint_labels
from abdominal_oncology.phantom.physiology import Patient, population_hu
from abdominal_oncology.progress import Progress, part
from abdominal_oncology.rectal.phantom import rectal_phantom

_SLICES = 256
_STRUCTURES = ("aorta", "portal_vein", "liver", "spleen", "renal_cortex", "inferior_vena_cava", "pancreas", "marrow")


@dataclass(frozen=True)
class _Task:
    name: str
    method: str
    run: Callable[[], Any]
    per: int = 1
    goal_seconds: float | None = None


def run(only: str, progress: Progress) -> list[Timing]:
    """All phantom tasks whose name contains ``only``."""
    chosen = [task for task in _tasks() if only in task.name]
    timings: list[Timing] = []
    for number, task in enumerate(chosen):
        contender = Contender(task.method, task.run, ours=True, per=task.per, goal_seconds=task.goal_seconds)
        share = part(progress, number / len(chosen), (number + 1) / len(chosen))
        timings += compare(task.name, [contender], share)
    return timings


def _tasks() -> tuple[_Task, ...]:
    return (
        _Task("CT phase 512×512×100", "anatomy, painting and scanner", _ct_phase, goal_seconds=10.0),
        _Task("CT training slice 224×224", f"one anatomy, {_SLICES} slices", _batch, _SLICES, 0.015),
        _Task("HU of 2000 patients", f"{len(_STRUCTURES)} structures at one second", _kinetics),
        _Task("label map painted", "80 structures, 5×3×3 mm to 2.5×1.5×1.5 mm, 80×256×256", _Painting()),
        _Task("rectal T2 MR", "one study", lambda: rectal_phantom(1)),
    )


def _ct_phase() -> object:
    return ct_study(1, seconds={"portal": 75.0}, slices=100)


def _batch() -> object:
    def seconds(rng: np.random.Generator) -> float:
        return float(rng.uniform(20, 300))

    return next(training_slices(1, _SLICES, seconds=seconds))


def _kinetics() -> object:
    return population_hu(_STRUCTURES, 60.0, 2000, np.random.default_rng(0))


class _Painting:
    """Paints the label map of a phantom, which is made at the first call (the warm-up)."""

    def __call__(self) -> object:
        patient = Patient.sample(np.random.default_rng(0))
        names, labels = self._map
        return paint_labels(labels, names, 70.0, patient, np.random.default_rng(0), spacing_mm=(2.5, 1.5, 1.5))

    @cached_property
    def _map(self) -> tuple[Mapping[int, str], Image]:
        phantom = ct_study(1, seconds={"portal": 75.0}, spacing_mm=(5.0, 3.0, 3.0), matrix=128, slices=40)
        return phantom.label_names, phantom.labels["portal"]
