"""``rectal-table2`` and ``rectal-table3``: paper 004's encoders and losses, judged on representative slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from abdominal_oncology.learning.experiment import Experiment, Row, Scale, Work
from abdominal_oncology.learning.recipe import LossTerm
from abdominal_oncology.rectal.experiments.shared import (
    DATA,
    NOTES,
    PAPER_004,
    PLAN_NOTE,
    START,
    cross_validated,
    draw_auc,
    paper,
    plan_of,
    slice_recipe,
)
from abdominal_oncology.rectal.training import CENTRE, FOCAL, TRIPLET

ENCODER_ROWS: Mapping[str, str] = {
    "f-R2D": "f-r2d",
    "f-R3D": "f-r3d",
    "f-R(2+1)D": "f-r2plus1d",
    **{f"f-MC{x}": f"f-mc{x}" for x in range(2, 6)},
    **{f"f-rMC{x}": f"f-rmc{x}" for x in range(2, 6)},
}
LOSS_ROWS: Mapping[str, tuple[LossTerm, ...]] = {
    "Focal": (FOCAL,),
    "+Center": (FOCAL, CENTRE),
    "+Triplet": (FOCAL, TRIPLET),
}

_SLICE_NOTE = (
    "The paper scores single slices; here a patient's representative slices are averaged, so that each patient counts "
    "once in the folds."
)
_SMOKE_ENCODERS = ("f-R2D", "f-R(2+1)D", "f-rMC5")
_NARROW_FILTERS = 8


def _encoder_rows(scale: Scale) -> Sequence[str]:
    return _SMOKE_ENCODERS if scale == "smoke" else tuple(ENCODER_ROWS)


def _measure_encoder(row: str, work: Work) -> Row:
    plan = plan_of(work)
    if work.scale == "small":  # eleven encoders within three quarters of an hour
        if work.start is None:
            plan = replace(plan, filters=_NARROW_FILTERS, slice_epochs=plan.slice_epochs // 4)
        else:
            plan = replace(plan, patients=60, folds=2, slice_epochs=plan.slice_epochs // 2)
    recipe = replace(slice_recipe(plan, work.seed, ENCODER_ROWS[row]), loss=(FOCAL,))
    return cross_validated(recipe, work, plan)


def _loss_rows(scale: Scale) -> Sequence[str]:
    return tuple(LOSS_ROWS)


def _measure_loss(row: str, work: Work) -> Row:
    plan = plan_of(work)
    return cross_validated(replace(slice_recipe(plan, work.seed), loss=LOSS_ROWS[row]), work, plan)


ENCODERS_TABLE = Experiment(
    "rectal-table2",
    "Eleven encoders at slice level (Table 2)",
    f"{PAPER_004}, Table 2",
    DATA,
    _encoder_rows,
    _measure_encoder,
    draw_auc,
    {
        "f-R2D": paper("0.798 ± 0.042", "75.0 ± 2.9", "60.0 ± 12.6", "81.4 ± 7.0", "2796001"),
        "f-R3D": paper("0.763 ± 0.074", "74.5 ± 5.3", "55.5 ± 12.9", "82.5 ± 7.0", "8291873"),
        "f-R(2+1)D": paper("0.758 ± 0.069", "74.3 ± 5", "50.1 ± 12.8", "84.5 ± 5.6", "8294563"),
        "f-MC2": paper("0.789 ± 0.061", "73.5 ± 3.8", "65.5 ± 13.3", "76.9 ± 5.1", "2799137"),
        "f-MC3": paper("0.746 ± 0.07", "70.2 ± 9.4", "58.8 ± 16.0", "74.9 ± 17.1", "2872865"),
        "f-MC4": paper("0.767 ± 0.059", "72.5 ± 3.5", "55.7 ± 12.8", "79.7 ± 6.5", "3130913"),
        "f-MC5": paper("0.737 ± 0.042", "72.3 ± 4.8", "49.7 ± 8.8", "81.9 ± 8.0", "4163105"),
        "f-rMC2": paper("0.778 ± 0.051", "75.1 ± 4.3", "55.6 ± 13.9", "83.3 ± 6.5", "8288737"),
        "f-rMC3": paper("0.796 ± 0.052", "75.1 ± 2.2", "59.0 ± 15.3", "81.8 ± 6.8", "8215009"),
        "f-rMC4": paper("0.787 ± 0.055", "76.2 ± 4.5", "50.0 ± 13.6", "87.3 ± 4.6", "7956961"),
        "f-rMC5": paper("0.815 ± 0.057", "77.3 ± 4.4", "48.5 ± 10.3", "89.4 ± 5.0", "6924769"),
    },
    (
        *NOTES,
        _SLICE_NOTE,
        PLAN_NOTE,
        "With 32 filters and two classes the parameters are the paper's to the last digit "
        "(`abdominal-oncology networks --task rectal`); with fewer filters they are fewer.",
    ),
    START,
)

LOSSES_TABLE = Experiment(
    "rectal-table3",
    "Supplementary losses at slice level (Table 3)",
    f"{PAPER_004}, Table 3",
    DATA,
    _loss_rows,
    _measure_loss,
    draw_auc,
    {
        "Focal": paper("0.815 ± 0.057", "77.3 ± 4.4", "48.5 ± 10.3", "89.4 ± 5.0"),
        "+Center": paper("0.803 ± 0.041", "74.9 ± 3.9", "49. ± 13.9", "85.8 ± 5.4"),
        "+Triplet": paper("0.834 ± 0.068", "78 ± 4.9", "49.9 ± 9.7", "89.8 ± 4.7"),
    },
    (
        *NOTES,
        _SLICE_NOTE,
        PLAN_NOTE,
        "Focal with γ 2; centre with weight 0.003 and rate 0.5; triplet batch-hard with margin 0.2 on features of unit "
        "length: the defaults of the works that the paper cites.",
    ),
    START,
)
