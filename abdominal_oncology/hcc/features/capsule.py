"""An enhancing capsule: a thin bright shell, brighter than the lesion inside it and than the liver outside."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.hcc.features.region import Floats
from abdominal_oncology.hcc.features.samples import SECTORS, Samples
from abdominal_oncology.hcc.features.uncertain import quantiles

THIN_MM = 1.6
"""Width of the shell that is looked for; capsules are 0.5 to 2 mm thick."""

# an outline may lie beside the capsule by about a voxel
_PLACES_MM = np.arange(-1.5, 2.6, 0.5)
_APART_MM = (0.6, 3.6)
_FEWEST = 6
_LIVER_HU = -40.0


def capsule(samples: Samples, roles: tuple[str, ...] = ("portal", "delayed")) -> dict[str, float]:
    """By phase: ``lift`` (HU of the shell above the brighter of its two sides), ``share`` (0 … 1 of the circumference
    where it stands out) and ``place`` (its depth in mm), as ``portal_capsule_lift`` and so on.
    """
    result: dict[str, float] = {}
    for role in roles:
        if role in samples.above_hu:
            lift, share, place = _ridge(samples.depth_mm, samples.sector, samples.above_hu[role])
            result |= {
                f"{role}_capsule_lift": lift,
                f"{role}_capsule_share": share,
                f"{role}_capsule_place": place,
            }
    return result


def _ridge(depth: Floats, sector: NDArray[np.intp], above: Floats) -> tuple[float, float, float]:
    known = np.isfinite(above)
    if not known.all():
        depth, sector, above = depth[known], sector[known], above[known]
    best = (math.nan, 0.0, 0.0)
    for place in _PLACES_MM:
        shell, inner, outer = (above[layer] for layer in _layers(depth, float(place)))
        # outside only liver counts: fat or lung beyond the liver's edge would make any rim look bright
        outer = outer[outer > _LIVER_HU]
        if min(shell.size, inner.size, outer.size) < _FEWEST:
            continue
        bright, sides = float(np.mean(shell)), quantiles(inner, 0.5)[0]
        if bright - sides <= best[0]:
            continue  # whatever lies outside, this place does not win
        sides = max(sides, quantiles(outer, 0.5)[0])
        if math.isnan(best[0]) or bright - sides > best[0]:
            best = (bright - sides, float(place), sides)
    lift, place, sides = best
    if math.isnan(lift):
        return math.nan, math.nan, math.nan
    shell_layer = _layers(depth, place)[0]
    return lift, _share(sector[shell_layer], above[shell_layer], sides, lift), place


def _layers(depth: Floats, place: float) -> tuple[slice, slice, slice]:
    """Shell, inside and outside as slices of samples sorted by depth."""
    half = THIN_MM / 2
    near, far = _APART_MM
    bounds = [
        (place - half, place + half),
        (place + half + near, place + half + far),
        (place - half - far, place - half - near),
    ]
    shell, inner, outer = (slice(*(int(n) for n in np.searchsorted(depth, pair))) for pair in bounds)
    return shell, inner, outer


def _share(sector: NDArray[np.intp], values: Floats, sides: float, lift: float) -> float:
    """Share of directions whose piece of the shell lies nearer to the shell's brightness than to its sides'."""
    count = np.bincount(sector, minlength=SECTORS)
    total = np.bincount(sector, weights=values, minlength=SECTORS)
    filled = count >= 3
    if not filled.any() or lift <= 0:
        return 0.0
    return float(np.mean(total[filled] / count[filled] > sides + lift / 2))
