"""Markups ROI nodes ↔ boxes around rectum and tumour."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import MissingInputError
from abdominal_oncology.imaging.geometry import Vector
from abdominal_oncology.rectal.box import Box
from abdominal_oncology.scene.grids import matrix_to_vtk
from abdominal_oncology.scene.nodes import Node, describe, require_node

Floats = NDArray[np.float64]

_ROI = "vtkMRMLMarkupsROINode"
_RAS = np.array([-1.0, -1.0, 1.0])


def box_from_roi_node(node: Node) -> Box:
    """Where a ROI lies in the world. One that nobody has placed is a MissingInputError, one of size 0 an empty mask."""
    require_node(node, _ROI, "ROI")
    if node.GetNumberOfControlPoints() < 1:
        raise MissingInputError("the ROI is not placed", where=describe(node), remedy="place it around the rectum")
    x, y, z = (_RAS * _asked(get) for get in (node.GetXAxisWorld, node.GetYAxisWorld, node.GetZAxisWorld))
    centre, size = _RAS * _asked(node.GetCenterWorld), _asked(node.GetSizeWorld)
    return Box(_vector(centre), _vector(size), (_vector(x), _vector(y), _vector(z)))


def fill_roi_node(node: Node, box: Box) -> None:
    """Move a ROI onto a box; a transform above it is taken off, because the box is in world coordinates."""
    require_node(node, _ROI, "ROI")
    matrix = np.eye(4)
    matrix[:3, :3] = (np.asarray(box.axes) * _RAS).T
    if np.linalg.det(matrix[:3, :3]) < 0:  # a box looks the same from both ends; Slicer wants a right-handed one
        matrix[:3, 0] *= -1
    matrix[:3, 3] = _RAS * box.centre_mm
    node.SetAndObserveTransformNodeID(None)
    node.SetAndObserveObjectToNodeMatrix(matrix_to_vtk(matrix))
    node.SetSize(list(box.size_mm))
    node.SetCenter([float(each) for each in matrix[:3, 3]])


def _asked(get: Callable[[list[float]], object]) -> Floats:
    """Three numbers that VTK writes into a list."""
    values = [0.0, 0.0, 0.0]
    get(values)
    return np.array(values)


def _vector(values: Floats) -> Vector:
    return (float(values[0]), float(values[1]), float(values[2]))
