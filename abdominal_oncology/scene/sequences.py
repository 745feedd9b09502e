"""4-D data: sequence nodes hold many volumes; a browser shows one of them through a proxy volume."""

from __future__ import annotations

from abdominal_oncology.errors import SceneError
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.scene.headless import boot
from abdominal_oncology.scene.nodes import Node, describe, require_node


def refuse_sequence(node: Node) -> None:
    """A sequence is not one volume: say so, and what to do."""
    if node is None or not hasattr(node, "IsA"):
        return
    if node.IsA("vtkMRMLSequenceNode") or node.IsA("vtkMRMLSequenceBrowserNode"):
        count = node.GetNumberOfDataNodes() if node.IsA("vtkMRMLSequenceNode") else node.GetNumberOfItems()
        raise SceneError(
            f"this is a 4-D sequence of {count} volumes, not one volume",
            where=describe(node),
            remedy="choose the volume that its browser shows, after selecting the frame wanted",
        )
    if node.IsA("vtkMRMLMultiVolumeNode"):
        raise SceneError(
            "this is a multi-volume, not one volume", where=describe(node), remedy="load it as a volume sequence"
        )


def browser_of(node: Node) -> Node | None:
    """The sequence browser that drives a volume, or None."""
    browsers = boot().GetNodesByClass("vtkMRMLSequenceBrowserNode")
    browsers.UnRegister(None)
    for index in range(browsers.GetNumberOfItems()):
        browser = browsers.GetItemAsObject(index)
        if browser.IsProxyNode(node.GetID()) and browser.GetNumberOfItems() > 1:
            return browser
    return None


def images_from_sequence(node: Node) -> dict[str, Image]:
    """Every volume of a sequence node, by its index value (``"0"``, ``"35.2"`` …), in order."""
    from abdominal_oncology.scene.volumes import image_from_volume_node

    require_node(node, "vtkMRMLSequenceNode", "sequence")
    if node.GetNumberOfDataNodes() == 0:
        raise SceneError("the sequence is empty", where=describe(node), remedy="load the series again")
    return {
        node.GetNthIndexValue(frame): image_from_volume_node(node.GetNthDataNode(frame), copy=True)
        for frame in range(node.GetNumberOfDataNodes())
    }
