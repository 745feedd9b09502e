"""The place and meaning of a picture, from the attributes of a single-frame file or of one functional group."""

from __future__ import annotations

import math
from typing import Any

from abdominal_oncology.imaging.dicom.elements import Values
from abdominal_oncology.imaging.dicom.facts import plain_value
from abdominal_oncology.imaging.dicom.records import Frame

SPLIT_KEYS = (
    "StackID",
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "EchoNumbers",
    "EchoTime",
    "InversionTime",
    "FlipAngle",
    "DiffusionBValue",
    "TriggerTime",
    "ConvolutionKernel",
    "KVP",
    "ImageType",
    "SliceThickness",
    "ReconstructionDiameter",
    "SequenceName",
    "ContrastBolusAgent",
    "SeriesDescription",
    "AcquisitionDateTime",
    "AcquisitionTime",
    "ContentTime",
)
"""By what pictures at one place may differ, the surest sign first; tried in this order to tell volumes apart."""


def single_frame(values: Values) -> Frame:
    """The one picture of an ordinary file, from the plain values of its header."""
    image_type = values.get("ImageType", [])
    return Frame(
        index=0,
        position=numbers(values.get("ImagePositionPatient"), 3),
        orientation=numbers(values.get("ImageOrientationPatient"), 6),
        pixel_spacing_mm=numbers(values.get("PixelSpacing"), 2),
        thickness_mm=number(values.get("SliceThickness")),
        slope=first_number(values.get("RescaleSlope"), 1.0),
        intercept=first_number(values.get("RescaleIntercept"), 0.0),
        has_rescale="RescaleSlope" in values,
        rescale_type=str(values.get("RescaleType", "")),
        image_type=tuple(str(word) for word in (image_type if isinstance(image_type, list) else [image_type])),
        keys={key: _hashable(values[key]) for key in SPLIT_KEYS if key in values},
    )


def whole(values: Values, keyword: str, default: int) -> int:
    """A whole number, or ``default`` when it is missing or anything else."""
    value = values.get(keyword)
    return value if isinstance(value, int) else default


def numbers(value: Any, count: int) -> Any:
    """A tuple of ``count`` finite floats, or None when the value is anything else."""
    plain = plain_value(value)
    if not isinstance(plain, list) or len(plain) != count or not all(isinstance(v, int | float) for v in plain):
        return None
    return tuple(float(v) for v in plain) if all(math.isfinite(v) for v in plain) else None


def number(value: Any) -> float | None:
    """A positive finite number or None."""
    plain = plain_value(value)
    if isinstance(plain, list):
        plain = plain[0]
    return float(plain) if isinstance(plain, int | float) and math.isfinite(plain) and plain > 0 else None


def first_number(value: Any, default: float) -> float:
    plain = plain_value(value)
    if isinstance(plain, list):
        plain = plain[0]
    return float(plain) if isinstance(plain, int | float) and math.isfinite(plain) else default


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
