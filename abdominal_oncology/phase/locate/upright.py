"""A few slices of a CT, turned so that columns run to the patient's left and rows to the back, on square pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError, WrongModalityError
from abdominal_oncology.imaging.axial import AxialView, axial_view
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
    view: AxialView
    blank: float = 0.0
    whole: tuple[int, int] = (0, 0)
    corner: tuple[int, int] = (0, 0)

    def __len__(self) -> int:
        return len(self.indices)

    def flipped(self, rows: bool, columns: bool) -> Upright:
        """Back to front and left to right, for slices whose header is wrong."""
        view = replace(self.view, flip_rows=self.view.flip_rows != rows, flip_columns=self.view.flip_columns != columns)
        step = (slice(None), slice(None, None, -1 if rows else 1), slice(None, None, -1 if columns else 1))
        if self.corner != (0, 0) or self.hu.shape[1:] != self.whole:
            raise InvalidInputError("slices are flipped before they are cropped")
        return replace(self, hu=np.ascontiguousarray(self.hu[step]), view=view)

    def cropped(self, rows: slice, columns: slice) -> Upright:
        """Only these rows and columns."""
        corner = (self.corner[0] + rows.start, self.corner[1] + columns.start)
        return replace(self, hu=np.ascontiguousarray(self.hu[:, rows, columns]), corner=corner)

    def to_array(self, points: NDArray[np.float64], geometry: Geometry) -> NDArray[np.float64]:
        """Fractional (j, i) in the reader's slices from fractional (row, column) in these."""
        shares = (points + self.corner + 0.5) / self.whole
        return self.view.to_stored(shares, (geometry.shape[1], geometry.shape[2]))

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
    view = axial_view(geometry, reader.source.path)
    upright = np.ascontiguousarray(view.apply(small))
    side = float(np.sqrt(sizes[0] / rows * sizes[1] / columns))
    indices, heights = tuple(int(k) for k in slices), slice_heights_mm(geometry)[list(slices)]
    return Upright(upright, indices, heights, side, view, blank, (upright.shape[1], upright.shape[2]))


def spread_evenly(start: int, stop: int, count: int) -> tuple[int, ...]:
    """At most ``count`` indices from ``start`` to before ``stop``, in the middles of equal parts.

    >>> spread_evenly(0, 10, 5), spread_evenly(3, 5, 8)
    ((1, 3, 5, 7, 9), (3, 4))
    """
    total = stop - start
    if total <= count:
        return tuple(range(start, stop))
    return tuple(int(k) for k in start + np.floor((np.arange(count) + 0.5) * total / count))
