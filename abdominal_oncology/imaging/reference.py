"""How a table names one volume: a path, and for one of several volumes in a folder of DICOM files which of them.

``scans/anna`` is a folder that holds one volume, ``scans/bert#series=1.2.3`` one series of a folder that holds several,
``scans/bert#series=1.2.3&volume=1`` the second volume of that series, ``scans/carl#volume=2`` a volume by its number
where the series' UID was removed. Paths have forward slashes and are relative to the folder of the table.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePath

from abdominal_oncology.errors import WrongModalityError
from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.imaging.open import open_reader
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.imaging.volume_reader import VolumeFileReader
from abdominal_oncology.progress import Progress, silent

_CHOICE = re.compile(r"#(?=series=|volume=)(?:series=(?P<series>[^#&=]+))?&?(?:volume=(?P<volume>\d+))?$")


@dataclass(frozen=True)
class Reference:
    """``volume`` counts the volumes of the series, or of the folder where ``series_uid`` is empty; None: the only one.

    >>> Reference.parse("scans/bert#series=1.2.3&volume=1")
    Reference(path='scans/bert', series_uid='1.2.3', volume=1)
    >>> str(Reference("scans/anna"))
    'scans/anna'
    """

    path: str
    series_uid: str = ""
    volume: int | None = None

    def __str__(self) -> str:
        series = [f"series={self.series_uid}"] if self.series_uid else []
        choice = "&".join([*series, *([] if self.volume is None else [f"volume={self.volume}"])])
        return f"{self.path}#{choice}" if choice else self.path

    @classmethod
    def parse(cls, text: str) -> Reference:
        """A ``#`` that is followed by neither ``series=`` nor ``volume=`` belongs to the path."""
        found = _CHOICE.search(text)
        if found is None:
            return cls(text)
        volume = found["volume"]
        return cls(text[: found.start()] or ".", found["series"] or "", None if volume is None else int(volume))


def write_reference(
    path: str | os.PathLike[str], folder: str | os.PathLike[str], *, series_uid: str = "", volume: int | None = None
) -> str:
    """The reference to ``path`` as a table in ``folder`` holds it.

    >>> write_reference("study/scans/anna", "study", series_uid="1.2.3")
    'scans/anna#series=1.2.3'
    """
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # on another drive of a Windows machine
        relative = os.fspath(Path(path).absolute())
    return str(Reference(PurePath(relative).as_posix(), series_uid, volume))


def open_reference(
    folder: str | os.PathLike[str],
    text: str,
    *,
    modality: Modality | str | None = None,
    progress: Progress = silent,
) -> SliceReader:
    """A reader of the volume that ``text`` names in a table in ``folder``; only headers are read.

    With ``modality`` anything else is refused. A volume file that does not say what it measures is taken at that word.
    """
    named = Reference.parse(text)
    place = Path(folder) / named.path
    reader = open_reader(place, series_uid=named.series_uid, volume=named.volume, progress=progress)
    if modality is None:
        return reader
    wanted = Modality(modality)
    if isinstance(reader, VolumeFileReader) and reader.stated_modality is None:
        return open_reader(place, modality=wanted)
    if reader.modality is not wanted:
        raise WrongModalityError(
            f"{text} holds {_in_words(reader)}, not {wanted}",
            where=place,
            remedy=f"name a {wanted} volume",
        )
    return reader


def _in_words(reader: SliceReader) -> str:
    if any(warning.code == "not-hounsfield" for warning in reader.warnings):
        return "CT values that are not Hounsfield units"
    code = str(reader.source.header.get("Modality", ""))
    return code if reader.modality is Modality.OTHER and code else str(reader.modality)
