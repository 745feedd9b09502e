"""A folder in, a folder out: every file is written under a name without identity, or is a row with its reason."""

from __future__ import annotations

import logging
import os
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from abdominal_oncology.errors import (
    AbdominalOncologyError,
    InvalidInputError,
    MissingInputError,
    UnreadableFileError,
    WrongModalityError,
)
from abdominal_oncology.files import replacing
from abdominal_oncology.imaging.deidentify.clock import Clock, moments
from abdominal_oncology.imaging.deidentify.keys import Pseudonymiser, new_key
from abdominal_oncology.imaging.deidentify.pixels import refuse_unfit
from abdominal_oncology.imaging.deidentify.profiles import TABLE9
from abdominal_oncology.imaging.deidentify.report import FileRow, Outcome, Report, StudyReport
from abdominal_oncology.imaging.deidentify.rewrite import BAD_VALUE_ERRORS, SOFTWARE, Trace, rewrite_dataset
from abdominal_oncology.imaging.deidentify.rules import Profile
from abdominal_oncology.progress import Progress, part, silent

_DAMAGED = (*BAD_VALUE_ERRORS, EOFError, IndexError, zlib.error, InvalidDicomError, RecursionError)
_BARE_STARTS = (b"\x08\x00", b"\x02\x00")  # files without a preamble begin with one of these groups
_UID_KEYWORDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Found:
    """One input file after a look at its header."""

    number: int
    path: Path
    uids: tuple[str, str, str] = ("", "", "")
    first_moment: int | None = None
    outcome: Outcome = Outcome.WRITTEN
    reason: str = ""


@dataclass(frozen=True)
class _Done:
    found: _Found
    outcome: Outcome
    reason: str = ""
    output: str = ""
    trace: Trace | None = None


def deidentify(
    source: Path | Sequence[Path],
    destination: Path,
    *,
    profile: Profile = TABLE9,
    key: bytes | None = None,
    workers: int = 1,
    progress: Progress = silent,
) -> Report:
    """De-identify a file, a folder tree or a list of files into ``destination``, which must lie apart from them.

    Each file becomes ``<study>/<series>/<instance>.dcm``, named by keyed hashes, written under a temporary name and
    renamed. Without ``key`` a random one is used and forgotten. ``workers`` above 1 spreads files over processes.
    """
    if workers < 1:
        raise InvalidInputError(f"workers must be 1 or more, not {workers}")
    names = Pseudonymiser(new_key() if key is None else key)
    root, files = _input_files(source, destination)
    spread = partial(_spread, workers=workers)
    found = list(
        spread(partial(_look, profile=profile), list(enumerate(files, 1)), part(progress, 0, 0.25), "reading headers")
    )
    found = _without_duplicates(found)
    origins: dict[str, int] = {}
    for file in found:
        if file.first_moment is not None and file.outcome is Outcome.WRITTEN:
            origins[file.uids[0]] = min(origins.get(file.uids[0], file.first_moment), file.first_moment)
    todo = [(file, origins.get(file.uids[0], 0)) for file in found if file.outcome is Outcome.WRITTEN]
    try:
        destination.mkdir(parents=True, exist_ok=True)
    except OSError as refused:
        raise InvalidInputError(
            f"the output folder cannot be made ({refused.strerror})", where=destination, remedy="choose another folder"
        ) from refused
    work = partial(_rewrite, destination=destination, profile=profile, names=names)
    done = list(spread(work, todo, part(progress, 0.25, 1), "writing"))
    done += [_Done(file, file.outcome, file.reason) for file in found if file.outcome is not Outcome.WRITTEN]
    done.sort(key=lambda one: one.found.number)
    return Report(profile.name, dict(profile.method_codes), SOFTWARE, _studies(done, names), _rows(done, root, names))


def _input_files(source: Path | Sequence[Path], destination: Path) -> tuple[Path, list[Path]]:
    places = [source] if isinstance(source, Path) else list(source)
    out = destination.resolve()
    files: list[Path] = []
    for place in places:
        inside = place.resolve()
        if not inside.exists():
            raise MissingInputError("there is no such file or folder", where=place, remedy="check the spelling")
        if inside.is_relative_to(out) or (inside.is_dir() and out.is_relative_to(inside)):
            raise InvalidInputError(
                "input and output must not lie in one another: identified and de-identified files would mix",
                where=destination,
                remedy="choose an output folder elsewhere",
            )
        if place.is_dir():
            files += [Path(folder, name) for folder, _, inner in os.walk(place) for name in inner]
        else:
            files.append(place)
    if not files:
        raise MissingInputError("no files here", where=places[0] if places else "", remedy="choose a folder with DICOM")
    root = places[0] if places[0].is_dir() else places[0].parent
    return root, sorted(set(files))


def _look(numbered: tuple[int, Path], profile: Profile) -> _Found:
    number, path = numbered
    try:
        with _quiet():
            dataset = _read(path, pixels=False)
            remark = _fill_uids(dataset)
            refuse_unfit(dataset)
            uids = tuple(str(dataset.get(keyword) or "").strip("\0 ") for keyword in _UID_KEYWORDS)
            first = min(moments(dataset, profile.rules), default=None) if profile.keeps_offsets else None
    except WrongModalityError as refused:
        return _Found(number, path, outcome=Outcome.SKIPPED, reason=refused.problem)
    except UnreadableFileError as bad:
        return _Found(number, path, outcome=Outcome.FAILED, reason=bad.problem)
    except _DAMAGED as error:
        return _Found(number, path, outcome=Outcome.FAILED, reason=f"the header is damaged ({type(error).__name__})")
    if not all(uids):
        return _Found(number, path, outcome=Outcome.FAILED, reason="a study, series or instance UID is missing")
    return _Found(number, path, (uids[0], uids[1], uids[2]), first, reason=remark)


