"""A folder tree → patients, studies, series, volumes; from headers alone."""

from __future__ import annotations

import multiprocessing
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from abdominal_oncology.errors import AbdominalOncologyError, MissingInputError
from abdominal_oncology.imaging.dicom.headers import NOT_DICOM, read_header
from abdominal_oncology.imaging.dicom.kinds import SeriesKind, kind_of
from abdominal_oncology.imaging.dicom.paths import open_path
from abdominal_oncology.imaging.dicom.records import Header
from abdominal_oncology.imaging.dicom.split import PlaneGroup, split_series
from abdominal_oncology.imaging.dicom.stack import Stack, build_stack
from abdominal_oncology.progress import Progress, silent

_IGNORED_FOLDERS = frozenset({"__MACOSX", "@EADIR", "$RECYCLE.BIN"})
_IGNORED_FILES = frozenset({"DICOMDIR", "THUMBS.DB", "DESKTOP.INI"})
_FEWEST_FILES_FOR_PROCESSES = 2000  # below, starting them costs more than they save
_CHUNK = 64


@dataclass(frozen=True)
class SkippedFile:
    """A file that is in no series, and why. ``is_dicom``: it is DICOM, or could not be looked at, and may be missed."""

    path: str
    reason: str
    is_dicom: bool


@dataclass(frozen=True, eq=False)
class Volume:
    """One volume of a series. ``problem`` says why it cannot be opened (then ``stack`` is None)."""

    group: PlaneGroup
    stack: Stack | None
    problem: AbdominalOncologyError | None

    @property
    def kind(self) -> SeriesKind:
        return self.group.kind

    @property
    def told_apart_by(self) -> str:
        return ", ".join(self.group.told_apart_by)


@dataclass(frozen=True, eq=False)
class Series:
    """Files with one SeriesInstanceUID."""

    headers: tuple[Header, ...]

    @property
    def uid(self) -> str:
        return self.headers[0].series_uid

    @property
    def description(self) -> str:
        return str(self.headers[0].facts.get("SeriesDescription", ""))

    @property
    def number(self) -> int | None:
        value: Any = self.headers[0].facts.get("SeriesNumber")
        return value if isinstance(value, int) else None

    @property
    def modality(self) -> str:
        return self.headers[0].modality

    @cached_property
    def volumes(self) -> tuple[Volume, ...]:
        """The volumes in it, the one with most slices first; empty for reports, screenshots and the like."""
        return tuple(_volume(group) for group in split_series(self.headers))

    @cached_property
    def kind(self) -> SeriesKind:
        """The kind of its largest volume, or of its first file."""
        return self.volumes[0].kind if self.volumes else kind_of(self.headers[0])


@dataclass(frozen=True, eq=False)
class Study:
    uid: str
    date: str
    description: str
    series: tuple[Series, ...]


@dataclass(frozen=True, eq=False)
class Patient:
    patient_id: str
    name: str
    studies: tuple[Study, ...]


@dataclass(frozen=True, eq=False)
class Scan:
    """What a folder holds."""

    patients: tuple[Patient, ...]
    skipped: tuple[SkippedFile, ...] = ()

    @property
    def series(self) -> tuple[Series, ...]:
        """All series of all patients."""
        return tuple(series for patient in self.patients for study in patient.studies for series in study.series)


def scan_folder(folder: str | os.PathLike[str], *, progress: Progress = silent, workers: int = 1) -> Scan:
    """Read all headers below ``folder``; links are followed once, hidden files and DICOMDIR left out.

    ``workers`` above 1 uses that many processes for large folders (threads gain nothing here); the calling script must
    then be guarded by ``if __name__ == "__main__"``, as always with processes.
    """
    root = open_path(folder)
    if not root.exists():
        raise MissingInputError("there is no such folder", where=str(folder), remedy="check the path")
    headers: list[Header] = []
    skipped: list[SkippedFile] = []
    paths = [str(root)] if root.is_file() else sorted(_files(str(root), skipped))
    found = _read_all(paths, workers)
    for number, item in enumerate(found):
        progress(0.95 * number / len(paths), "reading headers")
        if isinstance(item, Header):
            headers.append(item)
        else:
            skipped.append(item)
    scan = arrange(headers, skipped)
    progress(1.0, "reading headers")
    return scan


def arrange(headers: Iterable[Header], skipped: Iterable[SkippedFile] = ()) -> Scan:
    """The tree of patients, studies and series of these headers."""
    by_series: dict[tuple[str, ...], list[Header]] = defaultdict(list)
    for header in headers:
        by_series[header.series_key].append(header)
    tree: dict[str, dict[str, list[Series]]] = defaultdict(lambda: defaultdict(list))
    for (patient_id, study_uid, *_), members in by_series.items():
        ordered = sorted(members, key=lambda header: (header.instance_number, header.path))
        tree[patient_id][study_uid].append(Series(tuple(ordered)))
    patients = [
        Patient(patient_id, _first(studies).patient_name, tuple(_study(uid, series) for uid, series in studies.items()))
        for patient_id, studies in sorted(tree.items())
    ]
    return Scan(tuple(patients), tuple(skipped))


def _first(studies: dict[str, list[Series]]) -> Header:
    return next(iter(studies.values()))[0].headers[0]


def _study(uid: str, series: list[Series]) -> Study:
    facts = series[0].headers[0].facts
    ordered = sorted(series, key=lambda one: (one.number is None, one.number or 0, one.uid))
    return Study(uid, str(facts.get("StudyDate", "")), str(facts.get("StudyDescription", "")), tuple(ordered))


def _volume(group: PlaneGroup) -> Volume:
    try:
        return Volume(group, build_stack(group), None)
    except AbdominalOncologyError as problem:
        return Volume(group, None, problem)


def _files(root: str, skipped: list[SkippedFile]) -> Iterator[str]:
    """Every ordinary file once, whatever links lead to it; folders that cannot be opened are added to ``skipped``."""

    def note(problem: OSError) -> None:
        reason = f"the folder cannot be opened: {problem.strerror or problem}"
        skipped.append(SkippedFile(str(problem.filename), reason, is_dicom=True))

    seen: set[tuple[int, int]] = set()
    for folder, folders, files in os.walk(root, followlinks=True, onerror=note):
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not _is_hidden(name) and name.upper() not in _IGNORED_FOLDERS)
        for name in files:
            path = Path(folder) / name
            if not _is_hidden(name) and name.upper() not in _IGNORED_FILES and path.is_file():
                yield str(path)


def _is_hidden(name: str) -> bool:
    return name.startswith(".")


def _read_all(paths: list[str], workers: int) -> Iterator[Header | SkippedFile]:
    if workers < 2 or len(paths) < _FEWEST_FILES_FOR_PROCESSES:
        yield from map(_read_one, paths)
        return
    # spawn: a fork of a process that runs threads (torch, Qt) may hang
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_read_one, paths, chunksize=_CHUNK)


def _read_one(path: str) -> Header | SkippedFile:
    try:
        return read_header(path)
    except AbdominalOncologyError as problem:
        return SkippedFile(path, problem.problem, is_dicom=problem.problem != NOT_DICOM)
