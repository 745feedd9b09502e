"""Pictures of slices without a screen, drawn by Slicer's own slice logic and segmentation display.

Everything is drawn in a private scene that borrows the voxels and segments: neither the user's scene nor the
application's layout is touched, and it works the same with and without a display (VTK falls back to software OpenGL).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import slicer
import vtk

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.scene.grids import ijk_to_ras, matrix_to_vtk, parent_to_world
from abdominal_oncology.scene.headless import boot
from abdominal_oncology.scene.nodes import Node
from abdominal_oncology.scene.pictures import Picture, grab, offscreen_window
from abdominal_oncology.scene.segments import find_segment, segmentation_of
from abdominal_oncology.scene.volumes import image_from_volume_node
from abdominal_oncology.scene.voxels import image_from

_ORIENTATIONS = {"axial": ("Axial", 2), "coronal": ("Coronal", 1), "sagittal": ("Sagittal", 0)}
_CT_WINDOW_HU = (-160.0, 240.0)


@dataclass(frozen=True)
class Overlay:
    """Segments drawn over a slice: those named (none: all), as outlines, filled with an opacity 0 … 1, or both."""

    node: Node
    segments: tuple[str, ...] = ()
    outline: bool = True
    fill: float = 0.25
    line_pixels: int = 2


class SliceRenderer:
    """An offscreen slice view. Making one costs tens of milliseconds, a picture about fifteen; use it for many.

    ::

        with SliceRenderer(512, 512) as renderer:
            renderer.show(volume_node, Overlay(segmentation_node), window=(-160, 240))
            picture = renderer.picture("axial", position_mm=-120.0)
    """

    def __init__(self, width: int = 512, height: int = 512) -> None:
        if min(width, height) < 16:
            raise InvalidInputError(f"a picture of {width} × {height} pixels shows nothing", remedy="use 16 or more")
        boot()
        self._size = (int(width), int(height))
        self._scene = slicer.vtkMRMLScene()
        self._application = slicer.vtkMRMLApplicationLogic()
        self._application.SetMRMLScene(self._scene)
        self._application.SetSliceLogics(vtk.vtkCollection())
        self._application.SetViewLogics(vtk.vtkCollection())
        slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(self._scene, True)
        self._grey = slicer.vtkMRMLColorTableNode()
        self._grey.SetTypeToGrey()
        self._scene.AddNode(self._grey)
        self._window, self._mapper = self._make_window()
        self._logic = slicer.vtkMRMLSliceLogic()
        self._logic.SetMRMLApplicationLogic(self._application)
        self._logic.SetMRMLScene(self._scene)
        self._slice = self._logic.AddSliceNode("Picture")
        self._managers = self._displayable_managers()
        self._volume: Any = None
        self._centre_lps = np.zeros(3)

    def show(
        self, volume: Node | Image, overlay: Overlay | None = None, window: tuple[float, float] | None = None
    ) -> None:
        """Choose what is drawn: a volume (node or Image), segments over it, and the grey range (low, high).

        Without ``window``: soft tissue (−160 … 240 HU) for CT, the middle 99 % of the values for anything else.
        """
        image = volume if isinstance(volume, Image) else image_from_volume_node(volume)
        low, high = window or _window_of(image)
        if not high > low:
            raise InvalidInputError(f"the grey range {low} … {high} is empty", remedy="give (low, high), low < high")
        self._remove_contents()
        node = self._scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        node.SetIJKToRASMatrix(matrix_to_vtk(ijk_to_ras(image.geometry)))
        node.SetAndObserveImageData(image_from(image.voxels))
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetAndObserveColorNodeID(self._grey.GetID())
        display.AutoWindowLevelOff()
        display.SetWindowLevel(high - low, (high + low) / 2)
        self._volume = node
        self._centre_lps = np.asarray(image.geometry.centre_mm)
        if overlay is not None:
            self._add_overlay(overlay)
        self._logic.GetSliceCompositeNode().SetBackgroundVolumeID(node.GetID())

    def picture(self, plane: str = "axial", position_mm: float | None = None) -> Picture:
        """The slice at an LPS position along the plane's normal (axial z, coronal y, sagittal x; default: centre)."""
        if self._volume is None:
            raise InvalidInputError("there is nothing to draw yet", remedy="call show() first")
        if plane not in _ORIENTATIONS:
            raise InvalidInputError(f"no plane is called {plane!r}", remedy=f"use one of {', '.join(_ORIENTATIONS)}")
        orientation, axis = _ORIENTATIONS[plane]
        point = self._centre_lps.copy()
        if position_mm is not None:
            point[axis] = position_mm
        self._slice.SetOrientation(orientation)
        self._logic.ResizeSliceNode(*self._size)
        self._logic.FitSliceToBackground(*self._size)
        self._slice.JumpSliceByOffsetting(-point[0], -point[1], point[2])
        self._mapper.SetInputConnection(self._logic.GetImageDataConnection())
        return grab(self._window)

    def close(self) -> None:
        """Free the view. A ``with`` block does it."""
        if self._window is None:
            return
        self._remove_contents()
        self._managers.SetMRMLDisplayableNode(None)
        self._scene.Clear(True)
        self._window.Finalize()
        self._window = None

    def __enter__(self) -> SliceRenderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _add_overlay(self, overlay: Overlay) -> None:
        shown = {find_segment(overlay.node, name).id for name in overlay.segments}
        node = self._scene.AddNewNodeByClass("vtkMRMLSegmentationNode")
        copy = slicer.vtkSegmentation()
        copy.DeepCopy(segmentation_of(overlay.node))  # the display may add representations; the user's stay as they are
        node.SetAndObserveSegmentation(copy)
        if not np.allclose(parent_to_world(overlay.node), np.eye(4)):
            transform = self._scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
            transform.SetMatrixTransformToParent(matrix_to_vtk(parent_to_world(overlay.node)))
            node.SetAndObserveTransformNodeID(transform.GetID())
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetVisibility2DOutline(overlay.outline)
        display.SetVisibility2DFill(overlay.fill > 0)
        display.SetOpacity2DFill(float(overlay.fill))
        display.SetSliceIntersectionThickness(int(overlay.line_pixels))
        for segment_id in copy.GetSegmentIDs():
            display.SetSegmentVisibility(segment_id, not shown or segment_id in shown)

    def _remove_contents(self) -> None:
        self._logic.GetSliceCompositeNode().SetBackgroundVolumeID(None)
        for kind in ("vtkMRMLVolumeNode", "vtkMRMLSegmentationNode", "vtkMRMLTransformNode", "vtkMRMLDisplayNode"):
            nodes = self._scene.GetNodesByClass(kind)
            nodes.UnRegister(None)
            for index in range(nodes.GetNumberOfItems()):
                self._scene.RemoveNode(nodes.GetItemAsObject(index))
        self._volume = None

    def _make_window(self) -> tuple[Any, Any]:
        window = offscreen_window(*self._size)
        mapper = vtk.vtkImageMapper()
        mapper.SetColorWindow(255.0)
        mapper.SetColorLevel(127.5)
        actor = vtk.vtkActor2D()
        actor.SetMapper(mapper)
        actor.GetProperty().SetDisplayLocationToBackground()
        window.GetRenderers().GetFirstRenderer().AddViewProp(actor)
        return window, mapper

    def _displayable_managers(self) -> Any:
        factory = slicer.vtkMRMLDisplayableManagerFactory()  # the slice view one is a singleton the application owns
        factory.SetMRMLApplicationLogic(self._application)
        factory.RegisterDisplayableManager("vtkMRMLSegmentationsDisplayableManager2D")
        group = slicer.vtkMRMLDisplayableManagerGroup()
        group.Initialize(factory, self._window.GetRenderers().GetFirstRenderer())
        group.SetMRMLDisplayableNode(self._slice)
        return group


def slice_picture(
    volume: Node | Image,
    plane: str = "axial",
    position_mm: float | None = None,
    *,
    overlay: Overlay | None = None,
    window: tuple[float, float] | None = None,
    size: tuple[int, int] = (512, 512),
) -> Picture:
    """One picture; see :class:`SliceRenderer`, which is the cheaper way to many. ``size`` is (width, height)."""
    with SliceRenderer(*size) as renderer:
        renderer.show(volume, overlay, window)
        return renderer.picture(plane, position_mm)


def _window_of(image: Image) -> tuple[float, float]:
    if image.modality is Modality.CT:
        return _CT_WINDOW_HU
    step = max(1, round((image.voxels.size / 1e6) ** (1 / 3)))  # a million voxels tell the range
    sample = image.voxels[::step, ::step, ::step]
    low, high = (float(value) for value in np.percentile(sample, (0.5, 99.5)))
    return (low, high) if high > low else (low - 0.5, low + 0.5)
