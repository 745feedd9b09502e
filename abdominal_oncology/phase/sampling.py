"""Which slices are read: a random share of them (papers 001 and 002), or evenly spread ones (paper 000).

Slice numbers count along k. Random ones come in the order to read them, which is random too: however early reading
stops, what was read is a fair sample of the scan.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError

Slab = tuple[int, int]
"""First slice of a part of the scan, and the one after its last."""


def sample_size(slices: int, percent: float) -> int:
    """max(1, ⌊N · R / 100⌋).

    >>> [sample_size(slices, 30) for slices in (281, 30, 2350, 3, 1)]
    [84, 9, 705, 1, 1]
    """
    if slices < 1:
        raise InvalidInputError("there is no slice to sample from")
    if not 0 < percent <= 100:
        raise InvalidInputError(f"a share of the slices is above 0 and at most 100 %, not {percent} %")
    # 0.29 · 100 is 28.999999999999996, and a user who says 29 % means 29 of 100
    return max(1, math.floor(slices * percent / 100 + 1e-9))


def random_slices(slices: int, percent: float, seed: int, slab: Slab | None = None) -> NDArray[np.intp]:
    """R % of the slices (of the slab's slices, where one is given), without replacement, in a random reading order.

    The same seed and slab give the same order: a larger share begins with the slices of a smaller one.

    >>> random_slices(10, 30, seed=0).tolist(), random_slices(10, 50, seed=0).tolist()
    ([4, 6, 2], [4, 6, 2, 7, 3])
    """
    start, stop = _checked_slab(slices, slab)
    count = sample_size(stop - start, percent)
    return start + np.random.default_rng(seed).permutation(stop - start)[:count]


def uniform_slices(slices: int, count: int, slab: Slab | None = None) -> NDArray[np.intp]:
    """The middle slice of each of ``count`` equal parts, in rising order; a thin slab gives some slices twice.

    >>> uniform_slices(100, 4).tolist(), uniform_slices(3, 5).tolist()
    ([12, 37, 62, 87], [0, 0, 1, 2, 2])
    """
    start, stop = _checked_slab(slices, slab)
    if count < 1:
        raise InvalidInputError(f"at least one slice is sampled, not {count}")
    return np.asarray(start + ((2 * np.arange(count) + 1) * (stop - start)) // (2 * count), dtype=np.intp)


def _checked_slab(slices: int, slab: Slab | None) -> Slab:
    if slab is None:
        return 0, slices
    start, stop = slab
    if not 0 <= start < stop <= slices:
        raise InvalidInputError(f"slices {start} to {stop} are no part of a scan of {slices} slices")
    return start, stop
