"""Quick operations on masks of one slice; squares instead of discs, for they run along rows and columns alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]


def shrink(mask: Mask, pixels: int) -> Mask:
    """Without its outer ``pixels``; what leaves the picture is not eaten at its edge."""
    return ~grow(~mask, pixels)


def grow(mask: Mask, pixels: int) -> Mask:
    """With ``pixels`` more on every side.

    >>> int(grow(np.eye(5, dtype=bool), 1).sum())
    19
    """
    high = mask.copy()
    for shift in range(1, pixels + 1):
        high[shift:] |= mask[:-shift]
        high[:-shift] |= mask[shift:]
    wide = high.copy()
    for shift in range(1, pixels + 1):
        wide[:, shift:] |= high[:, :-shift]
        wide[:, :-shift] |= high[:, shift:]
    return wide


def opened(mask: Mask, pixels: int) -> Mask:
    """Only where a square of 2 · ``pixels`` + 1 fits in."""
    return grow(shrink(mask, pixels), pixels)


def filled(mask: Mask) -> Mask:
    """With its holes.

    >>> ring = np.ones((3, 3), bool)
    >>> ring[1, 1] = False
    >>> bool(filled(ring)[1, 1])
    True
    """
    outside, count = ndimage.label(~mask)
    if not count:
        return mask
    open_ = np.zeros(count + 1, dtype=bool)
    for edge in (outside[0], outside[-1], outside[:, 0], outside[:, -1]):
        open_[edge] = True
    open_[0] = False
    result: Mask = ~open_[outside]
    return result


def disc(shape: tuple[int, ...], row: float, column: float, radius: float) -> tuple[tuple[slice, slice], Mask]:
    """The part of a slice of that shape around a centre, and which of its pixels lie within ``radius`` (pixels).

    >>> box, inside = disc((9, 9), 1.0, 4.0, 2.0)
    >>> box, int(inside.sum())
    ((slice(0, 5, None), slice(2, 8, None)), 12)
    """
    box = tuple(
        slice(max(0, int(at - radius)), max(0, min(size, int(at + radius) + 2)))
        for at, size in zip((row, column), shape, strict=True)
    )
    rows, columns = np.ogrid[box]
    return (box[0], box[1]), np.hypot(rows - row, columns - column) <= radius


def largest(mask: Mask) -> Mask:
    """Its largest connected piece; empty if there is none."""
    pieces, count = ndimage.label(mask)
    if count <= 1:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    result: Mask = pieces == sizes.argmax()
    return result
