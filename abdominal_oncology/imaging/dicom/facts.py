"""Which header attributes become plain facts of an Image, and how a DICOM value becomes a plain Python value."""

from __future__ import annotations

from typing import Any

from pydicom.multival import MultiValue
from pydicom.valuerep import DSdecimal, DSfloat, PersonName

PATIENT_FACTS = ("PatientID", "PatientName", "PatientSex", "PatientAge", "PatientWeight", "PatientSize")
STUDY_FACTS = ("StudyInstanceUID", "StudyDate", "StudyTime", "StudyDescription", "StudyID")
SERIES_FACTS = (
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "ProtocolName",
    "Modality",
    "BodyPartExamined",
    "PatientPosition",
    "FrameOfReferenceUID",
    "ImageType",
    "DerivationDescription",
    "SpecificCharacterSet",
)
TIME_FACTS = (
    "SeriesDate",
    "SeriesTime",
    "AcquisitionDate",
    "AcquisitionTime",
    "AcquisitionDateTime",
    "ContentDate",
    "ContentTime",
    "AcquisitionNumber",
    "TemporalPositionIdentifier",
    "TriggerTime",
)
CONTRAST_FACTS = (
    "ContrastBolusAgent",
    "ContrastBolusRoute",
    "ContrastBolusVolume",
    "ContrastBolusStartTime",
    "ContrastBolusStopTime",
    "ContrastBolusTotalDose",
    "ContrastFlowRate",
    "ContrastFlowDuration",
)
DEVICE_FACTS = (
    "Manufacturer",
    "ManufacturerModelName",
    "SoftwareVersions",
    "SliceThickness",
    "SpacingBetweenSlices",
    "KVP",
    "XRayTubeCurrent",
    "Exposure",
    "ConvolutionKernel",
    "ReconstructionDiameter",
    "GantryDetectorTilt",
    "MagneticFieldStrength",
    "ScanningSequence",
    "SequenceVariant",
    "SequenceName",
    "ScanOptions",
    "MRAcquisitionType",
    "EchoTime",
    "EchoNumbers",
    "EchoTrainLength",
    "RepetitionTime",
    "InversionTime",
    "FlipAngle",
    "DiffusionBValue",
)
PIXEL_FACTS = ("RescaleType", "WindowCenter", "WindowWidth", "LossyImageCompression", "BurnedInAnnotation")

HEADER_FACTS = (
    *PATIENT_FACTS,
    *STUDY_FACTS,
    *SERIES_FACTS,
    *TIME_FACTS,
    *CONTRAST_FACTS,
    *DEVICE_FACTS,
    *PIXEL_FACTS,
)
"""Everything that ``Source.header`` may hold after reading DICOM, by keyword."""


def plain_value(value: Any) -> Any:
    """A DICOM value as str, int, float or a list of them; None for an empty one.

    >>> plain_value(MultiValue(DSfloat, ["40", "300"]))
    [40.0, 300.0]
    """
    if value is None or value == "":
        return None
    if isinstance(value, MultiValue | list | tuple):
        items = [plain_value(item) for item in value]
        return items or None
    if isinstance(value, DSfloat | DSdecimal | float):
        return float(value)
    if isinstance(value, bool | int):
        return int(value)
    if isinstance(value, bytes):
        return value.decode("ascii", "replace").strip("\x00 ") or None
    if isinstance(value, PersonName):
        return str(value) or None
    return str(value).strip("\x00 ") or None
