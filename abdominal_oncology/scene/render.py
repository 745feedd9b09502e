"""Pictures of slices without a screen and without OpenGL, cut by Slicer's own slice logic.

Everything is drawn in a private scene that borrows the voxels: neither the user's scene nor the application's layout
is touched. Segments are laid over the slice from their own voxels. It needs no display, no graphics driver and no
window, so it works on a bare server and inside the application alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray
from vtk.util import numpy_support

from abdominal_oncology.errors import EmptyMaskError, InvalidInputError, SceneError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.scene.grids import geometry_from_ijk_to_ras, ijk_to_ras, matrix_from_vtk, matrix_to_vtk
from abdominal_oncology.scene.headless import boot
from abdominal_oncology.scene.nodes import Node
from abdominal_oncology.scene.pictures import Picture
from abdominal_oncology.scene.segment_masks import in_world, mask_from_segment, on_grid, own_voxels
from abdominal_oncology.scene.segments import SegmentInfo, find_segment, segments
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

    def __post_init__(self) -> None:
        if not 0 <= self.fill <= 1 or self.line_pixels < 1:
            raise InvalidInputError("an overlay needs a fill of 0 … 1 and lines of at least one pixel")


class SliceRenderer:
    """Draws slices. Making one costs milliseconds, a picture ten to fifty; use it for many.

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
        self._logic = slicer.vtkMRMLSliceLogic()
        self._logic.SetMRMLApplicationLogic(self._application)
        self._logic.SetMRMLScene(self._scene)
        self._slice = self._logic.AddSliceNode("Picture")
        self._volume: Any = None
        self._grid = Geometry((1, 1, 1))
        self._overlay: Overlay | None = None
        self._masks: list[tuple[SegmentInfo, Image]] = []

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
        masks = _masks_of(overlay, image.geometry) if overlay is not None else []
        self._remove_contents()
        node = self._scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        node.SetIJKToRASMatrix(matrix_to_vtk(ijk_to_ras(image.geometry)))
        node.SetAndObserveImageData(image_from(image.voxels))
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetAndObserveColorNodeID(self._grey.GetID())
        display.AutoWindowLevelOff()
        display.SetWindowLevel(high - low, (high + low) / 2)
        self._logic.GetSliceCompositeNode().SetBackgroundVolumeID(node.GetID())
        self._volume, self._grid, self._overlay, self._masks = node, image.geometry, overlay, masks

    def picture(self, plane: str = "axial", position_mm: float | None = None) -> Picture:
        """The slice at an LPS position along the plane's normal (axial z, coronal y, sagittal x; default: centre).

        ``"native"`` is the plane of the volume's own slices; its position is measured from the volume's centre along
        :attr:`Geometry.normal <abdominal_oncology.imaging.geometry.Geometry.normal>`.
        """
        if self._volume is None:
            raise InvalidInputError("there is nothing to draw yet", remedy="call show() first")
        point = np.asarray(self._grid.centre_mm)
        if plane == "native":
            self._slice.RotateToVolumePlane(self._volume)
            point = point + (position_mm or 0.0) * np.asarray(self._grid.normal)
        elif plane in _ORIENTATIONS:
            orientation, axis = _ORIENTATIONS[plane]
            self._slice.SetOrientation(orientation)
            point[axis] = point[axis] if position_mm is None else position_mm
        else:
            names = ", ".join((*_ORIENTATIONS, "native"))
            raise InvalidInputError(f"no plane is called {plane!r}", remedy=f"use one of {names}")
        self._logic.ResizeSliceNode(*self._size)
        self._logic.FitSliceToBackground(*self._size)
        self._slice.JumpSliceByOffsetting(-point[0], -point[1], point[2])
        canvas = self._cut()
        if self._overlay is not None:
            self._draw_masks(canvas, self._overlay)
        picture: Picture = np.clip(np.rint(canvas), 0, 255).astype(np.uint8)[::-1]
        return picture

    def close(self) -> None:
        """Free what is drawn. A ``with`` block does it."""
        self._remove_contents()

    def __enter__(self) -> SliceRenderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _cut(self) -> NDArray[np.float32]:
        """The grey slice on black, bottom row first."""
        producer = self._logic.GetImageDataConnection().GetProducer()
        producer.Update()
        image = producer.GetOutput()
        width, height, _ = image.GetDimensions()
        pixels = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars())
        pixels = pixels.reshape(height, width, -1).astype(np.float32)
        grey: NDArray[np.float32] = pixels[..., :3] * (pixels[..., 3:] / 255 if pixels.shape[2] == 4 else 1.0)
        return grey

    def _draw_masks(self, canvas: NDArray[np.float32], overlay: Overlay) -> None:
        from scipy import ndimage  # a panel opens without scipy

        height, width, _ = canvas.shape
        sheet = geometry_from_ijk_to_ras((1, height, width), matrix_from_vtk(self._slice.GetXYToRAS()))
        for info, mask in self._masks:
            window = _window_on(sheet, mask.geometry, margin=overlay.line_pixels + 1)
            if window is None:
                continue
            rows, columns = window
            part = sheet.crop((0, rows.start, columns.start), (1, rows.stop, columns.stop))
            inside = on_grid(mask, part)[0] != 0
            colour, pixels = np.asarray(info.colour, np.float32), canvas[rows, columns]
            if overlay.fill:
                pixels[inside] = (1 - overlay.fill) * pixels[inside] + overlay.fill * colour
            if overlay.outline:
                core = ndimage.binary_erosion(inside, iterations=overlay.line_pixels, border_value=1)
                pixels[inside & ~core] = colour

    def _remove_contents(self) -> None:
        self._logic.GetSliceCompositeNode().SetBackgroundVolumeID(None)
        if self._volume is not None:
            display = self._volume.GetDisplayNode()
            self._scene.RemoveNode(self._volume)
            self._scene.RemoveNode(display)
        self._volume, self._overlay, self._masks = None, None, []


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


