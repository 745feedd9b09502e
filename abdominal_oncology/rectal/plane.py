"""The plane in which a volume was acquired: found in whatever order its axes are stored, and kept.

Nothing is resampled: axes are swapped and flipped, so that slices run from the feet to the head, rows towards the back
and columns towards the patient's left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.axial import axial_view
from abdominal_oncology.imaging.geometry import Geometry, Matrix, Vector
from abdominal_oncology.imaging.image import Image

_THICKER = 1.5
"""Slices are known by their spacing where it is this much more than that of both other axes."""


@dataclass(frozen=True)
class AcquisitionPlane:
    """How a stored grid is read as a stack of axial slices: ``order`` are its axes as (slice, row, column)."""

    order: tuple[int, int, int]
    flips: tuple[bool, bool, bool]

    def apply(self, voxels: NDArray[Any]) -> NDArray[Any]:
        """A view without a copy."""
        turned = voxels.transpose(self.order)
        return turned[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)]

    def undo(self, voxels: NDArray[Any]) -> NDArray[Any]:
        """Back to the stored order, a view without a copy."""
        turned = voxels[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)]
        return turned.transpose(np.argsort(self.order))

    def stored_slice(self, position: int, count: int) -> int:
        """The index along the stored slice axis of slice ``position`` of ``count``, counted from the feet."""
        return count - 1 - position if self.flips[0] else position

    def geometry(self, stored: Geometry) -> Geometry:
        """Where the turned grid lies: every voxel where it was."""
        turned = _permuted(stored, self.order)
        first = [n - 1 if flip else 0 for n, flip in zip(turned.shape, self.flips, strict=True)]
        signs = [-1 if flip else 1 for flip in self.flips]
        directions = [
            tuple(sign * value for value in axis) for sign, axis in zip(signs, turned.directions, strict=True)
        ]
        return Geometry(turned.shape, turned.spacing_mm, _vector(turned.to_world(first)), _matrix(directions))


def acquisition_plane(geometry: Geometry, where: str = "") -> AcquisitionPlane:
    """The slice axis is the one with the clearly largest spacing; else (a 3-D acquisition) the one nearest to the body.

    Slices that are not axial (more than 45° off) are refused.

    >>> acquisition_plane(Geometry((4, 8, 8), (3.0, 0.5, 0.5))).order
    (0, 1, 2)
    """
    spacing = np.asarray(geometry.spacing_mm)
    thickest = int(spacing.argmax())
    others = np.delete(spacing, thickest)
    along_body = np.abs([axis[2] for axis in geometry.directions])
    slices = thickest if spacing[thickest] >= _THICKER * others.max() else int(along_body.argmax())
    rest = [axis for axis in range(3) if axis != slices]
    rows, columns = rest
    turned = _permuted(geometry, (slices, rows, columns))
    try:
        view = axial_view(turned, where)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"the slices are {_plane_name(turned)}, {spacing[slices]:.3g} mm apart: an axial series is needed",
            where=where,
            remedy="choose the axial T2-weighted series, at right angles to the rectum",
        ) from error
    order = (slices, columns, rows) if view.transposed else (slices, rows, columns)
    return AcquisitionPlane(order, (view.head_first, view.flip_rows, view.flip_columns))


def as_axial_stack(image: Image) -> tuple[Image, AcquisitionPlane]:
    """The image turned into its acquisition plane, and how."""
    plane = acquisition_plane(image.geometry, image.source.path)
    if plane == AcquisitionPlane((0, 1, 2), (False, False, False)):
        return image, plane
    return (
        image.derive(
            "turn to the acquisition plane",
            {"order": plane.order, "flips": plane.flips},
            voxels=plane.apply(image.voxels),
            geometry=plane.geometry(image.geometry),
        ),
        plane,
    )


def _permuted(geometry: Geometry, order: tuple[int, int, int]) -> Geometry:
    a, b, c = order
    shape, spacing, directions = geometry.shape, geometry.spacing_mm, geometry.directions
    return Geometry(
        (shape[a], shape[b], shape[c]),
        (spacing[a], spacing[b], spacing[c]),
        geometry.origin_mm,
        (directions[a], directions[b], directions[c]),
    )


def _plane_name(geometry: Geometry) -> str:
    return {"axial": "at about 45° to axial", "coronal": "coronal", "sagittal": "sagittal"}[geometry.plane]


def _vector(values: NDArray[np.float64]) -> Vector:
    return (float(values[0]), float(values[1]), float(values[2]))


def _matrix(rows: list[tuple[float, ...]]) -> Matrix:
    first, second, third = (_vector(np.asarray(row)) for row in rows)
    return (first, second, third)
