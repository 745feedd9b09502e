"""Window: a span of HU (or of any numbers) to 0 … 1, as a viewer shows it and as the networks read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError

if TYPE_CHECKING:
    import torch

Values = TypeVar("Values", "NDArray[Any]", "torch.Tensor")


def window(hu: Values, center_hu: float, width_hu: float) -> Values:
    """``clip((HU - (c - w/2)) / w, 0, 1)`` as a new float32 array or tensor (same device); NaN stays NaN.

    This is the plain window, not the off-by-half one of DICOM's LINEAR function, which belongs to display.

    >>> window(np.array([-1000, -135, 40, 250], np.int16), 50, 400).round(4)
    array([0.    , 0.0375, 0.475 , 1.    ], dtype=float32)
    """
    lower = window_floor(center_hu, width_hu)
    if isinstance(hu, np.ndarray):
        scaled = hu.astype(np.float32)
        scaled -= np.float32(lower)
        scaled *= np.float32(1 / width_hu)
        return np.clip(scaled, 0, 1, out=scaled)
    shifted = hu.float() - lower  # a new tensor, so the steps below may work in place
    return shifted.mul_(1 / width_hu).clamp_(0, 1)


def window_floor(center_hu: float, width_hu: float) -> float:
    """The HU that becomes 0.

    >>> window_floor(50, 400)
    -150.0
    """
    if not (np.isfinite(center_hu) and np.isfinite(width_hu)) or width_hu <= 0:
        raise InvalidInputError(
            f"a window needs a finite centre and a positive width in HU, not {center_hu} and {width_hu}"
        )
    return center_hu - width_hu / 2
