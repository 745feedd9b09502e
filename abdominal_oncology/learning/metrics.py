"""How right predictions are, for one sample or for thousands of weighted resamples at once.

Each metric takes :class:`Predictions` and case weights (b, n) and gives (b,) values; a plain value is the case b = 1
with weights of one. A bootstrap (:mod:`~abdominal_oncology.learning.uncertainty`) is thus a matrix product, not a loop.
What is undefined (recall of a class that does not occur) is NaN and left out of macro means; precision of a class that
is never predicted is 0, as scikit-learn has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abdominal_oncology.errors import InvalidInputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Probabilities (n, K) for n cases, their true class indices (n,), and whose they are.

    With two classes the second is the positive one.

    >>> p = Predictions([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]], [0, 1, 1], ["a", "b", "b"], ("T2", "T3"))
    >>> float(value("accuracy", p).round(3)), float(value("auc", p))
    (0.667, 1.0)
    """

    probabilities: Floats
    truth: NDArray[np.int64]
    patients: NDArray[np.str_]
    classes: tuple[str, ...]

    def __init__(
        self, probabilities: ArrayLike, truth: ArrayLike, patients: Sequence[object], classes: Sequence[str]
    ) -> None:
        rows = np.array(probabilities, dtype=np.float64)
        labels = np.array(truth, dtype=np.int64)
        if rows.ndim != 2 or rows.shape[1] != len(classes) or len(classes) < 2:
            raise InvalidInputError(f"probabilities must be (cases, {len(classes)} classes), not {rows.shape}")
        if not len(rows) or len(labels) != len(rows) or len(patients) != len(rows):
            raise InvalidInputError("probabilities, truth and patients need one entry per case, at least one case")
        if not np.isfinite(rows).all() or rows.min() < 0 or not np.allclose(rows.sum(axis=1), 1, atol=1e-4):
            raise InvalidInputError("each row of probabilities must be finite, not negative, and sum to 1")
        if labels.min() < 0 or labels.max() >= len(classes):
            raise InvalidInputError(f"true classes must lie in 0 … {len(classes) - 1}")
        object.__setattr__(self, "probabilities", rows)
        object.__setattr__(self, "truth", labels)
        object.__setattr__(self, "patients", np.array([str(p) for p in patients]))
        object.__setattr__(self, "classes", tuple(classes))

    @cached_property
    def decided(self) -> NDArray[np.int64]:
        """The most probable class of each case."""
        decided: NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return decided

    def __len__(self) -> int:
        return len(self.truth)


Metric = Callable[[Predictions, Floats], Floats]


def confusion(predictions: Predictions, weights: Floats) -> Floats:
    """(b, K, K) weighted counts; rows are the truth, columns the decision."""
    k = len(predictions.classes)
    cells = np.zeros((len(predictions), k * k))
    cells[np.arange(len(predictions)), predictions.truth * k + predictions.decided] = 1
    counts: Floats = (weights @ cells).reshape(-1, k, k)
    return counts


def accuracy(predictions: Predictions, weights: Floats) -> Floats:
    table = confusion(predictions, weights)
    return _ratio(np.trace(table, axis1=1, axis2=2), table.sum(axis=(1, 2)))


def precision(predictions: Predictions, weights: Floats, index: int) -> Floats:
    table = confusion(predictions, weights)
    return np.nan_to_num(_ratio(table[:, index, index], table[:, :, index].sum(axis=1)))


def recall(predictions: Predictions, weights: Floats, index: int) -> Floats:
    """Share of the class that is found: sensitivity of a class against the rest."""
    table = confusion(predictions, weights)
    return _ratio(table[:, index, index], table[:, index, :].sum(axis=1))


def f1(predictions: Predictions, weights: Floats, index: int) -> Floats:
    table = confusion(predictions, weights)
    hits = table[:, index, index]
    return _ratio(2 * hits, table[:, index, :].sum(axis=1) + table[:, :, index].sum(axis=1))


def auc(predictions: Predictions, weights: Floats, index: int) -> Floats:
    """P(score of the class > score of another) + ½ P(tie): the class against the rest."""
    scores = predictions.probabilities[:, index]
    positive = predictions.truth == index
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    # weights of positives and negatives per distinct score, ascending
    ahead = np.add.reduceat((weights * positive)[:, order], starts, axis=1)
    behind = np.add.reduceat((weights * ~positive)[:, order], starts, axis=1)
    wins = (ahead * (np.cumsum(behind, axis=1) - 0.5 * behind)).sum(axis=1)
    return _ratio(wins, ahead.sum(axis=1) * behind.sum(axis=1))


def calibration_error(predictions: Predictions, weights: Floats, bins: int = 10) -> Floats:
    """Expected calibration error: mean |confidence − share right| over equal bins of confidence."""
    confidence = predictions.probabilities.max(axis=1)
    right = (predictions.decided == predictions.truth).astype(np.float64)
    member = np.minimum((confidence * bins).astype(int), bins - 1)[:, None] == np.arange(bins)
    gaps = np.abs((weights * (confidence - right)) @ member.astype(np.float64))
    return _ratio(gaps.sum(axis=1), weights.sum(axis=1))


def macro(metric: Callable[[Predictions, Floats, int], Floats], predictions: Predictions, weights: Floats) -> Floats:
    """Mean over classes of a per-class metric; classes for which it is undefined do not count."""
    each = np.stack([metric(predictions, weights, index) for index in range(len(predictions.classes))])
    defined = ~np.isnan(each)
    return _ratio(np.where(defined, each, 0).sum(axis=0), defined.sum(axis=0))


def metrics_for(classes: Sequence[str]) -> Mapping[str, Metric]:
    """Every metric by name. Two classes add ``auc``, ``sensitivity`` and ``specificity`` of the second one."""
    per_class = {"precision": precision, "recall": recall, "f1": f1, "auc": auc}
    table: dict[str, Metric] = {"accuracy": accuracy, "calibration_error": calibration_error}
    for name, metric in per_class.items():
        table[f"macro_{name}"] = partial(macro, metric)
        for index, label in enumerate(classes):
            table[f"{name}:{label}"] = partial(metric, index=index)
    table["balanced_accuracy"] = table["macro_recall"]
    if len(classes) == 2:
        table["auc"] = partial(auc, index=1)
        table["sensitivity"] = partial(recall, index=1)
        table["specificity"] = partial(recall, index=0)
    return table


def value(name: str, predictions: Predictions) -> np.float64:
    """One metric of all cases, each counted once."""
    table = metrics_for(predictions.classes)
    if name not in table:
        raise InvalidInputError(f"no metric is called {name!r}", remedy=f"choose one of {', '.join(table)}")
    result: np.float64 = table[name](predictions, np.ones((1, len(predictions))))[0]
    return result


def _ratio(numerator: Floats, denominator: ArrayLike) -> Floats:
    below = np.asarray(denominator, dtype=np.float64)
    ratio: Floats = np.divide(numerator, below, out=np.full(numerator.shape, np.nan), where=below > 0)
    return ratio
