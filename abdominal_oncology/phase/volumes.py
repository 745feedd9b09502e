"""Every CT volume among files and folders, with a name for each, and what was left out and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from abdominal_oncology.errors import AbdominalOncologyError, MissingInputError
from abdominal_oncology.imaging.dicom import DicomReader, Scan, SeriesKind, Volume, read_header, scan_folder
from abdominal_oncology.imaging.dicom.scan import arrange
from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.imaging.volume_file import READ_ENDINGS, open_volume_file
from abdominal_oncology.learning.folder_contents import LeftOut
from abdominal_oncology.progress import Progress, part, silent

_MASK_NAME = re.compile(r"(?:^|[^a-z])(?:seg|segmentation|mask|label|labels|labelmap|gt)(?:[^a-z]|$)")


@dataclass(frozen=True)
class CtVolume:
    """``open`` gives its reader, or raises what is wrong with it. ``study`` is empty where no header tells it."""

    name: str
    patient: str
    study: str
    open: Callable[[], SliceReader]


@dataclass
class FoundVolumes:
    volumes: list[CtVolume] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def find_ct_volumes(paths: Sequence[Path], workers: int = 1, progress: Progress = silent) -> FoundVolumes:
    """Volumes of DICOM folders, of single DICOM files together, and of NIfTI, NRRD and MetaImage files.

    Localizers, series of other modalities, and derived series beside an original are left out. A file that is named
    and cannot be read, or a series that cannot be opened, is a volume that says so when it is opened.
    """
    found = FoundVolumes()
    single: list[Path] = []
    for number, path in enumerate(paths):
        share = part(progress, number / len(paths), (number + 1) / len(paths))
        if path.is_dir():
            _in_folder(path, found, workers, share)
        elif not path.exists():
            error = MissingInputError("there is no such file or folder", where=path, remedy="check the path")
            found.volumes.append(_broken(path.name, error))
        elif path.name.lower().endswith(READ_ENDINGS):
            found.volumes.append(_of_file(path))
        else:
            single.append(path)
    _single_files(single, found)
    if not found.volumes:
        reasons = Counter(each.reason for each in found.left_out)
        told = "; ".join(f"{count} × {reason}" for reason, count in reasons.most_common(4)) or "no images at all"
        raise MissingInputError(
            f"there is no CT volume here ({told})", where=paths[0] if paths else "", remedy="name CT series"
        )
    found.volumes = _unique(found.volumes)
    return found


def _in_folder(folder: Path, found: FoundVolumes, workers: int, progress: Progress) -> None:
    scan = scan_folder(folder, progress=progress, workers=workers)
    _of_scan(scan, found)
    for skipped in scan.skipped:
        path = Path(skipped.path)
        if not path.name.lower().endswith(READ_ENDINGS):
            if skipped.is_dicom:
                found.left_out.append(LeftOut(skipped.path, "", skipped.reason, is_loss=True))
        elif _MASK_NAME.search(_stem(path).lower()):
            found.left_out.append(LeftOut(str(path), _stem(path), "its name is that of a mask"))
        else:
            found.volumes.append(_of_file(path))


def _single_files(paths: Iterable[Path], found: FoundVolumes) -> None:
    headers = []
    for path in paths:
        try:
            headers.append(read_header(path))
        except AbdominalOncologyError as error:
            found.volumes.append(_broken(path.name, error))
    _of_scan(arrange(headers), found)


def _of_scan(scan: Scan, found: FoundVolumes) -> None:
    for patient in scan.patients:
        for number, study in enumerate(patient.studies, start=1):
            has_original = any(
                volume.kind is SeriesKind.IMAGE and volume.stack is not None and volume.stack.modality == Modality.CT
                for series in study.series
                for volume in series.volumes
            )
            for series in study.series:
                where, title = series.headers[0].path, series.description
                if not series.volumes:
                    found.left_out.append(LeftOut(where, title, f"{series.kind}, not a volume"))
                for volume in series.volumes:
                    reason = _left_out(volume, has_original)
                    if reason:
                        found.left_out.append(LeftOut(where, title, reason))
                        continue
                    label = "" if series.number is None else str(series.number)
                    words = [patient.patient_id or "unknown", str(number), label, title]
                    words += [volume.told_apart_by] if len(series.volumes) > 1 else []
                    name = "_".join(word for word in words if word)
                    found.volumes.append(CtVolume(name, patient.patient_id, study.uid, partial(_open, volume)))


def _left_out(volume: Volume, has_original: bool) -> str:
    """Why a volume is not asked for its phase; empty where it is, even if only to say what is wrong with it."""
    if volume.kind is SeriesKind.LOCALIZER:
        return "a localizer"
    if volume.stack is None:
        return ""
    if volume.stack.modality != Modality.CT:
        return f"{volume.stack.modality}, not CT"
    if volume.kind is SeriesKind.DERIVED and has_original:
        return "derived from another series"
    return ""


def _open(volume: Volume) -> SliceReader:
    if volume.stack is None:
        assert volume.problem is not None
        raise volume.problem
    return DicomReader(volume.stack)


def _of_file(path: Path) -> CtVolume:
    return CtVolume(_stem(path), "", "", partial(open_volume_file, path))


def _broken(name: str, error: AbdominalOncologyError) -> CtVolume:
    def refuse() -> SliceReader:
        raise error

    return CtVolume(name, "", "", refuse)


def _stem(path: Path) -> str:
    ending = max((end for end in READ_ENDINGS if path.name.lower().endswith(end)), key=len)
    return path.name[: -len(ending)]


def _unique(volumes: Sequence[CtVolume]) -> list[CtVolume]:
    taken: set[str] = set()
    result = []
    for volume in volumes:
        count, name = 1, volume.name
        while name in taken:
            count += 1
            name = f"{volume.name}-{count}"
        taken.add(name)
        result.append(replace(volume, name=name))
    return result
