"""The class-activation map over the slice views, on or off."""

from __future__ import annotations

from typing import Any


class Overlay:
    """Shows one map at a time. What a person lays over the slices meanwhile stays there until another map, strength or
    choice is wanted."""

    def __init__(self) -> None:
        self._shown: Any = None
        self._opacity = 0.0

    def show(self, node: Any, opacity: float) -> None:
        """``node`` None: nothing of ours over the slices."""
        import slicer

        if node is self._shown and (node is None or opacity == self._opacity):
            return
        if node is not None:
            slicer.util.setSliceViewerLayers(foreground=node, foregroundOpacity=opacity)
        elif self._is_seen():
            slicer.util.setSliceViewerLayers(foreground=None, foregroundOpacity=0.0)
        self._shown, self._opacity = node, opacity

    def _is_seen(self) -> bool:
        """A person may have put something else there."""
        import slicer

        if self._shown is None or self._shown.GetScene() is None:
            return False
        composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        return any(each.GetForegroundVolumeID() == self._shown.GetID() for each in composites)
