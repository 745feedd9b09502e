"""Axial slices the way radiologists look at them: row 0 anterior, column 0 on the patient's right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.geometry import Geometry

_LEAST_ALIGNMENT = 0.7


@dataclass(frozen=True)
class AxialView:
    """How the stored slices of a grid are turned into radiological view. ``head_first``: k runs towards the feet."""

    transposed: bool
    flip_rows: bool
    flip_columns: bool
    head_first: bool

    def apply(self, slices: NDArray[Any]) -> NDArray[Any]:
        """Slices (n, j, i) as a view without a copy, rows towards the back, columns towards the patient's left."""
        turned = slices.swapaxes(1, 2) if self.transposed else slices
        return turned[:, :: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]

    def undo(self, slices: NDArray[Any]) -> NDArray[Any]:
        """Back to the stored order."""
        turned = slices[:, :: -1 if self.flip_rows else 1, :: -1 if self.flip_columns else 1]
        return turned.swapaxes(1, 2) if self.transposed else turned

    def to_stored(self, points: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
        """Fractional (j, i) of the stored slice from (row, column) of the view, given as shares 0 … 1 of the slice.

        ``shape`` is the stored (rows, columns); a share of 0 is the outer edge of the first pixel.
        """
        rows, columns = points[:, 0], points[:, 1]
        rows = 1 - rows if self.flip_rows else rows
        columns = 1 - columns if self.flip_columns else columns
        if self.transposed:
            rows, columns = columns, rows
        return np.stack([rows * shape[0] - 0.5, columns * shape[1] - 0.5], axis=1)


def axial_view(geometry: Geometry, where: str = "") -> AxialView:
    """The view of a grid whose slices are axial, at most 45° off.

    >>> axial_view(Geometry((4, 8, 8)))
    AxialView(transposed=False, flip_rows=False, flip_columns=False, head_first=False)
    """
    directions = np.asarray(geometry.directions)
    along = np.abs(directions).argmax(axis=1)
    if along[0] != 2 or abs(directions[0, 2]) < _LEAST_ALIGNMENT or sorted(along) != [0, 1, 2]:
        names = ("sagittal", "coronal", "axial")
        raise InvalidInputError(
            f"the slices are {names[int(along[0])]}, not axial", where=where, remedy="choose an axial series"
        )
    transposed = bool(along[1] == 0)
    rows, columns = (directions[2], directions[1]) if transposed else (directions[1], directions[2])
    return AxialView(transposed, bool(rows[1] < 0), bool(columns[0] < 0), bool(directions[0, 2] < 0))
