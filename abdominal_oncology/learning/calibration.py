"""Making probabilities mean what they say: reliability curve and temperature scaling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.metrics import Floats, Predictions


@dataclass(frozen=True)
class ReliabilityBin:
    """Cases whose confidence fell into one bin: how confident they were on average, and how often right."""

    confidence: float
    share_right: float
    cases: int


def reliability(predictions: Predictions, bins: int = 10) -> list[ReliabilityBin]:
    """The reliability curve over equal bins of the decided class's probability; empty bins are left out."""
    confidence = predictions.probabilities.max(axis=1)
    right = predictions.decided == predictions.truth
    member = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        ReliabilityBin(
            float(confidence[member == b].mean()), float(right[member == b].mean()), int((member == b).sum())
        )
        for b in np.unique(member)
    ]


def fit_temperature(logits: Floats, truth: Floats) -> float:
    """The T > 0 that minimises the cross-entropy of softmax(logits / T); above 1 it makes a model less sure.

    >>> fit_temperature(np.array([[4.0, 0], [4, 0], [4, 0], [4, 0]]), np.array([0, 0, 0, 1])).__round__(2)
    3.64
    """
    rows = np.asarray(logits, dtype=np.float64)
    labels = np.asarray(truth, dtype=np.int64)
    if rows.ndim != 2 or len(rows) != len(labels) or not len(rows) or not np.isfinite(rows).all():
        raise InvalidInputError("temperature scaling needs finite logits (cases, classes) and one true class per case")

    def surprise(temperature: float) -> float:
        return -float(special.log_softmax(rows / temperature, axis=1)[np.arange(len(labels)), labels].mean())

    return least_surprising(surprise)


def least_surprising(surprise: Callable[[float], float]) -> float:
    """The temperature at which the truth is least surprising, from 0.05 to 20: a set that is all right (or all wrong)
    has its optimum at 0 (or ∞), which no probability should follow.

    >>> round(least_surprising(lambda temperature: (temperature - 2) ** 2), 3)
    2.0
    """
    found = optimize.minimize_scalar(
        lambda log_temperature: surprise(float(np.exp(log_temperature))),
        bounds=(np.log(0.05), np.log(20.0)),
        method="bounded",
        options={"xatol": 1e-6},
    )
    return float(np.exp(found.x))


def apply_temperature(logits: Floats, temperature: float) -> Floats:
    """softmax(logits / temperature), rows summing to 1."""
    probabilities: Floats = special.softmax(np.asarray(logits, dtype=np.float64) / temperature, axis=1)
    return probabilities
