"""How large a mask is: its volume and its largest diameters, measured from outer voxel edge to outer voxel edge.

A voxel is a small box, so a mask of one voxel has the diameter of its diagonal. The largest distance within a set
lies between two corners of its convex hull; comparing those corners only is exact and quick.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist

from abdominal_oncology.imaging.crop import mask_box
from abdominal_oncology.imaging.geometry import Vector
from abdominal_oncology.imaging.image import Image


@dataclass(frozen=True)
class Diameter:
    """A distance with its two end points in LPS mm; ``slice_index`` is the k of an in-plane diameter, None in 3-D."""

    length_mm: float
    start_mm: Vector
    end_mm: Vector
    slice_index: int | None = None


def volume_mm3(mask: Image, label: int | None = None) -> float:
    """Volume of the non-zero voxels, or of one label; an empty mask has none.

    >>> from abdominal_oncology.imaging.geometry import Geometry
    >>> volume_mm3(Image(np.ones((2, 2, 2), np.uint8), Geometry((2, 2, 2), (5.0, 1.0, 0.5)), "MASK"))
    20.0
    """
    count = np.count_nonzero(mask.voxels) if label is None else np.count_nonzero(mask.voxels == label)
    return float(count) * mask.geometry.voxel_volume_mm3


def in_plane_diameter(mask: Image, label: int | None = None) -> Diameter:
    """The largest diameter within one slice (j, i), over all slices; the first slice that has it.

    >>> from abdominal_oncology.imaging.geometry import Geometry
    >>> in_plane_diameter(Image(np.ones((2, 3, 4), np.uint8), Geometry((2, 3, 4)), "MASK")).length_mm
    5.0
    """
    first, planes = _outlines(mask, label)
    spacing = np.asarray(mask.geometry.spacing_mm[1:])
    best, ends, where = -1.0, np.zeros((2, 2)), 0
    for k, corners in enumerate(planes):
        if len(corners) == 0 or np.linalg.norm(np.ptp(corners, axis=0) * spacing) <= best:
            continue  # not even the diagonal of its box could win
        length, a, b = _farthest(corners * spacing)
        if length > best:
            best, ends, where = length, corners[[a, b]], k + first
    points = mask.geometry.to_world(np.column_stack([np.full(2, where), ends]))
    return Diameter(best, _vector(points[0]), _vector(points[1]), where)


def diameter_3d(mask: Image, label: int | None = None) -> Diameter:
    """The largest diameter in space.

    >>> from abdominal_oncology.imaging.geometry import Geometry
    >>> diameter_3d(Image(np.ones((4, 3, 1), np.uint8), Geometry((4, 3, 1), (1.0, 1.0, 12.0)), "MASK")).length_mm
    13.0
    """
    first, planes = _outlines(mask, label)
    cloud = [
        np.column_stack([np.full(len(corners), k + first + side), corners])
        for k, corners in enumerate(planes)
        for side in (-0.5, 0.5)
        if len(corners)
    ]
    corners = np.concatenate(cloud)
    length, a, b = _farthest(corners * np.asarray(mask.geometry.spacing_mm))
    start, end = mask.geometry.to_world(corners[[a, b]])
    return Diameter(length, _vector(start), _vector(end))


def _outlines(mask: Image, label: int | None) -> tuple[int, list[NDArray[np.float64]]]:
    """First slice with voxels, and from there per slice the hull corners (j, i) of its pixels' outer edges."""
    start, stop = mask_box(mask, label)
    box = mask.voxels[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    return start[0], [_outline(plane, start[1:]) for plane in (box != 0 if label is None else box == label)]


def _outline(plane: NDArray[np.bool_], origin: tuple[int, ...]) -> NDArray[np.float64]:
    rows = np.flatnonzero(plane.any(axis=1))
    if not rows.size:
        return np.empty((0, 2))
    filled = plane[rows]
    left = np.argmax(filled, axis=1) - 0.5
    right = filled.shape[1] - np.argmax(filled[:, ::-1], axis=1) - 0.5
    j = np.concatenate([rows - 0.5, rows + 0.5] * 2)
    i = np.concatenate([left, left, right, right])
    corners = np.column_stack([j, i]) + origin
    hull: NDArray[np.float64] = corners[ConvexHull(corners).vertices]
    return hull


def _farthest(points: NDArray[np.float64]) -> tuple[float, int, int]:
    hull = ConvexHull(points).vertices
    apart = cdist(points[hull], points[hull])
    a, b = np.unravel_index(int(np.argmax(apart)), apart.shape)
    return float(apart[a, b]), int(hull[a]), int(hull[b])


def _vector(point: NDArray[np.float64]) -> Vector:
    return (float(point[0]), float(point[1]), float(point[2]))
