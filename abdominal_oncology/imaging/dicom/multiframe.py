"""Enhanced multi-frame CT and MR: one file, many pictures, each with its own place and rescale (PS3.3 C.7.6.16)."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from abdominal_oncology.imaging.dicom.facts import HEADER_FACTS, plain_value
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


def functional_group_frames(data: Dataset) -> tuple[Frame, ...]:
    """One Frame per item of the per-frame functional groups; shared groups stand in where a frame has none."""
    shared = _first_item(data, "SharedFunctionalGroupsSequence")
    file_type = tuple(str(part) for part in (data.get("ImageType") or ()))
    return tuple(
        _frame(index, group, shared, file_type) for index, group in enumerate(data.PerFrameFunctionalGroupsSequence)
    )


def functional_group_facts(data: Dataset) -> dict[str, Any]:
    """Header facts that enhanced files keep one level down, in the shared groups or those of the first frame."""
    facts: dict[str, Any] = {}
    groups = [_first_item(data, "SharedFunctionalGroupsSequence"), data.PerFrameFunctionalGroupsSequence[0]]
    for group in groups:
        for sequence in group:
            if sequence.VR != "SQ" or not sequence.value:
                continue
            for element in sequence.value[0]:
                keyword = _RENAMED_FACTS.get(element.keyword, element.keyword)
                value = plain_value(element.value) if keyword in HEADER_FACTS else None
                if value is not None:
                    facts.setdefault(keyword, value)
    return facts


def _frame(index: int, group: Dataset, shared: Dataset, file_type: tuple[str, ...]) -> Frame:
    def macro(name: str) -> Dataset:
        own = _first_item(group, name)
        return own if len(own) else _first_item(shared, name)

    measures, values = macro("PixelMeasuresSequence"), macro("PixelValueTransformationSequence")
    frame_type = next((kind for name in _FRAME_TYPES if (kind := macro(name).get("FrameType"))), file_type)
    keys = {
        key: tuple(plain) if isinstance(plain, list) else plain
        for key, (sequence, attribute) in _KEY_SOURCES.items()
        if (plain := plain_value(macro(sequence).get(attribute))) is not None
    }
    return Frame(
        index=index,
        position=numbers(macro("PlanePositionSequence").get("ImagePositionPatient"), 3),
        orientation=numbers(macro("PlaneOrientationSequence").get("ImageOrientationPatient"), 6),
        pixel_spacing_mm=numbers(measures.get("PixelSpacing"), 2),
        thickness_mm=number(measures.get("SliceThickness")),
        slope=first_number(values.get("RescaleSlope"), 1.0),
        intercept=first_number(values.get("RescaleIntercept"), 0.0),
        has_rescale="RescaleSlope" in values,
        rescale_type=str(values.get("RescaleType") or ""),
        image_type=tuple(str(part) for part in frame_type),
        keys=keys | {"ImageType": tuple(str(part) for part in frame_type)},
    )


def _first_item(data: Dataset, sequence: str) -> Dataset:
    items = data.get(sequence)
    return items[0] if items else Dataset()
