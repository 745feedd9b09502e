"""One file per case of a batch, and the table made from them.

``cases/NAME.json`` is the finding; ``cases/NAME.failed.json`` says why there is none, and counts where both are there.
They are written under a temporary name and renamed, so several programs may work on one folder. ``findings.csv`` is
made from these files alone.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from abdominal_oncology.errors import (
    AbdominalOncologyError,
    InvalidInputError,
    PredictionFailedError,
    UnreadableFileError,
)
from abdominal_oncology.files import write_atomically
from abdominal_oncology.learning.finding import Finding

TABLE = "findings.csv"
_FOLDER = "cases"
_FAILED = ".failed.json"
_COLUMNS = ("case", "patient", "status", "decision", "probability")


@dataclass(frozen=True)
class CaseResult:
    """What a file says of its case: a finding, or the trouble that prevented one."""

    case: str
    patient: str
    finding: Finding | None = None
    trouble: Mapping[str, str] | None = None

    @classmethod
    def of_finding(cls, case: str, patient: str, finding: Finding, inputs: Mapping[str, str]) -> CaseResult:
        """``inputs`` tells the state of the files; numbers that JSON cannot hold are refused."""
        made_by = replace(finding.provenance, inputs={**finding.provenance.inputs, **inputs})
        result = cls(case, patient, replace(finding, provenance=made_by))
        try:
            _in_json(result)
        except ValueError as error:
            raise PredictionFailedError(f"the finding holds a number that is none: {error}", where=case) from error
        return result

    @classmethod
    def of_error(cls, case: str, patient: str, error: Exception) -> CaseResult:
        kind, problem = type(error).__name__, str(error) or type(error).__name__
        if isinstance(error, AbdominalOncologyError):
            trouble = {"error": kind, "problem": error.problem, "where": error.where, "remedy": error.remedy}
        else:
            trouble = {"error": kind, "problem": problem, "where": "", "remedy": ""}
        return cls(case, patient, trouble=trouble)

    @property
    def status(self) -> str:
        if self.finding is None:
            return "failed"
        return "withheld" if self.finding.abstained else "answered"


class BatchFolder:
    """The results of a batch on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            (folder / _FOLDER).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInputError(
                f"results cannot be kept here: {error.strerror}", where=folder, remedy="name another folder"
            ) from error

    def path(self, case: str, failed: bool = False) -> Path:
        """Names of cases may hold anything and differ in case alone: a hash keeps the files apart."""
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", case).strip(".-")[:60] or "case"
        name = f"{plain}-{hashlib.sha256(case.encode()).hexdigest()[:8]}"
        return self.folder / _FOLDER / f"{name}{_FAILED if failed else '.json'}"

    def write(self, result: CaseResult) -> None:
        """Keep a result. A trouble leaves an older finding: it holds again when the files are as they were."""
        values = _in_json(result)
        failed = result.finding is None
        try:
            write_atomically(self.path(result.case, failed), values)
            if not failed:
                self.path(result.case, failed=True).unlink(missing_ok=True)
        except OSError as error:
            raise _not_written(self.folder, error) from error

    def holds(self, case: str, model_sha256: str, inputs: Mapping[str, str]) -> bool:
        """Whether there is a finding by this very model on these very files; a trouble noted since is then over."""
        try:
            finding = read_result(self.path(case)).finding
        except (FileNotFoundError, UnreadableFileError):
            return False
        if finding is None or finding.provenance.settings.get("model_sha256") != model_sha256:
            return False
        if not dict(finding.provenance.inputs).items() >= dict(inputs).items():
            return False
        self.path(case, failed=True).unlink(missing_ok=True)
        return True

    def read(self, case: str) -> CaseResult | None:
        """The result of a case; None where it has none, or one that cannot be read."""
        for path in (self.path(case, failed=True), self.path(case)):
            try:
                return read_result(path)
            except (FileNotFoundError, UnreadableFileError):
                continue
        return None

    def collect(self, cases: Sequence[str]) -> list[CaseResult]:
        """Make the table of what there is now, in the order of ``cases``.

        Another shard may end while we write. Whoever writes last looks last: if files came meanwhile, write again.
        """
        while True:
            before = self._listing()
            results = [result for case in cases if (result := self.read(case)) is not None]
            try:
                write_atomically(self.folder / TABLE, _table(results).encode())
            except OSError as error:
                raise _not_written(self.folder / TABLE, error) from error
            if self._listing() == before:
                return results

    def _listing(self) -> set[tuple[str, int]]:
        found = set()
        for path in (self.folder / _FOLDER).iterdir():
            try:
                if not path.name.startswith("."):  # a file that is being written
                    found.add((path.name, path.stat().st_mtime_ns))
            except FileNotFoundError:
                continue
        return found


def read_result(path: Path) -> CaseResult:
    """A file of a batch."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        case, patient = str(values["case"]), str(values["patient"])
        if path.name.endswith(_FAILED):
            trouble = {key: str(values[key]) for key in ("error", "problem", "where", "remedy")}
            return CaseResult(case, patient, trouble=trouble)
        return CaseResult(case, patient, Finding.from_dict(values))
    except (UnicodeDecodeError, json.JSONDecodeError, KeyError, TypeError, AbdominalOncologyError) as error:
        raise UnreadableFileError(
            f"this is no result of a case: {error}", where=path, remedy="delete it and predict again"
        ) from error


def result_row(result: CaseResult) -> dict[str, Any]:
    """A row of the table."""
    row: dict[str, Any] = {"case": result.case, "patient": result.patient, "status": result.status}
    finding = result.finding
    if finding is None:
        return row | dict(result.trouble or {})
    row |= {"decision": finding.decision or "", "probability": finding.probability}
    row |= {f"p.{name}": value for name, value in finding.probabilities.items()}
    row |= {f"{each.name} ({each.unit})" if each.unit else each.name: each.value for each in finding.measurements}
    row |= {
        "reason": finding.reason,
        "warnings": " ".join(dict.fromkeys(warning.code for warning in finding.warnings)),
        "seconds": finding.provenance.seconds,
        "bundle": f"{finding.provenance.bundle} {finding.provenance.bundle_version}".strip(),
    }
    return row


_LAST = ("reason", "warnings", "seconds", "bundle", "error", "problem", "where", "remedy")


def _table(results: Sequence[CaseResult]) -> str:
    rows = [result_row(result) for result in results]
    between = dict.fromkeys(name for row in rows for name in row if name not in _COLUMNS and name not in _LAST)
    text = io.StringIO()
    writer = csv.DictWriter(text, [*_COLUMNS, *between, *_LAST], restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)
    return text.getvalue()


def _in_json(result: CaseResult) -> bytes:
    head = {"case": result.case, "patient": result.patient}
    values = head | (dict(result.trouble or {}) if result.finding is None else result.finding.to_dict())
    return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False).encode()


def _not_written(place: Path, error: OSError) -> PredictionFailedError:
    return PredictionFailedError(
        f"a result cannot be written: {error.strerror}",
        where=place,
        remedy="make room or close the program that holds the file, and run again: what is finished stays",
    )
