"""The cases of a batch: from a manifest or a folder, told apart by what their files look like, dealt out to shards."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.imaging.reference import Reference
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.from_manifest import open_case
from abdominal_oncology.learning.manifest import CaseRow, Manifest, read_manifest
from abdominal_oncology.learning.manifest_folder import list_folder
from abdominal_oncology.learning.task import Task
from abdominal_oncology.progress import Progress, silent

_SHARD = re.compile(r"(\d+)/(\d+)")


@dataclass(frozen=True)
class BatchCase:
    """A case that nobody has opened yet. ``inputs`` says what its files are now; it changes when one of them does."""

    case: str
    patient: str
    open: Callable[[], Case]
    inputs: Callable[[], Mapping[str, str]]


def cases_of_manifest(manifest: Manifest, task: Task) -> tuple[BatchCase, ...]:
    """Every row, whether its files are there or not: a missing one fails alone."""
    return tuple(
        BatchCase(row.case, row.patient, partial(_open, manifest, row, task), partial(_inputs, manifest, row))
        for row in manifest.rows
    )


def cases_of(
    path: Path,
    task: Task,
    *,
    modality: Modality | str = Modality.CT,
    workers: int = 1,
    progress: Progress = silent,
) -> tuple[BatchCase, ...]:
    """The cases of a manifest, or every volume of ``modality`` below a folder as a case with the task's first image."""
    if not path.is_dir():
        return cases_of_manifest(read_manifest(path), task)
    listing = list_folder(
        path,
        path / "manifest.csv",  # references are relative to it; nothing is written
        question=task.question,
        modality=modality,
        role=task.roles[0],
        workers=workers,
        progress=progress,
    )
    return cases_of_manifest(listing.manifest, task)


@dataclass(frozen=True)
class Shard:
    """The ``index``-th (from 1) of ``count`` parts of a batch. A case belongs to one of them by its name alone.

    >>> [Shard.parse("2/3").has(name) for name in ("a", "b", "c", "d")]
    [True, True, False, False]
    """

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise InvalidInputError(f"there is no shard {self.index}/{self.count}", remedy="count from 1/n to n/n")

    @classmethod
    def parse(cls, text: str) -> Shard:
        found = _SHARD.fullmatch(text)
        if found is None:
            raise InvalidInputError(f"{text!r} is no shard", remedy="write 1/4 for the first of four")
        return cls(int(found[1]), int(found[2]))

    def has(self, case: str) -> bool:
        number = int.from_bytes(hashlib.sha256(case.encode()).digest()[:8], "big")
        return number % self.count == self.index - 1

    def of(self, cases: Iterable[BatchCase]) -> Sequence[BatchCase]:
        return [case for case in cases if self.has(case.case)]


def _open(manifest: Manifest, row: CaseRow, task: Task) -> Case:
    for role in task.roles:
        if role not in row.images:
            index = manifest.rows.index(row)
            raise manifest.error(index, f"image.{role}", f"case {row.case!r} names no such image", "fill in its path")
    return open_case(manifest, row, task.modality)


def _inputs(manifest: Manifest, row: CaseRow) -> dict[str, str]:
    named = {f"image.{role}": text for role, text in row.images.items()}
    named |= {f"mask.{role}": text for role, text in row.masks.items()}
    told = {key: f"{text} ({_state(manifest.resolve(Reference.parse(text).path))})" for key, text in named.items()}
    return told | ({"slices": " ".join(map(str, row.slices))} if row.slices else {})


def _state(path: Path) -> str:
    """Names, sizes and times of the files, as one short word: reading gigabytes to see that nothing changed is slow."""
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for each in files:
        try:
            status = each.stat()
        except OSError:
            return "missing"
        digest.update(f"{each.name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:12]
