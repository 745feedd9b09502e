"""Image → a valid CT or MR DICOM series; several images → one study. What a reader gets back is exactly what went in.

Values: whole numbers that fit 16 bits are stored exactly (CT in HU as 12 bits with intercept −1024 where they fit, as
scanners do). CT with fractions is rounded to whole HU; MR with fractions is scaled to 16 bits with a rescale slope, off
by at most half a step of range / 65535.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID
from pydicom.valuerep import format_number_as_ds

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.dicom.encode import frame_encoder
from abdominal_oncology.imaging.dicom.stored import StoredValues, to_stored
from abdominal_oncology.imaging.dicom.syntax import TransferSyntax
from abdominal_oncology.imaging.dicom.template import series_template, set_attributes
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.progress import Progress, part, silent

FileNames = Literal["ordered", "scrambled"]

_INJECTION_SECONDS_OF_DAY = 10 * 3600.0
_UNENHANCED_LEAD_SECONDS = 120.0


def deterministic_uid(*parts: object) -> str:
    """A UID under 2.25 that depends on ``parts`` alone.

    >>> deterministic_uid(7, "series") == deterministic_uid(7, "series")
    True
    """
    digest = hashlib.sha256("\x1f".join(str(p) for p in parts).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


def dicom_time(seconds_of_day: float) -> str:
    """A DICOM TM value.

    >>> dicom_time(36035.5)
    '100035.500000'
    """
    micro = round((seconds_of_day % 86400) * 1e6) % 86_400_000_000
    seconds, fraction = divmod(micro, 1_000_000)
    return f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}.{fraction:06d}"


def write_series(
    image: Image,
    folder: str | Path,
    *,
    description: str = "",
    series_number: int = 1,
    patient_name: str = "PHANTOM",
    patient_id: str = "PHANTOM",
    study_uid: str = "",
    frame_of_reference_uid: str = "",
    acquisition_time: str = "",
    attributes: Mapping[str, Any] | None = None,
    seed: int = 0,
    file_names: FileNames = "ordered",
    transfer_syntax: TransferSyntax | str = TransferSyntax.RAW,
    progress: Progress = silent,
) -> Path:
    """Write ``image`` (CT or MR) as single-frame files into ``folder``, which must be empty or new; returns it.

    ``acquisition_time`` is a DICOM TM such as ``"100035.5"``; ``attributes`` sets further attributes by keyword (None
    removes one) and wins over ``image.source.header``, whose device, contrast and patient facts are carried along.
    UIDs follow from ``seed``, ``patient_id``, ``description`` and ``series_number`` where not given. ``"scrambled"``
    names files so that their order says nothing about the order of slices.
    """
    if image.modality not in (Modality.CT, Modality.MR):
        raise InvalidInputError(
            f"a DICOM series is written from a CT or MR image, not {image.modality}",
            remedy="write label maps as .seg.nrrd or .nii.gz",
        )
    target = _empty_folder(folder)
    syntax = TransferSyntax(transfer_syntax)
    stored = to_stored(image.voxels, image.modality)
    identity = (seed, patient_id, study_uid, series_number, description)
    template = series_template(image, stored)
    set_attributes(
        template,
        {
            "PatientName": patient_name,
            "PatientID": patient_id,
            "StudyInstanceUID": study_uid or deterministic_uid(seed, patient_id, "study"),
            "SeriesInstanceUID": deterministic_uid(*identity, "series"),
            "FrameOfReferenceUID": frame_of_reference_uid or deterministic_uid(seed, patient_id, "frame"),
            "SeriesDescription": description,
            "SeriesNumber": series_number,
        },
    )
    if acquisition_time:
        set_attributes(template, dict.fromkeys(("SeriesTime", "AcquisitionTime", "ContentTime"), acquisition_time))
    set_attributes(template, attributes or {})
    names = _file_names(image.geometry.shape[0], file_names, deterministic_uid(*identity, "names"))
    for k, name in enumerate(names):
        progress(k / len(names), f"writing {description or 'DICOM series'}")
        _write_slice(target / name, image, stored, k, template, syntax, deterministic_uid(*identity, "instance", k))
    progress(1.0, f"writing {description or 'DICOM series'}")
    return target


def write_study(
    images: Mapping[str, Image],
    folder: str | Path,
    *,
    patient_name: str,
    patient_id: str,
    seconds: Mapping[str, float | None],
    descriptions: Mapping[str, str] | None = None,
    seed: int = 0,
    scramble: bool = False,
    transfer_syntax: TransferSyntax | str = TransferSyntax.RAW,
    progress: Progress = silent,
) -> dict[str, Path]:
    """Write several images of one patient as one study; returns the folder of each series by role.

    All series share patient, study and frame of reference. ``seconds`` gives each role's time since injection: it
    becomes AcquisitionTime minus ContrastBolusStartTime; None means without contrast (scanned before the injection,
    no agent). A role without an entry carries no contrast timing. ``descriptions`` are the SeriesDescriptions (default:
    the role). With ``scramble`` neither folder nor file names tell role or order.
    """
    if not images:
        raise InvalidInputError("a study needs at least one image")
    root = Path(folder)
    study_uid = deterministic_uid(seed, patient_id, "study")
    order = list(range(1, len(images) + 1))
    random.Random(f"{seed} {patient_id}").shuffle(order)
    folders: dict[str, Path] = {}
    for number, (role, image) in enumerate(images.items(), start=1):
        name = f"S{order[number - 1]:03d}" if scramble else f"{number:02d}_{_safe_name(role)}"
        acquired, contrast = _timing(seconds, role, number)
        folders[role] = write_series(
            image,
            root / name,
            description=(descriptions or {}).get(role, role),
            series_number=number,
            patient_name=patient_name,
            patient_id=patient_id,
            study_uid=study_uid,
            acquisition_time=acquired,
            attributes=contrast,
            seed=seed,
            file_names="scrambled" if scramble else "ordered",
            transfer_syntax=transfer_syntax,
            progress=part(progress, (number - 1) / len(images), number / len(images)),
        )
    return folders


def _timing(seconds: Mapping[str, float | None], role: str, number: int) -> tuple[str, dict[str, Any]]:
    """AcquisitionTime and the contrast attributes of one series."""
    if role not in seconds:
        return dicom_time(_INJECTION_SECONDS_OF_DAY + 60 * number), {}
    after = seconds[role]
    if after is None:
        return dicom_time(_INJECTION_SECONDS_OF_DAY - _UNENHANCED_LEAD_SECONDS), {
            "ContrastBolusAgent": "",
            "ContrastBolusStartTime": None,
        }
    return dicom_time(_INJECTION_SECONDS_OF_DAY + after), {
        "ContrastBolusAgent": "APPLIED",
        "ContrastBolusStartTime": dicom_time(_INJECTION_SECONDS_OF_DAY),
    }


def _write_slice(
    path: Path, image: Image, stored: StoredValues, k: int, template: Dataset, syntax: TransferSyntax, uid: str
) -> None:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = template.SOPClassUID
    meta.MediaStorageSOPInstanceUID = UID(uid)
    meta.TransferSyntaxUID = UID(syntax.value)
    slice_header = Dataset()
    slice_header.update(template)
    slice_header.SOPInstanceUID = uid
    slice_header.InstanceNumber = k + 1
    position = image.geometry.to_world([k, 0, 0])
    slice_header.ImagePositionPatient = [format_number_as_ds(float(v)) for v in position]
    slice_header.SliceLocation = format_number_as_ds(float(position @ np.asarray(image.geometry.normal)))
    slice_header.file_meta = meta
    frame = stored.values(image.voxels[k])
    if syntax.is_encapsulated:
        slice_header.PixelData = encapsulate([frame_encoder(syntax, stored.bits_stored)(frame)])
        slice_header["PixelData"].VR = "OB"
    else:
        stored_type = frame.dtype.newbyteorder(">" if syntax is TransferSyntax.BIG_ENDIAN else "<")
        slice_header.PixelData = frame.astype(stored_type, copy=False).tobytes()
        slice_header["PixelData"].VR = "OW"
    dcmwrite(path, slice_header, enforce_file_format=True)


def _empty_folder(folder: str | Path) -> Path:
    target = Path(folder)
    if target.exists() and not target.is_dir():
        raise InvalidInputError("this is a file, not a folder", where=target, remedy="name a new folder")
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise InvalidInputError(
            "the folder already holds files, and a mixed series reads wrong",
            where=target,
            remedy="name a new or an empty folder",
        )
    return target


def _file_names(count: int, how: FileNames, seed: str) -> list[str]:
    if how == "ordered":
        return [f"IM{k + 1:05d}.dcm" for k in range(count)]
    if how != "scrambled":
        raise InvalidInputError(f"file_names is 'ordered' or 'scrambled', not {how!r}")
    names: dict[str, None] = {}
    generator = random.Random(seed)
    while len(names) < count:
        names[f"{generator.getrandbits(40):010X}"] = None
    return list(names)


def _safe_name(role: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in role) or "series"
