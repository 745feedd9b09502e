"""``rectal-table4`` and ``rectal-table5``: paper 004's aggregations through depth, and its readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from abdominal_oncology.learning.experiment import Experiment, Row, Scale, Work
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
    volume_recipe,
)

POOL_ROWS: Mapping[str, str] = {"AVP": "average", "MXP": "max", "Bilin": "bilinear", "Att": "attention"}
OURS = "f-rMC5+Bilinear+Triplet"


def _pool_rows(scale: Scale) -> Sequence[str]:
    return tuple(POOL_ROWS)


def _measure_pool(row: str, work: Work) -> Row:
    plan = plan_of(work)
    return cross_validated(volume_recipe(plan, work.seed, aggregation=POOL_ROWS[row]), work, plan)


def _reader_rows(scale: Scale) -> Sequence[str]:
    return (OURS,)


def _measure_ours(row: str, work: Work) -> Row:
    plan = plan_of(work)
    return cross_validated(volume_recipe(plan, work.seed), work, plan)


AGGREGATIONS_TABLE = Experiment(
    "rectal-table4",
    "Aggregation of slices through depth (Table 4)",
    f"{PAPER_004}, Table 4",
    DATA,
    _pool_rows,
    _measure_pool,
    draw_auc,
    {
        "AVP": paper("0.821 ± 0.055", "76 ± 3.8", "34 ± 9.6", "93.7 ± 4.9"),
        "MXP": paper("0.815 ± 0.047", "78.1 ± 4.1", "47 ± 12.6", "91.2 ± 5.9"),
        "Bilin": paper("0.831 ± 0.062", "79.3 ± 6.2", "62.1 ± 13.5", "86.7 ± 6.8"),
        "Att": paper("0.817 ± 0.057", "77.2 ± 4.8", "48.3 ± 14.7", "89.5 ± 4.2"),
    },
    (
        *NOTES,
        PLAN_NOTE,
        "Every row begins with the weights of a training on representative slices; below scale full that is the flat "
        "encoder's, whose kernels become the middle of the deep ones.",
    ),
    START,
)

READERS_TABLE = Experiment(
    "rectal-table5",
    "The final network beside readers' published numbers (Table 5)",
    f"{PAPER_004}, Table 5",
    DATA,
    _reader_rows,
    _measure_ours,
    draw_auc,
    {
        "Ang et al.": paper("-", "68.87", "85.5", "50.1"),
        "Maas et al. (1.5T MR)": paper("0.73", "66.67", "83.33", "52.38"),
        "Maas et al. (3.0T MR)": paper("0.64", "56.41", "72.22", "42.86"),
        OURS: paper("0.831", "79.3", "62.1", "86.7"),
    },
    (
        *NOTES,
        PLAN_NOTE,
        "The readers judged patients of their own hospitals, the paper's network others, ours phantoms: three data "
        "sets, no comparison. The rows stand together because the paper's table has them so.",
    ),
    START,
)
