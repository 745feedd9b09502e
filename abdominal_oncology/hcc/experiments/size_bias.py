"""``hcc-size-bias``: how much of an AUC is the lesion's size alone, on sets with the paper's two gaps in size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.hcc.experiments.shared import (
    BASELINE,
    DATA,
    LABEL_NOTE,
    PAPER,
    PHANTOM_NOTE,
    PLANS,
    TITLES,
    auc,
    crossed,
    large_lesions,
    small_lesions,
)
from abdominal_oncology.hcc.fusion import INPUTS
from abdominal_oncology.hcc.fusion_fit import cross_fused
from abdominal_oncology.learning.experiment import Experiment, Measured, Results, Row, Scale, Work
from abdominal_oncology.learning.plots import bars

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMALL_GAP, LARGE_GAP = "small gap in size (D1)", "large gap in size (D2)"
WITHIN_MM = 1.0
SIZE, BOTH, WITHOUT = "size alone", TITLES["dlf+hf"], "DLF+HF without size"
EQUAL = f"at equal size (within {WITHIN_MM:g} mm)"
_NETWORK = "Tiny"


def rows(scale: Scale) -> Sequence[str]:
    return [SMALL_GAP, LARGE_GAP, f"{SMALL_GAP}, {EQUAL}", f"{LARGE_GAP}, {EQUAL}"]


def measure(row: str, work: Work) -> Row:
    from abdominal_oncology.learning.crossval import in_folds

    plan = PLANS[work.scale]
    is_small = row.startswith(SMALL_GAP)
    lesions = small_lesions(work, plan) if is_small else large_lesions(work, plan)
    if not is_small:
        lesions = lesions.in_store(in_folds(lesions.store, plan.folds, work.seed))
    done = crossed(work, plan, _NETWORK, lesions, "d1" if is_small else "d2")
    truth, sizes, patients = lesions.truth(), lesions.sizes_mm, lesions.patients
    sizeless = done.rows.copy()
    sizeless[:, INPUTS.index("size")] = 0.0  # an input that never varies has no say
    scores = {
        SIZE: sizes,
        BASELINE: done.rows[:, 0],
        BOTH: cross_fused(done.rows, truth, patients, "dlf+hf", done.fold, work.seed),
        WITHOUT: cross_fused(sizeless, truth, patients, "dlf+hf", done.fold, work.seed),
    }
    if row.endswith(EQUAL):
        return {name: Measured(auc_at_equal_size(each, truth, sizes)) for name, each in scores.items()}
    gap = {"mm, HCC": Measured(float(sizes[truth == 1].mean()), sd=float(sizes[truth == 1].std(ddof=1)))}
    gap["mm, other"] = Measured(float(sizes[truth == 0].mean()), sd=float(sizes[truth == 0].std(ddof=1)))
    return gap | {name: Measured(auc(each, truth)) for name, each in scores.items()}


def auc_at_equal_size(
    scores: NDArray[np.float64], truth: NDArray[np.int64], sizes: NDArray[np.float64], within_mm: float = WITHIN_MM
) -> float:
    """How often an HCC is ranked above another lesion of about its size; ties count half. NaN without such a pair.

    >>> scores, truth = np.array([0.9, 0.1, 0.8, 0.2]), np.array([1, 0, 1, 0])
    >>> auc_at_equal_size(scores, truth, np.array([30.0, 10.0, 12.0, 11.0]))
    1.0
    """
    hcc, other = truth == 1, truth == 0
    alike = np.abs(sizes[hcc][:, None] - sizes[other]) <= within_mm
    difference = scores[hcc][:, None] - scores[other]
    wins = (difference > 0) + 0.5 * (difference == 0)
    return float(wins[alike].mean()) if alike.any() else float("nan")


def draw(results: Results, folder: Path) -> Mapping[str, Figure]:
    bars_of = {name: row for name, row in results.items() if not name.endswith(EQUAL)}
    names = [f"{row.split()[0]}: {column}" for row in bars_of for column in (SIZE, BASELINE, WITHOUT, BOTH)]
    heights = [bars_of[row][column].value for row in bars_of for column in (SIZE, BASELINE, WITHOUT, BOTH)]
    return {"auc-and-size": bars(names, heights, "AUC")}


SIZE_BIAS = Experiment(
    "hcc-size-bias",
    "How much of the AUC is size alone (Table 1)",
    f"{PAPER}, Table 1",
    DATA,
    rows,
    measure,
    draw,
    {
        SMALL_GAP: {"mm, HCC": "19.3 ± 5.6", "mm, other": "15.4 ± 5.6"},
        LARGE_GAP: {"mm, HCC": "32.6 ± 14.8", "mm, other": "17.6 ± 12.7"},
    },
    (
        PHANTOM_NOTE,
        LABEL_NOTE,
        "At equal size: how often an HCC is ranked above another lesion whose size differs by no more than 1 mm. "
        "Hardly any of what is left there is size.",
        "Every answer is out of fold; Tiny networks. The paper prints no such table.",
    ),
)
