"""Writing a phantom to disk: images as DICOM, NIfTI or NRRD, label maps beside them, the truth as JSON."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Any

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.files import write_atomically
from abdominal_oncology.imaging.dicom.write import write_study
from abdominal_oncology.imaging.volume_file import write_volume_file
from abdominal_oncology.phantom.result import Phantom
from abdominal_oncology.plain import as_plain
from abdominal_oncology.progress import Progress, part, silent

TRUTH_NAME = "truth.json"


class PhantomFormat(StrEnum):
    DICOM = "dicom"
    NIFTI = "nifti"
    NRRD = "nrrd"


def save_phantom(
    phantom: Phantom,
    folder: str | Path,
    *,
    file_format: PhantomFormat | str = PhantomFormat.DICOM,
    scramble: bool = False,
    progress: Progress = silent,
) -> dict[str, Path]:
    """Write ``phantom`` into ``folder``, which must be new or empty; returns what was written by name.

    Images become series under ``dicom/`` (``scramble``: names tell neither role nor order) or ``<role>.nii.gz`` or
    ``<role>.nrrd``; label maps ``labels_<role>``; ``truth.json`` holds the truth and the label names.
    """
    try:
        chosen = PhantomFormat(file_format)
    except ValueError:
        known = ", ".join(each.value for each in PhantomFormat)
        raise InvalidInputError(f"no format is called {file_format!r}", remedy=f"choose one of {known}") from None
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InvalidInputError("a phantom needs a folder of its own", where=target, remedy="name a new folder")
    target.mkdir(parents=True, exist_ok=True)
    written: dict[str, Path] = {}
    if chosen is PhantomFormat.DICOM:
        seconds = _seconds(phantom)
        series = write_study(
            phantom.images,
            target / "dicom",
            patient_name=f"PHANTOM^{phantom.truth.get('seed', 0)}",
            patient_id=next(iter(phantom.images.values())).source.patient_id
            or f"PHANTOM-{phantom.truth.get('seed', 0)}",
            seconds=seconds,
            descriptions={
                role: str(image.source.header.get("SeriesDescription", role)) for role, image in phantom.images.items()
            },
            seed=int(phantom.truth.get("seed", 0)),
            scramble=scramble,
            progress=part(progress, 0.0, 0.8),
        )
        written |= series
    ending = ".nrrd" if chosen is PhantomFormat.NRRD else ".nii.gz"
    volumes = {f"labels_{role}": image for role, image in phantom.labels.items()}
    if chosen is not PhantomFormat.DICOM:
        volumes = {**phantom.images, **volumes}
    for n, (name, image) in enumerate(volumes.items()):
        progress(0.8 + 0.2 * n / len(volumes), f"writing {name}")
        written[name] = write_volume_file(image, target / f"{name}{ending}")
    record = {
        "truth": phantom.truth,
        "label_names": {str(number): name for number, name in phantom.label_names.items()},
        "files": {name: path.relative_to(target).as_posix() for name, path in written.items()},
    }
    written["truth"] = target / TRUTH_NAME
    write_atomically(written["truth"], json.dumps(as_plain(record), indent=2, ensure_ascii=False).encode())
    progress(1.0, "phantom written")
    return written


def _seconds(phantom: Phantom) -> dict[str, float | None]:
    """Time since injection by role, where the truth knows one; MR carries no contrast timing."""
    known: Any = phantom.truth.get("seconds")
    return {role: known[role] for role in phantom.images if role in known} if isinstance(known, dict) else {}
