"""Everything a table of predictions says: metrics with intervals, confusion, calibration, and against another model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from abdominal_oncology.learning.calibration import ReliabilityBin, apply_temperature, fit_temperature, reliability
from abdominal_oncology.learning.metrics import Predictions, confusion, value
from abdominal_oncology.learning.predictions_file import NamedPredictions
from abdominal_oncology.learning.uncertainty import (
    Comparison,
    Estimate,
    bootstrap,
    compare_by_bootstrap,
    compare_by_delong,
)
from abdominal_oncology.progress import Progress, silent

_COMPARED = ("accuracy", "macro_f1", "macro_auc", "calibration_error")
_SMALLEST = 1e-7
"""A probability of 0 has no logarithm."""


@dataclass(frozen=True)
class Evaluation:
    """What one model achieves. ``temperature`` and ``error_after_temperature`` were fitted on these same cases: they
    say how far off the probabilities are, not how good corrected ones would be on other cases."""

    name: str
    cases: int
    patients: int
    classes: tuple[str, ...]
    estimates: Mapping[str, Estimate]
    confusion: tuple[tuple[int, ...], ...]
    reliability: tuple[ReliabilityBin, ...]
    temperature: float
    error_after_temperature: float


@dataclass(frozen=True)
class ModelComparison:
    """``tests`` by metric; ``remarks`` say which test could not be made and why."""

    first: str
    second: str
    tests: Mapping[str, Comparison]
    remarks: tuple[str, ...] = ()


def evaluate(
    named: NamedPredictions,
    *,
    resamples: int = 5000,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress = silent,
) -> Evaluation:
    """Every metric with its interval by resampling patients, and the rest."""
    p = named.predictions
    progress(0.0, "resampling patients")
    estimates = bootstrap(p, resamples=resamples, level=level, seed=seed)
    progress(0.9, "fitting a temperature")
    logits = np.log(np.maximum(p.probabilities, _SMALLEST))
    temperature = fit_temperature(logits, p.truth.astype(np.float64))
    scaled = Predictions(apply_temperature(logits, temperature), p.truth, list(p.patients), p.classes)
    counts = confusion(p, np.ones((1, len(p))))[0]
    progress(1.0, "fitting a temperature")
    return Evaluation(
        named.name,
        len(p),
        len(np.unique(p.patients)),
        p.classes,
        estimates,
        tuple(tuple(int(cell) for cell in row) for row in counts),
        tuple(reliability(p)),
        temperature,
        float(value("calibration_error", scaled)),
    )


def compare(
    first: NamedPredictions,
    second: NamedPredictions,
    *,
    resamples: int = 5000,
    level: float = 0.95,
    seed: int = 0,
    progress: Progress = silent,
) -> ModelComparison:
    """Two models on the same cases: bootstrap over patients, and DeLong's test of the AUC where it may be used."""
    other = second.aligned_with(first).predictions
    mine = first.predictions
    names = [*_COMPARED, *(["auc", "sensitivity", "specificity"] if len(mine.classes) == 2 else [])]
    tests: dict[str, Comparison] = {}
    for number, name in enumerate(names):
        progress(number / len(names), "comparing the two")
        tests[name] = compare_by_bootstrap(mine, other, name, resamples=resamples, level=level, seed=seed)
    remarks: tuple[str, ...] = ()
    if len(mine.classes) != 2:
        remarks = ("DeLong's test is for two classes; the bootstrap was used",)
    elif len(np.unique(mine.patients)) != len(mine):
        remarks = ("DeLong's test takes one case per patient; the bootstrap by patient was used",)
    else:
        tests["auc (DeLong)"] = compare_by_delong(mine, other, level=level)
    progress(1.0, "comparing the two")
    return ModelComparison(first.name, second.name, tests, remarks)
