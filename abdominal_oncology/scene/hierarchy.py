"""Where nodes stand in the subject hierarchy: patient → study → volumes, segmentations, tables.

The application makes an item for every node by itself; without Qt nobody does, so every function here makes it when it
is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import slicer

from abdominal_oncology.errors import SceneError
from abdominal_oncology.scene.headless import boot
from abdominal_oncology.scene.nodes import Node, describe, require_node

_DICOM = "DICOM"  # the name under which the hierarchy keeps DICOM UIDs
_PATIENT, _STUDY = "Patient", "Study"


@dataclass(frozen=True)
class Place:
    """What the hierarchy knows of a node's patient, study and series; empty where it knows nothing."""

    patient_id: str = ""
    patient_name: str = ""
    study_uid: str = ""
    study_description: str = ""
    study_date: str = ""
    series_uid: str = ""
    series_number: str = ""
    modality: str = ""


def hierarchy() -> Any:
    """The scene's subject hierarchy node."""
    return slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(boot())


def item_of(node: Node) -> int:
    """The item of a node, made when it is missing (directly under the scene)."""
    require_node(node, "vtkMRMLNode", "node")
    tree = hierarchy()
    item = tree.GetItemByDataNode(node)
    if item == tree.GetInvalidItemID():
        item = tree.CreateItem(tree.GetSceneItemID(), node)
    return int(item)


def place_under(node: Node, parent: int) -> int:
    """Move a node's item under another item."""
    tree, item = hierarchy(), item_of(node)
    if item == parent:
        raise SceneError("a node cannot be placed under itself", where=describe(node))
    tree.SetItemParent(item, parent)
    return item


def place_beside(node: Node, source: Node) -> int:
    """Move a node's item to where ``source`` is: same study, same folder."""
    parent = hierarchy().GetItemParent(item_of(source))
    return place_under(node, int(parent))


def study_item(place: Place) -> int:
    """The study of ``place``, found by its UID (or made, with its patient), as Slicer's DICOM import lays it out."""
    tree = hierarchy()
    study_uid = place.study_uid or f"{place.patient_id or 'anonymous'}.study"
    found = tree.GetItemByUID(_DICOM, study_uid)
    if found != tree.GetInvalidItemID():
        return int(found)
    study = tree.CreateStudyItem(_patient_item(place), place.study_description or "Study")
    tree.SetItemUID(study, _DICOM, study_uid)
    facts = {"StudyInstanceUID": place.study_uid, "StudyDescription": place.study_description}
    _describe_item(study, facts | {"StudyDate": place.study_date})
    return int(study)


def file_series(node: Node, place: Place) -> int:
    """Put a volume into its study and give it its series facts."""
    item = place_under(node, study_item(place))
    if place.series_uid:
        hierarchy().SetItemUID(item, _DICOM, place.series_uid)
    _describe_item(item, {"Modality": place.modality, "SeriesNumber": place.series_number})
    return item


def folder_item(name: str, parent: int) -> int:
    """A folder of that name under an item; the existing one when there is one."""
    tree = hierarchy()
    found = tree.GetItemChildWithName(parent, name)
    return int(found or tree.CreateFolderItem(parent, name))


def place_of(node: Node) -> Place:
    """Patient, study and series of a node, from its item and the items above it. Looks only, makes no item."""
    require_node(node, "vtkMRMLNode", "node")
    tree = hierarchy()
    item = tree.GetItemByDataNode(node) if node.GetScene() is boot() else tree.GetInvalidItemID()
    if item == tree.GetInvalidItemID():
        return Place()
    study = tree.GetItemAncestorAtLevel(item, _STUDY)
    patient = tree.GetItemAncestorAtLevel(item, _PATIENT)

    def read(owner: int, name: str) -> str:
        return str(tree.GetItemAttribute(owner, f"DICOM.{name}") or "") if owner else ""

    return Place(
        patient_id=read(patient, "PatientID"),
        patient_name=read(patient, "PatientName"),
        study_uid=read(study, "StudyInstanceUID") or (str(tree.GetItemUID(study, _DICOM) or "") if study else ""),
        study_description=read(study, "StudyDescription"),
        study_date=read(study, "StudyDate"),
        series_uid=str(tree.GetItemUID(item, _DICOM) or ""),
        series_number=read(item, "SeriesNumber"),
        modality=read(item, "Modality"),
    )


def _patient_item(place: Place) -> int:
    tree = hierarchy()
    patient_uid = place.patient_id or "anonymous"
    found = tree.GetItemByUID(_DICOM, patient_uid)
    if found != tree.GetInvalidItemID():
        return int(found)
    patient = tree.CreateSubjectItem(tree.GetSceneItemID(), place.patient_name or place.patient_id or "Anonymous")
    tree.SetItemUID(patient, _DICOM, patient_uid)
    _describe_item(patient, {"PatientID": place.patient_id, "PatientName": place.patient_name})
    return int(patient)


def _describe_item(item: int, facts: Mapping[str, str]) -> None:
    for name, value in facts.items():
        if value:
            hierarchy().SetItemAttribute(item, f"DICOM.{name}", value)
