"""What a coarse slice looks like, in numbers that hardly depend on scanner, contrast and build.

The body's box is cut into a grid; each cell says how much of it is lung, fat, soft tissue and bone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.phase.locate.body import body_mask

ROWS, COLUMNS = 8, 10
PIXEL_MM = 6.0
"""Size of the pixels that features are taken from."""
_SMALLEST_MM2 = 2500.0
_TAIL = 0.015
_LOG_AREA, _WIDTH_MM, _HEIGHT_MM = (11.0, 0.5), (350.0, 60.0), (250.0, 50.0)
_TISSUES = 4
COUNT = _TISSUES * ROWS * COLUMNS + _TISSUES + 3


def slice_features(
    hu: NDArray[np.float32], pixel_mm: float, jitter: NDArray[np.float64] | None = None
) -> NDArray[np.float32] | None:
    """``COUNT`` numbers of one slice (row, column); None where there is no body.

    ``jitter`` (4) moves the box's sides by shares of its size, for training.
    """
    body = body_mask(hu, pixel_mm)
    area_mm2 = float(body.sum()) * pixel_mm**2
    if area_mm2 < _SMALLEST_MM2:
        return None
    top, bottom = _span(body.sum(axis=1))
    left, right = _span(body.sum(axis=0))
    width, height = right - left, bottom - top
    if jitter is not None:
        top, bottom = top + jitter[0] * height, bottom + jitter[1] * height
        left, right = left + jitter[2] * width, right + jitter[3] * width
    shares = tissue_shares(hu) * body[..., None]
    row_cuts, column_cuts = np.linspace(top, bottom, ROWS + 1), np.linspace(left, right, COLUMNS + 1)
    cells = _cell_sums(shares, row_cuts, column_cuts)
    cells /= max((bottom - top) / ROWS * (right - left) / COLUMNS, 1e-3)
    whole = shares.sum(axis=(0, 1)) / body.sum()
    size = (
        (np.log(area_mm2) - _LOG_AREA[0]) / _LOG_AREA[1],
        (width * pixel_mm - _WIDTH_MM[0]) / _WIDTH_MM[1],
        (height * pixel_mm - _HEIGHT_MM[0]) / _HEIGHT_MM[1],
    )
    return np.concatenate([cells.ravel(), whole, size]).astype(np.float32)


def mirrored(features: NDArray[np.float32], rows: bool, columns: bool) -> NDArray[np.float32]:
    """The features (n, COUNT) of the same slices upside down (``rows``) or left to right (``columns``)."""
    cells = features[:, : _TISSUES * ROWS * COLUMNS].reshape(-1, ROWS, COLUMNS, _TISSUES)
    if rows:
        cells = cells[:, ::-1]
    if columns:
        cells = cells[:, :, ::-1]
    return np.concatenate([cells.reshape(len(features), -1), features[:, _TISSUES * ROWS * COLUMNS :]], axis=1)


def tissue_shares(hu: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much of a pixel is lung or gas, fat, soft tissue, bone or strong contrast (row, column, 4).

    >>> tissue_shares(np.float32([[-850, -100, 50, 700]])).argmax(axis=-1).tolist()
    [[0, 1, 2, 3]]
    """
    air = np.clip((-250 - hu) / 250, 0, 1)
    soft = np.clip((hu + 70) / 70, 0, 1)
    bone = np.clip((hu - 150) / 100, 0, 1)
    return np.stack([air, 1 - air - soft, soft - bone, bone], axis=-1).astype(np.float32)


def _span(profile: NDArray[np.integer]) -> tuple[float, float]:
    """Where a profile begins and ends, fractional pixels; its thin tails (a hand, a tube) are left out."""
    total = np.concatenate([[0.0], np.cumsum(profile, dtype=np.float64)])
    edges = np.arange(len(total))
    low, high = np.interp([_TAIL * total[-1], (1 - _TAIL) * total[-1]], total, edges)
    return float(low), float(max(high, low + 1))


def _cell_sums(
    shares: NDArray[np.float32], row_cuts: NDArray[np.float64], column_cuts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sums over cells with fractional borders, from a running sum in both directions."""
    running = np.zeros((shares.shape[0] + 1, shares.shape[1] + 1, shares.shape[2]))
    running[1:, 1:] = shares.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    at_rows = _between(running, row_cuts, 0)
    at_both = _between(at_rows, column_cuts, 1)
    cells: NDArray[np.float64] = np.diff(np.diff(at_both, axis=0), axis=1)
    return cells


def _between(values: NDArray[np.float64], cuts: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    held = np.clip(cuts, 0, values.shape[axis] - 1)
    low = np.minimum(held.astype(int), values.shape[axis] - 2)
    part = (held - low).reshape([-1 if n == axis else 1 for n in range(values.ndim)])
    result: NDArray[np.float64] = np.take(values, low, axis) * (1 - part) + np.take(values, low + 1, axis) * part
    return result
