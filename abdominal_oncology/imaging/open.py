"""One door for every kind of image on disk."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.imaging.dicom.paths import open_path
from abdominal_oncology.imaging.dicom.reader import DicomReader
from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.imaging.volume_file import READ_ENDINGS, open_volume_file
from abdominal_oncology.progress import Progress, silent


def open_reader(
    path: str | PathLike[str],
    *,
    series_uid: str = "",
    volume: int | None = None,
    modality: Modality | str | None = None,
    progress: Progress = silent,
) -> SliceReader:
    """A reader of ``path``: a folder of DICOM files, one DICOM file, or a NIfTI, NRRD or MetaImage file.

    Only headers are read now. ``series_uid`` and ``volume`` say which volume of a DICOM folder is meant when it holds
    several. ``modality`` says what a volume file measures, which most of them do not; DICOM says so itself.
    """
    place = open_path(path)
    if not place.exists():
        raise MissingInputError("there is no such file or folder", where=path, remedy="check the path")
    if place.name.upper() == "DICOMDIR":
        path = place = place.parent  # the table of contents of the folder it lies in
    if place.is_dir():
        return DicomReader.from_folder(path, series_uid=series_uid, volume=volume, progress=progress)
    if Path(path).name.lower().endswith(READ_ENDINGS):
        if series_uid or volume:
            raise InvalidInputError("a volume file holds one volume; there is none to choose", where=path)
        return open_volume_file(path, modality)
    return DicomReader.from_files([path], volume=volume, progress=progress)
