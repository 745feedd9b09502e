"""The spinal canal: soft tissue with bone in every direction, at about the same place in all slices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_BONE_HU = 165.0
_REACH_MM = 24.0
_DIRECTIONS = 16
_FOLLOW_MM = 25.0
"""Over this distance along the body the canal hardly moves."""
_LEAST = 0.1
_MIDDLE_MM = 22.0


def spinal_canals(
    hu: NDArray[np.float32], body: NDArray[np.bool_], height_mm: NDArray[np.float64], pixel_mm: float
) -> NDArray[np.float64]:
    """Row and column (n, 2) of the canal in every slice (n, row, column); NaN in all when there is no spine."""
    missing = np.full((len(hu), 2), np.nan)
    if not body.any():
        return missing
    rows, columns = (np.flatnonzero(body.any(axis=axis)) for axis in ((0, 2), (0, 1)))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    top += (bottom - top) // 2  # the canal lies in the back half, not far from the middle
    side = (right - left) // 4
    box = np.s_[:, top:bottom, left + side : max(right - side, left + side + 1)]
    score = enclosed(hu[box] > _BONE_HU, pixel_mm)
    score *= np.clip((150 - np.abs(hu[box] - 30)) / 100, 0, 1)
    across = np.arange(body.shape[2])
    for n, inside in enumerate(body):  # a bright kidney around its sinus is like a canal, but not in the middle
        if inside.any():
            middle = float(np.average(across, weights=inside.sum(axis=0)))
            score[n] *= np.exp(-0.5 * ((across[box[2]] - middle) * pixel_mm / _MIDDLE_MM) ** 2)
    score = ndimage.gaussian_filter(score, (0, 5 / pixel_mm, 5 / pixel_mm))
    lasting = ndimage.gaussian_filter(score.mean(axis=0), 6 / pixel_mm)
    anchor = np.array(np.unravel_index(int(lasting.argmax()), lasting.shape))
    if score.max() < _LEAST:
        return missing
    away = np.asarray(np.indices(lasting.shape)) - anchor[:, None, None]
    score = score * np.exp(-0.5 * ((away**2).sum(axis=0) * pixel_mm**2) / 35.0**2)
    found = np.empty((len(hu), 2))
    weight = np.empty(len(hu))
    for n in range(len(hu)):
        near = np.exp(-0.5 * ((height_mm - height_mm[n]) / _FOLLOW_MM) ** 2)
        shared = np.tensordot(near / near.sum(), score, axes=1) + score[n]
        found[n] = np.unravel_index(int(shared.argmax()), shared.shape)
        weight[n] = shared.max()
    for axis in (0, 1):  # a slice that disagrees with its neighbours is put in line
        line = np.array([np.median(found[np.abs(height_mm - z) <= 2 * _FOLLOW_MM, axis]) for z in height_mm])
        wrong = np.abs(found[:, axis] - line) * pixel_mm > 12
        found[wrong, axis] = line[wrong]
    return np.asarray(found + np.array([top, left + side]), dtype=np.float64)


def enclosed(bone: NDArray[np.bool_], pixel_mm: float) -> NDArray[np.float32]:
    """Share of 16 directions in which a pixel (n, row, column) meets bone within 24 mm; 0 up to a third of them."""
    _, rows, columns = bone.shape
    reach = int(np.ceil(_REACH_MM / pixel_mm))
    padded = np.pad(bone, ((0, 0), (reach, reach), (reach, reach)))
    met = np.zeros(bone.shape, dtype=np.float32)
    for angle in np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS):
        hit = np.zeros(bone.shape, dtype=bool)
        offsets = {(round(r * float(np.sin(angle))), round(r * float(np.cos(angle)))) for r in range(2, reach + 1)}
        for down, across in sorted(offsets):
            hit |= padded[:, reach + down : reach + down + rows, reach + across : reach + across + columns]
        met += hit
    met /= _DIRECTIONS
    share: NDArray[np.float32] = np.clip((met - 1 / 3) * 1.5, 0, 1).astype(np.float32)
    return share
