"""Where a volume node's voxels came from: DICOM facts the node or its place carries, and ours written as attributes."""

from __future__ import annotations

from typing import Any

import slicer

from abdominal_oncology.imaging.image import Image, ImageWarning, Modality, Source, Step
from abdominal_oncology.scene.attributes import fact, set_fact
from abdominal_oncology.scene.grids import is_right_handed
from abdominal_oncology.scene.header_facts import header_of
from abdominal_oncology.scene.hierarchy import place_of
from abdominal_oncology.scene.nodes import Node

_INSTANCES = "DICOM.instanceUIDs"  # the name and the blanks between UIDs are Slicer's
_HOUNSFIELD = ("112031", "DCM", "Attenuation Coefficient"), ("[hnsf'U]", "UCUM", "Hounsfield unit")


def write_provenance(node: Node, image: Image) -> None:
    """Modality, source, history and warnings as facts; DICOM UIDs also where Slicer looks for them."""
    source = image.source
    set_fact(node, "Modality", str(image.modality))
    set_fact(node, "History", [[step.operation, _plain(step.parameters)] for step in image.history])
    set_fact(node, "Warnings", [[warning.code, warning.message] for warning in image.warnings])
    set_fact(
        node,
        "Source",
        {
            "path": source.path,
            "patient_id": source.patient_id,
            "study_uid": source.study_uid,
            "series_uid": source.series_uid,
            "frame_of_reference_uid": source.frame_of_reference_uid,
            "instance_uids": list(source.instance_uids),
            "right_handed": is_right_handed(node),
            "header": _plain(source.header),
        },
    )
    if source.instance_uids and not image.history:  # a computed volume must not pass for the series itself
        node.SetAttribute(_INSTANCES, " ".join(source.instance_uids))
    else:
        node.RemoveAttribute(_INSTANCES)
    if image.modality is Modality.CT:
        quantity, unit = (_coded(*entry) for entry in _HOUNSFIELD)
        node.SetVoxelValueQuantity(quantity)
        node.SetVoxelValueUnits(unit)


def read_provenance(node: Node) -> tuple[tuple[Step, ...], tuple[ImageWarning, ...]]:
    """History and warnings that were written with a node, or nothing."""
    history = tuple(Step(operation, parameters) for operation, parameters in fact(node, "History", []))
    warnings = tuple(ImageWarning(code, message) for code, message in fact(node, "Warnings", []))
    return history, warnings


def modality_of(node: Node) -> Modality:
    """What a node's numbers mean, from the surest witness to the least sure.

    A label map is a mask; then our own fact, then the DICOM modality in the subject hierarchy, then the unit of the
    voxels (Hounsfield). A volume that says nothing is OTHER: guessing from the numbers is not this layer's business.
    """
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        return Modality.MASK
    said = fact(node, "Modality") or place_of(node).modality or node.GetAttribute("DICOM.Modality")
    if said:
        return Modality(str(said))
    unit = node.GetVoxelValueUnits() if hasattr(node, "GetVoxelValueUnits") else None
    if unit is not None and unit.GetCodeValue() == _HOUNSFIELD[1][0]:
        return Modality.CT
    return Modality.OTHER


def source_of(node: Node, slices: int) -> Source:
    """Where a node's voxels came from; instance UIDs only when there is one for each slice."""
    ours: dict[str, Any] = fact(node, "Source", {})
    place = place_of(node)
    storage = node.GetStorageNode()
    path = ours.get("path") or (storage.GetFileName() if storage is not None else "") or ""
    instances = tuple(ours.get("instance_uids") or (node.GetAttribute(_INSTANCES) or "").split())
    header = ours.get("header") or header_of(node, instances)
    if ours and ours.get("right_handed") is not is_right_handed(node):
        instances = instances[::-1]  # Slicer turns the slices of a left-handed volume round when it loads a file
    return Source(
        path=str(path),
        patient_id=str(ours.get("patient_id") or place.patient_id),
        study_uid=str(ours.get("study_uid") or place.study_uid),
        series_uid=str(ours.get("series_uid") or place.series_uid),
        frame_of_reference_uid=str(ours.get("frame_of_reference_uid") or header.get("FrameOfReferenceUID") or ""),
        instance_uids=instances if len(instances) == slices else (),
        header=header,
    )


def _coded(code: str, scheme: str, meaning: str) -> Any:
    entry = slicer.vtkCodedEntry()
    entry.SetValueSchemeMeaning(code, scheme, meaning)
    return entry


def _plain(value: Any) -> Any:
    """Mappings, sequences and numpy numbers as JSON can hold them; anything else as its text."""
    if hasattr(value, "items"):
        return {str(key): _plain(each) for key, each in value.items()}
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    return str(value)
