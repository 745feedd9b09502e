"""The source paper's handcrafted features: differences of medians, and of energies of the inner lesion and its border.

Energy is Σx² in radiomics, which grows with the number of voxels and cannot be compared between lesions of different
size; the mean of x² is the default here and the sum is offered. A trained fusion names the one it was trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abdominal_oncology.errors import EmptyMaskError, InvalidInputError

BORDER_MM = 2.0
"""The inner border is what lies less than this below the lesion's surface."""


class Energy(StrEnum):
    MEAN = "mean"
    SUM = "sum"


@dataclass(frozen=True)
class PublishedFeatures:
    """In the order of the published vector, after the four probabilities: HU, HU² (``energy``), HU, mm."""

    aphe_hu: float
    capsule_hu2: float
    washout_hu: float
    size_mm: float
    energy: Energy = Energy.MEAN

    def vector(self) -> NDArray[np.float64]:
        """(f_APHE, f_EC, f_NPW, s)."""
        return np.array([self.aphe_hu, self.capsule_hu2, self.washout_hu, self.size_mm])


def median_difference(lesion_hu: ArrayLike, parenchyma_hu: ArrayLike) -> float:
    """f_APHE on the arterial, f_NPW on the portal phase.

    >>> median_difference([60, 80, 100, 120], [50, 55, 60, 70, 90])
    30.0
    """
    return float(np.median(_some(lesion_hu, "the lesion")) - np.median(_some(parenchyma_hu, "the parenchyma")))


def energy(hu: ArrayLike, form: Energy | str = Energy.MEAN) -> float:
    """Mean of the squared HU, or their sum.

    >>> energy([3, 4]), energy([3, 4], "sum")
    (12.5, 25.0)
    """
    squares = np.square(_some(hu, "the region"))
    try:
        chosen = Energy(form)
    except ValueError:
        raise InvalidInputError(f"no energy is called {form!r}", remedy="choose 'mean' or 'sum'") from None
    return float(squares.mean() if chosen is Energy.MEAN else squares.sum())


def energy_difference(inner_hu: ArrayLike, border_hu: ArrayLike, form: Energy | str = Energy.MEAN) -> float:
    """f_EC on the arterial phase: the inner lesion's energy minus its border's.

    >>> energy_difference([60, 80, 100, 120], [110, 130]), energy_difference([60, 80, 100, 120], [110, 130], "sum")
    (-5900.0, 5400.0)
    """
    return energy(inner_hu, form) - energy(border_hu, form)


def split_border(depth_mm: NDArray[np.float32]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Inner lesion and inner border from the depth below the surface (mm, negative outside). A lesion too small for
    both is split at half its greatest depth, so that neither is empty.
    """
    lesion = depth_mm > 0
    if np.count_nonzero(lesion) < 2:
        raise EmptyMaskError("a border and an inside need a lesion of two voxels or more", remedy="redraw the lesion")
    inner = depth_mm > BORDER_MM
    if not inner.any():
        inner = depth_mm > np.median(depth_mm[lesion])
        if not inner.any():  # all equally deep: any of them may stand for the inside
            inner = np.zeros_like(lesion)
            inner.flat[int(np.argmax(depth_mm))] = True
    return inner, lesion & ~inner


def _some(values: ArrayLike, what: str) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64).ravel()
    array = array[np.isfinite(array)]
    if not array.size:
        raise EmptyMaskError(f"no voxel of {what} is seen in this phase", remedy="check its outline and the phase")
    return array
