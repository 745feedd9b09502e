"""An enhancing capsule: a thin bright shell, brighter than the lesion inside it and than the liver outside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.hcc.features.region import Floats
from abdominal_oncology.hcc.features.samples import SECTORS, Samples

THIN_MM = 1.6
"""Width of the shell that is looked for; capsules are 0.5 to 2 mm thick."""

# an outline may lie beside the capsule by about a voxel
_PLACES_MM = np.arange(-1.5, 2.6, 0.5)
_APART_MM = (0.6, 3.6)
_FEWEST = 6


def capsule(samples: Samples, roles: tuple[str, ...] = ("portal", "delayed")) -> dict[str, float]:
    """By phase: ``lift`` (HU of the shell above the brighter of its two sides), ``share`` (0 … 1 of the circumference
    where it stands out) and ``place`` (its depth in mm), as ``portal_capsule_lift`` and so on.
    """
    result: dict[str, float] = {}
    for role in roles:
        if role in samples.above_hu:
            lift, share, place = _ridge(samples, samples.above_hu[role])
            result |= {
                f"{role}_capsule_lift": lift,
                f"{role}_capsule_share": share,
                f"{role}_capsule_place": place,
            }
    return result


def _ridge(samples: Samples, above: Floats) -> tuple[float, float, float]:
    known = np.isfinite(above)
    depth = samples.depth_mm
    best = (float("nan"), 0.0, 0.0)
    for place in _PLACES_MM:
        shell, inner, outer = (known & part for part in _layers(depth, float(place)))
        if min(np.count_nonzero(part) for part in (shell, inner, outer)) < _FEWEST:
            continue
        # outside only liver counts: fat or lung beyond the liver's edge would make any rim look bright
        outer &= above > -40
        if np.count_nonzero(outer) < _FEWEST:
            continue
        sides = max(float(np.median(above[inner])), float(np.median(above[outer])))
        lift = float(np.mean(above[shell])) - sides
        if np.isnan(best[0]) or lift > best[0]:
            best = (lift, float(place), sides)
    lift, place, sides = best
    if np.isnan(lift):
        return lift, float("nan"), float("nan")
    shell = known & _layers(depth, place)[0]
    return lift, _share(samples.sector[shell], above[shell], sides, lift), place


def _layers(depth: Floats, place: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    half = THIN_MM / 2
    near, far = _APART_MM
    shell = np.abs(depth - place) <= half
    inner = (depth > place + half + near) & (depth <= place + half + far)
    outer = (depth < place - half - near) & (depth >= place - half - far)
    return shell, inner, outer


def _share(sector: NDArray[np.intp], values: Floats, sides: float, lift: float) -> float:
    """Share of directions whose piece of the shell lies nearer to the shell's brightness than to its sides'."""
    count = np.bincount(sector, minlength=SECTORS)
    total = np.bincount(sector, weights=values, minlength=SECTORS)
    filled = count >= 3
    if not filled.any() or lift <= 0:
        return 0.0
    return float(np.mean(total[filled] / count[filled] > sides + lift / 2))
