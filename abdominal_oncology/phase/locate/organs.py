"""Liver, spleen and kidneys, slice by slice, by where they lie and how even they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.phase.locate.masks import Mask, disc, filled, grow, opened, shrink
from abdominal_oncology.phase.locate.stack import Stack

_SPLEEN_LEVELS_MM = (15.0, -165.0)
_KIDNEY_LEVELS_MM = (-75.0, -235.0)
_KIDNEY_MM2 = (1000.0, 4800.0)
_PLAIN_FLOORS_HU, _BRIGHT_FLOORS_HU = (-20.0, 8.0), (75.0, 105.0, 140.0)
"""A kidney is what is above one of them: halfway to fat and clear of fluid; above muscle, liver and veins."""
_KIDNEY_HU = (5.0, 330.0)
_LEAST_FILL = 0.87
_LEAST_FAT = 0.45
"""Share of a kidney's border at which fat begins."""


@dataclass(frozen=True, eq=False)
class Patch:
    """One organ in one slice: its mask (row, column), size and median HU."""

    mask: Mask
    area_mm2: float
    hu: float


@dataclass(frozen=True)
class _Wanted:
    """Where the middle of an organ may lie (mm behind and left of the canal: from, to) and where it likes to (middle,
    width), how thick and large it must be at least, and its possible HU."""

    behind_mm: tuple[float, float]
    left_mm: tuple[float, float]
    usual_behind_mm: tuple[float, float]
    thick_mm: float
    thick_enough_mm: float
    area_mm2: float
    hu: tuple[float, float]


_LIVER = _Wanted((-150.0, 25.0), (-160.0, -18.0), (-45.0, 80.0), 20.0, 100.0, 2500.0, (-25.0, 260.0))
_SPLEEN = _Wanted((-60.0, 55.0), (50.0, 170.0), (5.0, 22.0), 9.5, 16.0, 700.0, (22.0, 280.0))


def find_liver(stack: Stack) -> list[Patch | None]:
    """The thickest even piece on the patient's right."""
    return [_even_piece(stack, n, _LIVER, None) for n in range(len(stack))]


def find_spleen(stack: Stack, kidney: Sequence[Patch | None]) -> list[Patch | None]:
    """The thickest even piece on the left of the back that is not the ``kidney``."""
    found = []
    for n in range(len(stack)):
        level = stack.level_mm[n]
        away = np.isfinite(level) and not _SPLEEN_LEVELS_MM[1] <= level <= _SPLEEN_LEVELS_MM[0]
        own = kidney[n]
        found.append(None if away else _even_piece(stack, n, _SPLEEN, None if own is None else own.mask))
    return found


def _even_piece(stack: Stack, n: int, wanted: _Wanted, taken: Mask | None) -> Patch | None:
    if not np.isfinite(stack.canal[n]).all():
        return None
    pixel = stack.pixel_mm
    behind, left = stack.from_canal_mm(n)
    side = np.flatnonzero((left[0] > 0) == (wanted.left_mm[1] > 0) if wanted.left_mm[0] > 0 else left[0] < 70)
    if not len(side):
        return None
    box = np.s_[:, side[0] : side[-1] + 1]
    hu, left = stack.smooth[n][box], left[box]
    low, high = wanted.hu
    even = (hu > low) & (hu < high) & stack.body[n][box]
    if taken is not None:
        even &= ~grow(taken[box], 2)
    even &= stack.slope[n][box] < 9.0 + 0.5 * min(float(stack.noise_hu[n]), 20.0)
    even = shrink(grow(even, 1), 1) & (hu > low)
    place = (behind >= wanted.behind_mm[0]) & (behind <= wanted.behind_mm[1])
    place = place & (left >= wanted.left_mm[0]) & (left <= wanted.left_mm[1])
    points, depth = _deepest(even, place, wanted.thick_mm / pixel)
    if not len(points):
        return None
    usual = np.exp(-0.5 * ((behind[points[:, 0], 0] - wanted.usual_behind_mm[0]) / wanted.usual_behind_mm[1]) ** 2)
    best = int((np.minimum(depth * pixel, wanted.thick_enough_mm) * usual).argmax())
    row, column = points[best]
    around, within = disc(hu.shape, row, column, 0.7 * depth[best])
    inner = hu[around][within]
    core = float(np.median(inner))
    spread = float(1.4826 * np.median(np.abs(inner - core)))
    if spread > 16:
        return None
    pieces, _ = ndimage.label(opened(even & (np.abs(hu - core) < max(16.0, 2.5 * spread)), 2))
    name = int(pieces[row, column])
    if not name:
        return None
    mask = np.zeros(stack.smooth.shape[1:], dtype=bool)
    mask[box] = shrink(pieces == name, 1)
    return _patch(stack, n, mask, wanted.area_mm2)


