"""Manifest: the table of cases. One CSV row per case; every error names the row and the column.

Columns: ``case`` and ``patient`` (required), ``study``, ``split``, ``slices`` (representative slices along k, separated
by spaces), and any number of ``image.ROLE``, ``mask.ROLE`` (paths relative to the manifest's folder; one of several
volumes as :mod:`~abdominal_oncology.imaging.reference` writes it) and ``label.QUESTION``. An empty cell: not known.
Rows are numbered as a spreadsheet shows them: the header is row 1.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.files import write_atomically
from abdominal_oncology.imaging.reference import Reference

_PLAIN_COLUMNS = ("case", "patient", "study", "split", "slices")
_ROLE_COLUMNS = ("image", "mask", "label")


@dataclass(frozen=True)
class CaseRow:
    """One case. Paths are as written in the table; :meth:`Manifest.resolve` makes them absolute."""

    case: str
    patient: str
    study: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    masks: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    slices: tuple[int, ...] = ()
    split: str = ""


@dataclass(frozen=True)
class Manifest:
    """Cases in the order of the table, and the folder their paths are relative to.

    >>> text = "case,patient,image.ct,label.phase\\n1,anna,a.nii.gz,arterial\\n2,bert,b.nii.gz,portal\\n"
    >>> manifest = parse_manifest(text, Path("study"))
    >>> manifest.rows[0].labels["phase"], manifest.with_label("phase").rows[-1].case
    ('arterial', '2')
    """

    rows: tuple[CaseRow, ...]
    folder: Path = Path()
    name: str = "manifest.csv"

    def __post_init__(self) -> None:
        if not self.rows:
            raise InvalidInputError("the manifest has no cases", where=self.name, remedy="add one row per case")
        repeated = [case for case, count in Counter(row.case for row in self.rows).items() if count > 1]
        if repeated:
            second = [index for index, row in enumerate(self.rows) if row.case == repeated[0]][1]
            raise self.error(second, "case", f"case {repeated[0]!r} stands in the table twice")

    def error(self, index: int, column: str, problem: str, remedy: str = "") -> InvalidInputError:
        """An error about one cell; ``index`` counts cases from 0."""
        return InvalidInputError(problem, where=f"{self.name}, row {index + 2}, column {column}", remedy=remedy)

    def resolve(self, path: str) -> Path:
        return self.folder / path

    def check_files(self) -> None:
        """Every image and mask must exist."""
        for index, row in enumerate(self.rows):
            for kind, paths in (("image", row.images), ("mask", row.masks)):
                for role, path in paths.items():
                    if not self.resolve(Reference.parse(path).path).exists():
                        problem = self.error(index, f"{kind}.{role}", "")
                        raise MissingInputError(
                            f"{path} does not exist", where=problem.where, remedy="correct the path or remove the row"
                        )

    def with_label(self, question: str, allowed: Sequence[str] | None = None) -> Manifest:
        """Only the cases that have this label; at least two different ones, each of them ``allowed``."""
        kept = []
        for index, row in enumerate(self.rows):
            label = row.labels.get(question, "")
            if label and allowed is not None and label not in allowed:
                raise self.error(index, f"label.{question}", f"{label!r} is no label", f"use {', '.join(allowed)}")
            if label:
                kept.append(row)
        found = sorted({row.labels[question] for row in kept})
        if len(found) < 2:
            raise InvalidInputError(
                f"training needs at least two classes, and column label.{question} has {found or 'none'}",
                where=self.name,
                remedy="label more cases",
            )
        return replace(self, rows=tuple(kept))

    def with_splits(self, splits: Mapping[str, str]) -> Manifest:
        """The same cases with ``splits`` (case → side) written in."""
        return replace(self, rows=tuple(replace(row, split=splits.get(row.case, row.split)) for row in self.rows))

    def side(self, split: str) -> Manifest:
        """The cases of one side; a patient who also stands on another side is an error."""
        check_no_leak(self)
        return replace(self, rows=tuple(row for row in self.rows if row.split == split))

    def write(self, path: Path) -> None:
        """Write the table; paths are kept as they are, so write it into the folder it was read from."""
        roles = {kind: sorted({role for row in self.rows for role in _cells(row, kind)}) for kind in _ROLE_COLUMNS}
        columns = [*_PLAIN_COLUMNS, *(f"{kind}.{role}" for kind in _ROLE_COLUMNS for role in roles[kind])]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        for row in self.rows:
            plain = [row.case, row.patient, row.study, row.split, " ".join(map(str, row.slices))]
            writer.writerow(
                [*plain, *(_cells(row, kind).get(role, "") for kind in _ROLE_COLUMNS for role in roles[kind])]
            )
        write_atomically(path, text.getvalue().encode())


def read_manifest(path: Path) -> Manifest:
    if not path.is_file():
        raise MissingInputError(
            "there is no such manifest", where=path, remedy="make one with abdominal-oncology manifest"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")  # spreadsheets like to write a byte-order mark
    except UnicodeDecodeError as error:
        raise InvalidInputError("the manifest is not UTF-8 text", where=path, remedy="save it as CSV UTF-8") from error
    return parse_manifest(text, path.parent, path.name)


def parse_manifest(text: str, folder: Path = Path(), name: str = "manifest.csv") -> Manifest:
    """A manifest from CSV text; separators ``,`` ``;`` and tab are told apart by the header."""
    header = text.split("\n", 1)[0]
    lines = list(csv.reader(io.StringIO(text), delimiter=max(",;\t", key=header.count)))
    if not lines:
        raise InvalidInputError("the manifest is empty", where=name, remedy="write a header and one row per case")
    columns = [column.strip() for column in lines[0]]
    _check_columns(columns, name)
    body = [(number, line) for number, line in enumerate(lines[1:], start=2) if any(cell.strip() for cell in line)]
    return Manifest(tuple(_row(columns, line, number, name) for number, line in body), folder, name)


def check_no_leak(manifest: Manifest) -> None:
    """One patient on two sides of a split makes every result look better than it is: refused."""
    sides: dict[str, str] = {}
    for index, row in enumerate(manifest.rows):
        if row.split and sides.setdefault(row.patient, row.split) != row.split:
            problem = f"patient {row.patient!r} is in {row.split!r} and in {sides[row.patient]!r}"
            raise manifest.error(index, "split", problem, "keep all cases of a patient on one side")


def _check_columns(columns: Sequence[str], name: str) -> None:
    for column in columns:
        kind, dot, role = column.partition(".")
        if column not in _PLAIN_COLUMNS and not (kind in _ROLE_COLUMNS and dot and role):
            raise InvalidInputError(
                f"column {column!r} is not known",
                where=f"{name}, row 1",
                remedy=f"use {', '.join(_PLAIN_COLUMNS)}, image.ROLE, mask.ROLE, label.QUESTION",
            )
    for column in ("case", "patient"):
        if column not in columns:
            raise InvalidInputError(f"column {column!r} is missing", where=f"{name}, row 1")
    if len(set(columns)) < len(columns):
        raise InvalidInputError("two columns have the same name", where=f"{name}, row 1")


def _row(columns: Sequence[str], line: Sequence[str], number: int, name: str) -> CaseRow:
    if len(line) != len(columns):
        raise InvalidInputError(f"{len(line)} cells for {len(columns)} columns", where=f"{name}, row {number}")
    cells = {column: cell.strip() for column, cell in zip(columns, line, strict=True)}
    for column in ("case", "patient"):
        if not cells[column]:
            raise InvalidInputError(f"{column} is empty", where=f"{name}, row {number}, column {column}")
    try:
        slices = tuple(int(word) for word in cells.get("slices", "").split())
    except ValueError as error:
        where = f"{name}, row {number}, column slices"
        raise InvalidInputError("slices are whole numbers separated by spaces", where=where) from error
    if any(index < 0 for index in slices):
        raise InvalidInputError("slices count from 0", where=f"{name}, row {number}, column slices")
    by_kind: dict[str, dict[str, str]] = {kind: {} for kind in _ROLE_COLUMNS}
    for column, cell in cells.items():
        kind, dot, role = column.partition(".")
        if dot and cell:
            by_kind[kind][role] = cell
    return CaseRow(
        cells["case"],
        cells["patient"],
        cells.get("study", ""),
        _posix(by_kind["image"]),
        _posix(by_kind["mask"]),
        by_kind["label"],
        slices,
        cells.get("split", ""),
    )


def _posix(paths: Mapping[str, str]) -> dict[str, str]:
    return {role: PurePath(path).as_posix() for role, path in paths.items()}


def _cells(row: CaseRow, kind: str) -> Mapping[str, str]:
    return {"image": row.images, "mask": row.masks, "label": row.labels}[kind]


def patients_of(rows: Iterable[CaseRow]) -> list[str]:
    """Patients in order of first appearance."""
    return list(dict.fromkeys(row.patient for row in rows))
