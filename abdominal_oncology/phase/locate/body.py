"""The body on a coarse slice: what is patient and what is table, cushion and air."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.phase.locate.masks import Mask, filled, largest, opened

_BODY_HU = -350.0
_TABLE_MM = 4.0


def body_mask(hu: NDArray[np.float32], pixel_mm: float) -> Mask:
    """The largest piece of matter in one slice (row, column), holes filled; tables are thinner than what is opened."""
    matter = hu > _BODY_HU
    if not matter.any():
        return matter
    return filled(largest(opened(matter, max(1, round(_TABLE_MM / pixel_mm)))))