def _deepest(mask: Mask, place: Mask, least: float) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Points (n, 2) of ``place`` at least so many pixels deep in ``mask``, and how deep each lies."""
    inside = shrink(mask, max(0, int(np.ceil(least / np.sqrt(2))) - 1))  # this square fits in wherever it is so deep
    points = np.argwhere(inside & place)
    if not len(points):
        return points, np.empty(0)
    # distances of all pixels would take as long again as their nearest pixels outside
    nearest = ndimage.distance_transform_edt(np.pad(mask, 1), return_distances=False, return_indices=True)
    rows, columns = points.T
    depth = np.hypot(*(nearest[:, rows + 1, columns + 1] - points.T - 1))
    enough = depth >= least
    return points[enough], depth[enough]


def find_kidneys(stack: Stack, enhanced: bool | None) -> tuple[list[Patch | None], list[Patch | None]]:
    """Right and left: blunt pieces beside the spine that fat sets apart; brighter than muscle if blood is ``enhanced``
    (None: not known)."""
    floors: tuple[float, ...] = () if enhanced else _PLAIN_FLOORS_HU
    if enhanced is not False:
        floors += _BRIGHT_FLOORS_HU
    both: tuple[list[Patch | None], list[Patch | None]] = ([], [])
    for n in range(len(stack)):
        level = stack.level_mm[n]
        away = np.isfinite(level) and not _KIDNEY_LEVELS_MM[1] <= level <= _KIDNEY_LEVELS_MM[0]
        for side, found in zip((-1, 1), both, strict=True):
            unseen = away or not np.isfinite(stack.canal[n]).all()
            found.append(None if unseen else _kidney(stack, n, side, floors))
    return both


def _kidney(stack: Stack, n: int, side: int, floors: Sequence[float]) -> Patch | None:
    pixel = stack.pixel_mm
    behind, left = stack.from_canal_mm(n)
    zone = (behind > -95) & (behind < 55) & (side * left > 14) & (side * left < 125)
    rows, columns = (np.flatnonzero(zone.any(axis=axis)) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return None
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    hu, body = stack.smooth[n][box], stack.body[n][box]
    best: tuple[float, Mask] | None = None
    for floor in floors:
        for turns in (1, 3):
            pieces, _ = ndimage.label(filled(opened((hu > floor) & body, turns)))
            for name, place in enumerate(ndimage.find_objects(pieces), start=1):
                mask = pieces[place] == name
                area = float(mask.sum()) * pixel**2
                if not _KIDNEY_MM2[0] <= area <= _KIDNEY_MM2[1] or _touches(place, hu.shape):
                    continue
                points = np.argwhere(mask).astype(np.float64)
                middle = points.mean(axis=0) + np.array([place[0].start + rows[0], place[1].start + columns[0]])
                at_behind = (middle[0] - stack.canal[n, 0]) * pixel
                at_left = side * (middle[1] - stack.canal[n, 1]) * pixel
                if not (-62 <= at_behind <= 22 and 34 <= at_left <= 88):
                    continue
                fill, longish = _blunt(points)
                if fill < _LEAST_FILL or longish > 2.2:
                    continue
                whole = np.zeros(hu.shape, dtype=bool)
                whole[place] = mask
                fat = float((hu[grow(whole, 3) & ~grow(whole, 2)] < -10).mean())
                if fat < _LEAST_FAT or not _KIDNEY_HU[0] <= np.median(hu[whole]) <= _KIDNEY_HU[1]:
                    continue
                score = (
                    fill
                    + 0.5 * fat
                    + 0.1 * np.log(area / 1000)
                    - 0.0003 * abs(at_left - 60)
                    + (0.1 if floor > 50 else 0)
                )
                if best is None or score > best[0]:
                    best = (score, whole)
    if best is None:
        return None
    full = np.zeros(stack.smooth.shape[1:], dtype=bool)
    full[box] = best[1]
    inner = shrink(full, 1) & (stack.smooth[n] > 0)  # sinus fat is not the kidney
    return _patch(stack, n, inner, 0.4 * _KIDNEY_MM2[0])


def _touches(place: tuple[slice, slice], shape: tuple[int, ...]) -> bool:
    return any(each.start == 0 or each.stop == size for each, size in zip(place, shape, strict=True))


def _blunt(points: NDArray[np.float64]) -> tuple[float, float]:
    """How well an ellipse of the same moments is filled (1: exactly), and its length against its width."""
    values = np.linalg.eigvalsh(np.cov(points.T) + np.eye(2) / 12)
    ellipse = 4 * np.pi * float(np.sqrt(values.prod()))
    return len(points) / ellipse, float(np.sqrt(values[1] / values[0]))


def _patch(stack: Stack, n: int, mask: Mask, least_mm2: float) -> Patch | None:
    area = float(mask.sum()) * stack.pixel_mm**2
    if area < least_mm2:
        return None
    return Patch(mask, area, float(np.median(stack.seen.hu[n][mask])))
