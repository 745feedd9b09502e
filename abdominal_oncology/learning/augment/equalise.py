"""Contrast-limited adaptive histogram equalisation of a batch (Zuiderveld 1994), on the device of the batch.

Monai has only global equalisation. Here all tiles of all planes are counted in one scatter and looked up in eight
gathers. Values are not quantised: between two bin edges the table is a straight line, so 12-bit images keep their
steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from abdominal_oncology.learning.augment.operations import Numbers

TILES = 8
BINS = 256


def clahe(planes: Tensor, channels: int, numbers: Sequence[Numbers]) -> Tensor:
    """Equalise (n, P, H, W) in 8 × 8 tiles per plane, within the range of each item's channel.

    No bin of a tile counts more than ``clip_limit`` times its even share; what is cut is spread over all bins.
    """
    n, count, height, width = planes.shape
    low, high = channel_range(planes, channels)
    span = high - low
    scaled = ((planes - low) / span.where(span > 0, torch.ones_like(span))).view(n * count, height, width)
    limits = torch.tensor([each["clip_limit"] for each in numbers], device=planes.device, dtype=planes.dtype)
    tables = _tables(scaled, limits.repeat_interleave(count))
    mapped = _looked_up(scaled, tables).view(planes.shape)
    return torch.where(span > 0, low + mapped * span, planes)


def channel_range(planes: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """Lowest and highest value of each item's channel, over all slices, as (n, P, 1, 1)."""
    n, count = planes.shape[:2]
    low, high = planes.view(n, channels, -1).aminmax(dim=2)
    low, high = (each.repeat_interleave(count // channels, dim=1)[..., None, None] for each in (low, high))
    return low, high


def _tables(scaled: Tensor, limits: Tensor) -> Tensor:
    """(m, tiles, bins + 1): the share of a tile's clipped histogram below each bin edge."""
    m, height, width = scaled.shape
    down, across = (_tile_of(size, scaled.device) for size in (height, width))
    tile = (down[:, None] * TILES + across).view(1, -1)
    index = tile * BINS + (scaled.flatten(1) * BINS).long().clamp(0, BINS - 1)
    # whole numbers add up the same in any order, so a GPU gives the same bits every time
    counts = torch.zeros((m, TILES * TILES * BINS), dtype=torch.int32, device=scaled.device)
    counts.scatter_add_(1, index, torch.ones_like(index, dtype=torch.int32))
    histogram = counts.view(m, TILES * TILES, BINS)
    area = histogram.sum(dim=2, keepdim=True)
    limit = (limits[:, None, None] * area / BINS).ceil().to(torch.int32)
    clipped = histogram.minimum(limit)
    spare = (area - clipped.sum(dim=2, keepdim=True)).to(scaled.dtype)
    share = torch.arange(1, BINS + 1, device=scaled.device, dtype=scaled.dtype) / BINS
    below = (clipped.cumsum(dim=2) + spare * share) / area.clamp(min=1)
    # a picture smaller than the tiles leaves some empty: those change nothing
    below = torch.where(area > 0, below, share)
    return torch.cat((torch.zeros_like(below[..., :1]), below), dim=2)


def _looked_up(scaled: Tensor, tables: Tensor) -> Tensor:
    """Each value through the tables of the four tiles nearest to its pixel, weighted by nearness."""
    height, width = scaled.shape[1:]
    place = scaled * BINS
    cell = place.floor().clamp(0, BINS - 1)
    within = place - cell
    cell = cell.long()
    flat = tables.flatten(1)
    result = torch.zeros_like(scaled)
    for down, down_weight in _neighbours(height, scaled.device):
        for across, across_weight in _neighbours(width, scaled.device):
            tile = down[:, None] * TILES + across
            index = (tile * (BINS + 1) + cell).flatten(1)
            low, high = (flat.gather(1, index + step).view(scaled.shape) for step in (0, 1))
            result += (low + (high - low) * within) * (down_weight[:, None] * across_weight)
    return result


def _tile_of(size: int, device: torch.device) -> Tensor:
    return torch.arange(size, device=device) * TILES // size


def _neighbours(size: int, device: torch.device) -> list[tuple[Tensor, Tensor]]:
    """For each pixel along one axis the tile before and the tile after it, each with its weight."""
    place = (torch.arange(size, device=device, dtype=torch.float32) + 0.5) * TILES / size - 0.5
    place = place.clamp(0, TILES - 1)
    before = place.floor().clamp(max=TILES - 2)
    weight = place - before
    return [(before.long(), 1 - weight), (before.long() + 1, weight)]
