"""Brightness, contrast and the three blurs, on (n, P, H, W) planes with one number per item.

A blur treats every plane alike and each item its own way: Gaussian and motion blur are one grouped convolution, the
median a network of minima and maxima over shifted pictures. Monai has no motion blur, and its others take one item with
one number at a time. Beyond the border all of them see the border drawn out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from abdominal_oncology.learning.augment.equalise import channel_range, clahe
from abdominal_oncology.learning.augment.operations import Numbers

GAUSSIAN_REACH = 4.0  # in sigmas, as scipy's
CACHED_PIXELS = 100_000
PATH_POINTS = 65  # of the longest motion every half pixel


def brightness(planes: Tensor, channels: int, numbers: Sequence[Numbers]) -> Tensor:
    """Add a share of the item's own range, channel by channel."""
    low, high = channel_range(planes, channels)
    return planes + _column(numbers, "offset", planes) * (high - low)


def contrast(planes: Tensor, channels: int, numbers: Sequence[Numbers]) -> Tensor:
    """Spread values about the mean of the item's channel."""
    n, count = planes.shape[:2]
    mean = planes.view(n, channels, -1).mean(dim=2).repeat_interleave(count // channels, dim=1)[..., None, None]
    return mean + (planes - mean) * _column(numbers, "factor", planes)


def gaussian_blur(planes: Tensor, channels: int, numbers: Sequence[Numbers]) -> Tensor:
    sigma = _column(numbers, "sigma_px", planes).view(-1, 1)
    radius = max(int(GAUSSIAN_REACH * each["sigma_px"] + 0.5) for each in numbers)
    at = torch.arange(-radius, radius + 1, dtype=planes.dtype, device=planes.device)[None]
    # each kernel ends where it would alone, however wide its neighbours in the batch are
    reach = (GAUSSIAN_REACH * sigma + 0.5).floor()
    kernel = torch.exp(-0.5 * (at / sigma.clamp(min=1e-6)) ** 2) * (at.abs() <= reach)
    kernel = kernel / kernel.sum(dim=1, keepdim=True)
    return _convolve(_convolve(planes, kernel[:, None, :]), kernel[:, :, None])


def motion_blur(planes: Tensor, channels: int, numbers: Sequence[Numbers]) -> Tensor:
    """The average along a straight path of so many pixels about each pixel."""
    radius = max(math.ceil(each["length_px"] / 2) for each in numbers)
    at = torch.arange(-radius, radius + 1, dtype=planes.dtype, device=planes.device).view(1, -1, 1)
    path = torch.linspace(-0.5, 0.5, PATH_POINTS, dtype=planes.dtype, device=planes.device)
    path = _column(numbers, "length_px", planes).view(-1, 1, 1) * path
    angle = torch.deg2rad(_column(numbers, "degrees", planes)).view(-1, 1, 1)
    # a point of the path between pixels counts for its neighbours as bilinear interpolation would have it
    columns, rows = ((1 - (at - way).abs()).clamp(min=0) for way in (path * angle.cos(), -path * angle.sin()))
    return _convolve(planes, (rows[:, :, None] * columns[:, None]).mean(dim=3))


def median_blur(planes: Tensor, channels: int, numbers: Sequence[Numbers]) -> Tensor:
    """The median of a square window; items are grouped by its few possible sizes."""
    result = planes.clone()
    for radius in {int(each["radius_px"]) for each in numbers} - {0}:
        rows = [row for row, each in enumerate(numbers) if int(each["radius_px"]) == radius]
        where = torch.tensor(rows, device=planes.device)
        result.index_copy_(0, where, _median_in_parts(planes.index_select(0, where), radius))
    return result


def _median_in_parts(planes: Tensor, radius: int) -> Tensor:
    """On a CPU some planes at a time, so that what is compared stays in its cache: about twice as fast."""
    if planes.device.type != "cpu":
        return _median(planes, radius)
    height, width = planes.shape[-2:]
    parts = torch.split(planes.flatten(0, 1)[:, None], max(1, CACHED_PIXELS // (height * width)))
    return torch.cat([_median(part, radius) for part in parts]).view(planes.shape)


def _median(planes: Tensor, radius: int) -> Tensor:
    """Forgetful selection: of any half of the window plus one, the extremes cannot be the median, so drop them."""
    height, width = planes.shape[-2:]
    padded = _extended(planes, radius, radius)
    side = 2 * radius + 1
    window = [padded[..., dy : dy + height, dx : dx + width] for dy in range(side) for dx in range(side)]
    keep, rest = window[: len(window) // 2 + 2], window[len(window) // 2 + 2 :]
    while True:
        keep = _without_extremes(keep)
        if not rest:
            return keep[0]
        keep.append(rest.pop())


def _without_extremes(stack: list[Tensor]) -> list[Tensor]:
    """All but the least and the greatest: pairs first, then the least of the lows and the greatest of the highs."""
    pairs = list(zip(stack[::2], stack[1::2], strict=False))
    odd = stack[2 * len(pairs) :]
    lows = _sift([*(torch.minimum(a, b) for a, b in pairs), *odd], torch.minimum, torch.maximum)
    highs = [torch.maximum(a, b) for a, b in pairs]
    if odd:
        highs.append(lows.pop())  # the greater of the one without a pair and the least: it may be the greatest of all
    return [*lows, *_sift(highs, torch.maximum, torch.minimum)]


def _sift(stack: list[Tensor], drop: Callable[..., Tensor], keep: Callable[..., Tensor]) -> list[Tensor]:
    """The stack without its extreme: carry the extreme along and leave the other of each pair behind."""
    carried, left = stack[0], []
    for each in stack[1:]:
        left.append(keep(carried, each))
        carried = drop(carried, each)
    return left


def _convolve(planes: Tensor, kernels: Tensor) -> Tensor:
    """Each item's planes with its own (rows, columns) kernel, of odd size, as one grouped convolution."""
    n, count, height, width = planes.shape
    down, right = (size // 2 for size in kernels.shape[1:])
    padded = _extended(planes, down, right).view(1, n * count, height + 2 * down, width + 2 * right)
    weights = kernels.repeat_interleave(count, dim=0)[:, None]
    return F.conv2d(padded, weights, groups=n * count).view(planes.shape)


def _extended(planes: Tensor, down: int, right: int) -> Tensor:
    return F.pad(planes, (right, right, down, down), mode="replicate")


def _column(numbers: Sequence[Numbers], key: str, like: Tensor) -> Tensor:
    return torch.tensor([each[key] for each in numbers], dtype=like.dtype, device=like.device).view(-1, 1, 1, 1)


INTENSITY: Mapping[str, Callable[[Tensor, int, Sequence[Numbers]], Tensor]] = {
    "clahe": clahe,
    "brightness": brightness,
    "contrast": contrast,
    "motion_blur": motion_blur,
    "median_blur": median_blur,
    "gaussian_blur": gaussian_blur,
}
