"""Geometry (LPS mm, axes k, j, i) ↔ the scene's matrices (RAS mm, axes i, j, k). The only place that flips signs."""

from __future__ import annotations

from typing import Any

import numpy as np
import slicer
import vtk
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError, SceneError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.scene.nodes import Node, describe, require_node

_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def ijk_to_ras(geometry: Geometry) -> NDArray[np.float64]:
    """4 × 4 matrix from (i, j, k, 1) to RAS mm.

    >>> ijk_to_ras(Geometry((2, 2, 2), origin_mm=(10.0, 20.0, 30.0)))[:3, 3].tolist()
    [-10.0, -20.0, 30.0]
    """
    matrix: NDArray[np.float64] = _FLIP @ geometry.affine[:, [2, 1, 0, 3]]
    return matrix


def geometry_from_ijk_to_ras(shape: tuple[int, int, int], matrix: NDArray[np.float64], where: str = "") -> Geometry:
    """The grid of an array (k, j, i) whose (i, j, k) indices ``matrix`` takes to RAS; a sheared one is refused."""
    try:
        return Geometry.from_affine(shape, (_FLIP @ matrix)[:, [2, 1, 0, 3]])
    except InvalidInputError as problem:
        raise SceneError(
            f"the volume does not lie on a straight grid: {problem.problem}",
            where=where,
            remedy="harden its transform, then resample it with the module Resample Scalar Volume",
        ) from problem


def matrix_to_vtk(matrix: NDArray[np.float64]) -> Any:
    """The same 4 × 4 matrix as a vtkMatrix4x4."""
    result = vtk.vtkMatrix4x4()
    result.DeepCopy(np.asarray(matrix, dtype=np.float64).ravel().tolist())
    return result


def matrix_from_vtk(matrix: Any) -> NDArray[np.float64]:
    """A vtkMatrix4x4 as an array."""
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])


def parent_to_world(node: Node) -> NDArray[np.float64]:
    """What the transforms above a node do to its RAS points, as one matrix; a non-linear one is refused."""
    transform = node.GetParentTransformNode()
    if transform is None:
        return np.eye(4)
    if not transform.IsTransformToWorldLinear():
        raise SceneError(
            "the node stands under a non-linear transform, which one grid cannot express",
            where=f"{describe(node)} under {describe(transform)}",
            remedy="harden the transform on it (Transforms module), which resamples the voxels, and try again",
        )
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(matrix)
    return matrix_from_vtk(matrix)


def geometry_of_volume_node(node: Node) -> Geometry:
    """World grid of a volume node: its own matrix with all linear parent transforms applied."""
    require_node(node, "vtkMRMLVolumeNode", "volume")
    image = node.GetImageData()
    if image is None or min(image.GetDimensions()) < 1:
        raise SceneError(
            "the volume has no image data", where=describe(node), remedy="load or paste an image into it first"
        )
    columns, rows, slices = image.GetDimensions()
    first = np.eye(4)
    first[:3, 3] = image.GetExtent()[::2]  # an image may start at an index other than 0
    own = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(own)
    matrix = parent_to_world(node) @ matrix_from_vtk(own) @ first
    return geometry_from_ijk_to_ras((slices, rows, columns), matrix, describe(node))


def is_right_handed(node: Node) -> bool:
    """Whether a volume node's own (i, j, k) axes are right-handed, as Slicer makes them on loading a file."""
    own = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(own)
    return float(own.Determinant()) > 0


def oriented_image(geometry: Geometry) -> Any:
    """An empty vtkOrientedImageData on a grid: the shape segmentation code wants a reference in."""
    image = slicer.vtkOrientedImageData()
    slices, rows, columns = geometry.shape
    image.SetExtent(0, columns - 1, 0, rows - 1, 0, slices - 1)
    image.SetImageToWorldMatrix(matrix_to_vtk(ijk_to_ras(geometry)))
    return image


def geometry_of_oriented_image(image: Any, where: str = "") -> Geometry:
    """The grid of a vtkOrientedImageData."""
    columns, rows, slices = image.GetDimensions()
    first = np.eye(4)
    first[:3, 3] = image.GetExtent()[::2]
    own = vtk.vtkMatrix4x4()
    image.GetImageToWorldMatrix(own)
    return geometry_from_ijk_to_ras((slices, rows, columns), matrix_from_vtk(own) @ first, where)
