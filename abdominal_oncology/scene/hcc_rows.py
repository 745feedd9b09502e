"""Findings of liver lesions as rows for tables: what they say, in a person's order; nothing is decided here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from abdominal_oncology.hcc.finding import lesion_row
from abdominal_oncology.hcc.finding_lirads import FEATURE_TABLE
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.scene.tables import Table, Value

WITHHELD = "withheld"
"""Stands for an answer that was withheld, and where no model was asked."""

_SUMMARY_UNITS = {
    **dict.fromkeys(("p_hcc", "li_rads_chance"), "1"),
    **dict.fromkeys(("size_mm", "size_low", "size_high"), "mm"),
    "volume_ml": "mL",
}
_SUMMARY_TEXTS = {
    "decision": "hcc or other; withheld where nothing can be told (then reason says why)",
    "p_hcc": "probability of HCC by networks and measured features, where a model was asked",
    "li_rads": "CT LI-RADS v2018 category of the measured features, with the reader's corrections",
    "li_rads_chance": "probability of that category over all uncertain features and the size",
    "size_mm": "largest diameter, outer edge to outer edge; low and high are its 90 % interval",
    "location": "guessed from the liver's outline",
}
_FEATURE_UNITS = dict.fromkeys(("chance", "number", "low", "high"), "1")
_FEATURE_TEXTS = {
    "chance": "probability of the value that counts",
    "measured": "the number that speaks for it most, in the unit of its row; low and high are its 90 % interval",
    "overridden_by": "who put the value in the place of what was measured",
}


def summary_table(findings: Sequence[Finding]) -> Table:
    """One row per lesion."""
    rows = [{**lesion_row(each), "decision": each.decision or WITHHELD} for each in findings]
    return Table(_with_numbers(rows, _SUMMARY_UNITS), _SUMMARY_UNITS, _SUMMARY_TEXTS)


def features_table(findings: Sequence[Finding]) -> Table:
    """One row per lesion and LI-RADS feature."""
    rows = [{"lesion": each.subject, **row} for each in findings for row in each.tables.get(FEATURE_TABLE, ())]
    # numbers of one column have the units of their rows: the column itself has none
    units = {"chance": "1"}
    return Table(_with_numbers(rows, _FEATURE_UNITS), units, _FEATURE_TEXTS)


def _with_numbers(rows: Sequence[Mapping[str, Value]], numbers: Mapping[str, str]) -> tuple[Mapping[str, Value], ...]:
    """A missing number is NaN, so that its column is one of numbers even where all are missing."""
    return tuple(
        {key: math.nan if value is None and key in numbers else value for key, value in row.items()} for row in rows
    )
