"""The class-activation map over the slice views, on or off."""

from __future__ import annotations

from typing import Any


class Overlay:
    """Shows one map at a time; takes only its own away again."""

    def __init__(self) -> None:
        self._shown: Any = None

    def show(self, node: Any, opacity: float) -> None:
        """``node`` None: nothing of ours over the slices."""
        import slicer

        if node is None:
            if self._is_seen():
                slicer.util.setSliceViewerLayers(foreground=None, foregroundOpacity=0.0)
            self._shown = None
            return
        slicer.util.setSliceViewerLayers(foreground=node, foregroundOpacity=opacity)
        self._shown = node

    def _is_seen(self) -> bool:
        """A person may have put something else there."""
        import slicer

        if self._shown is None or self._shown.GetScene() is None:
            return False
        composites = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        return any(each.GetForegroundVolumeID() == self._shown.GetID() for each in composites)
