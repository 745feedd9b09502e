"""Slices to the square size a network reads: true area averaging or bilinear, with the window fused in.

Both are two sparse matrix products per slice. ``area`` weighs every old pixel by its overlap with the new one, also
where the sizes do not divide (torch's and MONAI's "area" mode takes whole pixels and is not exact at 512 → 224).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.separable import apply_in_plane, area_weights, each, linear_weights
from abdominal_oncology.imaging.window import window, window_floor

if TYPE_CHECKING:
    import torch

Slices = TypeVar("Slices", "NDArray[Any]", "torch.Tensor")
Method = Literal["area", "bilinear"]


def resize_slices(
    slices: Slices,
    size: int | tuple[int, int],
    method: Method = "area",
    window_hu: tuple[float, float] | None = None,
) -> Slices:
    """Slices (n, j, i) as float32 (n, size, size), or (n, *size) for a pair; a tensor stays on its device.

    ``window_hu`` is (centre, width), applied before the averaging, as a network trained on windowed slices expects.

    >>> resize_slices(np.arange(9.0).reshape(1, 3, 3), 1).tolist()
    [[[4.0]]]
    >>> resize_slices(np.full((2, 5, 7), 50, np.int16), 3, window_hu=(50, 400)).round(6)[1].tolist()
    [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
    """
    height, width = (size, size) if isinstance(size, int) else size
    if slices.ndim != 3 or min(slices.shape[1:]) < 1:
        raise InvalidInputError(f"slices must have axes (n, j, i), got the shape {tuple(slices.shape)}")
    if min(height, width) < 1:
        raise InvalidInputError(f"the new slice size must be positive, not {height} × {width}")
    rows = resize_weights(int(slices.shape[1]), height, method)
    columns = resize_weights(int(slices.shape[2]), width, method)
    if isinstance(slices, np.ndarray):
        return _on_cpu(list(slices), [(rows, columns)] * len(slices), (height, width), window_hu)
    import torch

    if slices.device.type == "cpu":
        planes = list(slices.detach().numpy())
        return torch.from_numpy(_on_cpu(planes, [(rows, columns)] * len(planes), (height, width), window_hu))
    scaled = slices.float() if window_hu is None else window(slices, *window_hu)
    dense_rows, dense_columns = (torch.from_numpy(m.toarray()).to(slices.device) for m in (rows, columns))
    return dense_rows @ scaled @ dense_columns.T  # a GPU multiplies dense matrices faster than it gathers


@lru_cache(maxsize=128)  # making one takes as long as using it; slices cropped one by one come in few sizes
def resize_weights(old: int, new: int, method: Method = "area") -> Any:
    """The sparse matrix (new, old) that resizes one axis; bilinear is torch's with ``align_corners=False``.

    It is shared by all who ask for it: read it only.
    """
    if method == "area":
        return area_weights(old, new)
    if method == "bilinear":
        return linear_weights((np.arange(new, dtype=np.float64) + 0.5) * (old / new) - 0.5, old)
    raise InvalidInputError(f"unknown resize method {method!r}", remedy='use "area" or "bilinear"')


def resize_planes(
    planes: Sequence[NDArray[Any]], size: int, window_hu: tuple[float, float] | None = None
) -> NDArray[np.float32]:
    """Planes (j, i) of any sizes as (n, size, size): larger ones averaged by area, smaller ones bilinear.

    >>> resize_planes([np.full((9, 9), 50), np.full((2, 3), 250)], 4, window_hu=(50, 400)).round(6)[:, 0, 0].tolist()
    [0.5, 1.0]
    """
    weights = []
    for plane in planes:
        method: Method = "area" if min(plane.shape) > size else "bilinear"
        weights.append((resize_weights(plane.shape[0], size, method), resize_weights(plane.shape[1], size, method)))
    return _on_cpu(planes, weights, (size, size), window_hu)


def _on_cpu(
    planes: Sequence[NDArray[Any]],
    weights: Sequence[tuple[Any, Any]],
    size: tuple[int, int],
    window_hu: tuple[float, float] | None,
) -> NDArray[np.float32]:
    result = np.empty((len(planes), *size), np.float32)
    # one piece of memory for all: touching fresh memory takes as long as the averaging
    wide = np.empty(max((plane.size for plane in planes), default=0) if window_hu else 0, np.float32)

    def one(n: int) -> None:
        rows, columns = weights[n]
        plane = planes[n]
        if window_hu is None:
            values = plane.astype(np.float32, copy=False)
        else:
            values = _cut_to_window(plane, window_hu, wide[: plane.size].reshape(plane.shape))
        apply_in_plane(rows, columns, values, result[n])

    each(one, len(planes))
    if window_hu is not None:
        result *= np.float32(1 / window_hu[1])  # of the few pixels that are left: the same as before averaging
    return result


def _cut_to_window(
    plane: NDArray[Any], window_hu: tuple[float, float], out: NDArray[np.float32]
) -> NDArray[np.float32]:
    """HU above the window's floor, from 0 to its width."""
    out[...] = plane
    out -= np.float32(window_floor(*window_hu))
    return np.clip(out, np.float32(0), np.float32(window_hu[1]), out=out)
