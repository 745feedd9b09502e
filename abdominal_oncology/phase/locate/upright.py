"""A few slices of a CT, turned so that columns run to the patient's left and rows to the back, on square pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError, WrongModalityError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import ImageWarning, Modality
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.imaging.resize import resize_slices

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

AIR_HU = -1024.0
_HIGHEST_HU = 3071.0
_NAN_SHARE = 1e-4


@dataclass(frozen=True, eq=False)
class Upright:
    """``hu`` (n, row, column): rows run to the patient's back, columns to the left; ``indices`` along k as asked for.

    ``height_mm`` is each slice's LPS z; ``pixel_mm`` the side of a pixel. ``blank`` is the share of voxels that were no
    number and are now air. After :meth:`cropped`, ``corner`` is where the rest begins in the ``whole`` (rows, columns).
    """

    hu: NDArray[np.float32]
    indices: tuple[int, ...]
    height_mm: NDArray[np.float64]
    pixel_mm: float
    turn: Turn
    blank: float = 0.0
    whole: tuple[int, int] = (0, 0)
    corner: tuple[int, int] = (0, 0)

    def __len__(self) -> int:
        return len(self.indices)

    def flipped(self, rows: bool, columns: bool) -> Upright:
        """Back to front and left to right, for slices whose header is wrong."""
        turn = replace(self.turn, flip_rows=self.turn.flip_rows != rows, flip_columns=self.turn.flip_columns != columns)
        step = (slice(None), slice(None, None, -1 if rows else 1), slice(None, None, -1 if columns else 1))
        if self.corner != (0, 0) or self.hu.shape[1:] != self.whole:
            raise InvalidInputError("slices are flipped before they are cropped")
        return replace(self, hu=np.ascontiguousarray(self.hu[step]), turn=turn)

    def cropped(self, rows: slice, columns: slice) -> Upright:
        """Only these rows and columns."""
        corner = (self.corner[0] + rows.start, self.corner[1] + columns.start)
        return replace(self, hu=np.ascontiguousarray(self.hu[:, rows, columns]), corner=corner)

    def to_array(self, points: NDArray[np.float64], geometry: Geometry) -> NDArray[np.float64]:
        """Fractional (j, i) in the reader's slices from fractional (row, column) in these."""
        shares = (points + self.corner + 0.5) / self.whole
        return self.turn.to_array(shares, (geometry.shape[1], geometry.shape[2]))

    @property
    def warnings(self) -> tuple[ImageWarning, ...]:
        """What is wrong with the numbers themselves."""
        found = []
        if self.blank > _NAN_SHARE:
            found.append(
                ImageWarning("not-a-number", f"{self.blank:.1%} of the voxels read are no number: taken as air")
            )
        low, high = float(self.hu.min()), float(self.hu.max())
        if low >= -10 and high <= 256:
            text = f"values from {low:.0f} to {high:.0f} look like an already windowed picture, not like HU"
            found.append(ImageWarning("not-hu", text))
        elif low > -300 and high > 900 and np.percentile(self.hu, 2) < 200:
            found.append(ImageWarning("not-hu", f"the lowest value is {low:.0f}: HU seem to be shifted by 1024"))
        elif high < -300:
            found.append(ImageWarning("all-air", "there is nothing but air in the slices"))
        return tuple(found)


