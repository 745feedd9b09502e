"""Predictions as a table: one row per case with its patient, its true class and the probability of every class.

Columns: ``case``, ``patient``, ``truth``, then ``p.CLASS`` for each class, in the order of the classes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.files import write_atomically
from abdominal_oncology.learning.metrics import Predictions

_FIRST = ("case", "patient", "truth")
_PREFIX = "p."
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class NamedPredictions:
    """Predictions with the name of each case and of the model (the file's name without its ending)."""

    name: str
    cases: tuple[str, ...]
    predictions: Predictions

    def aligned_with(self, other: NamedPredictions) -> NamedPredictions:
        """The same predictions in the order of ``other``'s cases; both must be about the same cases and truth."""
        mine = {case: index for index, case in enumerate(self.cases)}
        strangers = sorted(set(self.cases) ^ set(other.cases))
        if strangers:
            raise InvalidInputError(
                f"the two are not about the same cases: {len(strangers)} are in one only, as {strangers[0]!r}",
                where=f"{self.name} and {other.name}",
                remedy="predict the same cases with both models",
            )
        if self.predictions.classes != other.predictions.classes:
            raise InvalidInputError(
                f"the two have other classes: {', '.join(self.predictions.classes)} and "
                f"{', '.join(other.predictions.classes)}",
                where=f"{self.name} and {other.name}",
                remedy="give both the same columns in the same order",
            )
        order = [mine[case] for case in other.cases]
        p = self.predictions
        moved = Predictions(p.probabilities[order], p.truth[order], list(p.patients[order]), p.classes)
        for index, case in enumerate(other.cases):
            if moved.truth[index] != other.predictions.truth[index]:
                raise InvalidInputError(
                    f"case {case!r} is {p.classes[moved.truth[index]]} in one and "
                    f"{p.classes[other.predictions.truth[index]]} in the other",
                    where=f"{self.name} and {other.name}",
                    remedy="correct the truth",
                )
        return NamedPredictions(self.name, other.cases, moved)


def write_predictions(path: Path, cases: Sequence[str], predictions: Predictions) -> None:
    """Write the table; probabilities with all their digits, so that reading gives the same numbers."""
    if len(cases) != len(predictions):
        raise InvalidInputError(f"{len(cases)} case names for {len(predictions)} predictions", where=path)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*_FIRST, *(f"{_PREFIX}{label}" for label in predictions.classes)])
    for case, patient, truth, row in zip(
        cases, predictions.patients, predictions.truth, predictions.probabilities, strict=True
    ):
        writer.writerow([case, patient, predictions.classes[truth], *(repr(float(value)) for value in row)])
    write_atomically(path, text.getvalue().encode())


def read_predictions(path: Path) -> NamedPredictions:
    """The predictions in ``path``; every mistake is named by row and column, the header being row 1."""
    if not path.is_file():
        raise MissingInputError(
            "there is no such file", where=path, remedy="write predictions with predict or crossval"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInputError("this is not UTF-8 text", where=path, remedy="save it as CSV UTF-8") from error
    lines = list(csv.reader(io.StringIO(text), delimiter=max(",;\t", key=text.split("\n", 1)[0].count)))
    columns = [column.strip() for column in lines[0]] if lines else []
    classes = _classes(columns, path)
    cases: list[str] = []
    patients: list[str] = []
    truth: list[int] = []
    rows: list[list[float]] = []
    for number, line in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(columns):
            raise InvalidInputError(f"{len(line)} cells for {len(columns)} columns", where=f"{path.name}, row {number}")
        cells = dict(zip(columns, (cell.strip() for cell in line), strict=True))
        for column in _FIRST:
            if not cells[column]:
                raise _error(path, number, column, f"{column} is empty")
        if cells["case"] in cases:
            raise _error(path, number, "case", f"case {cells['case']!r} stands in the table twice")
        if cells["truth"] not in classes:
            remedy = f"use {', '.join(classes)}, or add its column {_PREFIX}{cells['truth']}"
            raise _error(path, number, "truth", f"{cells['truth']!r} is none of the classes", remedy)
        cases.append(cells["case"])
        patients.append(cells["patient"])
        truth.append(classes.index(cells["truth"]))
        rows.append(_probabilities(cells, classes, path, number))
    if not cases:
        raise InvalidInputError("there are no predictions", where=path, remedy="write one row per case")
    if len(set(truth)) < 2:
        raise InvalidInputError(
            f"all cases are {classes[truth[0]]}: how well classes are told apart cannot be measured",
            where=path,
            remedy="predict cases of two or more classes",
        )
    return NamedPredictions(path.stem, tuple(cases), Predictions(np.array(rows), truth, patients, classes))


def _classes(columns: Sequence[str], path: Path) -> tuple[str, ...]:
    where = f"{path.name}, row 1"
    for column in _FIRST:
        if column not in columns:
            remedy = f"use {', '.join(_FIRST)} and {_PREFIX}CLASS for each class"
            raise InvalidInputError(f"column {column!r} is missing", where=where, remedy=remedy)
    if len(set(columns)) < len(columns):
        raise InvalidInputError("two columns have the same name", where=where)
    classes = tuple(column.removeprefix(_PREFIX) for column in columns if column.startswith(_PREFIX))
    if len(classes) < 2:
        raise InvalidInputError(
            f"there are {len(classes)} columns of probabilities", where=where, remedy=f"name two or more {_PREFIX}CLASS"
        )
    return classes


def _probabilities(cells: dict[str, str], classes: Sequence[str], path: Path, number: int) -> list[float]:
    values = []
    for label in classes:
        column = f"{_PREFIX}{label}"
        try:
            value = float(cells[column])
        except ValueError as error:
            raise _error(path, number, column, f"{cells[column]!r} is no number") from error
        if not 0 <= value <= 1:
            raise _error(path, number, column, f"{cells[column]} is no probability", "probabilities lie in 0 … 1")
        values.append(value)
    if abs(sum(values) - 1) > _TOLERANCE:
        raise _error(path, number, f"{_PREFIX}…", f"the probabilities sum to {sum(values):.4g}", "they must sum to 1")
    return [value / sum(values) for value in values] if abs(sum(values) - 1) > 1e-9 else values


def _error(path: Path, number: int, column: str, problem: str, remedy: str = "") -> InvalidInputError:
    return InvalidInputError(problem, where=f"{path.name}, row {number}, column {column}", remedy=remedy)
