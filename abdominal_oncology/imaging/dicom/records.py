"""What one DICOM file says about itself, without its pixels: small, frozen, picklable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from abdominal_oncology.imaging.geometry import Vector

Orientation = tuple[float, float, float, float, float, float]
"""Row direction then column direction, LPS, as ImageOrientationPatient has them."""


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """How stored values are packed. ``offset`` is where the pixel data value begins in the file (None: the file must be
    read through pydicom, as a deflated one), ``length`` its bytes as declared (-1: until its end mark)."""

    transfer_syntax: str
    rows: int
    columns: int
    frames: int = 1
    samples: int = 1
    photometric: str = "MONOCHROME2"
    bits_allocated: int = 16
    bits_stored: int = 16
    high_bit: int = 15
    signed: bool = False
    padding: int | None = None
    padding_limit: int | None = None
    offset: int | None = None
    length: int = -1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one uncompressed frame."""
        return self.rows * self.columns * self.samples * self.bits_allocated // 8


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of a file (most files have one): where it lies and how its stored values become real ones.

    ``keys`` are the facts by which pictures at one place differ: acquisition, time, echo, b-value, reconstruction.
    """

    index: int = 0
    position: Vector | None = None
    orientation: Orientation | None = None
    pixel_spacing_mm: tuple[float, float] | None = None
    thickness_mm: float | None = None
    slope: float = 1.0
    intercept: float = 0.0
    has_rescale: bool = True
    rescale_type: str = ""
    image_type: tuple[str, ...] = ()
    keys: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Header:
    """One file (or data set in memory, then ``memory`` holds its bytes). ``trouble`` says what is wrong with its pixels
    although the header could be read; such a file is named when its pixels are asked for."""

    path: str
    size: int = 0
    mtime_ns: int = 0
    sop_class_uid: str = ""
    instance_uid: str = ""
    patient_id: str = ""
    patient_name: str = ""
    study_uid: str = ""
    series_uid: str = ""
    frame_of_reference_uid: str = ""
    modality: str = ""
    instance_number: int = 0
    pixels: PixelLayout | None = None
    frames: tuple[Frame, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    memory: bytes | None = field(default=None, repr=False)
    trouble: str = ""

    @property
    def series_key(self) -> tuple[str, ...]:
        """What files of one series share; where the UID was removed, the next best thing."""
        if self.series_uid:
            return (self.patient_id, self.study_uid, self.series_uid)
        described = (self.facts.get(key) for key in ("Modality", "SeriesNumber", "SeriesDescription"))
        folder = self.path.replace("\\", "/").rpartition("/")[0]
        return (self.patient_id, self.study_uid, "", folder, *(str(value) for value in described))
