"""Fitting the published fusion: logistic regressions whose every choice is made inside of the patients they learn from.

Rows are (n, 11) in the order of :data:`~abdominal_oncology.hcc.fusion.INPUTS`; the networks' probabilities in them come
from folds that did not train on the patient. Scaling and regularisation are chosen anew inside each fold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.fusion import INPUTS, PARTS, FusedModel, Fusion, Part
from abdominal_oncology.hcc.logistic import fit_logistic
from abdominal_oncology.learning.manifest import CaseRow, Manifest
from abdominal_oncology.learning.splits import k_folds
from abdominal_oncology.learning.uncertainty import patient_weights

STRENGTHS = tuple(float(f"{each:.4g}") for each in np.logspace(-3, 2, 11))
"""The inverse regularisations C to choose from."""

_INNER_FOLDS = 5
_RESAMPLES = 1000

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def patient_folds(truth: ArrayLike, patients: Sequence[str], folds: int, seed: int) -> Integers:
    """(n,) the fold of each lesion: patients stay together, and every fold has about its share of HCC.

    >>> fold = patient_folds([0, 1, 0, 1], ["a", "b", "c", "d"], 2, seed=0)
    >>> int(fold[0] + fold[2]), int(fold[1] + fold[3])
    (1, 1)
    """
    rows = tuple(
        CaseRow(str(n), patient, labels={"hcc": str(int(label))})
        for n, (label, patient) in enumerate(zip(np.asarray(truth).tolist(), patients, strict=True))
    )
    return np.array([int(row.split.removeprefix("fold-")) for row in k_folds(Manifest(rows), "hcc", folds, seed).rows])


def cross_fused(
    rows: ArrayLike, truth: ArrayLike, patients: Sequence[str], part: Part, folds: ArrayLike, seed: int
) -> Floats:
    """(n,) probability of HCC of each lesion by a regression that never saw its patient. ``folds`` (n,) are given."""
    data = _Data.of(rows, truth, patients, part)
    fold_of = np.asarray(folds)
    result = np.empty(len(data.labels))
    for fold in np.unique(fold_of):
        tested = fold_of == fold
        if set(data.patients[tested]) & set(data.patients[~tested]):
            raise InvalidInputError("a patient is in two folds", remedy="divide by patient (patient_folds)")
        result[tested] = data.take(~tested).chosen(seed).chances(data.values[tested])
    return result


def fit_fusion(rows: ArrayLike, truth: ArrayLike, patients: Sequence[str], part: Part, seed: int) -> FusedModel:
    """The regression of one part on all lesions, its coefficients with 95 % intervals by resampling patients."""
    data = _Data.of(rows, truth, patients, part)
    fitted = data.chosen(seed)
    weights = patient_weights(data.patients, _RESAMPLES, seed)
    both = ((weights @ data.labels) > 0) & ((weights @ (1 - data.labels)) > 0)
    drawn = fit_logistic(fitted.scaled(data.values), data.labels, weights[both], fitted.strength)[:, :-1]
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return FusedModel(
        PARTS[part],
        _numbers(fitted.mean),
        _numbers(fitted.scale),
        _numbers(fitted.beta[:-1]),
        _numbers(fitted.beta[-1:])[0],
        fitted.strength,
        tuple(zip(_numbers(low), _numbers(high), strict=True)),
    )


def fit_all_parts(rows: ArrayLike, truth: ArrayLike, patients: Sequence[str], seed: int) -> Fusion:
    """The networks' half, the measured half, and both."""
    return Fusion({part: fit_fusion(rows, truth, patients, part, seed) for part in PARTS})


@dataclass(frozen=True)
class _Fitted:
    """A regression with the scaling that it learned on the same lesions."""

    mean: Floats
    scale: Floats
    beta: Floats
    strength: float

    def scaled(self, values: Floats) -> Floats:
        scaled: Floats = (values - self.mean) / self.scale
        return scaled

    def chances(self, values: Floats) -> Floats:
        chances: Floats = expit(self.scaled(values) @ self.beta[:-1] + self.beta[-1])
        return chances


@dataclass(frozen=True)
class _Data:
    values: Floats
    labels: Integers
    patients: NDArray[np.str_]

    @classmethod
    def of(cls, rows: ArrayLike, truth: ArrayLike, patients: Sequence[str], part: Part) -> _Data:
        table = np.asarray(rows, np.float64)
        if table.ndim != 2 or table.shape[1] != len(INPUTS):
            raise InvalidInputError(f"rows of a fusion are (n, {len(INPUTS)}), not {table.shape}")
        values = table[:, [INPUTS.index(name) for name in PARTS[part]]]
        if not np.isfinite(values).all():
            raise InvalidInputError("a fusion was given values that are no numbers", remedy="leave such lesions out")
        return cls(values, np.asarray(truth, np.int64), np.array([str(each) for each in patients]))

    def take(self, which: NDArray[np.bool_]) -> _Data:
        return _Data(self.values[which], self.labels[which], self.patients[which])

    def chosen(self, seed: int) -> _Fitted:
        """Fitted with the strength whose log-loss is least in an inner cross-validation by patient."""
        if len(np.unique(self.labels)) < 2:
            raise InvalidInputError("a fusion needs lesions that are HCC and lesions that are not")
        fewest = min(len(np.unique(self.patients[self.labels == label])) for label in (0, 1))
        folds = min(_INNER_FOLDS, fewest)
        if folds < 2:
            return self.fitted(1.0)
        fold_of = patient_folds(self.labels, self.patients.tolist(), folds, seed)
        losses = np.zeros(len(STRENGTHS))
        for fold in np.unique(fold_of):
            tested = fold_of == fold
            training, held = self.take(~tested), self.take(tested)
            if len(np.unique(training.labels)) < 2:
                continue
            for n, strength in enumerate(STRENGTHS):
                chances = np.clip(training.fitted(strength).chances(held.values), 1e-12, 1 - 1e-12)
                losses[n] -= np.log(np.where(held.labels == 1, chances, 1 - chances)).sum()
        return self.fitted(STRENGTHS[int(np.argmin(losses))])

    def fitted(self, strength: float) -> _Fitted:
        mean, spread = self.values.mean(axis=0), self.values.std(axis=0)
        scale = np.where(spread > 0, spread, 1.0)
        scaled = (self.values - mean) / scale
        beta = fit_logistic(scaled, self.labels, np.ones((1, len(self.labels))), strength)[0]
        return _Fitted(mean, scale, beta, strength)


def _numbers(values: ArrayLike) -> tuple[float, ...]:
    return tuple(float(f"{value:.7g}") for value in np.asarray(values, np.float64))