@dataclass(frozen=True)
class Turn:
    """How a slice's (j, i) axes become (back, left): transposed first, then flipped."""

    transpose: bool
    flip_rows: bool
    flip_columns: bool

    @classmethod
    def of(cls, geometry: Geometry) -> Turn:
        """From the grid's directions.

        >>> Turn.of(Geometry((1, 4, 4)))
        Turn(transpose=False, flip_rows=False, flip_columns=False)
        """
        _, rows, columns = np.asarray(geometry.directions)
        transpose = bool(abs(columns[1]) > abs(columns[0]))
        if transpose:
            rows, columns = columns, rows
        return cls(transpose, bool(rows[1] < 0), bool(columns[0] < 0))

    def apply(self, slices: NDArray[np.float32]) -> NDArray[np.float32]:
        turned = slices.transpose(0, 2, 1) if self.transpose else slices
        if self.flip_rows:
            turned = turned[:, ::-1]
        return turned[:, :, ::-1] if self.flip_columns else turned

    def to_array(self, points: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
        """Fractional (j, i) of the reader's slice from upright (row, column), both as shares 0 … 1 of the slice;
        ``shape`` is the reader's (rows, columns)."""
        rows, columns = points[:, 0], points[:, 1]
        rows = 1 - rows if self.flip_rows else rows
        columns = 1 - columns if self.flip_columns else columns
        if self.transpose:
            rows, columns = columns, rows
        return np.stack([rows * shape[0] - 0.5, columns * shape[1] - 0.5], axis=1)


def require_axial_ct(reader: SliceReader) -> None:
    """Refuse what has no HU or no axial slices, by name."""
    where = reader.source.path
    if reader.modality in (Modality.MR, Modality.MASK):
        raise WrongModalityError(
            f"regions are found on CT, this image is {reader.modality}", where=where, remedy="choose a CT series"
        )
    if reader.geometry.plane != "axial":
        raise InvalidInputError(
            f"the slices are {reader.geometry.plane}, not axial",
            where=where,
            remedy="choose the axial series or resample it to axial slices",
        )


def slice_heights_mm(geometry: Geometry) -> NDArray[np.float64]:
    """LPS z (mm, towards the head) of every slice's centre."""
    middle = (np.asarray(geometry.shape[1:]) - 1) / 2
    points = [(k, *middle) for k in (0, 1)]
    first, second = geometry.to_world(points)[:, 2]
    heights: NDArray[np.float64] = first + (second - first) * np.arange(geometry.shape[0])
    return heights


def read_upright(reader: SliceReader, slices: Sequence[int], pixel_mm: float, thin: bool = False) -> Upright:
    """The slices named, area-averaged to pixels of about ``pixel_mm``; ``thin`` leaves out every other row and column
    before that where pixels are fine enough, for speed."""
    voxels = reader.read(slices)
    geometry = reader.geometry
    step = np.asarray(geometry.spacing_mm[1:])
    stride = max(1, int(pixel_mm / 2 / step.max())) if thin else 1
    sizes = np.asarray(geometry.size_mm[1:])
    rows, columns = (max(1, round(float(size) / pixel_mm)) for size in sizes)
    kept = voxels[:, ::stride, ::stride]
    blank = 0.0
    if kept.dtype.kind == "f":
        bad = ~np.isfinite(kept)
        blank = float(bad.mean()) if bad.size else 0.0
        kept = np.where(bad, AIR_HU, kept).astype(np.float32)
    small = np.clip(resize_slices(kept, (rows, columns)), AIR_HU, _HIGHEST_HU)
    turn = Turn.of(geometry)
    upright = np.ascontiguousarray(turn.apply(small))
    side = float(np.sqrt(sizes[0] / rows * sizes[1] / columns))
    indices, heights = tuple(int(k) for k in slices), slice_heights_mm(geometry)[list(slices)]
    return Upright(upright, indices, heights, side, turn, blank, (upright.shape[1], upright.shape[2]))


def spread_evenly(start: int, stop: int, count: int) -> tuple[int, ...]:
    """At most ``count`` indices from ``start`` to before ``stop``, in the middles of equal parts.

    >>> spread_evenly(0, 10, 5), spread_evenly(3, 5, 8)
    ((1, 3, 5, 7, 9), (3, 4))
    """
    total = stop - start
    if total <= count:
        return tuple(range(start, stop))
    return tuple(int(k) for k in start + np.floor((np.arange(count) + 0.5) * total / count))
