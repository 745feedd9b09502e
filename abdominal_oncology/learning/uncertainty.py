"""How sure a metric is: intervals by resampling patients, spread over folds, and tests between two models.

Patients, not cases, are resampled: several series of one patient are not independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.metrics import Floats, Predictions, metrics_for, value

_BLOCK = 500  # resamples weighed at once: keeps memory at a few tens of MB for thousands of cases


@dataclass(frozen=True)
class Estimate:
    """A value with its confidence interval; ``resamples`` is how many of them defined the metric."""

    value: float
    low: float
    high: float
    level: float
    resamples: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Comparison:
    """``difference`` = first − second, with its interval and the two-sided p-value of no difference."""

    first: float
    second: float
    difference: float
    low: float
    high: float
    p_value: float
    method: str


def patient_weights(patients: NDArray[np.str_], resamples: int, seed: int) -> Floats:
    """(resamples, n) case weights: how often each case's patient was drawn, with replacement.

    >>> patient_weights(np.array(["a", "a", "b"]), 4, seed=0).sum(axis=1) >= 2
    array([ True,  True,  True,  True])
    """
    _, member = np.unique(patients, return_inverse=True)
    count = int(member.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)
    weights: Floats = drawn[:, member].astype(np.float64)
    return weights


def bootstrap(
    predictions: Predictions,
    names: Sequence[str] | None = None,
    *,
    resamples: int = 5000,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Percentile intervals of the metrics ``names`` (all of them by default)."""
    table = metrics_for(predictions.classes)
    chosen = list(table) if names is None else list(names)
    draws = _draws(predictions, chosen, patient_weights(predictions.patients, resamples, seed))
    tail = (1 - level) / 2
    estimates = {}
    for name in chosen:
        defined = draws[name][~np.isnan(draws[name])]
        low, high = np.quantile(defined, [tail, 1 - tail]) if len(defined) else (np.nan, np.nan)
        estimates[name] = Estimate(float(value(name, predictions)), float(low), float(high), level, len(defined))
    return estimates


def compare_by_bootstrap(
    first: Predictions, second: Predictions, name: str, *, resamples: int = 5000, level: float = 0.95, seed: int = 0
) -> Comparison:
    """Two models on the same cases: both see the same resampled patients. The p-value is twice the smaller tail."""
    _same_cases(first, second)
    weights = patient_weights(first.patients, resamples, seed)
    differences = _draws(first, [name], weights)[name] - _draws(second, [name], weights)[name]
    differences = differences[~np.isnan(differences)]
    tail = (1 - level) / 2
    low, high = np.quantile(differences, [tail, 1 - tail]) if len(differences) else (np.nan, np.nan)
    below, above = (differences <= 0).sum() + 1, (differences >= 0).sum() + 1  # +1: no p-value is exactly zero
    p_value = min(1.0, 2 * float(min(below, above)) / (len(differences) + 1))
    one, two = float(value(name, first)), float(value(name, second))
    return Comparison(one, two, one - two, float(low), float(high), p_value, f"bootstrap, {resamples} resamples")


def compare_by_delong(first: Predictions, second: Predictions, *, index: int = 1, level: float = 0.95) -> Comparison:
    """DeLong's test of two correlated AUCs (class ``index`` against the rest). Needs one case per patient."""
    _same_cases(first, second)
    if len(np.unique(first.patients)) != len(first):
        raise InvalidInputError(
            "DeLong's test takes cases as independent, and some patients have several",
            remedy="use compare_by_bootstrap, which resamples patients",
        )
    positive = first.truth == index
    if positive.all() or not positive.any():
        raise InvalidInputError("an AUC needs cases of the class and cases of another")
    placed = [_placements(model.probabilities[:, index], positive) for model in (first, second)]
    areas = [float(of_positives.mean()) for of_positives, _ in placed]
    (one_up, one_down), (two_up, two_down) = placed
    spread = np.cov([one_up, two_up]) / len(one_up) + np.cov([one_down, two_down]) / len(one_down)
    variance = float(spread[0, 0] + spread[1, 1] - 2 * spread[0, 1])
    difference = areas[0] - areas[1]
    if variance <= 0:  # the two rank the cases alike
        return Comparison(areas[0], areas[1], difference, difference, difference, 1.0, "DeLong")
    error = variance**0.5
    reach = float(stats.norm.ppf((1 + level) / 2)) * error
    p_value = float(2 * stats.norm.sf(abs(difference) / error))
    return Comparison(areas[0], areas[1], difference, difference - reach, difference + reach, p_value, "DeLong")


def over_folds(values: ArrayLike) -> tuple[float, float]:
    """Mean and sample SD over folds, as papers print them; the SD of one fold is NaN."""
    folds = np.asarray(values, dtype=np.float64)
    return float(folds.mean()), float(folds.std(ddof=1)) if len(folds) > 1 else float("nan")


def _draws(predictions: Predictions, names: Sequence[str], weights: Floats) -> dict[str, Floats]:
    table = metrics_for(predictions.classes)
    unknown = [name for name in names if name not in table]
    if unknown:
        raise InvalidInputError(f"no metric is called {unknown[0]!r}", remedy=f"choose one of {', '.join(table)}")
    blocks = [weights[start : start + _BLOCK] for start in range(0, len(weights), _BLOCK)]
    return {name: np.concatenate([table[name](predictions, block) for block in blocks]) for name in names}


def _placements(scores: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """For each positive the share of negatives below it, for each negative the share of positives above it."""
    above, below = scores[positive], scores[~positive]
    ranks = stats.rankdata(np.concatenate([above, below]))
    of_positives = (ranks[: len(above)] - stats.rankdata(above)) / len(below)
    of_negatives = 1 - (ranks[len(above) :] - stats.rankdata(below)) / len(above)
    return of_positives, of_negatives


def _same_cases(first: Predictions, second: Predictions) -> None:
    if len(first) != len(second) or (first.truth != second.truth).any() or (first.patients != second.patients).any():
        raise InvalidInputError("two models can be compared only on the same cases in the same order")
