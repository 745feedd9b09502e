"""From slice positions to an even grid: which steps are even, which slices are missing, what must be resampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_ROUNDING_MM = 0.06
"""Scanners write positions with one or two decimals; that much wobble is rounding, not movement."""
_WIDEST_FILLED_GAP_MM = 10.0
_MOST_UNEVEN = 3.0


@dataclass(frozen=True)
class SpacingPlan:
    """Even output slices and where each lies between two given ones: given[lower] · (1 − fraction) + given[lower + 1] ·
    fraction. ``missing`` counts the slices that are not there."""

    state: Literal["even", "missing", "uneven", "too uneven"]
    spacing_mm: float
    lower: NDArray[np.intp]
    fraction: NDArray[np.float64]
    missing: int = 0

    @property
    def made_up(self) -> list[int]:
        """Output slices that are not one of the given ones."""
        return np.flatnonzero(self.fraction > 0).tolist()


def is_even(positions_mm: Sequence[float]) -> bool:
    """
    >>> is_even([0, 0.6, 1.3, 1.9, 2.5]), is_even([0, 5, 15])
    (True, False)
    """
    z = np.asarray(positions_mm, dtype=np.float64)
    if z.size < 3:
        return True
    step, start = _line(z)
    return bool(np.abs(z - (start + step * np.arange(z.size))).max() <= _tolerance(step))


def gaps_too_wide(positions_mm: Sequence[float]) -> list[int]:
    """Indices after which so much is missing that filling it would invent anatomy."""
    steps = np.diff(np.asarray(positions_mm, dtype=np.float64))
    if steps.size < 2:
        return []
    usual = _usual(steps)
    return np.flatnonzero(steps > max(_WIDEST_FILLED_GAP_MM, 2 * usual) + _ROUNDING_MM).tolist()


def plan_spacing(positions_mm: Sequence[float]) -> SpacingPlan:
    """The even grid nearest to two or more increasing positions.

    >>> plan_spacing([0, 2, 4, 8]).state, plan_spacing([0, 2, 4, 8]).made_up
    ('missing', [3])
    """
    z = np.asarray(positions_mm, dtype=np.float64)
    steps = np.diff(z)
    extent = float(z[-1] - z[0])
    if is_even(positions_mm):
        return SpacingPlan("even", _line(z)[0], np.arange(z.size), np.zeros(z.size))
    usual = _usual(steps)
    multiples = np.rint(steps / usual)
    count = int(multiples.sum())
    if (multiples >= 1).all() and count > steps.size:
        exact = z[0] + np.concatenate(([0.0], np.cumsum(multiples))) * extent / count
        if np.abs(exact - z).max() <= _tolerance(extent / count):
            return _between("missing", exact, extent / count, count + 1, missing=count + 1 - z.size)
    if steps.max() > _MOST_UNEVEN * steps.min():
        return SpacingPlan("too uneven", usual, np.arange(z.size), np.zeros(z.size))
    count = max(1, round(extent / usual))
    return _between("uneven", z, extent / count, count + 1)


def _between(
    state: Literal["missing", "uneven"], z: NDArray[np.float64], spacing: float, count: int, missing: int = 0
) -> SpacingPlan:
    wanted = z[0] + spacing * np.arange(count)
    lower = np.clip(np.searchsorted(z, wanted + 1e-6, side="right") - 1, 0, z.size - 2)
    fraction = np.clip((wanted - z[lower]) / (z[lower + 1] - z[lower]), 0.0, 1.0)
    fraction[np.abs(fraction) < 1e-6] = 0.0
    at_upper = fraction > 1 - 1e-6
    lower[at_upper] += 1
    fraction[at_upper] = 0.0
    return SpacingPlan(state, spacing, lower, fraction, missing)


def _line(z: NDArray[np.float64]) -> tuple[float, float]:
    """Step and start of the even positions nearest to ``z``: rounded ends do not count for more than the rest."""
    k = np.arange(z.size) - (z.size - 1) / 2
    step = float(k @ z / (k @ k))
    return step, float(z.mean() - step * (z.size - 1) / 2)


def _usual(steps: NDArray[np.float64]) -> float:
    return float(np.sort(steps)[(steps.size - 1) // 2])


def _tolerance(step: float) -> float:
    return max(min(_ROUNDING_MM, 0.2 * step), 0.01 * step)
