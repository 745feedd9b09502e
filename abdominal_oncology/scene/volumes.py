"""Volume nodes ↔ Images."""

from __future__ import annotations

from abdominal_oncology.errors import SceneError
from abdominal_oncology.imaging.image import Image, ImageWarning, Modality
from abdominal_oncology.imaging.reader import ArrayReader, SliceReader
from abdominal_oncology.scene.grids import geometry_of_volume_node, ijk_to_ras, matrix_to_vtk
from abdominal_oncology.scene.headless import boot
from abdominal_oncology.scene.hierarchy import item_of, place_beside
from abdominal_oncology.scene.nodes import Node, describe, require_node
from abdominal_oncology.scene.provenance import modality_of, read_provenance, source_of, write_provenance
from abdominal_oncology.scene.sequences import browser_of, refuse_sequence
from abdominal_oncology.scene.voxels import image_from, voxels_of

_SOURCE_ROLE = "AbdominalOncology.Source"
_CT_WINDOW_LEVEL = (400.0, 40.0)


def image_from_volume_node(node: Node, *, modality: Modality | str | None = None, copy: bool = False) -> Image:
    """The Image in a volume node, in world coordinates.

    Voxels are a view of the node's own memory (no copy); it stays readable when the node is deleted, and shows edits
    made to the same voxels later. Ask for ``copy`` when others may edit while you compute.

    Linear parent transforms become part of the geometry; a sheared or non-linear one is refused, because turning it
    into a straight grid means resampling, which is the user's decision. ``modality`` overrides what the node says.
    """
    refuse_sequence(node)
    require_node(node, "vtkMRMLVolumeNode", "volume")
    geometry = geometry_of_volume_node(node)
    voxels = voxels_of(node.GetImageData(), describe(node))
    history, warnings = read_provenance(node)
    browser = browser_of(node)
    if browser is not None:  # the voxels change under us when somebody plays the sequence
        frame = browser.GetSelectedItemNumber() + 1
        message = f"one frame ({frame} of {browser.GetNumberOfItems()}) of the sequence {browser.GetName()}"
        warnings = (*warnings, ImageWarning("sequence-frame", message))
    found = Modality(modality) if modality is not None else modality_of(node)
    if found is Modality.MASK and voxels.dtype.kind == "f":
        raise SceneError(
            "the label map holds fractions", where=describe(node), remedy="convert it to an integer scalar type first"
        )
    if copy or browser is not None:
        voxels = voxels.copy()
    return Image(voxels, geometry, found, source_of(node, geometry.shape[0]), history, warnings)


def reader_from_volume_node(node: Node, *, modality: Modality | str | None = None) -> SliceReader:
    """A SliceReader over a node: slices come out of the node's memory, the rest is not touched."""
    return ArrayReader(image_from_volume_node(node, modality=modality))


def volume_node_from_image(
    image: Image, name: str, *, beside: Node = None, window_level: tuple[float, float] | None = None
) -> Node:
    """A new volume node (a label map node for a mask) with a copy of the voxels.

    With ``beside`` it stands next to that node in the subject hierarchy and refers to it as its source. What the Image
    knows of its origin and history goes along as attributes and comes back with :func:`image_from_volume_node`.
    ``window_level`` (width, middle) is how it is shown; without it Slicer looks at every voxel, but for CT.
    """
    if beside is not None:
        require_node(beside, "vtkMRMLNode", "source node")
    scene = boot()
    kind = "vtkMRMLLabelMapVolumeNode" if image.is_mask else "vtkMRMLScalarVolumeNode"
    node = scene.AddNewNodeByClass(kind, name)
    window_level = window_level or (_CT_WINDOW_LEVEL if image.modality is Modality.CT else None)
    if window_level is not None and not image.is_mask:
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.AutoWindowLevelOff()  # before there are voxels to look at
        display.SetWindowLevel(*window_level)
    fill_volume_node(node, image)
    node.CreateDefaultDisplayNodes()
    if image.is_mask:
        node.GetDisplayNode().SetAndObserveColorNodeID("vtkMRMLColorTableNodeFileGenericColors.txt")
    if beside is None:
        item_of(node)
    else:
        place_beside(node, beside)
        set_source_node(node, beside)
    return node


def fill_volume_node(node: Node, image: Image) -> None:
    """Replace voxels, grid and provenance of an existing volume node; its name and place stay, its transform goes.

    Label values are whole numbers; a boolean mask is stored as 0 and 1.
    """
    require_node(node, "vtkMRMLVolumeNode", "volume")
    if image.is_mask != bool(node.IsA("vtkMRMLLabelMapVolumeNode")):
        raise SceneError(
            "masks belong in label map nodes and images in scalar volume nodes",
            where=describe(node),
            remedy="choose a node of the other kind",
        )
    node.SetAndObserveTransformNodeID(None)
    node.SetIJKToRASMatrix(matrix_to_vtk(ijk_to_ras(image.geometry)))
    node.SetAndObserveImageData(image_from(image.voxels))
    write_provenance(node, image)


def set_source_node(node: Node, source: Node) -> None:
    """Let a result say what it was made from; the scene keeps it when it is saved."""
    require_node(source, "vtkMRMLNode", "source node")
    require_node(node, "vtkMRMLNode", "node").SetNodeReferenceID(_SOURCE_ROLE, source.GetID())


def source_node_of(node: Node) -> Node | None:
    """The node a result was made from, or None when it is unknown or gone."""
    return require_node(node, "vtkMRMLNode", "node").GetNodeReference(_SOURCE_ROLE)
