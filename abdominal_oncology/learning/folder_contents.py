"""What images a folder holds: DICOM volumes and volume files, how to name each, and what was left out and why."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import AbdominalOncologyError
from abdominal_oncology.imaging.dicom import DicomReader, Scan, Series, SeriesKind, SkippedFile, Volume, scan_folder
from abdominal_oncology.imaging.dicom.choose import list_volumes
from abdominal_oncology.imaging.dicom.scan import arrange
from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.imaging.reference import write_reference
from abdominal_oncology.imaging.volume_file import READ_ENDINGS, open_volume_file
from abdominal_oncology.imaging.volume_reader import VolumeFileReader
from abdominal_oncology.progress import Progress, part, silent

_FEWEST_SLICES = 2
_MASK_NAME = re.compile(r"(?:^|[^a-z])(?:seg|segmentation|mask|label|labels|labelmap|gt)(?:[^a-z]|$)")
_MOST_LABELS = 8
Facts = Mapping[str, Any]


class PatientBy(StrEnum):
    """Whose a volume is: by the header's PatientID, or by the first folder below the one that is listed."""

    HEADER = "header"
    FOLDER = "folder"


@dataclass(frozen=True)
class LeftOut:
    """Something that is in no row. ``is_loss``: an image that could not be opened, rather than none that is wanted."""

    path: str
    description: str
    reason: str
    is_loss: bool = False


@dataclass(frozen=True)
class FoundVolume:
    """``reference`` is its name in a table; ``name`` one for people; ``facts`` its header by DICOM keyword."""

    patient: str
    study: str
    reference: str
    name: str
    facts: Facts
    remarks: tuple[str, ...] = ()


@dataclass
class FolderContents:
    """What is in a folder, in its order."""

    volumes: list[FoundVolume] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def find_volumes(
    root: Path,
    base: Path,
    wanted: Modality,
    by: PatientBy,
    *,
    workers: int = 1,
    progress: Progress = silent,
) -> FolderContents:
    """All volumes of the modality ``wanted`` below ``root``, named relative to ``base``; only headers are read."""
    scan = scan_folder(root, progress=part(progress, 0.0, 0.8), workers=workers)
    found = FolderContents()
    _dicom_volumes(scan, root, base, wanted, by, found)
    files = [skipped for skipped in scan.skipped if skipped.path.lower().endswith(READ_ENDINGS)]
    for number, skipped in enumerate(files):
        progress(0.8 + 0.2 * number / len(files), "looking at volume files")
        _volume_file(Path(skipped.path), root, base, wanted, found)
    found.left_out += [_lost(skipped) for skipped in scan.skipped if skipped.is_dicom and skipped not in files]
    return found


def _dicom_volumes(scan: Scan, root: Path, base: Path, wanted: Modality, by: PatientBy, found: FolderContents) -> None:
    folders = _folders_of_series(scan)
    for patient in scan.patients:
        for number, study in enumerate(patient.studies, start=1):
            for series in study.series:
                if not series.volumes:
                    reason = f"{series.kind}, not a volume"
                    found.left_out.append(LeftOut(series.headers[0].path, series.description, reason))
                for volume in series.volumes:
                    trouble = _trouble(volume, wanted)
                    if trouble is not None:
                        where = volume.group.planes[0].header.path if volume.group.planes else series.headers[0].path
                        found.left_out.append(LeftOut(where, series.description, *trouble))
                        continue
                    assert volume.stack is not None
                    facts = DicomReader(volume.stack).source.header
                    remarks = tuple(f"{warning.code}: {warning.message}" for warning in volume.stack.warnings)
                    whose = patient.patient_id or f"unknown-{study.uid or number}"
                    if by is PatientBy.FOLDER:
                        whose = _first_folder(Path(series.headers[0].path), root) or whose
                    elif not patient.patient_id:
                        remarks = (*remarks, "no patient ID: each study is taken as another patient")
                    label = str(series.number) if series.number is not None else series.description or "series"
                    name = f"{whose}_{number}_{label}" + (f"_{volume.told_apart_by}" if len(series.volumes) > 1 else "")
                    reference = _reference(scan, series, volume, folders, base)
                    found.volumes.append(FoundVolume(whose, study.uid, reference, name, facts, remarks))


def _trouble(volume: Volume, wanted: Modality) -> tuple[str, bool] | None:
    """Why a volume is not listed, and whether that is a loss."""
    if volume.kind is SeriesKind.LOCALIZER:
        return "a localizer", False
    if volume.stack is None:
        problem = volume.problem.problem if volume.problem is not None else "it cannot be opened"
        return problem, True
    reader = DicomReader(volume.stack)
    if reader.modality is not wanted:
        unscaled = any(warning.code == "not-hounsfield" for warning in reader.warnings)
        return ("its values are not Hounsfield units" if unscaled else f"{volume.stack.modality}, not {wanted}"), False
    if reader.geometry.shape[0] < _FEWEST_SLICES:
        return "a single slice", False
    return None


