"""Cross-validation: one run per fold, each case answered by a network that never saw its patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import Tensor

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.files import replacing
from abdominal_oncology.learning.fit import StoreAnswers, answer_store, fit
from abdominal_oncology.learning.manifest import CaseRow, Manifest
from abdominal_oncology.learning.metrics import Predictions, metrics_for
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.samples import SampleStore
from abdominal_oncology.learning.splits import k_folds
from abdominal_oncology.learning.uncertainty import over_folds
from abdominal_oncology.progress import Progress, part, silent


@dataclass(frozen=True)
class CrossValidated:
    """Answers outside of the folds that trained them, in the order of the store's cases."""

    answers: StoreAnswers
    predictions: Predictions
    folds: tuple[str, ...]
    per_fold: Mapping[str, tuple[float, ...]]
    """Each metric in each fold."""

    def mean_and_sd(self, metric: str) -> tuple[float, float]:
        return over_folds(self.per_fold[metric])


def cross_validate(
    recipe: Recipe,
    store: SampleStore,
    folder: Path,
    *,
    device: str = "cpu",
    start: Mapping[str, Tensor] | None = None,
    progress: Progress = silent,
) -> CrossValidated:
    """Each side of the split (``fold-0`` …) is answered by a network trained on the others.

    No fold chooses the weights that it is tested with: the last ones count. A finished fold is not trained again.
    ``start`` are weights that every fold begins with; they must not have seen these patients.
    """
    folds = tuple(sorted({case.split for case in store.cases if case.split}))
    if len(folds) < 2:
        raise InvalidInputError(
            "cross-validation needs two or more folds in the manifest's column split",
            where=store.folder,
            remedy="write them with abdominal-oncology split --folds",
        )
    answers = []
    for index, fold in enumerate(folds):
        reporting = part(progress, index / len(folds), (index + 1) / len(folds))
        answers.append(_one_fold(recipe, store, fold, folds, folder / fold, device, start, reporting))
    joined = _joined(answers)
    metrics = metrics_for(store.classes)
    by_fold = [each.by_case(store) for each in answers]
    per_fold = {
        name: tuple(float(metric(each, np.ones((1, len(each))))[0]) for each in by_fold)
        for name, metric in metrics.items()
    }
    return CrossValidated(joined, joined.by_case(store), folds, per_fold)


def _one_fold(
    recipe: Recipe,
    store: SampleStore,
    fold: str,
    folds: Sequence[str],
    folder: Path,
    device: str,
    start: Mapping[str, Tensor] | None,
    progress: Progress,
) -> StoreAnswers:
    tested = store.on_side(fold)
    finished = folder / "answers.npz"
    if finished.exists():
        with np.load(finished) as kept:
            return StoreAnswers(kept["logits"], kept["features"], kept["owners"])
    others = [each for each in folds if each != fold]
    seeded = replace(recipe, train=replace(recipe.train, seed=recipe.train.seed + folds.index(fold)))
    fitted = fit(seeded, store, store.on_side(*others), (), folder, device=device, start=start, progress=progress)
    answers = answer_store(fitted.network, store, tested, device)
    with replacing(finished) as path:
        np.savez(path, logits=answers.logits, features=answers.features, owners=answers.owners)
    return answers


def _joined(parts: Sequence[StoreAnswers]) -> StoreAnswers:
    owners = np.concatenate([each.owners for each in parts])
    order = np.argsort(owners, kind="stable")
    return StoreAnswers(
        np.concatenate([each.logits for each in parts])[order],
        np.concatenate([each.features for each in parts])[order],
        owners[order],
    )


def in_folds(store: SampleStore, folds: int, seed: int) -> SampleStore:
    """The same store with its patients divided into ``fold-0`` …, as :func:`~.splits.k_folds` divides a manifest's."""
    rows = tuple(CaseRow(case.case, case.patient, labels={"label": case.label}) for case in store.cases)
    divided = k_folds(Manifest(rows), "label", folds, seed)
    cases = tuple(replace(case, split=row.split) for case, row in zip(store.cases, divided.rows, strict=True))
    return replace(store, cases=cases)
