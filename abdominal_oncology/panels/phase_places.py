"""Where regions were measured, as one picture for a report: around each a piece of its slice, with a cross in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from abdominal_oncology.imaging.geometry import Vector
    from abdominal_oncology.imaging.reader import SliceReader
    from abdominal_oncology.scene.pictures import Picture

WIDE_MM = 140.0
"""So much of the body is seen around each place."""
COLUMNS = 4
_PIXELS = 160
_WINDOW_HU = (-100.0, 300.0)
_ARM, _GAP = 14, 5
_COLOUR = (255, 200, 0)


def picture_of_places(reader: SliceReader, places: Sequence[Vector]) -> Picture:
    """Axial pieces around points (x, y, z) in LPS mm, patient's right on the left, row by row."""
    from abdominal_oncology.scene.pictures import montage

    return montage([_piece(reader, place) for place in places], min(COLUMNS, len(places)))


def _piece(reader: SliceReader, place: Vector) -> Picture:
    grid = reader.geometry
    off = (np.arange(_PIXELS) + 0.5) * WIDE_MM / _PIXELS - WIDE_MM / 2
    x, y = np.meshgrid(place[0] + off, place[1] + off)
    index = np.rint(grid.to_index(np.stack([x, y, np.full_like(x, place[2])], axis=-1))).astype(int)
    j, i = index[..., 1], index[..., 2]
    k = int(np.clip(round(float(grid.to_index(place)[0])), 0, grid.shape[0] - 1))
    inside = (j >= 0) & (j < grid.shape[1]) & (i >= 0) & (i < grid.shape[2])
    hu = np.full(x.shape, _WINDOW_HU[0])
    hu[inside] = np.asarray(reader.read([k])[0], dtype=np.float64)[j[inside], i[inside]]
    low, high = _WINDOW_HU
    grey = np.nan_to_num(np.clip((hu - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    piece: Picture = np.repeat(grey[..., None], 3, axis=2)
    middle = _PIXELS // 2
    for arm in (slice(middle - _ARM, middle - _GAP), slice(middle + _GAP, middle + _ARM)):
        piece[arm, middle] = piece[middle, arm] = _COLOUR
    piece[-1], piece[:, -1] = 0, 0  # a line to the next
    return piece
