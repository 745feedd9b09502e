"""Where each output pixel is read from: all geometric operations of an item composed into one map.

Coordinates are pixels from the picture's centre, x to the right and y downwards, so that a rotation is a rotation on a
picture that is not square. An operation is held as its inverse, output to input; T1 followed by T2 reads at T1(T2(p)).
Monai has most of these as transforms of one item; here a batch is one resampling with a map per item, which blurs once
however many operations were drawn and keeps a GPU busy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from abdominal_oncology.learning.augment.operations import ELASTIC_INTERVALS, GRID_STEPS, Numbers

Items = Sequence[Mapping[str, Numbers]]
Matrix = NDArray[np.float64]


def _linear(a: float, b: float, c: float, d: float, right: float = 0.0, down: float = 0.0) -> Matrix:
    return np.array([[a, b, right], [c, d, down], [0, 0, 1]], dtype=np.float64)


def _rotation(numbers: Numbers, height: int, width: int) -> Matrix:
    # rounding makes a quarter turn exactly one
    cosine, sine = (round(f(math.radians(numbers["degrees"])), 15) for f in (math.cos, math.sin))
    return _linear(cosine, -sine, sine, cosine)  # counter-clockwise to the eye, as y points down


def _affine(numbers: Numbers, height: int, width: int) -> Matrix:
    return _linear(*np.linalg.inv(np.eye(2) + np.array(numbers["deviation"], dtype=np.float64)).ravel().tolist())


def _crop(numbers: Numbers, height: int, width: int) -> Matrix:
    side, left, top = numbers["side"], numbers["left"], numbers["top"]
    return _linear(side, 0, 0, side, (left + side / 2 - 0.5) * width, (top + side / 2 - 0.5) * height)


_MATRICES: Mapping[str, Callable[[Numbers, int, int], Matrix]] = {
    "horizontal_flip": lambda numbers, height, width: _linear(-1, 0, 0, 1),
    "vertical_flip": lambda numbers, height, width: _linear(1, 0, 0, -1),
    "rotation": _rotation,
    "affine": _affine,
    "shift": lambda numbers, height, width: _linear(1, 0, 0, 1, -numbers["right"] * width, -numbers["down"] * height),
    "scale": lambda numbers, height, width: _linear(1 / numbers["factor"], 0, 0, 1 / numbers["factor"]),
    "crop": _crop,
}


def is_linear(name: str) -> bool:
    """Is this operation one matrix?"""
    return name in _MATRICES


def matrix(item: Mapping[str, Numbers], order: Sequence[str], height: int, width: int) -> Matrix:
    """The linear operations of ``order`` that the item has, as one 3 × 3 matrix, output to input in pixels."""
    total = np.eye(3)
    for name in order:
        if name in item and name in _MATRICES:
            total = total @ _MATRICES[name](item[name], height, width)
    return total


def input_coordinates(
    items: Items, order: Sequence[str], height: int, width: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """x and y to read from, each broadcastable to (n, H, W); ``order`` names geometric operations only."""
    x = _centred(width, device)[None, None, :]
    y = _centred(height, device)[None, :, None]
    at_pixels = True  # no operation has moved the coordinates off the pixel grid yet
    for linear, names in groupby(reversed(order), key=is_linear):
        if linear:
            forwards = list(names)[::-1]
            both = np.stack([matrix(item, forwards, height, width)[:2] for item in items])
            m = torch.from_numpy(both.astype(np.float32)).to(device)[..., None, None]
            x, y = (m[:, row, 0] * x + m[:, row, 1] * y + m[:, row, 2] for row in range(2))
            at_pixels = False
            continue
        for name in names:
            # an operation that nobody drew moves nothing; leaving it out gives the same bits
            if any(name in item for item in items):
                right, down = _DISPLACEMENTS[name](items, x, y, height, width, at_pixels)
                x, y = x + right, y + down
            at_pixels = False
    return x, y


def linear_coordinates(matrices: Matrix, height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """x and y to read from for given (n, 3, 3) matrices, each (n, H, W)."""
    m = torch.from_numpy(matrices.astype(np.float32)).to(device)[..., None, None]
    x, y = _centred(width, device)[None, None, :], _centred(height, device)[None, :, None]
    return m[:, 0, 0] * x + m[:, 0, 1] * y + m[:, 0, 2], m[:, 1, 0] * x + m[:, 1, 1] * y + m[:, 1, 2]


def _centred(size: int, device: torch.device) -> Tensor:
    return torch.arange(size, dtype=torch.float32, device=device) - (size - 1) / 2


def _optical(items: Items, x: Tensor, y: Tensor, height: int, width: int, at_pixels: bool) -> tuple[Tensor, Tensor]:
    """The radius grows or shrinks with its square; beyond the corners, by as much as there."""
    barrel = [item.get("optical_distortion", {}).get("barrel", 0.0) for item in items]
    k = torch.tensor(barrel, dtype=torch.float32, device=x.device)[:, None, None]
    squared = ((x * x + y * y) * (4 / (height**2 + width**2))).clamp(max=1)
    change = k * squared
    return x * change, y * change


def _grid(items: Items, x: Tensor, y: Tensor, height: int, width: int, at_pixels: bool) -> tuple[Tensor, Tensor]:
    """Columns and rows of equal width come from columns and rows of the drawn widths."""
    return _stretched(items, "columns", x, width), _stretched(items, "rows", y, height)


def _stretched(items: Items, axis: str, at: Tensor, size: int) -> Tensor:
    nodes = np.zeros((len(items), GRID_STEPS + 1))
    for row, item in enumerate(items):
        if "grid_distortion" in item:
            widths = np.asarray(item["grid_distortion"][axis], dtype=np.float64)
            nodes[row, 1:] = (np.cumsum(widths) / widths.sum() - np.arange(1, GRID_STEPS + 1) / GRID_STEPS) * size
    nodes[:, -1] = 0  # both edges stay where they are, to the bit
    table = torch.from_numpy(nodes.astype(np.float32)).to(at.device)
    place = ((at / size + 0.5) * GRID_STEPS).clamp(0, GRID_STEPS)
    place = place.expand(len(items), *place.shape[1:])
    cell = place.floor().clamp(max=GRID_STEPS - 1)
    index = cell.long().flatten(1)
    low, high = (table.gather(1, index + step).view(place.shape) for step in (0, 1))
    return low + (high - low) * (place - cell)


def _elastic(items: Items, x: Tensor, y: Tensor, height: int, width: int, at_pixels: bool) -> tuple[Tensor, Tensor]:
    """Displacements from a cubic spline on a coarse net of drawn controls."""
    down_basis, right_basis = _spline_basis(height), _spline_basis(width)
    coarse = np.zeros((len(items), 2, right_basis.shape[1], width))
    for row, item in enumerate(items):
        if "elastic" in item:
            controls = np.array([item["elastic"]["right"], item["elastic"]["down"]], dtype=np.float64)
            coarse[row] = controls @ right_basis.T * np.array([width, height])[:, None, None]
    rows = torch.from_numpy(down_basis.astype(np.float32)).to(x.device)
    field = rows @ torch.from_numpy(coarse.astype(np.float32)).to(x.device)
    if not at_pixels:
        field = sample(field, *(each.expand(len(items), height, width) for each in (x, y)))
    return field[:, 0], field[:, 1]


def _spline_basis(size: int) -> Matrix:
    """(size, controls): the weight of each control of a uniform cubic B-spline at each pixel's centre."""
    place = (np.arange(size) + 0.5) / size * ELASTIC_INTERVALS
    distance = np.abs(place[:, None] - (np.arange(ELASTIC_INTERVALS + 3) - 1))
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    basis: Matrix = np.where(distance < 1, near, far)
    return basis


_DISPLACEMENTS: Mapping[str, Callable[[Items, Tensor, Tensor, int, int, bool], tuple[Tensor, Tensor]]] = {
    "optical_distortion": _optical,
    "grid_distortion": _grid,
    "elastic": _elastic,
}


def reflect(at: Tensor, size: int) -> Tensor:
    """Fold coordinates that left the picture back into it, as mirrors along its edges would."""
    wave = torch.remainder(at + size / 2, 2 * size)
    return size / 2 - (wave - size).abs()


def sample(planes: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Read (n, P, H, W) at (n, H, W) coordinates between pixels; beyond the border, the border."""
    height, width = planes.shape[-2:]
    grid = torch.stack((x * (2 / width), y * (2 / height)), dim=-1)
    return F.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=False)


def sample_nearest(planes: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The value of the nearest pixel, of any type and unchanged."""
    height, width = planes.shape[-2:]
    column = (x + (width - 1) / 2).round().long().clamp(0, width - 1)
    row = (y + (height - 1) / 2).round().long().clamp(0, height - 1)
    index = (row * width + column).flatten(1)[:, None].expand(-1, planes.shape[1], -1)
    return planes.flatten(2).gather(2, index).view(planes.shape)
