"""Convolutions of the rectal encoders: in plane only, in all three axes, or the one after the other.

None strides along depth. Axes are (n, C, D, H, W).
"""

from __future__ import annotations

from enum import StrEnum

from torch import Tensor, nn


class Kind(StrEnum):
    """What the convolutions of a layer see: their own slice, the neighbours too, or both in two steps."""

    FLAT = "1×k×k"
    DEEP = "3×k×k"
    SPLIT = "1×k×k, then 3×1×1"


class ThroughDepth(nn.Module):
    """A convolution that sees the neighbouring slices; slices that are padding count as the zeros beyond the stack."""

    def __init__(self, convolution: nn.Conv3d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, maps: Tensor, present: Tensor | None = None) -> Tensor:
        result: Tensor = self.convolution(maps if present is None else maps * present.to(maps.dtype))
        return result


class InPlane(nn.Module):
    """A convolution that sees its own slice only."""

    def __init__(self, convolution: nn.Conv3d) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, maps: Tensor, present: Tensor | None = None) -> Tensor:
        result: Tensor = self.convolution(maps)
        return result


class InPlaneThenDepth(nn.Module):
    """R(2+1)D's pair, with as many weights as the 3×3×3 convolution it stands for (Tran et al. 2018, section 3.5)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        super().__init__()
        middle = middle_width(inputs, outputs)
        self.in_plane = _flat(inputs, middle, kernel, stride)
        self.norm = nn.BatchNorm3d(middle)
        self.activation = nn.ReLU(inplace=True)
        self.depth = ThroughDepth(nn.Conv3d(middle, outputs, (3, 1, 1), padding=(1, 0, 0), bias=False))

    def forward(self, maps: Tensor, present: Tensor | None = None) -> Tensor:
        result: Tensor = self.depth(self.activation(self.norm(self.in_plane(maps))), present)
        return result


def convolution(kind: Kind, inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Module:
    """A bias-free convolution that keeps the size at stride 1; ``kernel`` and ``stride`` are those in plane.

    Called with (maps, present): ``present`` (n, 1, D, 1, 1) is 0 for slices that are padding, or None.
    """
    if kind is Kind.FLAT:
        return InPlane(_flat(inputs, outputs, kernel, stride))
    if kind is Kind.SPLIT:
        return InPlaneThenDepth(inputs, outputs, kernel, stride)
    pad = kernel // 2
    return ThroughDepth(nn.Conv3d(inputs, outputs, (3, kernel, kernel), (1, stride, stride), (1, pad, pad), bias=False))


def middle_width(inputs: int, outputs: int) -> int:
    """Channels between the two halves of a split convolution; the stem's 7×7 uses the same formula.

    >>> [middle_width(*pair) for pair in ((1, 32), (32, 32), (32, 64), (128, 256))]
    [8, 72, 115, 460]
    """
    return 27 * inputs * outputs // (9 * inputs + 3 * outputs)


def _flat(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Conv3d:
    pad = kernel // 2
    return nn.Conv3d(inputs, outputs, (1, kernel, kernel), (1, stride, stride), (0, pad, pad), bias=False)
