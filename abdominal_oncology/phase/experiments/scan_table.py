"""``phase-scan``: paper 002, Table 5 (every class, by slice and by scan), confusion and ROC (Fig. 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from abdominal_oncology.learning.experiment import Experiment, Results, Row, Scale, Work
from abdominal_oncology.learning.metrics import Predictions
from abdominal_oncology.learning.plots import confusion_matrix, roc
from abdominal_oncology.phase.experiments.shared import (
    INTERVAL_NOTE,
    PAPER_002,
    PHANTOM_NOTE,
    PLANS,
    Plan,
    by_slice,
    by_vote,
    kept_answers,
    measured,
    slice_recipe,
    slice_stores,
)
from abdominal_oncology.phase.labels import SAMPLING_VIEW

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLASSES = SAMPLING_VIEW.classes
PERCENT = 30.0
_SIDES = ("slice", "scan")
_MEAN = "mean"
_ANSWERS = "answers-{}.npz"
_PLANS: Mapping[Scale, Plan] = {**PLANS, "small": replace(PLANS["small"], epochs=6)}


def rows(scale: Scale) -> Sequence[str]:
    return [f"{side}: {name}" for side in _SIDES for name in (*CLASSES, _MEAN)]


def measure(row: str, work: Work) -> Row:
    plan = _PLANS[work.scale]
    recipe = slice_recipe(plan, work.seed)
    train, test = slice_stores(work, plan, recipe)
    probabilities = kept_answers(recipe, train, test, work, work.shared / "run")
    side, _, name = row.partition(": ")
    predictions = by_slice(probabilities, test) if side == "slice" else by_vote(probabilities, test, PERCENT)
    _keep(predictions, work.shared / _ANSWERS.format(side))
    if name == _MEAN:
        wanted = {"precision": "macro_precision", "recall": "macro_recall", "F1": "macro_f1", "AUC": "macro_auc"}
        wanted["accuracy"] = "accuracy"
    else:
        wanted = {title: f"{title.lower()}:{name}" for title in ("precision", "recall", "F1", "AUC")}
    return measured(predictions, wanted)


def draw(results: Results, folder: Path) -> Mapping[str, Figure]:
    slices, scans = (_kept(folder / _ANSWERS.format(side)) for side in _SIDES)
    return {
        "confusion-slices": confusion_matrix(slices),
        "confusion-scans": confusion_matrix(scans),
        "roc-slices": roc({CLASSES[index]: _one_against_rest(slices, int(index)) for index in np.unique(slices.truth)}),
    }


def _one_against_rest(predictions: Predictions, index: int) -> Predictions:
    own = predictions.probabilities[:, index]
    patients = list(predictions.patients)
    truth = (predictions.truth == index).astype(int)
    return Predictions(np.stack([1 - own, own], axis=1), truth, patients, ("rest", predictions.classes[index]))


def _keep(predictions: Predictions, path: Path) -> None:
    if not path.exists():
        np.savez(path, p=predictions.probabilities, truth=predictions.truth, patients=predictions.patients)


def _kept(path: Path) -> Predictions:
    with np.load(path) as kept:
        return Predictions(kept["p"], kept["truth"], list(kept["patients"]), CLASSES)


def _paper(precision: str, recall: str, f1: str) -> Mapping[str, str]:
    return {"precision": precision, "recall": recall, "F1": f1}


SCAN = Experiment(
    "phase-scan",
    "Every class, by slice and by a vote of 30 % of the slices (Table 5, Fig. 6)",
    f"{PAPER_002}, Table 5",
    "phantom scans in the paper's four classes, each equally often; others are transitional seconds and delayed scans",
    rows,
    measure,
    draw,
    {
        "slice: non-contrast": _paper(".9982 (.9976, .9986)", ".9937 (.9927, .9946)", ".9959 (.9953, .9964)"),
        "slice: venous": _paper(".9195 (.9169, .9218)", ".9185 (.9160, .9218)", ".9190 (.9171, .9207)"),
        "slice: arterial": _paper(".9403 (.9379, .9426)", ".9208 (.9181, .9234)", ".9305 (.9286, .9322)"),
        "slice: others": _paper(".5523 (.5390, .5656)", ".6760 (.6623, .6893)", ".6079 (.5967, .6192)"),
        "slice: mean": _paper(".8546 (.8491, .8560)", ".8745 (.8737, .8806)", ".8643 (.8602, .8664)"),
        "scan: non-contrast": _paper("1.0 (.9989, 1.0)", "1.0 (.9897, 1.0)", "1.0 (.9887, 1.0)"),
        "scan: venous": _paper(".9124 (.8944, .9259)", ".9741 (.9591, .9816)", ".9396 (.9286, .9498)"),
        "scan: arterial": _paper(".9977 (.9843, 1.0)", ".9454 (.9322, .9587)", ".9708 (.9637, .9811)"),
        "scan: others": _paper(".7809 (.7213, .8331)", ".7358 (.6668, .8048)", ".7617 (.7026, .8187)"),
        "scan: mean": _paper(".9247 (.9083, .9408)", ".9180 (.8976, .9359)", ".9209 (.9033, .9374)"),
    },
    (
        PHANTOM_NOTE,
        INTERVAL_NOTE,
        "The paper resamples slices in the upper half of its table; slices of one patient are not independent, so our "
        "intervals, which resample patients, are wider.",
        "The classes are equally frequent here; others are one scan in twelve in the paper, which lowers its precision "
        "there.",
        "A phantom scan has 6 (smoke), 24 (small) or 32 (full) slices, a patient's 281 on average: 30 % of them are a "
        "smaller vote here.",
    ),
)
