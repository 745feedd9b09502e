"""Rough drawings of what is no trunk: heads, legs, test objects. They teach the height model to say so."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def strange_slice(rng: np.random.Generator, size: int, pixel_mm: float = 5.9) -> NDArray[np.float32]:
    """One slice (row, column) in HU of a head, one or two legs, or a round test object."""
    y, x = (np.indices((size, size)) - (size - 1) / 2) * pixel_mm
    hu = np.full((size, size), -1000.0, dtype=np.float32)
    kind = rng.integers(3)
    if kind == 0:
        _head(rng, hu, x, y)
    elif kind == 1:
        _legs(rng, hu, x, y)
    else:
        inside = np.hypot(x, y) < rng.uniform(60, 170)
        hu[inside] = rng.uniform(-100, 150)
        for _ in range(rng.integers(0, 6)):
            spot = np.hypot(x - rng.uniform(-90, 90), y - rng.uniform(-90, 90)) < rng.uniform(8, 25)
            hu[spot & inside] = rng.choice([-900, -80, 120, 350, 950])
    blurred: NDArray[np.float32] = ndimage.gaussian_filter(hu, 0.5)
    blurred += rng.normal(0, rng.uniform(3, 15), hu.shape).astype(np.float32)
    return blurred


def _head(rng: np.random.Generator, hu: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    wide, long = rng.uniform(55, 85), rng.uniform(75, 110)
    r = np.hypot(x / wide, y / long)
    hu[r < 1] = 40
    hu[r < 0.93] = rng.uniform(500, 1300)
    hu[r < rng.uniform(0.8, 0.88)] = rng.uniform(25, 45)
    if rng.random() < 0.4:  # sinuses or mouth
        hu[(np.hypot(x / 20, (y + long * 0.6) / 25) < 1)] = -900
    if rng.random() < 0.4:
        hu[(np.hypot((np.abs(x) - 40) / 15, (y - 20) / 20) < 1) & (r < 0.93)] = rng.uniform(-500, 1200)


def _legs(rng: np.random.Generator, hu: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    radius, apart = rng.uniform(45, 95), rng.uniform(0.95, 1.25)
    for side in (-1, 1) if rng.random() < 0.8 else (0,):
        r = np.hypot(x - side * radius * apart, y)
        hu[r < radius] = -100
        hu[r < radius * rng.uniform(0.65, 0.92)] = 55
        hu[r < rng.uniform(13, 20)] = rng.uniform(500, 1200)
        hu[r < rng.uniform(5, 9)] = -50
