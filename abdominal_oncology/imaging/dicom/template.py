"""The attributes that all files of a written series share, complete as to types 1 and 2 (CT and MR)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, MRImageStorage
from pydicom.valuerep import format_number_as_ds

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.dicom.facts import CONTRAST_FACTS, DEVICE_FACTS
from abdominal_oncology.imaging.dicom.stored import StoredValues
from abdominal_oncology.imaging.image import Image, Modality

_DATE = "20000101"
_TIME = "095500"

_CARRIED_FACTS = (
    *(fact for fact in DEVICE_FACTS if fact != "SpacingBetweenSlices"),
    *CONTRAST_FACTS,
    "PatientSex",
    "PatientAge",
    "PatientWeight",
    "PatientSize",
    "StudyDescription",
    "ProtocolName",
    "BodyPartExamined",
    "PatientPosition",
    "ImageType",
    "AcquisitionNumber",
)

_COMMON: dict[str, Any] = {
    "SpecificCharacterSet": "ISO_IR 192",
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "StudyDate": _DATE,
    "SeriesDate": _DATE,
    "AcquisitionDate": _DATE,
    "ContentDate": _DATE,
    "StudyTime": _TIME,
    "SeriesTime": _TIME,
    "AcquisitionTime": _TIME,
    "ContentTime": _TIME,
    "AccessionNumber": "",
    "Manufacturer": "AbdominalOncology",
    "ReferringPhysicianName": "",
    "PatientBirthDate": "",
    "PatientSex": "",
    "StudyID": "1",
    "PatientPosition": "HFS",
    "PositionReferenceIndicator": "",
    "AcquisitionNumber": 1,
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsAllocated": 16,
}
_CT: dict[str, Any] = {
    "SOPClassUID": CTImageStorage,
    "Modality": "CT",
    "KVP": 120,
    "ContrastBolusAgent": "",
    "RescaleType": "HU",
    "WindowCenter": 60,
    "WindowWidth": 400,
}
_MR: dict[str, Any] = {
    "SOPClassUID": MRImageStorage,
    "Modality": "MR",
    "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"],
    "ScanningSequence": "SE",
    "SequenceVariant": "SK",
    "ScanOptions": "",
    "MRAcquisitionType": "2D",
    "RepetitionTime": 4000,
    "EchoTime": 100,
    "EchoTrainLength": 16,
}


def series_template(image: Image, stored: StoredValues) -> Dataset:
    """A dataset with everything but UIDs of this study, patient identity, position and pixels."""
    template = Dataset()
    values = (
        _COMMON | (_CT if image.modality is Modality.CT else _MR) | {"SliceThickness": image.geometry.spacing_mm[0]}
    )
    carried = {fact: image.source.header[fact] for fact in _CARRIED_FACTS if image.source.header.get(fact) is not None}
    set_attributes(template, values | carried)
    geometry = image.geometry
    row_direction, column_direction = geometry.directions[2], geometry.directions[1]
    template.ImageOrientationPatient = [format_number_as_ds(v) for v in (*row_direction, *column_direction)]
    template.PixelSpacing = [format_number_as_ds(v) for v in geometry.spacing_mm[1:]]
    template.SpacingBetweenSlices = format_number_as_ds(geometry.spacing_mm[0])
    template.Rows, template.Columns = geometry.shape[1:]
    template.BitsStored = stored.bits_stored
    template.HighBit = stored.bits_stored - 1
    template.PixelRepresentation = int(stored.signed)
    template.RescaleSlope = format_number_as_ds(stored.slope)
    template.RescaleIntercept = format_number_as_ds(stored.intercept)
    return template


def set_attributes(dataset: Dataset, attributes: Mapping[str, Any]) -> None:
    """Set attributes by keyword; None removes one. Decimal strings are shortened to the 16 characters they may have."""
    for keyword, value in attributes.items():
        if tag_for_keyword(keyword) is None:
            raise InvalidInputError(f"{keyword!r} is no DICOM attribute", remedy="use a keyword such as KVP")
        if value is None:
            if keyword in dataset:
                delattr(dataset, keyword)
        elif dictionary_VR(keyword) == "DS":
            several = isinstance(value, list | tuple)
            items = [format_number_as_ds(float(item)) for item in (value if several else [value])]
            setattr(dataset, keyword, items if several else items[0])
        else:
            setattr(dataset, keyword, list(value) if isinstance(value, tuple) else value)
