"""A pelvis on a coarse grid, as the locator reads it: 54 × 54 pixels of 4 mm about the body's middle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.separable import apply_in_plane
from abdominal_oncology.rectal.averaging import averaging_weights
from abdominal_oncology.rectal.mr_checks import BODY_STRIDE, body_voxels
from abdominal_oncology.rectal.region import region_of_body

Array = NDArray[np.float32]

PIXEL_MM = 4.0
SIZE = 54
CHANNELS = 4
"""Grey, whether the image reaches here, and the place in units of 100 mm from the middle (to the left, to the back)."""

_PERCENTILES = (1.0, 99.0)
_UNIT_MM = 100.0


@dataclass(frozen=True)
class Coarse:
    """``inputs`` (slices, CHANNELS, SIZE, SIZE); ``middle`` is the image's fractional (row, column) at their centre."""

    inputs: Array
    middle: tuple[float, float]
    spacing_mm: tuple[float, float, float]

    def to_image(self, row: float, column: float) -> tuple[float, float]:
        """The image's fractional (row, column) at a place of the coarse grid."""
        half = (SIZE - 1) / 2
        return (
            self.middle[0] + (row - half) * PIXEL_MM / self.spacing_mm[1],
            self.middle[1] + (column - half) * PIXEL_MM / self.spacing_mm[2],
        )


def coarse(stack: Image) -> Coarse:
    """An axial stack (feet first, rows towards the back) made coarse."""
    body, sampled = body_voxels(stack)
    middle = region_of_body(body, BODY_STRIDE, stack.geometry.shape).centre
    low, high = (float(value) for value in np.percentile(sampled[body], _PERCENTILES))
    if not high > low:
        raise InvalidInputError(f"the body has one grey value only ({low:g})", where=stack.source.path)
    spacing = stack.geometry.spacing_mm
    grey = np.clip((on_grid(stack.voxels, middle, spacing) - low) / (high - low), 0, 1.2)
    reached = on_grid(np.ones((1, *stack.geometry.shape[1:]), np.float32), middle, spacing)
    inputs = np.empty((len(grey), CHANNELS, SIZE, SIZE), np.float32)
    inputs[:, 0] = grey * (reached > 0.5)
    inputs[:, 1] = reached
    place = ((np.arange(SIZE) - (SIZE - 1) / 2) * PIXEL_MM / _UNIT_MM).astype(np.float32)
    inputs[:, 2], inputs[:, 3] = place[None, :], place[:, None]
    return Coarse(inputs, middle, spacing)


def on_grid(voxels: NDArray[Any], middle: tuple[float, float], spacing_mm: tuple[float, float, float]) -> Array:
    """Slices (n, j, i) averaged onto the coarse grid (n, SIZE, SIZE) about ``middle``; 0 beyond the image."""
    rows, columns = (
        averaging_weights(centre, SIZE * PIXEL_MM / step, SIZE, count)
        for centre, step, count in zip(middle, spacing_mm[1:], voxels.shape[1:], strict=True)
    )
    result = np.empty((len(voxels), SIZE, SIZE), np.float32)
    for plane, out in zip(voxels, result, strict=True):
        apply_in_plane(rows, columns, np.ascontiguousarray(plane, dtype=np.float32), out)
    return result
