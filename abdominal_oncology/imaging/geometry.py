"""Where voxels lie in the patient: a regular, orthogonal grid in LPS millimetres.

Arrays are (k, j, i) = (slice, row, column). World points are (x, y, z) in LPS mm (x to the patient's left, y to the
back, z to the head), as DICOM and ITK have it; the scene's RAS is converted in ``scene`` and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abdominal_oncology.errors import InvalidInputError

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

AXIAL: Matrix = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
"""Directions of an axial stack, feet first: k runs to the head, j to the back, i to the left."""

_ORTHONORMAL_TOLERANCE = 1e-3
_PLANES = {0: "sagittal", 1: "coronal", 2: "axial"}


@dataclass(frozen=True)
class Geometry:
    """A grid of ``shape`` (k, j, i) voxels.

    ``spacing_mm`` is the step along (k, j, i); ``origin_mm`` is the (x, y, z) centre of voxel (0, 0, 0);
    ``directions`` holds one unit LPS vector per array axis, in the order k, j, i. Either handedness is allowed;
    sheared axes (an uncorrected gantry tilt) are not.

    >>> grid = Geometry((10, 20, 20), spacing_mm=(5.0, 0.8, 0.8), origin_mm=(-8.0, -8.0, 100.0))
    >>> grid.to_world([2, 0, 10]).tolist()
    [0.0, -8.0, 110.0]
    >>> grid.plane
    'axial'
    """

    shape: tuple[int, int, int]
    spacing_mm: Vector = (1.0, 1.0, 1.0)
    origin_mm: Vector = (0.0, 0.0, 0.0)
    directions: Matrix = AXIAL

    def __post_init__(self) -> None:
        shape = tuple(int(n) for n in self.shape)
        if len(shape) != 3 or min(shape) < 1 or shape != tuple(self.shape):
            raise InvalidInputError(
                f"a grid needs three positive whole numbers (k, j, i) as its shape, not {self.shape}"
            )
        spacing = _vector(self.spacing_mm, "spacing_mm")
        if min(spacing) <= 0:
            raise InvalidInputError(f"voxel spacing must be positive millimetres (k, j, i), not {spacing}")
        axes = np.asarray(self.directions, dtype=np.float64)
        if axes.shape != (3, 3) or not np.isfinite(axes).all():
            raise InvalidInputError("directions must be three finite unit vectors, one per array axis k, j, i")
        if not np.allclose(axes @ axes.T, np.eye(3), atol=_ORTHONORMAL_TOLERANCE):
            raise InvalidInputError(
                "directions are not orthogonal unit vectors: the grid is sheared or scaled",
                remedy="resample the volume to a straight grid first (the DICOM reader does this for gantry tilt)",
            )
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "spacing_mm", spacing)
        object.__setattr__(self, "origin_mm", _vector(self.origin_mm, "origin_mm"))
        object.__setattr__(self, "directions", tuple(tuple(float(v) for v in row) for row in axes))

    @classmethod
    def from_affine(cls, shape: Sequence[int], affine: ArrayLike) -> Geometry:
        """From a 4 × 4 matrix that takes (k, j, i, 1) to LPS (x, y, z, 1)."""
        matrix = np.asarray(affine, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise InvalidInputError("an affine must be a finite 4 × 4 matrix")
        columns = matrix[:3, :3]
        spacing = np.linalg.norm(columns, axis=0)
        if (spacing <= 0).any():
            raise InvalidInputError("the affine flattens an axis: one of its columns is zero")
        return cls(
            (int(shape[0]), int(shape[1]), int(shape[2])),
            _vector(spacing, "spacing_mm"),
            _vector(matrix[:3, 3], "origin_mm"),
            _matrix((columns / spacing).T),
        )

    @cached_property
    def affine(self) -> NDArray[np.float64]:
        """4 × 4 matrix from (k, j, i, 1) to LPS (x, y, z, 1); read-only."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.asarray(self.directions).T * np.asarray(self.spacing_mm)
        matrix[:3, 3] = self.origin_mm
        matrix.setflags(write=False)
        return matrix

    @cached_property
    def inverse_affine(self) -> NDArray[np.float64]:
        """4 × 4 matrix from LPS (x, y, z, 1) to (k, j, i, 1); read-only."""
        matrix: NDArray[np.float64] = np.linalg.inv(self.affine).astype(np.float64)
        matrix.setflags(write=False)
        return matrix

    def to_world(self, kji: ArrayLike) -> NDArray[np.float64]:
        """LPS mm (…, 3) of voxel indices (…, 3), fractions allowed."""
        points = np.asarray(kji, dtype=np.float64)
        world: NDArray[np.float64] = points @ self.affine[:3, :3].T + self.affine[:3, 3]
        return world

    def to_index(self, xyz_mm: ArrayLike) -> NDArray[np.float64]:
        """Fractional (k, j, i) of LPS points in mm; an integer is a voxel's centre."""
        points = np.asarray(xyz_mm, dtype=np.float64)
        index: NDArray[np.float64] = points @ self.inverse_affine[:3, :3].T + self.inverse_affine[:3, 3]
        return index

    @property
    def normal(self) -> Vector:
        """Unit LPS vector along which slices follow each other (increasing k)."""
        return self.directions[0]

    @property
    def plane(self) -> str:
        """The anatomical plane nearest to the slices: ``axial``, ``coronal`` or ``sagittal``."""
        return _PLANES[int(np.argmax(np.abs(self.normal)))]

    @property
    def obliquity_degrees(self) -> float:
        """Angle between the slice normal and the nearest body axis; 0 for a straight stack."""
        return float(np.degrees(np.arccos(min(1.0, float(np.max(np.abs(self.normal)))))))

    @property
    def size_mm(self) -> Vector:
        """Outer extent along (k, j, i): voxel edges included."""
        return _vector(np.multiply(self.shape, self.spacing_mm), "size_mm")

    @property
    def voxel_volume_mm3(self) -> float:
        return float(np.prod(self.spacing_mm))

    @property
    def centre_mm(self) -> Vector:
        """LPS centre of the whole grid."""
        return _vector(self.to_world((np.asarray(self.shape) - 1) / 2), "centre_mm")

    def corners_mm(self) -> NDArray[np.float64]:
        """The eight outer corners (voxel edges, not centres) in LPS mm, shape (8, 3)."""
        low, high = np.full(3, -0.5), np.asarray(self.shape) - 0.5
        choice = np.array(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij")).reshape(3, -1).T
        return self.to_world(np.where(choice == 1, high, low))

    def crop(self, start: Sequence[int], stop: Sequence[int]) -> Geometry:
        """The grid of ``array[start[0]:stop[0], start[1]:stop[1], start[2]:stop[2]]``; may reach outside."""
        shape = [int(b) - int(a) for a, b in zip(start, stop, strict=True)]
        return Geometry(
            (shape[0], shape[1], shape[2]), self.spacing_mm, _vector(self.to_world(start), "origin_mm"), self.directions
        )

    def with_spacing(self, spacing_mm: Sequence[float]) -> Geometry:
        """A grid over the same outer extent with another (k, j, i) spacing; the first voxel's corner stays put."""
        target = _vector(spacing_mm, "spacing_mm")
        if min(target) <= 0:
            raise InvalidInputError(f"voxel spacing must be positive millimetres (k, j, i), not {target}")
        shape = np.maximum(1, np.round(np.asarray(self.size_mm) / target)).astype(int)
        first = (np.asarray(target) / np.asarray(self.spacing_mm) - 1) / 2
        return Geometry(
            (int(shape[0]), int(shape[1]), int(shape[2])),
            target,
            _vector(self.to_world(first), "origin_mm"),
            self.directions,
        )

    def same_grid(self, other: Geometry, tolerance_mm: float = 1e-2) -> bool:
        """True when every voxel centre of ``other`` lies within ``tolerance_mm`` of ours."""
        if self.shape != other.shape:
            return False
        return bool(np.abs(self.corners_mm() - other.corners_mm()).max() <= tolerance_mm)


def _vector(values: ArrayLike, name: str) -> Vector:
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (3,) or not np.isfinite(array).all():
        raise InvalidInputError(f"{name} needs three finite numbers, not {values!r}")
    return (float(array[0]), float(array[1]), float(array[2]))


def _matrix(values: NDArray[np.float64]) -> Matrix:
    return (_vector(values[0], "directions"), _vector(values[1], "directions"), _vector(values[2], "directions"))