def _folders_of_series(scan: Scan) -> dict[str, set[int]]:
    """Folder (and every folder above) → the series that have files in it."""
    folders: dict[str, set[int]] = defaultdict(set)
    for series in scan.series:
        for direct in {Path(header.path).parent for header in series.headers}:
            for place in (direct, *direct.parents):
                folders[str(place)].add(id(series))
    return folders


def _reference(scan: Scan, series: Series, volume: Volume, folders: Mapping[str, set[int]], base: Path) -> str:
    """The shortest way to name a volume: its folder alone, or the folder and the series, or the number in it."""
    files = [header.path for header in series.headers]
    home = Path(files[0]) if len(files) == 1 else Path(os.path.commonpath([Path(file).parent for file in files]))
    only = len(series.volumes) == 1
    if only and (len(files) == 1 or folders[str(home)] == {id(series)}):
        return write_reference(home, base)
    if len(files) == 1:
        return write_reference(home, base, volume=series.volumes.index(volume))
    if series.uid and sum(other.uid == series.uid for other in scan.series) == 1:
        number = None if only else series.volumes.index(volume)
        return write_reference(home, base, series_uid=series.uid, volume=number)
    # without a UID of its own: the number among all volumes below this folder, as the reader will count them
    below = [header for other in scan.series if id(other) in folders[str(home)] for header in other.headers]
    inside = arrange(header for header in below if home in Path(header.path).parents)
    mine = {plane.header.path for plane in volume.group.planes}
    for number, (_, other_volume) in enumerate(list_volumes(list(inside.series))):
        if {plane.header.path for plane in other_volume.group.planes} == mine:
            return write_reference(home, base, volume=number)
    raise AssertionError(f"{home} does not hold its own volume")


def _volume_file(path: Path, root: Path, base: Path, wanted: Modality, found: FolderContents) -> None:
    stem = _stem(path)
    try:
        reader = open_volume_file(path)
    except AbdominalOncologyError as problem:
        found.left_out.append(LeftOut(str(path), stem, problem.problem, is_loss=True))
        return
    stated = reader.stated_modality if isinstance(reader, VolumeFileReader) else reader.modality
    if stated is not None and stated is not wanted:
        found.left_out.append(LeftOut(str(path), stem, f"{stated}, not {wanted}"))
        return
    if stated is None and _MASK_NAME.search(stem.lower()):
        found.left_out.append(LeftOut(str(path), stem, "its name is that of a mask"))
        return
    count = reader.geometry.shape[0]
    if count < _FEWEST_SLICES:
        found.left_out.append(LeftOut(str(path), stem, "a single slice"))
        return
    if stated is None:
        try:
            doubt = _doubt(reader.read([count // 2]), wanted)
        except AbdominalOncologyError as problem:
            found.left_out.append(LeftOut(str(path), stem, problem.problem, is_loss=True))
            return
        if doubt:
            found.left_out.append(LeftOut(str(path), stem, doubt))
            return
    remarks = () if stated is wanted else (f"the file does not say what it measures: taken as {wanted}",)
    whose = _first_folder(path, root)
    facts = {"SeriesDescription": _without(stem, whose), **reader.source.header}
    name = f"{whose}_{stem}" if whose else stem
    found.volumes.append(FoundVolume(whose or stem, "", write_reference(path, base), name, facts, remarks))


def _doubt(slice_: NDArray[Any], wanted: Modality) -> str:
    """Why a file that does not say what it measures is not ``wanted``, by its middle slice; empty: it may be."""
    lowest = float(np.nanmin(slice_)) if not np.isnan(slice_).all() else 0.0
    if wanted is Modality.CT and lowest >= 0:
        return "no value below 0 in its middle slice: no CT in Hounsfield units, perhaps a mask or MR"
    if wanted is Modality.MR and lowest < 0:
        return "values below 0 in its middle slice: no MR"
    if slice_.dtype.kind in "iu" and len(np.unique(slice_)) <= _MOST_LABELS:
        return f"at most {_MOST_LABELS} different values in its middle slice: a mask"
    return ""


def _stem(path: Path) -> str:
    ending = max((end for end in READ_ENDINGS if path.name.lower().endswith(end)), key=len)
    return path.name[: -len(ending)]


def _first_folder(path: Path, root: Path) -> str:
    """The folder right below ``root`` on the way to ``path``; empty where the file lies in ``root`` itself."""
    between = path.relative_to(root).parts[:-1]
    return between[0] if between else ""


def _without(stem: str, patient: str) -> str:
    """A file's name without the patient's, in which letters may look like a phase."""
    return stem.replace(patient, " ").strip(" _-") if patient else stem


def _lost(skipped: SkippedFile) -> LeftOut:
    return LeftOut(skipped.path, "", skipped.reason, is_loss=True)
