"""What was done to a folder, as data. It never holds a removed value, nor a path of the input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Outcome(StrEnum):
    """What became of one input file."""

    WRITTEN = "written"
    SKIPPED = "skipped"  # on purpose: no image, or one that may carry writing
    FAILED = "failed"  # it should have worked


@dataclass(frozen=True)
class FileRow:
    """One input file. ``number`` is its place in the sorted list of input files, from 1; ``token`` its keyed hash.

    ``path`` is for the caller's eyes and is left out of every text made of the row.
    """

    number: int
    token: str
    outcome: Outcome
    reason: str = ""
    output: str = ""
    path: Path = field(default=Path(), repr=False, compare=False)

    def as_dict(self) -> dict[str, Any]:
        row = {"number": self.number, "token": self.token, "outcome": self.outcome.value}
        return row | ({"reason": self.reason} if self.reason else {}) | ({"output": self.output} if self.output else {})


@dataclass(frozen=True)
class StudyReport:
    """One study under its new UID: attribute keyword → in how many places it was met, by what happened to it.

    ``removed`` counts what the profile does not name, ``refused`` what it names but whose value did not pass its check.
    """

    study_uid: str
    series: int
    files: int
    actions: Mapping[str, Mapping[str, int]]
    removed: Mapping[str, int]
    refused: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        return {
            "study_uid": self.study_uid,
            "series": self.series,
            "files": self.files,
            **{action: dict(sorted(counts.items())) for action, counts in sorted(self.actions.items())},
            "removed": dict(sorted(self.removed.items())),
            "refused": dict(sorted(self.refused.items())),
        }


@dataclass(frozen=True)
class Report:
    """A whole run."""

    profile: str
    method_codes: Mapping[str, str]
    software: str
    studies: tuple[StudyReport, ...]
    rows: tuple[FileRow, ...]

    def count(self, outcome: Outcome) -> int:
        return sum(row.outcome is outcome for row in self.rows)

    @property
    def failures(self) -> tuple[FileRow, ...]:
        return tuple(row for row in self.rows if row.outcome is Outcome.FAILED)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; every file is counted, those with something to say about them are listed."""
        return {
            "profile": self.profile,
            "software": self.software,
            "method_codes": dict(self.method_codes),
            "files": {outcome.value: self.count(outcome) for outcome in Outcome},
            "studies": [study.as_dict() for study in self.studies],
            "remarks": [row.as_dict() for row in self.rows if row.reason],
        }
