"""Liver, spleen and kidneys, slice by slice, by where they lie and how even they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.phase.locate.stack import Stack

Mask = NDArray[np.bool_]
Plane = NDArray[np.float32]

_EIGHT = np.ones((3, 3), dtype=bool)
_SPLEEN_LEVELS_MM = (15.0, -175.0)
_KIDNEY_LEVELS_MM = (-45.0, -250.0)
_KIDNEY_MM2 = (900.0, 5500.0)
_KIDNEY_FLOORS_HU = (8.0, 75.0, 105.0, 140.0)
_LEAST_FILL = 0.86


@dataclass(frozen=True, eq=False)
class Patch:
    """One organ in one slice: its mask (row, column), size and median HU."""

    mask: Mask
    area_mm2: float
    hu: float


@dataclass(frozen=True)
class _Wanted:
    """Where the middle of an organ may lie (mm behind and left of the canal), and how thick and large it must be."""

    behind_mm: tuple[float, float]
    left_mm: tuple[float, float]
    thick_mm: float
    area_mm2: float
    hu: tuple[float, float]


_LIVER = _Wanted((-150.0, 25.0), (-160.0, -18.0), 20.0, 2500.0, (-25.0, 260.0))
_SPLEEN = _Wanted((-75.0, 55.0), (52.0, 170.0), 9.5, 700.0, (22.0, 280.0))


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
    pixel, hu = stack.pixel_mm, stack.smooth[n]
    behind, left = stack.from_canal_mm(n)
    low, high = wanted.hu
    even = (hu > low) & (hu < high) & stack.body[n]
    if taken is not None:
        even &= ~ndimage.binary_dilation(taken, _EIGHT, iterations=2)
    slope = ndimage.gaussian_gradient_magnitude(hu, 1.0)
    even &= slope < 9.0 + 0.5 * min(float(stack.noise_hu[n]), 20.0)
    even = ndimage.binary_closing(even, _EIGHT) & (hu > low)
    depth = ndimage.distance_transform_edt(np.pad(even, 1))[1:-1, 1:-1] * pixel
    place = (behind >= wanted.behind_mm[0]) & (behind <= wanted.behind_mm[1])
    place = place & (left >= wanted.left_mm[0]) & (left <= wanted.left_mm[1])
    depth = depth * place
    middle = np.unravel_index(int(depth.argmax()), depth.shape)
    thick = float(depth[middle])
    if thick < wanted.thick_mm:
        return None
    rows, columns = np.ogrid[: hu.shape[0], : hu.shape[1]]
    disc = np.hypot(rows - middle[0], columns - middle[1]) * pixel <= 0.7 * thick
    core = float(np.median(hu[disc]))
    spread = float(1.4826 * np.median(np.abs(hu[disc] - core)))
    if spread > 16:
        return None
    like = even & (np.abs(hu - core) < max(16.0, 2.5 * spread))
    like = ndimage.binary_opening(like, _EIGHT, iterations=2)
    pieces, _ = ndimage.label(like)
    name = int(pieces[middle])
    if not name:
        return None
    mask = ndimage.binary_erosion(pieces == name, _EIGHT)
    return _patch(stack, n, mask, wanted.area_mm2)


def find_kidneys(stack: Stack) -> tuple[list[Patch | None], list[Patch | None]]:
    """Right and left: blunt pieces beside the spine that fat sets apart, brighter than their surroundings or not."""
    both: tuple[list[Patch | None], list[Patch | None]] = ([], [])
    for n in range(len(stack)):
        level = stack.level_mm[n]
        away = np.isfinite(level) and not _KIDNEY_LEVELS_MM[1] <= level <= _KIDNEY_LEVELS_MM[0]
        for side, found in zip((-1, 1), both, strict=True):
            unseen = away or not np.isfinite(stack.canal[n]).all()
            found.append(None if unseen else _kidney(stack, n, side))
    return both


def _kidney(stack: Stack, n: int, side: int) -> Patch | None:
    pixel = stack.pixel_mm
    behind, left = stack.from_canal_mm(n)
    zone = (behind > -95) & (behind < 55) & (side * left > 14) & (side * left < 125)
    rows, columns = (np.flatnonzero(zone.any(axis=axis)) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return None
    box = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    hu, body = stack.smooth[n][box], stack.body[n][box]
    best: tuple[float, Mask] | None = None
    for floor in _KIDNEY_FLOORS_HU:
        for turns in (1, 3):
            matter = ndimage.binary_opening((hu > floor) & body, _EIGHT, iterations=turns)
            matter = ndimage.binary_fill_holes(matter)
            pieces, _ = ndimage.label(matter)
            for name, place in enumerate(ndimage.find_objects(pieces), start=1):
                mask = pieces[place] == name
                area = float(mask.sum()) * pixel**2
                if not _KIDNEY_MM2[0] <= area <= _KIDNEY_MM2[1] or _touches(place, hu.shape):
                    continue
                points = np.argwhere(mask).astype(np.float64)
                middle = points.mean(axis=0) + np.array([place[0].start + rows[0], place[1].start + columns[0]])
                at_behind = (middle[0] - stack.canal[n, 0]) * pixel
                at_left = side * (middle[1] - stack.canal[n, 1]) * pixel
                if not (-75 <= at_behind <= 25 and 32 <= at_left <= 95):
                    continue
                fill, longish = _blunt(points)
                if fill < _LEAST_FILL or longish > 2.2:
                    continue
                whole = np.zeros(hu.shape, dtype=bool)
                whole[place] = mask
                score = fill + 0.1 * np.log(area / 1000) - 0.0003 * abs(at_left - 60) + (0.1 if floor > 50 else 0)
                if best is None or score > best[0]:
                    best = (score, whole)
    if best is None:
        return None
    full = np.zeros(stack.smooth.shape[1:], dtype=bool)
    full[box] = best[1]
    inner = ndimage.binary_erosion(full, _EIGHT) & (stack.smooth[n] > 0)  # sinus fat is not the kidney
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
