"""Three-dimensional pictures of segments, without a screen."""

from __future__ import annotations

from collections.abc import Sequence

import slicer
import vtk

from abdominal_oncology.errors import EmptyMaskError
from abdominal_oncology.scene.nodes import Node, describe
from abdominal_oncology.scene.pictures import Picture, grab, offscreen_window
from abdominal_oncology.scene.segments import find_segment, segments


def surface_picture(
    node: Node,
    names: Sequence[str] = (),
    *,
    opacities: Sequence[float] = (),
    azimuth_degrees: float = 0.0,
    size: tuple[int, int] = (512, 512),
) -> Picture:
    """The surfaces of segments (those named, or all) seen from the front, turned by an azimuth, in their colours.

    ``opacities`` go with ``names``, 1 where none is given; empty segments are left out.
    """
    chosen = [find_segment(node, name) for name in names] or list(segments(node))
    window = offscreen_window(*size)
    renderer = window.GetRenderers().GetFirstRenderer()
    renderer.SetBackground(1.0, 1.0, 1.0)
    renderer.SetUseDepthPeeling(True)
    window.SetAlphaBitPlanes(1)
    for place, segment in enumerate(chosen):
        surface = vtk.vtkPolyData()
        found = slicer.vtkSlicerSegmentationsModuleLogic.GetSegmentClosedSurfaceRepresentation(
            node, segment.id, surface
        )
        if not found or not surface.GetNumberOfCells():
            continue
        mapper = vtk.vtkPolyDataMapper()
        mapper.SetInputData(surface)
        mapper.ScalarVisibilityOff()
        actor = vtk.vtkActor()
        actor.SetMapper(mapper)
        actor.GetProperty().SetColor(*(part / 255 for part in segment.colour))
        actor.GetProperty().SetOpacity(opacities[place] if place < len(opacities) else 1.0)
        renderer.AddActor(actor)
    if not renderer.GetActors().GetNumberOfItems():
        raise EmptyMaskError("no segment here has a surface", where=describe(node), remedy="choose filled segments")
    camera = renderer.GetActiveCamera()
    camera.SetPosition(0.0, 1.0, 0.0)  # RAS: the viewer stands in front of the patient
    camera.SetFocalPoint(0.0, 0.0, 0.0)
    camera.SetViewUp(0.0, 0.0, 1.0)
    renderer.ResetCamera()
    camera.Azimuth(azimuth_degrees)
    renderer.ResetCameraClippingRange()
    picture = grab(window)
    window.Finalize()
    return picture
