"""Applying what was drawn to a batch: geometry in one resampling, then intensity in the order given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import overload

import numpy as np
import torch
from torch import Tensor

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.augment.drawn import Drawn, Outside
from abdominal_oncology.learning.augment.geometry import (
    Matrix,
    input_coordinates,
    is_linear,
    linear_coordinates,
    matrix,
    reflect,
    sample,
    sample_nearest,
)
from abdominal_oncology.learning.augment.intensity import INTENSITY
from abdominal_oncology.learning.augment.operations import OPERATIONS, Numbers

Coordinates = tuple[Tensor, Tensor]


@overload
def apply(batch: Tensor, drawn: Drawn, masks: None = None, *, mask_channels: Sequence[int] = ()) -> Tensor: ...
@overload
def apply(
    batch: Tensor, drawn: Drawn, masks: Tensor, *, mask_channels: Sequence[int] = ()
) -> tuple[Tensor, Tensor]: ...
def apply(
    batch: Tensor, drawn: Drawn, masks: Tensor | None = None, *, mask_channels: Sequence[int] = ()
) -> Tensor | tuple[Tensor, Tensor]:
    """The batch as drawn, of the same shape, type and device; the batch given is left as it is.

    ``batch`` is (n, C, H, W) slices or (n, C, D, H, W) volumes; every slice of a volume gets the same transform.
    ``masks``, or the channels of the batch named in ``mask_channels``, move with the geometry by nearest neighbour and
    are never touched by intensity. Half precision is computed in single. Pixels are taken to be square.
    """
    _check(batch, drawn, "batch")
    if not batch.is_floating_point():
        raise InvalidInputError(f"a batch must be floating point, not {batch.dtype}", remedy="convert with .float()")
    channels = batch.shape[1]
    label = _channels(mask_channels, channels)
    if masks is not None:
        _check(masks, drawn, "masks")
        if masks.shape[2:] != batch.shape[2:] or masks.device != batch.device:
            raise InvalidInputError(
                f"masks are {tuple(masks.shape)} on {masks.device}, the batch {tuple(batch.shape)} on {batch.device}",
                remedy="give masks on the grid and device of their images",
            )
    with torch.no_grad(), torch.autocast(batch.device.type, enabled=False):
        mover = _Mover(drawn, batch.shape[-2], batch.shape[-1], batch.device)
        image = [channel for channel in range(channels) if channel not in label]
        if label:
            result = batch.clone()
            result[:, label] = mover.move(batch[:, label], nearest=True)
            if image:
                result[:, image] = _image(batch[:, image], drawn, mover)
        else:
            result = _image(batch, drawn, mover)
        return result if masks is None else (result, mover.move(masks, nearest=True))


def undo(maps: Tensor, drawn: Drawn) -> Tensor:
    """Bring maps that were made from augmented pictures back onto the original ones.

    Flips and quarter turns of square pictures come back to the bit, other linear operations within interpolation.
    """
    _check(maps, drawn, "maps")
    curved = [name for item in drawn.items for name in item if OPERATIONS[name].changes == "geometry"]
    curved = [name for name in curved if not is_linear(name)]
    if curved:
        raise InvalidInputError(
            f"{curved[0]!r} cannot be undone",
            remedy="undo only what is one matrix: no distortions",
        )
    with torch.no_grad(), torch.autocast(maps.device.type, enabled=False):
        mover = _Mover(drawn, maps.shape[-2], maps.shape[-1], maps.device, backwards=True)
        return mover.move(maps.float(), nearest=False).to(maps.dtype)


def _image(batch: Tensor, drawn: Drawn, mover: _Mover) -> Tensor:
    result = mover.move(batch.float(), nearest=False)
    planes = result.view(len(drawn), math.prod(batch.shape[1:-2]), *batch.shape[-2:])
    for name in drawn.order:
        rows = [row for row, item in enumerate(drawn.items) if name in item and name in INTENSITY]
        if not rows:
            continue
        numbers = [drawn.items[row][name] for row in rows]
        if len(rows) == len(drawn):
            planes = INTENSITY[name](planes, batch.shape[1], numbers)
        else:
            where = torch.tensor(rows, device=batch.device)
            planes.index_copy_(0, where, INTENSITY[name](planes.index_select(0, where), batch.shape[1], numbers))
    return planes.view(batch.shape).to(batch.dtype)


class _Mover:
    """Moves tensors of one grid as drawn. Items that nothing moves stay as they are, and an item that is only flipped
    or turned by quarters is not interpolated."""

    def __init__(self, drawn: Drawn, height: int, width: int, device: torch.device, *, backwards: bool = False) -> None:
        self.height, self.width = height, width
        order = [name for name in drawn.order if OPERATIONS[name].changes == "geometry"]
        matrices = [matrix(item, order, height, width) for item in drawn.items]
        if backwards:
            matrices = [np.asarray(np.linalg.inv(each), dtype=np.float64) for each in matrices]
        self.turned: dict[tuple[int, ...], list[int]] = {}
        self.sampled: list[int] = []
        for row, (item, each) in enumerate(zip(drawn.items, matrices, strict=True)):
            turn = None if any(name in item and not is_linear(name) for name in order) else self._turn(each)
            if turn is None:
                self.sampled.append(row)
            else:
                self.turned.setdefault(turn, []).append(row)
        self.coordinates: Coordinates | None = None
        if self.sampled:
            if backwards:
                x, y = linear_coordinates(np.stack([matrices[row] for row in self.sampled]), height, width, device)
            else:
                items: list[Mapping[str, Numbers]] = [drawn.items[row] for row in self.sampled]
                x, y = input_coordinates(items, order, height, width, device)
            self.coordinates = self._inside(x, y, drawn.outside)

    def move(self, batch: Tensor, *, nearest: bool) -> Tensor:
        """A moved copy of (n, C, …, H, W)."""
        planes = batch.reshape(len(batch), math.prod(batch.shape[1:-2]), self.height, self.width)
        if self.coordinates is not None and len(self.sampled) == len(batch):
            return self._read(planes, nearest).view(batch.shape)
        result = planes.clone(memory_format=torch.contiguous_format)
        for turn, rows in self.turned.items():
            if turn != (1, 0, 0, 1):
                where = torch.tensor(rows, device=batch.device)
                result.index_copy_(0, where, _turned(planes.index_select(0, where), turn))
        if self.coordinates is not None:
            where = torch.tensor(self.sampled, device=batch.device)
            result.index_copy_(0, where, self._read(planes.index_select(0, where), nearest))
        return result.view(batch.shape)

    def _read(self, planes: Tensor, nearest: bool) -> Tensor:
        assert self.coordinates is not None
        return (sample_nearest if nearest else sample)(planes, *self.coordinates)

    def _turn(self, each: Matrix) -> tuple[int, ...] | None:
        """The four whole numbers of a map that only flips and turns by quarters; None for any other map."""
        whole = np.rint(each)
        if not np.array_equal(each, whole) or each[:2, 2].any() or not (np.abs(each[:2, :2]).sum(axis=1) == 1).all():
            return None
        a, b, c, d = (int(value) for value in whole[:2, :2].ravel())
        return (a, b, c, d) if b == 0 or self.height == self.width else None

    def _inside(self, x: Tensor, y: Tensor, outside: Outside) -> Coordinates:
        shape = (len(self.sampled), self.height, self.width)
        if outside == "reflection":
            x, y = reflect(x, self.width), reflect(y, self.height)
        return x.expand(shape), y.expand(shape)


def _turned(planes: Tensor, turn: tuple[int, ...]) -> Tensor:
    a, b, c, d = turn
    if b == 0:
        flips = [axis for axis, sign in ((-1, a), (-2, d)) if sign < 0]
        return planes.flip(flips)
    flips = [axis for axis, sign in ((-2, b), (-1, c)) if sign < 0]
    return planes.transpose(-1, -2).flip(flips)


def _check(tensor: Tensor, drawn: Drawn, what: str) -> None:
    if tensor.ndim not in (4, 5) or 0 in tensor.shape[1:]:
        raise InvalidInputError(
            f"{what} must be slices (n, C, H, W) or volumes (n, C, D, H, W), not {tuple(tensor.shape)}",
            where="augmentation",
            remedy="add the missing axis",
        )
    if len(tensor) != len(drawn):
        raise InvalidInputError(
            f"{what} hold {len(tensor)} items, {len(drawn)} were drawn",
            where="augmentation",
            remedy="draw for the items of this batch",
        )


def _channels(named: Sequence[int], channels: int) -> list[int]:
    for channel in named:
        if not 0 <= channel < channels:
            raise InvalidInputError(f"there is no channel {channel} among {channels}", where="augmentation")
    return sorted(set(named))
