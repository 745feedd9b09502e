"""The volume of a tumour drawn slice by slice, and how far the drawing alone lets it be known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import EmptyMaskError, InvalidInputError
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.learning.finding import Measurement
from abdominal_oncology.rectal.plane import as_axial_stack

_MM3_PER_ML = 1000.0
_POINT_COUNTING = 0.0724
_SMOOTH = 1 / 240
_WITHIN_90 = 1.645


@dataclass(frozen=True)
class TumourVolume:
    """``sampling_sd_ml`` comes from cutting the tumour into slices and pixels of which each is wholly in or out.

    ``edge_ml`` is what half a pixel more all around would add: how much the volume hangs on where readers draw.
    """

    volume_ml: float
    sampling_sd_ml: float
    edge_ml: float
    slices: int

    def measurement(self) -> Measurement:
        """With its 90 % interval from sampling."""
        reach = _WITHIN_90 * self.sampling_sd_ml
        return Measurement(
            "tumour volume",
            self.volume_ml,
            "ml",
            max(self.volume_ml - reach, 0.0),
            self.volume_ml + reach,
            f"outline moved by half a pixel: ± {self.edge_ml:.2g} ml; {self.slices} slices",
        )


def tumour_volume(tumour: Image) -> TumourVolume:
    """Volume of the non-zero voxels of a mask.

    Each boundary voxel holds the tumour only in part. Counting whole pixels and slices is Cavalieri's estimator; its
    error is that of Gundersen and Jensen (1987) for smooth shapes: from how areas change between slices, and from how
    long outlines are beside the pixels.
    """
    if not tumour.is_mask:
        raise InvalidInputError("a tumour's volume is measured on a mask", remedy="read it with modality MASK")
    stack = as_axial_stack(tumour)[0]
    inside = stack.voxels != 0
    counts = inside.sum(axis=(1, 2)).astype(np.float64)
    if not counts.any():
        raise EmptyMaskError("the tumour's mask holds no voxel", where=tumour.source.path, remedy="draw the tumour")
    thick, row_mm, column_mm = stack.geometry.spacing_mm
    pixel_mm2 = row_mm * column_mm
    outline_mm = _outlines_mm(inside, row_mm, column_mm)
    noise = _POINT_COUNTING * outline_mm.sum() * pixel_mm2**1.5  # variance of the sum of areas, mm⁴
    areas = counts * pixel_mm2
    same, next_one, next_two = (float((areas[: len(areas) - n] * areas[n:]).sum()) for n in range(3))
    between = max(_SMOOTH * (3 * (same - noise) - 4 * next_one + next_two), 0.0)
    return TumourVolume(
        float(areas.sum()) * thick / _MM3_PER_ML,
        float(np.sqrt(between + noise)) * thick / _MM3_PER_ML,
        float(outline_mm.sum() * np.sqrt(pixel_mm2)) / 2 * thick / _MM3_PER_ML,
        int((counts > 0).sum()),
    )


def _outlines_mm(inside: NDArray[np.bool_], row_mm: float, column_mm: float) -> NDArray[np.float64]:
    """Length of the outline in each slice: steps along pixel edges, which are 4/π times too long on average."""
    wide = np.pad(inside, ((0, 0), (1, 1), (1, 1))).astype(np.int8)
    across_rows = np.abs(np.diff(wide, axis=1)).sum(axis=(1, 2)) * column_mm
    across_columns = np.abs(np.diff(wide, axis=2)).sum(axis=(1, 2)) * row_mm
    length: NDArray[np.float64] = (across_rows + across_columns) * (np.pi / 4)
    return length
