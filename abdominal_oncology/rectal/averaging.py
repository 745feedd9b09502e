"""Resampling one axis of a slice to a square's pixels, by averages where they are coarser."""

from __future__ import annotations

from typing import Any

import numpy as np

from abdominal_oncology.imaging.separable import inside, linear_weights


def averaging_weights(centre: float, extent: float, size: int, count: int) -> Any:
    """The matrix (size, count) that takes ``extent`` old pixels around ``centre``; 0 beyond the image.

    Linear where pixels become finer; where they become coarser, the mean of linear samples over each new pixel.
    """
    step = extent / size
    taps = 1 if step <= 1 else 2 * int(np.ceil(step))
    matrix: Any = None
    for tap in range(taps):
        positions = centre + (np.arange(size, dtype=np.float64) + (tap + 0.5) / taps) * step - extent / 2
        weights = linear_weights(positions, count).multiply(inside(positions, count)[:, None]).tocsr()
        matrix = weights if matrix is None else matrix + weights
    return (matrix / np.float32(taps)).tocsr().astype(np.float32)
