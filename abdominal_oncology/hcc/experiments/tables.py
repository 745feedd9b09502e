"""``hcc-table2`` (folds of one set of lesions) and ``hcc-table3`` (trained on small lesions, tested on large ones)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from abdominal_oncology.hcc.experiments.shared import (
    BASELINE,
    DATA,
    FOLD_NOTE,
    LABEL_NOTE,
    PAPER,
    PHANTOM_NOTE,
    PLANS,
    PRINTED,
    TITLES,
    auc,
    by_fold,
    crossed,
    large_lesions,
    method_row,
    over,
    rows_elsewhere,
    small_lesions,
)
from abdominal_oncology.hcc.fusion import INPUTS, PARTS, Part
from abdominal_oncology.hcc.fusion_fit import fit_fusion
from abdominal_oncology.learning.experiment import Experiment, Measured, Results, Row, Scale, Work
from abdominal_oncology.learning.plots import Series, lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

READER = "LI-RADS as reader"
_MED3D_NOTE = (
    "The Med3D rows are the paper's alone: they need a MedicalNet checkpoint, which is not ours to ship. With one, "
    "`abdominal-oncology guide --recipe` trains them (network option pretrained)."
)
_LF_NOTE = (
    "HF+LF and DLF+HF+LF are not in the paper: LF are the chances that our measurements give to the three LI-RADS "
    "features. They are measured on the patch as a reader would, with nothing learned."
)
_READER_NOTE = (
    "LI-RADS as reader: the category that our rules give to measured features, divided by 5 as the paper divides its "
    "radiologists'; LR-M counts as LR-3, since about a third of either are HCC."
)


def rows(scale: Scale) -> Sequence[str]:
    return [READER, *PLANS[scale].networks]


def measure_table2(row: str, work: Work) -> Row:
    plan = PLANS[work.scale]
    lesions = small_lesions(work, plan)
    truth = lesions.truth()
    if row == READER:
        names = sorted({case.split for case in lesions.store.cases})
        fold = np.array([names.index(case.split) for case in lesions.store.cases])
        return {"AUC": over(by_fold(lesions.lirads, truth, fold))}
    done = crossed(work, plan, row, lesions)
    fused = done.fused(work.seed)
    return method_row(
        by_fold(done.rows[:, 0], truth, done.fold), {name: by_fold(fused[name], truth, done.fold) for name in PARTS}
    )


def measure_table3(row: str, work: Work) -> Row:
    """The networks and the regression of each fold of the small lesions, asked for all large ones."""
    plan = PLANS[work.scale]
    small, large = small_lesions(work, plan), large_lesions(work, plan)
    truth = large.truth()
    if row == READER:
        return {"AUC": Measured(auc(large.lirads, truth))}
    done = crossed(work, plan, row, small)
    patients = np.array(small.patients)
    baseline: list[float] = []
    parts: dict[Part, list[float]] = {name: [] for name in PARTS}
    for fold in np.unique(done.fold):
        values = rows_elsewhere(work, plan, row, int(fold), small, large)
        learned = done.fold != fold
        baseline.append(auc(values[:, 0], truth))
        for name in PARTS:
            model = fit_fusion(done.rows[learned], small.truth()[learned], patients[learned].tolist(), name, work.seed)
            chances = [model.probability(dict(zip(INPUTS, each, strict=True))) for each in values]
            parts[name].append(auc(np.array(chances), truth))
    return method_row(baseline, parts)


def draw(results: Results, folder: Path) -> Mapping[str, Figure]:
    """AUC by method, one line per network."""
    columns = [BASELINE, *TITLES.values()]
    series = {
        name: Series(
            list(range(len(columns))),
            [row[column].value for column in columns],
            [row[column].value - (row[column].sd or 0.0) for column in columns],
            [row[column].value + (row[column].sd or 0.0) for column in columns],
        )
        for name, row in results.items()
        if BASELINE in row
    }
    return {"auc-by-method": lines(series, ", ".join(f"{n}: {name}" for n, name in enumerate(columns)), "AUC")}


def _paper(baseline: str, dlf: str, hf: str, both: str, gain: str) -> dict[str, str]:
    columns = (BASELINE, *(TITLES[name] for name in PRINTED), "gain")
    return dict(zip(columns, (baseline, dlf, hf, both, gain), strict=True))


TABLE2 = Experiment(
    "hcc-table2",
    "HCC or not, cross-validated on small lesions (Table 2)",
    f"{PAPER}, Table 2",
    DATA,
    rows,
    measure_table2,
    draw,
    {
        READER: {"AUC": "non-specialist 60.4, specialist 76.7, mean 68.6"},
        "Tiny": _paper("68.3 ± 4.3", "74.2 ± 4.7", "74.4 ± 3.8", "74.9 ± 3.8", "+6.6"),
        "Small": _paper("64.4 ± 9.4", "74.7 ± 3.9", "74.4 ± 3.8", "75.0 ± 3.8", "+10.6"),
        "ResNet-18": _paper("58.8 ± 4.5", "70.6 ± 2.8", "74.4 ± 3.8", "70.5 ± 2.9", "+11.7 (printed +15.6: to HF)"),
        "ResNet-18 (Med3D)": _paper("59.4 ± 3.7", "73.7 ± 3.0", "74.4 ± 3.8", "74.2 ± 2.9", "+14.8 (printed +15.0)"),
        "ResNet-50 (Med3D)": _paper("56.5 ± 3.5", "71.0 ± 1.9", "74.4 ± 3.8", "71.2 ± 1.9", "+14.7 (printed +17.9)"),
    },
    (PHANTOM_NOTE, FOLD_NOTE, LABEL_NOTE, _LF_NOTE, _READER_NOTE, _MED3D_NOTE),
)

TABLE3 = Experiment(
    "hcc-table3",
    "Trained on small lesions, tested on a set with a gap in size (Table 3)",
    f"{PAPER}, Table 3",
    DATA,
    rows,
    measure_table3,
    draw,
    {
        "Tiny": _paper("77.8 ± 1.8", "82.2 ± 0.1", "83.0 ± 0.2", "83.2 ± 0.3", "+5.4"),
        "Small": _paper("72.7 ± 4.5", "82.4 ± 0.2", "83.0 ± 0.2", "83.0 ± 0.3", "+10.3"),
        "ResNet-18": _paper("71.0 ± 2.4", "81.6 ± 0.6", "83.0 ± 0.2", "82.2 ± 0.6", "+11.2 (printed +12.0)"),
        "ResNet-18 (Med3D)": _paper("71.4 ± 2.6", "82.3 ± 0.1", "83.0 ± 0.2", "83.2 ± 0.2", "+11.8"),
        "ResNet-50 (Med3D)": _paper("63.6 ± 4.3", "81.7 ± 0.5", "83.0 ± 0.2", "82.4 ± 0.5", "+18.8 (printed +19.4)"),
    },
    (
        PHANTOM_NOTE,
        LABEL_NOTE,
        _LF_NOTE,
        _READER_NOTE,
        _MED3D_NOTE,
        "Each fold's networks and regression are asked for the whole second set, as in the paper: the deviation shows "
        "how much the training varies, not how few lesions were tested.",
        "Lesions larger than the patch are seen in part only.",
    ),
)
