"""What of the scene fits an input, and what is wrong with what was chosen."""

from __future__ import annotations

from typing import Any

from abdominal_oncology.panels.text import tr


def volumes_of(modality: str) -> list[Any]:
    """Volume nodes with voxels, label maps aside: those that say ``modality``, or else those that do not say any."""
    import slicer

    nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
    images = [node for node in nodes if not node.IsA("vtkMRMLLabelMapVolumeNode") and node.GetImageData() is not None]
    said = {node.GetID(): modality_told(node) for node in images}
    fitting = [node for node in images if said[node.GetID()] == modality]
    return fitting or [node for node in images if not said[node.GetID()]]


def first_volume(modality: str) -> Any:
    """The volume that a person looks at if it fits, else the first that does, else None."""
    import slicer

    fitting = volumes_of(modality)
    manager = slicer.app.layoutManager()
    red = manager.sliceWidget("Red") if manager is not None else None
    shown = red.sliceLogic().GetBackgroundLayer().GetVolumeNode() if red is not None else None
    if shown is not None and any(node is shown for node in fitting):
        return shown
    return fitting[0] if fitting else None


def modality_told(node: Any) -> str:
    """CT, MR … as the node or its place in the subject hierarchy tells; "" where nothing does."""
    from abdominal_oncology.scene.provenance import modality_of

    told = str(modality_of(node))
    return "" if told == "OTHER" and not node.GetAttribute("DICOM.Modality") else told


def volume_trouble(node: Any, what: str) -> str:
    """ "" for a volume with voxels; else what to do, ``what`` naming it ("the T2 volume")."""
    if node is None:
        return tr("Choose {what} first.").format(what=what)
    if node.GetImageData() is None:
        return tr("{name} has no voxels: choose another volume, or load it again.").format(name=node.GetName())
    return ""
