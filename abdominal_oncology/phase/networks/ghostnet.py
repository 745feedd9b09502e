"""GhostNet (Han et al., 2020): half of each layer's maps are made from the other half by a cheap depthwise pass."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from abdominal_oncology.phase.networks.blocks import SqueezeExcite, conv_bn, initialise_convolutions

# The paper's Table 1, one block a row: kernel, expanded channels, output channels, squeeze-and-excitation, stride.
_BLOCKS = (
    (3, 16, 16, False, 1),
    (3, 48, 24, False, 2),
    (3, 72, 24, False, 1),
    (5, 72, 40, True, 2),
    (5, 120, 40, True, 1),
    (3, 240, 80, False, 2),
    (3, 200, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 184, 80, False, 1),
    (3, 480, 112, True, 1),
    (3, 672, 112, True, 1),
    (5, 672, 160, True, 2),
    (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
    (5, 960, 160, False, 1),
    (5, 960, 160, True, 1),
)
FEATURES = 1280


class GhostModule(nn.Module):
    """Half of the maps by a 1×1 convolution, their "ghosts" by a 3×3 depthwise one."""

    def __init__(self, channels_in: int, channels_out: int, act: bool) -> None:
        super().__init__()
        half = channels_out // 2
        self.primary = nn.Sequential(*conv_bn(channels_in, half, 1, act=act))
        self.ghost = nn.Sequential(*conv_bn(half, half, 3, groups=half, act=act))

    def forward(self, images: Tensor) -> Tensor:
        primary = self.primary(images)
        return torch.cat([primary, self.ghost(primary)], dim=1)


class GhostBottleneck(nn.Module):
    """Ghost module out to the expanded width, depthwise stride, gate, ghost module back; a shortcut beside them."""

    def __init__(
        self, channels_in: int, expanded: int, channels_out: int, kernel: int, stride: int, gated: bool
    ) -> None:
        super().__init__()
        self.expand = GhostModule(channels_in, expanded, act=True)
        self.stride = (
            nn.Sequential(*conv_bn(expanded, expanded, kernel, stride, groups=expanded))
            if stride > 1
            else nn.Identity()
        )
        self.gate = SqueezeExcite(expanded, _multiple_of_4(expanded / 4), gate=nn.Hardsigmoid) if gated else None
        self.project = GhostModule(expanded, channels_out, act=False)
        self.shortcut = (
            nn.Identity()
            if stride == 1 and channels_in == channels_out
            else nn.Sequential(
                *conv_bn(channels_in, channels_in, kernel, stride, groups=channels_in),
                *conv_bn(channels_in, channels_out, 1),
            )
        )

    def forward(self, images: Tensor) -> Tensor:
        inside = self.stride(self.expand(images))
        if self.gate is not None:
            inside = inside * self.gate(inside)
        result: Tensor = self.project(inside) + self.shortcut(images)
        return result


def ghostnet_backbone(channels: int, dropout: float = 0.2) -> nn.Module:
    """From images (n, channels, H, W) to features (n, 1280)."""
    layers: list[nn.Module] = [*conv_bn(channels, 16, 3, 2, act=True)]
    width = 16
    for kernel, expanded, channels_out, gated, stride in _BLOCKS:
        layers.append(GhostBottleneck(width, expanded, channels_out, kernel, stride, gated))
        width = channels_out
    layers += [
        *conv_bn(width, 960, 1, act=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Conv2d(960, FEATURES, 1),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Dropout(dropout),
    ]
    backbone = nn.Sequential(*layers)
    initialise_convolutions(backbone)
    return backbone


def _multiple_of_4(width: float) -> int:
    """The nearest multiple of four, never more than a tenth below.

    >>> [_multiple_of_4(width) for width in (18.0, 30.0, 120.0, 168.0)]
    [20, 32, 120, 168]
    """
    nearest = max(4, int(width + 2) // 4 * 4)
    return nearest + 4 if nearest < 0.9 * width else nearest
