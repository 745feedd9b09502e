"""Planes → even, straight slices: moved in plane (gantry tilt), mixed along the normal (gaps, uneven steps)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def shift_in_plane(
    plane: NDArray[Any], shift: tuple[float, float], shape: tuple[int, int], fill: float
) -> NDArray[np.float32]:
    """``plane`` moved by ``shift`` (rows, columns, fractions allowed) inside a frame of ``shape``; linear.

    >>> shift_in_plane(np.array([[10, 20]]), (0, 0.5), (1, 3), -1).tolist()
    [[10.0, 15.0, 20.0]]
    """
    values = plane.astype(np.float32)
    for axis in (0, 1):
        at = np.arange(shape[axis]) - shift[axis]
        inside = (at >= -0.5) & (at <= values.shape[axis] - 0.5)
        clipped = np.clip(at, 0, values.shape[axis] - 1)
        lower = np.floor(clipped).astype(np.intp)
        upper = np.minimum(lower + 1, values.shape[axis] - 1)
        weight = (clipped - lower).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
        values = values.take(lower, axis) * (1 - weight) + values.take(upper, axis) * weight
        if axis == 0:
            values[~inside] = fill
        else:
            values[:, ~inside] = fill
    return values


def mix(lower: NDArray[Any], upper: NDArray[Any], fraction: float) -> NDArray[np.float32]:
    """lower · (1 − fraction) + upper · fraction."""
    return (lower * np.float32(1 - fraction) + upper * np.float32(fraction)).astype(np.float32)
