"""What a DICOM object is for: a picture of the patient, a scout, a screenshot, a report."""

from __future__ import annotations

from enum import StrEnum

from abdominal_oncology.imaging.dicom.records import Header

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_SECONDARY_CAPTURE = _STORAGE + "7"
_SEGMENTATIONS = (_STORAGE + "66.4", _STORAGE + "66.7", _STORAGE + "481.3")
_REPORTS = (_STORAGE + "88.", _STORAGE + "104.", _STORAGE + "11.", _STORAGE + "9.", _STORAGE + "66", _STORAGE + "67")
VOLUME_CLASSES = frozenset(
    _STORAGE + number for number in ("2", "2.1", "2.2", "4", "4.1", "4.3", "4.4", "128", "128.1", "130")
)
_VOLUME_MODALITIES = ("CT", "MR", "PT")
_SCREEN_WORDS = frozenset({"SCREEN SAVE", "SCREENSHOT", "DOSE", "DOSE_INFO", "CSA REPORT", "CSAPARALLEL", "PRESSCREEN"})


class SeriesKind(StrEnum):
    """``IMAGE`` and ``DERIVED`` make volumes worth analysing; a ``LOCALIZER`` can be opened when asked for."""

    IMAGE = "image"
    DERIVED = "derived"
    LOCALIZER = "localizer"
    SECONDARY_CAPTURE = "secondary capture"
    SEGMENTATION = "segmentation"
    REPORT = "report"
    OTHER = "other"

    @property
    def makes_volumes(self) -> bool:
        return self in (SeriesKind.IMAGE, SeriesKind.DERIVED, SeriesKind.LOCALIZER)


def kind_of(header: Header) -> SeriesKind:
    """The kind of one file, from its SOP class and ImageType."""
    sop_class, pixels = header.sop_class_uid, header.pixels
    if sop_class.startswith(_SEGMENTATIONS):
        return SeriesKind.SEGMENTATION
    if sop_class == _SECONDARY_CAPTURE or sop_class.startswith(_SECONDARY_CAPTURE + "."):
        return SeriesKind.SECONDARY_CAPTURE
    if sop_class.startswith(_REPORTS):
        return SeriesKind.REPORT
    if pixels is None:
        return SeriesKind.REPORT if header.modality in ("SR", "PR", "KO", "DOC") else SeriesKind.OTHER
    if sop_class not in VOLUME_CLASSES and not (not sop_class and header.modality in _VOLUME_MODALITIES):
        return SeriesKind.OTHER
    if pixels.samples != 1 or not pixels.photometric.startswith("MONOCHROME"):
        return SeriesKind.SECONDARY_CAPTURE
    words = {word.upper().strip() for frame in header.frames[:1] for word in frame.image_type}
    if "LOCALIZER" in words:
        return SeriesKind.LOCALIZER
    if words & _SCREEN_WORDS:
        return SeriesKind.SECONDARY_CAPTURE
    return SeriesKind.DERIVED if "DERIVED" in words else SeriesKind.IMAGE
