"""Cut a smaller volume out of an image: by voxel indices, by a box in the patient, or around a mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abdominal_oncology.errors import EmptyMaskError, GeometryMismatchError, InvalidInputError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.resample import check_outside, default_outside

_TOUCH_MM = 1e-6
"""A box must reach this far into a voxel to take it, so that a box along voxel edges takes no neighbours."""


def crop_to_index(image: Image, start: Sequence[int], stop: Sequence[int], outside: float | None = None) -> Image:
    """``image[start:stop]`` along (k, j, i), with its place; what reaches beyond the image is filled with ``outside``
    (-1024 for signed CT, else 0).

    >>> image = Image(np.arange(8).reshape(2, 2, 2), Geometry((2, 2, 2), (5.0, 1.0, 1.0)))
    >>> part = crop_to_index(image, (1, 0, -1), (2, 2, 1))
    >>> part.voxels.tolist(), part.geometry.origin_mm
    ([[[0, 4], [0, 6]]], (-1.0, 0.0, 5.0))
    """
    low, high = np.asarray(start, dtype=np.intp), np.asarray(stop, dtype=np.intp)
    if low.shape != (3,) or high.shape != (3,) or (high <= low).any():
        raise InvalidInputError(
            f"a crop needs three starts below three stops (k, j, i), not {tuple(start)} … {tuple(stop)}"
        )
    size = np.asarray(image.geometry.shape)
    first, last = np.clip(low, 0, size), np.clip(high, 0, size)
    if (last <= first).any():
        raise GeometryMismatchError(
            f"the crop {tuple(low.tolist())} … {tuple(high.tolist())} lies outside the image of "
            f"{image.geometry.shape} voxels (k, j, i)",
            remedy="check that the box and the image belong to the same patient position",
        )
    inside = image.voxels[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
    padded = bool((first != low).any() or (last != high).any())
    fill = default_outside(image) if outside is None else float(outside)
    check_outside(fill, image.voxels.dtype)
    if padded:
        voxels = np.full(tuple(high - low), fill, image.voxels.dtype)
        voxels[tuple(slice(a, b) for a, b in zip(first - low, last - low, strict=True))] = inside
    else:
        voxels = inside.copy()  # a view would keep the whole volume alive
    facts = {"start": tuple(low.tolist()), "stop": tuple(high.tolist())}
    return image.derive(
        "crop",
        {**facts, "outside": fill} if padded else facts,
        voxels=voxels,
        geometry=image.geometry.crop(low.tolist(), high.tolist()),
    )


def crop_to_box(image: Image, lower_mm: ArrayLike, upper_mm: ArrayLike) -> Image:
    """The voxels that a box along the LPS axes touches, clipped to the image; for an oblique grid the smallest block of
    voxels that covers the box.

    >>> image = Image(np.arange(8).reshape(2, 2, 2), Geometry((2, 2, 2), (5.0, 1.0, 1.0)))
    >>> crop_to_box(image, (0.6, -9, 4), (9, 9, 6)).voxels.tolist()
    [[[5], [7]]]
    """
    lower, upper = np.asarray(lower_mm, dtype=np.float64), np.asarray(upper_mm, dtype=np.float64)
    if lower.shape != (3,) or upper.shape != (3,) or not np.isfinite([lower, upper]).all() or (upper <= lower).any():
        raise InvalidInputError("a box needs a finite lower corner below its upper corner (x, y, z) in LPS mm")
    start, stop = _touched(image.geometry, np.where(_corner_choice() == 1, upper, lower))
    return crop_to_index(image, *_within(image.geometry, start, stop))


def crop_to_mask(
    image: Image, mask: Image, margin_mm: float | Sequence[float] = 0.0, label: int | None = None
) -> Image:
    """The block of voxels around ``mask`` (or around its ``label``) with a margin in mm, one or per axis (k, j, i) of
    the mask; clipped to the image. The mask may have another grid.
    """
    start, stop = mask_box(mask, label)
    margin = np.broadcast_to(np.asarray(margin_mm, dtype=np.float64), (3,))
    if not np.isfinite(margin).all() or (margin < 0).any():
        raise InvalidInputError(f"a margin must be a finite distance in mm, 0 or more, not {margin_mm}")
    reach = margin / np.asarray(mask.geometry.spacing_mm)
    index = np.where(_corner_choice() == 1, np.asarray(stop) - 0.5 + reach, np.asarray(start) - 0.5 - reach)
    corners = mask.geometry.to_world(index)
    return crop_to_index(image, *_within(image.geometry, *_touched(image.geometry, corners)))


def mask_box(mask: Image, label: int | None = None) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """First and one-past-last index (k, j, i) of the non-zero voxels of a mask, or of one label."""
    if not mask.is_mask:
        raise InvalidInputError(
            f"a mask was expected, not an image of kind {mask.modality}", remedy="read it with modality MASK"
        )
    chosen = mask.voxels != 0 if label is None else mask.voxels == label
    bounds: list[tuple[int, int]] = []
    for others in ((1, 2), (0, 2), (0, 1)):
        filled = np.flatnonzero(chosen.any(axis=others))
        if not filled.size:
            named = "the mask" if label is None else f"label {label} of the mask"
            raise EmptyMaskError(
                f"{named} holds no voxel", where=mask.source.path, remedy="draw or choose a segment that is not empty"
            )
        bounds.append((int(filled[0]), int(filled[-1]) + 1))
    (k0, k1), (j0, j1), (i0, i1) = bounds
    return (k0, j0, i0), (k1, j1, i1)


def _corner_choice() -> NDArray[np.intp]:
    """Which end, 0 or 1, each of a box's eight corners takes along each axis, (8, 3)."""
    ends: NDArray[np.intp] = np.indices((2, 2, 2)).reshape(3, -1).T
    return ends


def _touched(geometry: Geometry, points_mm: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    index = geometry.to_index(points_mm)
    touch = _TOUCH_MM / np.asarray(geometry.spacing_mm)
    start = np.floor(index.min(axis=0) + 0.5 + touch).astype(np.intp)
    stop = np.ceil(index.max(axis=0) + 0.5 - touch).astype(np.intp)
    return start, np.maximum(stop, start + 1)


def _within(
    geometry: Geometry, start: NDArray[np.intp], stop: NDArray[np.intp]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The part of a block inside the grid; a block wholly outside is passed on, to be refused with its numbers."""
    low, high = np.maximum(start, 0), np.minimum(stop, geometry.shape)
    if (high <= low).any():
        return tuple(start.tolist()), tuple(stop.tolist())
    return tuple(low.tolist()), tuple(high.tolist())