def _read(path: Path, pixels: bool) -> Dataset:
    try:
        with path.open("rb") as file:
            head = file.read(132)
        bare = head[128:] != b"DICM"
        if bare and not head.startswith(_BARE_STARTS):
            raise WrongModalityError("not a DICOM file")
        dataset = dcmread(path, stop_before_pixels=not pixels, force=bare)
    except OSError as error:
        raise UnreadableFileError(f"the file cannot be opened ({error.strerror})") from error
    if "DirectoryRecordSequence" in dataset:
        raise WrongModalityError("a DICOM directory, not an image")
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, little = dataset.original_encoding
        if not little or "SOPClassUID" not in dataset:
            raise WrongModalityError("not a DICOM file")
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    return dataset


def _fill_uids(dataset: Dataset) -> str:
    """Stand-ins for UIDs that a careless tool has emptied; gives a remark if study or series had to be guessed.

    The file meta repeats class and instance; a frame of reference belongs to one study, and with the series' number,
    time and name to one series. They are only ever written as hashes.
    """
    for keyword, twin in (("SOPClassUID", "MediaStorageSOPClassUID"), ("SOPInstanceUID", "MediaStorageSOPInstanceUID")):
        if not dataset.get(keyword) and dataset.file_meta.get(twin):
            setattr(dataset, keyword, dataset.file_meta[twin].value)
    frame = str(dataset.get("FrameOfReferenceUID") or "")
    if not frame or (dataset.get("StudyInstanceUID") and dataset.get("SeriesInstanceUID")):
        return ""
    marks = [str(dataset.get(keyword) or "") for keyword in ("SeriesNumber", "SeriesTime", "SeriesDescription")]
    for keyword, stand_in in (("StudyInstanceUID", frame), ("SeriesInstanceUID", " ".join([frame, *marks]))):
        if not dataset.get(keyword):
            setattr(dataset, keyword, stand_in)
    return "its study or series UID is empty; grouped by frame of reference"


@contextmanager
def _quiet() -> Iterator[None]:
    """pydicom's warnings and log lines quote the values they warn of."""
    log = logging.getLogger("pydicom")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _without_duplicates(found: Iterable[_Found]) -> list[_Found]:
    seen: dict[str, int] = {}
    result = []
    for file in found:
        first = seen.setdefault(file.uids[2], file.number) if file.outcome is Outcome.WRITTEN else file.number
        if first != file.number:
            reason = f"the same instance as file {first}"
            file = _Found(file.number, file.path, outcome=Outcome.SKIPPED, reason=reason)
        result.append(file)
    return result


def _rewrite(task: tuple[_Found, int], destination: Path, profile: Profile, names: Pseudonymiser) -> _Done:
    found, origin = task
    try:
        with _quiet():
            source = _read(found.path, pixels=True)
            _fill_uids(source)
            target, trace = rewrite_dataset(source, profile, names, Clock(origin))
            kinds = ("study", "series", "instance")
            output = Path(*(names.name(kind, uid) for kind, uid in zip(kinds, found.uids, strict=True))).with_suffix(
                ".dcm"
            )
            _save(target, destination / output)
    except WrongModalityError as refused:
        return _Done(found, Outcome.SKIPPED, refused.problem)
    except AbdominalOncologyError as bad:
        return _Done(found, Outcome.FAILED, bad.problem)
    except OSError as error:
        return _Done(found, Outcome.FAILED, f"the result could not be written ({error.strerror})")
    except _DAMAGED as error:
        return _Done(found, Outcome.FAILED, f"the file is damaged ({type(error).__name__})")
    return _Done(found, Outcome.WRITTEN, found.reason, output.as_posix(), trace)


def _save(dataset: Dataset, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        dataset.save_as(temporary, enforce_file_format=True)


def _spread(
    work: Callable[[Task], Result], tasks: Sequence[Task], progress: Progress, stage: str, workers: int
) -> Iterator[Result]:
    if workers == 1 or len(tasks) < 2:
        results: Iterator[Result] = map(work, tasks)
        yield from _counted(results, len(tasks), progress, stage)
        return
    with ProcessPoolExecutor(min(workers, len(tasks)), mp_context=get_context("spawn")) as pool:
        yield from _counted(pool.map(work, tasks, chunksize=8), len(tasks), progress, stage)


def _counted(results: Iterator[Result], total: int, progress: Progress, stage: str) -> Iterator[Result]:
    progress(0.0, stage)
    for number, result in enumerate(results, 1):
        yield result
        progress(number / total, stage)


def _studies(done: Sequence[_Done], names: Pseudonymiser) -> tuple[StudyReport, ...]:
    written: dict[str, list[_Done]] = {}
    for one in done:
        if one.outcome is Outcome.WRITTEN:
            written.setdefault(one.found.uids[0], []).append(one)
    studies = []
    for study, members in written.items():
        total = Trace()
        for one in members:
            total.add(one.trace or Trace())
        series = len({one.found.uids[1] for one in members})
        studies.append(StudyReport(names.uid(study), series, len(members), total.actions, total.removed, total.refused))
    return tuple(studies)


def _rows(done: Sequence[_Done], root: Path, names: Pseudonymiser) -> tuple[FileRow, ...]:
    return tuple(
        FileRow(
            one.found.number,
            names.name("path", os.path.relpath(one.found.path, root)),
            one.outcome,
            one.reason,
            one.output,
            one.found.path,
        )
        for one in done
    )
