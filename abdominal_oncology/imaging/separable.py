"""Interpolation along one axis as a sparse matrix (new × old): the common floor of ``resize`` and ``resample``.

Every row holds only the taps it needs, so the product is exact, costs little, and a NaN stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import DTypeLike, NDArray

from abdominal_oncology.progress import Progress, silent

_ROWS_AT_ONCE = 16
EDGE_TOLERANCE = 1e-6
"""Fraction of a voxel by which a point may miss the outer edge through rounding and still count as inside."""


def inside(positions: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    """Which fractional indices lie within the outer voxel edges -0.5 … count - 0.5 (the upper one excluded, as in ITK).

    >>> inside(np.array([-0.6, -0.5, 2.4, 2.5]), 3).tolist()
    [False, True, True, False]
    """
    return (positions >= -0.5 - EDGE_TOLERANCE) & (positions < count - 0.5 - EDGE_TOLERANCE)


def linear_weights(positions: NDArray[np.float64], count: int, dtype: DTypeLike = np.float32) -> Any:
    """CSR matrix (len(positions), count) of linear interpolation at fractional indices; beyond centres the edge holds.

    >>> linear_weights(np.array([-0.3, 0.25, 1.9]), 2).toarray().tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.0, 1.0]]
    """
    low, high, fraction = linear_taps(positions, count)
    rows = np.arange(len(positions))
    matrix = scipy.sparse.coo_array(
        (np.concatenate([1 - fraction, fraction]), (np.concatenate([rows, rows]), np.concatenate([low, high]))),
        shape=(len(positions), count),
    ).tocsr()
    matrix.eliminate_zeros()
    return matrix.astype(dtype)


def linear_taps(
    positions: NDArray[np.float64], count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Lower tap, upper tap and the upper tap's weight for each fractional index."""
    held = np.clip(positions, 0, count - 1)
    snapped = np.where(np.abs(held - np.round(held)) < EDGE_TOLERANCE, np.round(held), held)
    low = np.floor(snapped).astype(np.intp)
    return low, np.minimum(low + 1, count - 1), snapped - low


def nearest_taps(positions: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """The nearest index for each fractional index; a half goes up, as in ITK.

    >>> nearest_taps(np.array([-0.5, 0.49, 0.5, 1.4]), 2).tolist()
    [0, 0, 1, 1]
    """
    return np.clip(np.floor(positions + 0.5 + EDGE_TOLERANCE), 0, count - 1).astype(np.intp)


def area_weights(old: int, new: int, dtype: DTypeLike = np.float32) -> Any:
    """CSR matrix (new, old) of true area averages: each old cell counts by the length of its overlap with the new one.

    >>> area_weights(3, 2, np.float64).toarray().round(4).tolist()
    [[0.6667, 0.3333, 0.0], [0.0, 0.3333, 0.6667]]
    """
    # cuts of both grids on a common ruler of old × new ticks: whole numbers, so overlaps are exact
    cuts = np.union1d(np.arange(old + 1) * new, np.arange(new + 1) * old)
    start, length = cuts[:-1], np.diff(cuts)
    matrix = scipy.sparse.coo_array((length / old, (start // old, start // new)), shape=(new, old))
    return matrix.tocsr().astype(dtype)


def apply_in_plane(rows: Any, columns: Any, plane: NDArray[Any], out: NDArray[Any]) -> None:
    """``rows @ plane @ columns.T`` into ``out``; the transpose keeps both sparse products on contiguous memory."""
    out[...] = (columns @ transposed(rows @ plane)).T


def transposed(plane: NDArray[Any]) -> NDArray[Any]:
    """A contiguous transpose, some rows at a time: rows of 512 floats fall on the same cache lines, and numpy's own
    copy takes three times as long.

    >>> transposed(np.arange(6).reshape(2, 3)).tolist()
    [[0, 3], [1, 4], [2, 5]]
    """
    turned = np.empty(plane.shape[::-1], plane.dtype)
    for row in range(0, plane.shape[0], _ROWS_AT_ONCE):
        turned[:, row : row + _ROWS_AT_ONCE] = plane[row : row + _ROWS_AT_ONCE].T
    return turned


def each(work: Callable[[int], None], count: int, progress: Progress = silent, stage: str = "") -> None:
    """Call ``work`` for 0 … count-1, with progress. One thread: scipy's products hold the interpreter lock, and two
    threads measured slower than one.
    """
    for item in range(count):
        work(item)
        progress((item + 1) / count, stage)
