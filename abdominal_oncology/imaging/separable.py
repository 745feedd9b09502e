"""Interpolation along one axis as a sparse matrix (new × old): the common floor of ``resize`` and ``resample``.

Every row holds only the taps it needs, so the product is exact, costs little, and a NaN stays where it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import DTypeLike, NDArray

from abdominal_oncology.progress import Progress, silent

MAX_THREADS = 8
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
    out[...] = (columns @ np.ascontiguousarray((rows @ plane).T)).T


def each(work: Callable[[int], None], items: Iterable[int], progress: Progress = silent, stage: str = "") -> None:
    """Call ``work`` for every item on a few threads (numpy and scipy release the interpreter while they compute)."""
    todo = list(items)
    threads = min(MAX_THREADS, os.cpu_count() or 1, len(todo))
    if threads <= 1:
        for done, item in enumerate(todo):
            work(item)
            progress((done + 1) / len(todo), stage)
        return
    with ThreadPoolExecutor(threads) as pool:
        try:
            for done, _ in enumerate(pool.map(work, todo)):
                progress((done + 1) / len(todo), stage)
        finally:
            pool.shutdown(cancel_futures=True)
