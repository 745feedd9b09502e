"""The portal vein: what is clearly brighter than liver in the liver's middle. Without that it cannot be told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from abdominal_oncology.phase.locate.masks import grow, shrink
from abdominal_oncology.phase.locate.organs import Patch
from abdominal_oncology.phase.locate.stack import Stack
from abdominal_oncology.phase.locate.tubes import Candidate, TubeKind, candidates

_LEVELS_MM = (-45.0, -150.0)
_ABOVE_LIVER_HU, _EDGE_HU = 25.0, 18.0
_AORTA_TIMES = 1.35
_BRIGHTEST_HU = 260.0
_CLOSE_MM = 14.0
_BEHIND_MM, _LEFT_MM = (-125.0, -48.0), (-75.0, 8.0)
_BRIGHT_PER_HU = 1 / 250


def find_portal_vein(
    stack: Stack, liver: Sequence[Patch | None], taken: Sequence[Sequence[Candidate | None]], aorta_hu: float
) -> list[Candidate | None]:
    """Its trunk or a main branch in every slice around the hilum, None where nothing stands out; ``taken`` are other
    vessels. Hepatic veins end higher up."""
    found: list[Candidate | None] = [None] * len(stack)
    values = [each.hu for each in liver if each is not None]
    if not values:
        return found
    liver_hu = float(np.median(values))
    core = (liver_hu + _ABOVE_LIVER_HU, min(aorta_hu * _AORTA_TIMES, _BRIGHTEST_HU))
    if core[0] >= core[1]:
        return found
    kind = TubeKind((4.5, 10.0), 4.5, _EDGE_HU, core, np.multiply, 0.45)
    close = max(1, round(_CLOSE_MM / stack.pixel_mm))
    for n, own in enumerate(liver):
        level = stack.level_mm[n]
        if own is None or not _LEVELS_MM[1] <= level <= _LEVELS_MM[0]:
            continue
        behind, left = stack.from_canal_mm(n)
        place = (behind > _BEHIND_MM[0]) & (behind < _BEHIND_MM[1]) & (left > _LEFT_MM[0]) & (left < _LEFT_MM[1])
        place &= shrink(grow(own.mask, close), close - 2)
        rows_taken, columns_taken = np.ogrid[: place.shape[0], : place.shape[1]]
        for other in (run[n] for run in taken):
            if other is not None:
                apart = np.hypot(rows_taken - other.row, columns_taken - other.column) * stack.pixel_mm
                place &= apart > 1.3 * other.radius_mm + 4
        rows, columns = np.flatnonzero(place.any(axis=1)), np.flatnonzero(place.any(axis=0))
        if not len(rows):
            continue
        rows, columns = np.arange(rows[0], rows[-1] + 1), np.arange(columns[0], columns[-1] + 1)
        prior = place[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float64)
        some = candidates(stack.smooth[n], rows, columns, prior, kind, float(stack.noise_hu[n]), stack.pixel_mm)
        good = [each for each in some if each.score >= kind.least_score]
        found[n] = max(good, key=lambda each: each.score + each.hu * _BRIGHT_PER_HU, default=None)
    return found
