"""How high along the body the tumour lies, and how surely, from its heat slice by slice.

A rectum is easy to find in every slice; which of them hold the tumour is the harder question. Two readings of the heat
answer it, the brightest place of each slice and the amount in it, and where they differ or the heat has several modes,
the belief is spread. What is brightest in the first or last slice may go on beyond it: belief continues past the ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

REACH_MM = 20.0
"""A height counts as right within this distance; belief within it of the best height is the confidence."""

_SHARPNESS = (6.0, 8.0)
"""Powers that turn brightest place and amount into belief: by the likelihood of hit and miss on harder phantoms."""
_BEYOND_MM = 20.0
_LEAST = 1e-4


@dataclass(frozen=True)
class Height:
    """``slice`` is fractional; ``confidence`` is the share of belief within :data:`REACH_MM` of it."""

    slice: float
    confidence: float


def believed_height(heat: Floats, thick_mm: float) -> Height:
    """From tumour heat (slices, rows, columns), feet first.

    >>> heat = np.full((30, 4, 4), 0.01)
    >>> heat[14:17] = 0.6
    >>> believed_height(heat, 3.0)
    Height(slice=15.0, confidence=1.0)
    >>> heat[2:5] = 0.6  # two places as hot as each other
    >>> believed_height(heat, 3.0).confidence
    0.5
    """
    brightest, amount = heat.max(axis=(1, 2)), np.sqrt(np.square(heat).sum(axis=(1, 2)))
    beyond = round(_BEYOND_MM / thick_mm)
    readings = (_belief(profile, power, beyond) for profile, power in zip((brightest, amount), _SHARPNESS, strict=True))
    belief = np.mean(list(readings), axis=0)[beyond : beyond + len(heat)]
    index = np.arange(len(heat))
    near = np.abs(index[:, None] - index) * thick_mm <= REACH_MM
    window = near[int((near @ belief).argmax())]
    middle = float((belief * index)[window].sum() / belief[window].sum())
    share = float(belief[np.abs(index - middle) * thick_mm <= REACH_MM].sum())
    return Height(round(middle, 3), round(share, 3))


def _belief(profile: Floats, power: float, beyond: int) -> Floats:
    logs = np.pad(power * np.log(profile.astype(np.float64) + _LEAST), beyond, mode="edge")
    belief = np.exp(logs - logs.max())
    return np.asarray(belief / belief.sum())
