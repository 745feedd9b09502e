"""The slices on which organs are looked for: smoothed, with the body, the spine and how noisy they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.phase.locate.body import body_mask
from abdominal_oncology.phase.locate.spine import spinal_canals
from abdominal_oncology.phase.locate.upright import Upright

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

PIXEL_MM = 2.0
"""Pixels that organs are looked for on: finer shows no more after smoothing, and costs."""
_CALM_HU = 9.0
_SMOOTHEST_MM = 2.6


@dataclass(frozen=True, eq=False)
class Stack:
    """``seen`` as read, ``smooth`` (n, row, column) with noise below about 9 HU, ``noise_hu`` of each before that.

    ``level_mm`` are heights in the body (see :mod:`.heights`; NaN where unknown); ``canal`` (n, 2) row and column of
    the spinal canal, NaN where it is not seen. Rows run to the back, columns to the left.
    """

    seen: Upright
    smooth: NDArray[np.float32]
    body: NDArray[np.bool_]
    canal: NDArray[np.float64]
    noise_hu: NDArray[np.float64]
    level_mm: NDArray[np.float64]

    @classmethod
    def of(cls, seen: Upright, level_mm: NDArray[np.float64]) -> Stack:
        body = np.stack([body_mask(hu, seen.pixel_mm) for hu in seen.hu])
        rows, columns = _reach(np.any(body, (0, 2))), _reach(np.any(body, (0, 1)))
        seen, body = seen.cropped(rows, columns), np.ascontiguousarray(body[:, rows, columns])
        noise = np.array([noise_hu(hu, inside) for hu, inside in zip(seen.hu, body, strict=True)])
        smooth = np.stack([_calm(hu, noise[n], seen.pixel_mm) for n, hu in enumerate(seen.hu)])
        canal = spinal_canals(smooth, body, seen.height_mm, seen.pixel_mm)
        return cls(seen, smooth, body, canal, noise, level_mm)

    def __len__(self) -> int:
        return len(self.seen)

    @property
    def pixel_mm(self) -> float:
        return self.seen.pixel_mm

    @cached_property
    def slope(self) -> NDArray[np.float32]:
        """How steep ``smooth`` is (HU per pixel), like it (n, row, column): even tissue is flat."""
        return np.stack([ndimage.gaussian_gradient_magnitude(hu, 1.0, truncate=2.5) for hu in self.smooth])

    def from_canal_mm(self, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Open grids of mm behind (rows, 1) and to the left of (1, columns) the canal of slice ``n``."""
        rows, columns = self.smooth.shape[1:]
        behind = (np.arange(rows) - self.canal[n, 0]) * self.pixel_mm
        left = (np.arange(columns) - self.canal[n, 1]) * self.pixel_mm
        return behind[:, None], left[None, :]


def _reach(profile: NDArray[np.bool_]) -> slice:
    """From the first to the last that is set, all where none is."""
    places = np.flatnonzero(profile)
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, len(profile))


def noise_hu(hu: Plane, inside: Mask) -> float:
    """Standard deviation of a slice's noise, from second differences in soft tissue; edges are outvoted."""
    inner = inside[1:-1, 1:-1] & (hu[1:-1, 1:-1] > -30) & (hu[1:-1, 1:-1] < 250)
    if inner.sum() < 50:
        return 0.0
    rough = hu[1:-1, 1:-1] - 0.25 * (hu[:-2, 1:-1] + hu[2:, 1:-1] + hu[1:-1, :-2] + hu[1:-1, 2:])
    return float(1.4826 * np.median(np.abs(rough[inner])) / np.sqrt(1.25))


def _calm(hu: Plane, noise: float, pixel_mm: float) -> Plane:
    """Smoothed only as much as its noise asks for."""
    sigma_mm = float(np.clip(0.5 * pixel_mm * noise / _CALM_HU, 0.4 * pixel_mm, _SMOOTHEST_MM))
    calm: Plane = ndimage.gaussian_filter(np.clip(hu, -300, 800), sigma_mm / pixel_mm, truncate=2.5)
    return calm
