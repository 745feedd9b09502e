"""A rectal finding as rows for tables: what the finding says, in a person's order; nothing is decided here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.rectal.words import OPERATING, REGION, SLICES
from abdominal_oncology.scene.tables import Table, Value

UNKNOWN = "unknown"
"""Stands for a stage that was withheld."""

_SLICE_UNITS = {"z_mm": "mm", **dict.fromkeys(("probability", "influence", "share"), "1")}
_SLICE_TEXTS = {
    "slice": "index along the volume's slice axis, from 0",
    "z_mm": "towards the head",
    "probability": "of T3 if this slice were the whole volume",
    "influence": "by how much the T3 probability would fall without this slice",
    "share": "what the slice adds to the log-odds of T3",
}
_SUMMARY_TEXTS = {
    "item": "what was decided or measured, then each doubt",
    "low": "of the 90 % interval, or of the range of looks",
    "high": "of the 90 % interval, or of the range of looks",
}
_SHORT = (REGION, OPERATING)


def summary_table(finding: Finding) -> Table:
    """The answer, what it rests on, what was measured and every doubt; one row each."""
    chance = finding.probabilities.get("T3")
    rows = [_row("stage", math.nan if chance is None else chance, "1", note=finding.decision or UNKNOWN)]
    for point in finding.tables.get(OPERATING, ()):
        found = [point.get("sensitivity"), point.get("specificity")]
        measured = "" if None in found else f"; held-out cases: T3 found {found[0]:.0%}, T2 kept {found[1]:.0%}"
        rows.append(_row("T3 from", float(point["threshold"] or 0), "1", note=f"{point['name']}{measured}"))
    rows += [_row(each.name, each.value, each.unit, each.low, each.high, each.note) for each in finding.measurements]
    rows.append(_row("reason", note=finding.reason))
    rows += [_row(f"warning: {each.code}", note=each.message) for each in finding.warnings]
    made_by = finding.provenance
    rows.append(_row("made by", note=" ".join(part for part in (made_by.bundle, made_by.bundle_version) if part)))
    return Table(tuple(rows), descriptions=_SUMMARY_TEXTS)


def slices_table(finding: Finding) -> Table | None:
    """One row per slice that the network was given; None where no network answered."""
    rows = finding.tables.get(SLICES, ())
    return Table(tuple(rows), _SLICE_UNITS, _SLICE_TEXTS) if rows else None


def headline(finding: Finding) -> Finding:
    """The finding without its long tables: what fits an attribute of a node."""
    short = {name: rows for name, rows in finding.tables.items() if name in _SHORT}
    return replace(finding, tables=short, parts=())


def _row(
    item: str,
    value: float = math.nan,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    note: str = "",
) -> Mapping[str, Value]:
    return {
        "item": item,
        "value": float(value),
        "low": math.nan if low is None else float(low),
        "high": math.nan if high is None else float(high),
        "unit": unit,
        "note": note,
    }
