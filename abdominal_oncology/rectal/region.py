"""Where rectum and tumour lie: a box that someone placed, a segmentation, or the middle of the body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import GeometryMismatchError
from abdominal_oncology.imaging.crop import mask_box
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.rectal.box import Box

_LOCATED_MM = 50.0
_ROUNDING = 1e-3
"""Voxels by which the edge of a box may miss that of a slice: coordinates are kept to a thousandth of a millimetre."""


@dataclass(frozen=True)
class Region:
    """What lies around rectum and tumour on an axial stack: rows, columns and slices as fractional voxel edges.

    ``rows``, ``columns`` run from an outer edge to the other (-0.5 is the first voxel's); ``slices`` is the range
    first … one past last. ``source`` says who found it; a located one has a
    ``confidence`` from 0 to 1 that the tumour lies there, its height included.
    """

    rows: tuple[float, float]
    columns: tuple[float, float]
    slices: tuple[int, int]
    source: Literal["box", "segmentation", "located", "body"]
    confidence: float | None = None

    @property
    def centre(self) -> tuple[float, float]:
        """Fractional (row, column) index of its middle."""
        return sum(self.rows) / 2, sum(self.columns) / 2


def region_of_box(box: Box, stack: Geometry, where: str = "") -> Region:
    """The part of an axial stack that a box touches; a box wholly outside is refused.

    Rows and columns are the box's own, also where it reaches beyond the image, so that its middle stays what was drawn;
    only a box whose middle lies outside is cut off at the image's edge.
    """
    index = stack.to_index(box.corners_mm())
    low, high = index.min(axis=0), index.max(axis=0)
    edge = np.asarray(stack.shape) - 0.5
    if (high <= -0.5).any() or (low >= edge).any():
        distance = np.linalg.norm(np.subtract(box.centre_mm, stack.centre_mm))
        raise GeometryMismatchError(
            f"the region lies outside the volume: its centre is {distance:.0f} mm from the volume's",
            where=where,
            remedy="move the ROI onto the rectum, or check that both belong to the same examination",
        )
    seen_low, seen_high = np.maximum(low, -0.5), np.minimum(high, edge)
    # a box drawn along the edges of slices means these slices, whatever rounding says
    first = int(np.floor(seen_low[0] + 0.5 + _ROUNDING))
    last = max(int(np.ceil(seen_high[0] + 0.5 - _ROUNDING)), first + 1)
    middle = stack.to_index(box.centre_mm)
    if (middle[1:] < -0.5).any() or (middle[1:] > edge[1:]).any():
        low, high = seen_low, seen_high
    return Region(_pair(low, high, 1), _pair(low, high, 2), (first, last), "box")


def region_of_masks(masks: Sequence[Image], image: Image, margin_mm: float = 0.0) -> Region:
    """Around every voxel of the masks (tumour, rectum), with a margin in plane; they must lie on the image's grid."""
    boxes = []
    for mask in masks:
        require_same_grid(mask, image)
        boxes.append(mask_box(mask))
    start = np.min([box[0] for box in boxes], axis=0)
    stop = np.max([box[1] for box in boxes], axis=0)
    reach = margin_mm / np.asarray(image.geometry.spacing_mm)
    edge = np.asarray(image.geometry.shape) - 0.5
    low = np.maximum(start - 0.5 - reach, -0.5)
    high = np.minimum(stop - 0.5 + reach, edge)
    return Region(_pair(low, high, 1), _pair(low, high, 2), (int(start[0]), int(stop[0])), "segmentation")


def require_same_grid(mask: Image, image: Image) -> None:
    """Refuse a mask that was drawn on another grid: its voxels would be taken for other places."""
    if not mask.geometry.same_grid(image.geometry):
        raise GeometryMismatchError(
            f"the mask has another grid ({mask.geometry.shape}, {_spacing(mask)} mm) than the image "
            f"({image.geometry.shape}, {_spacing(image)} mm)",
            where=mask.source.path,
            remedy="resample the mask onto the image, or draw it there",
        )


def region_of_place(centre: tuple[float, float], slices: tuple[int, int], stack: Geometry, confidence: float) -> Region:
    """A square of the usual size of rectum and tumour about a fractional (row, column) that a locator found."""
    half = [_LOCATED_MM / 2 / step for step in stack.spacing_mm[1:]]
    rows, columns = ((at - reach, at + reach) for at, reach in zip(centre, half, strict=True))
    return Region(rows, columns, slices, "located", confidence)


def region_of_body(body: NDArray[np.bool_], stride: int, shape: tuple[int, int, int]) -> Region:
    """The body's bounding box on an axial stack; ``body`` (k, j, i) takes every ``stride``-th row and column."""
    seen: NDArray[np.bool_] = np.asarray(body.any(axis=0))
    first_row, last_row = _extent(np.asarray(seen.any(axis=1)))
    first_column, last_column = _extent(np.asarray(seen.any(axis=0)))
    rows = (first_row * stride - 0.5, min((last_row + 1) * stride, shape[1]) - 0.5)
    columns = (first_column * stride - 0.5, min((last_column + 1) * stride, shape[2]) - 0.5)
    return Region(rows, columns, (0, shape[0]), "body")


def _pair(low: NDArray[np.float64], high: NDArray[np.float64], axis: int) -> tuple[float, float]:
    return float(low[axis]), float(high[axis])


def _extent(profile: NDArray[np.bool_]) -> tuple[int, int]:
    found = np.flatnonzero(profile)
    return (int(found[0]), int(found[-1])) if found.size else (0, profile.size - 1)


def _spacing(image: Image) -> str:
    return " × ".join(f"{value:.3g}" for value in image.geometry.spacing_mm)
