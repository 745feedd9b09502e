"""Smooth random displacement: what makes a drawn anatomy look grown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.phantom.mr_canvas import Floats


@dataclass(frozen=True)
class Warp:
    """An in-plane displacement field on cubic B-splines; ``coefficients`` (axis x or y, z, y, x), ``step_mm`` (z, y, x)
    between knots, ``start_mm`` (z, y, x) the position of the first.

    >>> warp = Warp.draw(np.random.default_rng(0), ((-20, 20), (-50, 50), (-50, 50)), (10, 10, 10), sd_mm=2.0)
    >>> dx, dy = warp.at(np.zeros(3, np.float32), np.arange(-40, 41, 4), np.arange(-40, 41, 4))
    >>> dx.shape, bool(0.5 < dx.std() < 4)
    ((3, 21, 21), True)
    """

    coefficients: NDArray[np.float32]
    step_mm: tuple[float, float, float]
    start_mm: tuple[float, float, float]

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        extent_mm: tuple[tuple[float, float], tuple[float, float], tuple[float, float]],
        step_mm: tuple[float, float, float],
        sd_mm: float,
    ) -> Warp:
        """A field over ``extent_mm`` (z, y, x ranges); its displacement has a standard deviation of about ``sd_mm``."""
        counts = [int(np.ceil((high - low) / step)) + 4 for (low, high), step in zip(extent_mm, step_mm, strict=True)]
        # each axis of a cubic B-spline keeps about 0.48 of the variance of white coefficients
        coefficients = rng.normal(0, sd_mm / 0.48**1.5, (2, *counts)).astype(np.float32)
        start = [low - step for (low, _), step in zip(extent_mm, step_mm, strict=True)]
        return cls(coefficients, step_mm, (start[0], start[1], start[2]))

    def at(self, planes_mm: Floats, rows_mm: Floats, columns_mm: Floats) -> tuple[Floats, Floats]:
        """Displacement (dx, dy), each (k, j, i) in mm, at straight axes."""
        along = [
            _basis((np.asarray(axis, np.float32) - start) / step, count)
            for axis, start, step, count in zip(
                (planes_mm, rows_mm, columns_mm), self.start_mm, self.step_mm, self.coefficients.shape[1:], strict=True
            )
        ]
        moves = []
        for grid in self.coefficients:
            slabs = np.tensordot(along[0], grid, axes=1)
            moves.append(np.matmul(np.matmul(along[1], slabs), along[2].T).astype(np.float32, copy=False))
        return moves[0], moves[1]


def _basis(t: Floats, count: int) -> Floats:
    """Matrix (n, count) of cubic B-spline weights at knot positions ``t``; beyond the ends the last knot holds."""
    t = np.clip(t, 1, count - 2.001)
    first = np.floor(t).astype(int)
    u = t - first
    weights = ((1 - u) ** 3 / 6, (3 * u**3 - 6 * u**2 + 4) / 6, (-3 * u**3 + 3 * u**2 + 3 * u + 1) / 6, u**3 / 6)
    matrix = np.zeros((t.size, count), np.float32)
    for offset, weight in zip((-1, 0, 1, 2), weights, strict=True):
        matrix[np.arange(t.size), first + offset] = weight
    return matrix