def _masks_of(overlay: Overlay, grid: Geometry) -> list[tuple[SegmentInfo, Image]]:
    """The segments of an overlay as masks in world coordinates; empty ones are left out."""
    chosen = [find_segment(overlay.node, name) for name in overlay.segments] or list(segments(overlay.node))
    masks = []
    for info in chosen:
        try:
            masks.append((info, _mask_of(overlay.node, info, grid)))
        except EmptyMaskError:
            continue
    return masks


def _mask_of(node: Node, info: SegmentInfo, grid: Geometry) -> Image:
    if node.GetSegmentation().GetSegment(info.id).GetRepresentation("Binary labelmap") is None:
        return mask_from_segment(node, info.id, grid)
    try:
        return in_world(own_voxels(node, info.id, info.name), node)
    except SceneError:  # a sheared or bent segmentation has no grid of its own: take the volume's
        return mask_from_segment(node, info.id, grid)


def _window_on(sheet: Geometry, mask: Geometry, margin: int) -> tuple[slice, slice] | None:
    """Rows and columns of the one-slice grid ``sheet`` within which it may cut the box of ``mask``, or None."""
    corners = sheet.to_index(mask.corners_mm())
    if corners[:, 0].min() > 0 or corners[:, 0].max() < 0:
        return None
    low = np.maximum(np.floor(corners[:, 1:].min(0)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(corners[:, 1:].max(0)).astype(int) + margin + 1, sheet.shape[1:])
    return (slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))) if (high > low).all() else None


def _window_of(image: Image) -> tuple[float, float]:
    if image.modality is Modality.CT:
        return _CT_WINDOW_HU
    step = max(1, round((image.voxels.size / 1e6) ** (1 / 3)))  # a million voxels tell the range
    sample = image.voxels[::step, ::step, ::step]
    low, high = (float(value) for value in np.percentile(sample, (0.5, 99.5)))
    return (low, high) if high > low else (low - 0.5, low + 0.5)
