"""Periodic noise with grains in millimetres, laid over any box of a grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Field = NDArray[np.float32]
Box = tuple[slice, slice, slice]

_TILE = 96
GRAINS_MM = {"fine": 0.9, "grain": 2.0, "cloud": 6.0, "a": 10.0, "b": 10.0, "c": 5.0, "d": 5.0, "wide": 16.0}


class Textures:
    """Named fields of unit variance.

    >>> textures = Textures((1.5, 1.5, 1.5), np.random.default_rng(0))
    >>> textures("cloud", (slice(0, 5), slice(90, 100), slice(0, 4))).shape
    (5, 10, 4)
    """

    def __init__(self, spacing_mm: tuple[float, float, float], rng: np.random.Generator) -> None:
        self._tiles = {}
        for name, grain in GRAINS_MM.items():
            white = rng.standard_normal((_TILE, _TILE, _TILE), dtype=np.float32)
            sigma = [min(grain / step, _TILE / 6) for step in spacing_mm]
            field = ndimage.gaussian_filter(white, sigma, mode="wrap", truncate=2.5)
            self._tiles[name] = (field - field.mean()) / field.std()

    def __call__(self, name: str, box: Box) -> Field:
        index = [np.arange(part.start, part.stop) % _TILE for part in box]
        found: Field = self._tiles[name][np.ix_(*index)]
        return found

    def tubes(self, box: Box, radius_mm: float, fine: bool = False) -> Field:
        """0 … 1: thin winding tubes, where two smooth fields are both near zero."""
        first, second = ("c", "d") if fine else ("a", "b")
        width = np.float32(radius_mm / GRAINS_MM[first])
        apart = (self(first, box) ** 2 + self(second, box) ** 2) / (width * width)
        tubes: Field = np.clip(1.5 - apart, 0, 1)
        return tubes
