"""Marks: which slices of a network's input are there, and which are representative.

They travel as a second channel, constant in each slice, so that volumes of different depth share a store and a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError

SLICE, REPRESENTATIVE = 0.5, 1.0
"""Marks of a slice and of a representative one, as the network sees them; 0 marks padding."""

_SLICE_BYTE, _REPRESENTATIVE_BYTE = 128, 255


@dataclass(frozen=True)
class Placed:
    """``count`` slices of a volume, from its slice ``first`` on, lie at ``start`` … of an input of ``depth`` slices."""

    first: int
    start: int
    count: int
    depth: int


def place_slices(count: int, depth: int | None, around: float) -> Placed:
    """Which of ``count`` slices go into an input of ``depth`` (None: all), those nearest to slice ``around``.

    >>> place_slices(30, 16, 20.0), place_slices(10, 16, 5.0)
    (Placed(first=12, start=0, count=16, depth=16), Placed(first=0, start=3, count=10, depth=16))
    """
    wanted = count if depth is None else depth
    if wanted < 1:
        raise InvalidInputError(f"a network's input needs a slice or more, not {wanted}")
    taken = min(count, wanted)
    first = int(np.clip(round(around - (taken - 1) / 2), 0, count - taken))
    return Placed(first, (wanted - taken) // 2, taken, wanted)


def as_input(
    pixels: NDArray[np.uint8],
    representative: Sequence[int] = (),
    *,
    depth: int | None = None,
    around: float | None = None,
) -> NDArray[np.uint8]:
    """Slices (N, H, W) with their marks, (2, depth, H, W); ``depth`` None leaves N.

    Too many slices lose those farthest from ``around`` (a slice index; default: the middle of the representative
    slices, else of all), too few get empty ones at both ends. No slice is ever resampled.

    >>> as_input(np.ones((3, 2, 2), np.uint8), [1], depth=5)[1, :, 0, 0].tolist()
    [0, 128, 255, 128, 0]
    """
    count = len(pixels)
    if pixels.ndim != 3 or pixels.dtype != np.uint8 or not count:
        raise InvalidInputError(f"slices are bytes (N, H, W), not {pixels.dtype} {pixels.shape}")
    wrong = [index for index in representative if not 0 <= index < count]
    if wrong:
        raise InvalidInputError(
            f"slice {wrong[0]} cannot be representative: the volume has slices 0 … {count - 1}",
            remedy="number the slices from the feet, starting at 0",
        )
    if around is None:
        around = float(np.mean(representative)) if len(representative) else (count - 1) / 2
    placed = place_slices(count, depth, around)
    marks = np.full(count, _SLICE_BYTE, np.uint8)
    marks[list(representative)] = _REPRESENTATIVE_BYTE
    result = np.zeros((2, placed.depth, *pixels.shape[1:]), np.uint8)
    first, start, taken = placed.first, placed.start, placed.count
    if len(representative) and not set(representative) <= set(range(first, first + taken)):
        raise InvalidInputError(
            f"the representative slices {', '.join(map(str, representative))} do not fit into {placed.depth} slices",
            remedy="allow a greater depth, or name representative slices that lie together",
        )
    result[0, start : start + taken] = pixels[first : first + taken]
    result[1, start : start + taken] = marks[first : first + taken, None, None]
    return result
