"""The slice views: which volume they show, and where."""

from __future__ import annotations

from typing import Any


def show_volume(volume: Any) -> None:
    """Show a volume in all slice views; they are fitted to it only where they showed another."""
    import slicer

    red = slicer.app.layoutManager().sliceWidget("Red")
    shown = red is not None and red.sliceLogic().GetBackgroundLayer().GetVolumeNode()
    slicer.util.setSliceViewerLayers(background=volume, fit=shown is not volume)


def jump_to_slice(volume: Any, k: float) -> None:
    """Show the middle of slice ``k`` of a volume in all slice views."""
    from abdominal_oncology.scene.grids import geometry_of_volume_node

    grid = geometry_of_volume_node(volume)
    x, y, z = (float(part) for part in grid.to_world((k, (grid.shape[1] - 1) / 2, (grid.shape[2] - 1) / 2)))
    show_volume(volume)
    jump_to_ras(-x, -y, z)


def jump_to_ras(right_mm: float, anterior_mm: float, superior_mm: float) -> None:
    """Centre all slice views on a place in the patient."""
    import slicer

    for node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        node.JumpSliceByCentering(right_mm, anterior_mm, superior_mm)
