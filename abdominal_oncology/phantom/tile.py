"""A slice of CT as radiologists look at it: the soft-tissue window, patient's right on the left, front up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.imaging.image import Image

WINDOW_HU = (-150.0, 250.0)
TILE = 300


def tile(image: Image, slice_: int, field_mm: float) -> NDArray[np.uint8]:
    """``field_mm`` of an axial slice around the body's middle, patient's right on the left, front up."""
    from scipy import ndimage

    plane = image.voxels[slice_].astype(np.float32)
    body = ndimage.binary_opening(plane > -300, iterations=3)
    rows, columns = (np.flatnonzero(body.any(axis=axis)) for axis in (1, 0))
    middle = [
        (edge[0] + edge[-1]) / 2 if len(edge) else n / 2 for edge, n in zip((rows, columns), plane.shape, strict=True)
    ]
    steps = [field_mm / TILE / mm for mm in image.geometry.spacing_mm[1:]]
    if image.geometry.directions[1][1] < 0:
        steps[0] = -steps[0]
    if image.geometry.directions[2][0] < 0:
        steps[1] = -steps[1]
    at = np.arange(TILE) - (TILE - 1) / 2
    grid = np.meshgrid(middle[0] + at * steps[0], middle[1] + at * steps[1], indexing="ij")
    sigma = max(abs(steps[0]) * 0.4 - 0.2, 0.0)  # a slice that shrinks must not alias
    seen = ndimage.map_coordinates(ndimage.gaussian_filter(plane, sigma), grid, order=1, cval=-1000.0)
    low, high = WINDOW_HU
    grey: NDArray[np.uint8] = (np.clip((seen - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    return grey
