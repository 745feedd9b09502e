"""``hcc-figure4``: how well each LI-RADS feature is told by its network, against its weight in the regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from abdominal_oncology.hcc.experiments.shared import (
    DATA,
    FOLD_NOTE,
    LABEL_NOTE,
    PAPER,
    PHANTOM_NOTE,
    PLANS,
    by_fold,
    crossed,
    over,
    small_lesions,
)
from abdominal_oncology.hcc.fusion_fit import fit_fusion
from abdominal_oncology.hcc.questions import FEATURES
from abdominal_oncology.learning.experiment import Experiment, Measured, Results, Row, Scale, Work
from abdominal_oncology.learning.plots import bars

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AUC, WEIGHT = "AUC of the feature", "absolute coefficient"
NAMES: Mapping[str, str] = {"APHE": "aphe", "EC": "ec", "NPW": "npw"}
_BACKBONES = ("Tiny", "Small", "ResNet-18")


def rows(scale: Scale) -> Sequence[str]:
    chosen = [each for each in PLANS[scale].networks if each in _BACKBONES]
    return [f"{network}: {feature}" for network in chosen for feature in NAMES]


def measure(row: str, work: Work) -> Row:
    network, _, feature = row.partition(": ")
    question = NAMES[feature]
    plan = PLANS[work.scale]
    lesions = small_lesions(work, plan)
    done = crossed(work, plan, network, lesions)
    column = 1 + FEATURES.index(question)
    told = by_fold(done.rows[:, column], lesions.truth(question), done.fold)
    model = fit_fusion(done.rows, lesions.truth(), lesions.patients, "dlf", work.seed)
    place = model.inputs.index(f"p_{question}")
    low, high = model.intervals[place]
    nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    weight = Measured(abs(model.coefficients[place]), nearest, max(abs(low), abs(high)))
    return {AUC: over(told), WEIGHT: weight, "coefficient": Measured(model.coefficients[place], low, high)}


def draw(results: Results, folder: Path) -> Mapping[str, Figure]:
    """The two rows of the figure."""
    names = list(results)
    told = [results[name][AUC] for name in names]
    weights = [results[name][WEIGHT] for name in names]
    spread = np.array([each.sd or 0.0 for each in told])
    heights = np.array([each.value for each in told])
    return {
        "feature-auc": bars(names, heights, AUC, low=heights - spread, high=heights + spread),
        "feature-weight": bars(
            names,
            [each.value for each in weights],
            WEIGHT,
            low=[each.low or 0.0 for each in weights],
            high=[each.high or 0.0 for each in weights],
        ),
    }


FIGURE4 = Experiment(
    "hcc-figure4",
    "How well a feature is told, and how much it weighs (Fig. 4)",
    f"{PAPER}, Fig. 4",
    DATA,
    rows,
    measure,
    draw,
    {"Tiny: NPW": {"weight": "the largest: the best told feature weighs most (no number is printed)"}},
    (
        PHANTOM_NOTE,
        FOLD_NOTE,
        LABEL_NOTE,
        "Coefficients are those of the regression on the networks' probabilities and the size (DLF), on inputs scaled "
        "to unit spread, with 95 % intervals by resampling patients.",
    ),
)
