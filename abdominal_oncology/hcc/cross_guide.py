"""Four networks in folds of lesions, the regressions on what they say outside of their folds, and how good all are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from abdominal_oncology.hcc.fusion import PARTS
from abdominal_oncology.hcc.fusion_fit import cross_fused
from abdominal_oncology.hcc.lesion_set import LesionSet, fusion_rows
from abdominal_oncology.hcc.questions import CLASSES, FEATURES, QUESTIONS
from abdominal_oncology.hcc.training import asked
from abdominal_oncology.learning.metrics import Predictions
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.uncertainty import bootstrap
from abdominal_oncology.progress import Progress, part, silent

if TYPE_CHECKING:
    from abdominal_oncology.learning.fit import StoreAnswers

BASELINE, READER, SIZE = "baseline", "li-rads", "size"

Chances = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class CrossGuided:
    """What four networks say outside of their folds: ``rows`` (n, 11) for the fusion, ``fold`` (n,) of each lesion."""

    lesions: LesionSet
    answers: Mapping[str, StoreAnswers]
    rows: NDArray[np.float64]
    fold: NDArray[np.int64]

    def fused(self, seed: int) -> Chances:
        """(n,) probability of HCC by each part of the method, by a regression that never saw the patient."""
        truth, patients = self.lesions.truth(), self.lesions.patients
        return {part: cross_fused(self.rows, truth, patients, part, self.fold, seed) for part in PARTS}


def cross_guide(
    lesions: LesionSet, recipe: Recipe, folder: Path, device: str = "cpu", progress: Progress = silent
) -> CrossGuided:
    """Four networks in the folds of the lesions' store; a finished fold is not trained again."""
    from abdominal_oncology.hcc import networks  # noqa: F401  imported to be registered
    from abdominal_oncology.learning.crossval import cross_validate

    answers, chances = {}, {}
    for n, question in enumerate(QUESTIONS):
        reporting = about(question, part(progress, n / len(QUESTIONS), (n + 1) / len(QUESTIONS)))
        done = cross_validate(
            asked(recipe, question), lesions.asked(question), folder / question, device=device, progress=reporting
        )
        answers[question] = done.answers
        chances[question] = softmax(done.answers.logits.astype(np.float64), axis=1)[:, 1]
    names = sorted({case.split for case in lesions.store.cases})
    fold = np.array([names.index(case.split) for case in lesions.store.cases])
    return CrossGuided(lesions, answers, fusion_rows(chances, lesions), fold)


def measured_results(crossed: CrossGuided, fused: Chances) -> dict[str, Any]:
    """AUCs with 95 % intervals by patient: of HCC by each method, and of each feature by its network."""
    lesions = crossed.lesions
    of_hcc = {BASELINE: crossed.rows[:, 0], **fused, READER: lesions.lirads, SIZE: _ranked(lesions.sizes_mm)}
    table: dict[str, Any] = {"cases": len(crossed.rows)}
    for name, chances in of_hcc.items():
        table[f"auc:{name}"] = _auc(chances, lesions.truth(), lesions.patients)
    for column, feature in enumerate(FEATURES, start=1):
        table[f"auc:feature {feature}"] = _auc(crossed.rows[:, column], lesions.truth(feature), lesions.patients)
    return table


def hcc_predictions(chances: NDArray[np.float64], lesions: LesionSet) -> Predictions:
    return Predictions(np.column_stack([1 - chances, chances]), lesions.truth(), lesions.patients, CLASSES["hcc"])


def _auc(chances: NDArray[np.float64], truth: NDArray[np.int64], patients: tuple[str, ...]) -> dict[str, float | None]:
    found = bootstrap(Predictions(np.column_stack([1 - chances, chances]), truth, patients, ("no", "yes")), ["auc"])
    numbers = {key: getattr(found["auc"], key) for key in ("value", "low", "high")}
    return {key: None if np.isnan(number) else round(float(number), 4) for key, number in numbers.items()}


def _ranked(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Into 0 … 1 in the same order: an AUC knows nothing else."""
    return np.searchsorted(np.unique(values), values) / max(1, len(np.unique(values)))


def about(question: str, progress: Progress) -> Progress:
    def report(fraction: float, stage: str) -> None:
        progress(fraction, f"{question}: {stage}")

    return report
