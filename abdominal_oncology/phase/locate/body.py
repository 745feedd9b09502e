"""The body on a coarse slice: what is patient and what is table, cushion and air."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]

_BODY_HU = -350.0
_CROSS = ndimage.generate_binary_structure(2, 1)


def body_mask(hu: NDArray[np.float32], pixel_mm: float) -> Mask:
    """The largest piece of matter in one slice (row, column), holes filled; tables are thinner than what is opened."""
    matter = hu > _BODY_HU
    if not matter.any():
        return matter
    turns = max(1, round(4.0 / pixel_mm))
    cut = np.pad(matter, turns, mode="edge")  # a body that leaves the picture is not eaten at its edge
    opened = ndimage.binary_opening(cut, _CROSS, iterations=turns)[turns:-turns, turns:-turns]
    pieces, count = ndimage.label(opened)
    if not count:
        return np.zeros_like(matter)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    filled: Mask = ndimage.binary_fill_holes(pieces == sizes.argmax())
    return filled
