"""A box in the patient around rectum and tumour. Light to import: a panel reads it from a ROI."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import EmptyMaskError, InvalidInputError
from abdominal_oncology.imaging.geometry import AXIAL, Matrix, Vector


@dataclass(frozen=True)
class Box:
    """A box in the patient, as a markups ROI gives it: centre and full size in mm (LPS), size along ``axes``.

    ``axes`` are three orthogonal unit vectors (x, y, z).

    >>> Box((0.0, 0.0, 0.0), (100.0, 90.0, 60.0)).corners_mm().max(axis=0).tolist()
    [50.0, 45.0, 30.0]
    """

    centre_mm: Vector
    size_mm: Vector
    axes: Matrix = (AXIAL[2], AXIAL[1], AXIAL[0])

    def __post_init__(self) -> None:
        numbers = np.array([self.centre_mm, self.size_mm], dtype=np.float64)
        if numbers.shape != (2, 3) or not np.isfinite(numbers).all():
            raise InvalidInputError(
                f"a region needs a finite centre and size (x, y, z) in mm, not {self.centre_mm} and {self.size_mm}"
            )
        if min(self.size_mm) <= 0:
            raise EmptyMaskError(
                f"the region is empty: its size is {self.size_mm} mm", remedy="draw the ROI around rectum and tumour"
            )
        axes = np.asarray(self.axes, dtype=np.float64)
        if axes.shape != (3, 3) or not np.allclose(axes @ axes.T, np.eye(3), atol=1e-3):
            raise InvalidInputError("the axes of a region must be three orthogonal unit vectors")

    def corners_mm(self) -> NDArray[np.float64]:
        """Eight corners (8, 3)."""
        signs = np.indices((2, 2, 2)).reshape(3, -1).T - 0.5
        corners: NDArray[np.float64] = np.asarray(self.centre_mm) + (signs * self.size_mm) @ np.asarray(self.axes)
        return corners
