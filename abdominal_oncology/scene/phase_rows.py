"""A phase finding as rows for tables: what the finding says, in a person's order; nothing is decided here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from abdominal_oncology.learning.finding import Cell, Finding
from abdominal_oncology.phase.words import (
    ABDOMEN,
    DESCRIPTION,
    HEADER_SECONDS,
    PLACE_MM,
    REGIONS,
    SECONDS,
    TIMING,
    VOTES,
)
from abdominal_oncology.scene.tables import Table, Value

UNKNOWN = "unknown"
"""Stands for a phase that was withheld."""

_HU = "[hnsf'U]"
_SUMMARY_UNITS = {"probability": "1", "seconds": "s", "seconds_low": "s", "seconds_high": "s", "header_seconds": "s"}
_SUMMARY_TEXTS = {
    "phase": "the contrast phase; unknown where the answer is withheld (then reason says why)",
    "finer": "early or late arterial, where the evidence tells",
    "seconds": "since the start of injection, estimated; low and high are its 90 % interval",
    "header_seconds": "since the start of injection by the DICOM header",
    "header_says": "the phase by the DICOM description",
    "agreement": "whether the DICOM description agrees",
}
_REGION_UNITS = {
    **dict.fromkeys(("hu", "error_hu", "expected_hu", "spread_hu"), _HU),
    **dict.fromkeys(("unusual", "mistaken"), "1"),
    **dict.fromkeys(PLACE_MM, "mm"),
}
_REGION_TEXTS = {
    "error_hu": "standard error of the measured value",
    "expected_hu": "in patients at the estimated time",
    "spread_hu": "between patients, one standard deviation",
    "unusual": "standard deviations from what is expected",
    "mistaken": "chance that the region does not show what it is called",
    "slices": "indices along k that were measured",
    **dict.fromkeys(PLACE_MM, "a point that was measured, LPS"),
}
_SHORT = (DESCRIPTION, TIMING, ABDOMEN)
_PLACE = ("slice", "z_mm", "vote")


def summary_table(findings: Mapping[str, Finding]) -> Table:
    """One row per volume, by its name (names may come with a number to tell them apart)."""
    rows = [_summary_row(name, finding) for name, finding in findings.items()]
    return Table(tuple(rows), _SUMMARY_UNITS, _SUMMARY_TEXTS)


def votes_table(finding: Finding) -> Table | None:
    """One row per slice that voted: where it lies, its vote, its probabilities; None where no network voted."""
    rows = finding.tables.get(VOTES, ())
    if not rows:
        return None
    units = dict.fromkeys(classes_of(rows), "1") | ({"z_mm": "mm"} if "z_mm" in rows[0] else {})
    return Table(_with_numbers(rows, units), units, {"vote": "the class with the highest probability"})


def regions_table(finding: Finding) -> Table | None:
    """One row per region that was measured, beside what patients show; None where none was."""
    rows = finding.tables.get(REGIONS, ())
    if not rows:
        return None
    columns = rows[0].keys()
    units = {name: unit for name, unit in _REGION_UNITS.items() if name in columns}
    return Table(_with_numbers(rows, units), units, {k: text for k, text in _REGION_TEXTS.items() if k in columns})


def classes_of(rows: Sequence[Mapping[str, Cell]]) -> tuple[str, ...]:
    """The classes whose probabilities a table of votes holds."""
    return tuple(name for name in rows[0] if name not in _PLACE)


def headline(finding: Finding) -> Finding:
    """The finding without its long tables and parts: what fits an attribute of a node."""
    short = {name: rows for name, rows in finding.tables.items() if name in _SHORT}
    return replace(finding, tables=short, parts=())


def _summary_row(name: str, finding: Finding) -> Mapping[str, Value]:
    timed, header = finding.measurement(SECONDS), finding.measurement(HEADER_SECONDS)
    said = _first_row(finding, DESCRIPTION)
    made_by = finding.provenance
    return {
        "volume": name,
        "phase": finding.decision or UNKNOWN,
        "finer": str(_first_row(finding, TIMING).get("finer") or ""),
        "probability": round(_number(finding.probability), 3),
        "seconds": _number(timed.value if timed else None),
        "seconds_low": _number(timed.low if timed else None),
        "seconds_high": _number(timed.high if timed else None),
        "header_seconds": _number(header.value if header else None),
        "header_says": str(said.get("says") or ""),
        "agreement": str(said.get("agreement") or ""),
        "warnings": "; ".join(f"{each.code}: {each.message}" for each in finding.warnings),
        "reason": finding.reason,
        "method": made_by.method,
        "bundle": " ".join(part for part in (made_by.bundle, made_by.bundle_version) if part),
    }


def seconds_of(finding: Finding) -> float | None:
    """Since the start of injection, where the finding knows it."""
    found = finding.measurement(SECONDS)
    return None if found is None else found.value


def _first_row(finding: Finding, table: str) -> Mapping[str, Cell]:
    return next(iter(finding.tables.get(table, ())), {})


def _with_numbers(rows: Sequence[Mapping[str, Cell]], units: Mapping[str, str]) -> tuple[Mapping[str, Value], ...]:
    """A missing number is NaN, so that its column is one of numbers even where all are missing."""
    return tuple(
        {key: math.nan if value is None and key in units else value for key, value in row.items()} for row in rows
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
