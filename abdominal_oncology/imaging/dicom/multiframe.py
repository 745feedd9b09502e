"""Enhanced multi-frame CT and MR: one file, many pictures, each with its own place and rescale (PS3.3 C.7.6.16)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydicom.dataset import Dataset

from abdominal_oncology.imaging.dicom.elements import Values, plain_elements
from abdominal_oncology.imaging.dicom.facts import HEADER_FACTS
from abdominal_oncology.imaging.dicom.plane import first_number, number, numbers
from abdominal_oncology.imaging.dicom.records import Frame

_FRAME_TYPES = ("CTImageFrameTypeSequence", "MRImageFrameTypeSequence")
_RENAMED_FACTS = {"EffectiveEchoTime": "EchoTime", "FrameAcquisitionDateTime": "AcquisitionDateTime"}

# key → (sequence, attribute) that tells frames at one place apart
_KEY_SOURCES = {
    "StackID": ("FrameContentSequence", "StackID"),
    "AcquisitionNumber": ("FrameContentSequence", "FrameAcquisitionNumber"),
    "TemporalPositionIdentifier": ("FrameContentSequence", "TemporalPositionIndex"),
    "EchoTime": ("MREchoSequence", "EffectiveEchoTime"),
    "DiffusionBValue": ("MRDiffusionSequence", "DiffusionBValue"),
    "TriggerTime": ("CardiacSynchronizationSequence", "NominalCardiacTriggerDelayTime"),
    "ConvolutionKernel": ("CTReconstructionSequence", "ConvolutionKernel"),
    "KVP": ("CTXRayDetailsSequence", "KVP"),
    "AcquisitionDateTime": ("FrameContentSequence", "FrameAcquisitionDateTime"),
}


Macros = Mapping[str, Values]
"""The functional groups of one frame: sequence keyword → the plain values of its item."""


def functional_groups(data: Dataset) -> list[Macros]:
    """The groups of each frame; shared ones stand in where a frame has none of its own."""
    shared = data.get("SharedFunctionalGroupsSequence")
    common = _macros(shared[0]) if shared else {}
    return [{**common, **_macros(group)} for group in data.PerFrameFunctionalGroupsSequence]


def frames_of(groups: Iterable[Macros], file_type: Sequence[str]) -> tuple[Frame, ...]:
    """One Frame per entry of :func:`functional_groups`; ``file_type`` is the ImageType of the whole file."""
    return tuple(_frame(index, macros, tuple(file_type)) for index, macros in enumerate(groups))


def facts_of(groups: Sequence[Macros]) -> dict[str, Any]:
    """Header facts that enhanced files keep one level down, from the groups of the first frame."""
    facts: dict[str, Any] = {}
    for values in groups[0].values() if groups else ():
        for name, value in values.items():
            keyword = _RENAMED_FACTS.get(name, name)
            if keyword in HEADER_FACTS:
                facts.setdefault(keyword, value)
    return facts


def _macros(group: Dataset) -> dict[str, Values]:
    sequences = (element for element in group if element.VR == "SQ" and element.value)
    return {element.keyword: plain_elements(element.value[0]) for element in sequences}


def _frame(index: int, macros: Macros, file_type: tuple[str, ...]) -> Frame:
    def value(sequence: str, attribute: str) -> Any:
        return macros.get(sequence, {}).get(attribute)

    types = (value(sequence, "FrameType") for sequence in _FRAME_TYPES)
    frame_type = tuple(str(word) for word in next((found for found in types if found), file_type))
    keys = {
        key: tuple(found) if isinstance(found, list) else found
        for key, (sequence, attribute) in _KEY_SOURCES.items()
        if (found := value(sequence, attribute)) is not None
    }
    rescale = "PixelValueTransformationSequence"
    return Frame(
        index=index,
        position=numbers(value("PlanePositionSequence", "ImagePositionPatient"), 3),
        orientation=numbers(value("PlaneOrientationSequence", "ImageOrientationPatient"), 6),
        pixel_spacing_mm=numbers(value("PixelMeasuresSequence", "PixelSpacing"), 2),
        thickness_mm=number(value("PixelMeasuresSequence", "SliceThickness")),
        slope=first_number(value(rescale, "RescaleSlope"), 1.0),
        intercept=first_number(value(rescale, "RescaleIntercept"), 0.0),
        has_rescale=value(rescale, "RescaleSlope") is not None,
        rescale_type=str(value(rescale, "RescaleType") or ""),
        image_type=frame_type,
        keys=keys | {"ImageType": frame_type},
    )
