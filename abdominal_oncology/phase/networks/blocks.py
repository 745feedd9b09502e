"""Parts that monai's networks lack: blocks for its ResNet."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class SqueezeExcite(nn.Module):
    """The gate, one value per channel, that global averages of all channels agree on (n, C, 1, 1[, 1])."""

    def __init__(self, channels: int, squeezed: int, dimensions: int = 2, gate: type[nn.Module] = nn.Sigmoid) -> None:
        super().__init__()
        convolution = nn.Conv2d if dimensions == 2 else nn.Conv3d
        self.dimensions = tuple(range(2, 2 + dimensions))
        self.squeeze = convolution(channels, squeezed, 1)
        self.excite = convolution(squeezed, channels, 1)
        self.act = nn.ReLU(inplace=True)
        self.gate = gate()

    def forward(self, images: Tensor) -> Tensor:
        means = images.mean(dim=self.dimensions, keepdim=True)
        gate: Tensor = self.gate(self.excite(self.act(self.squeeze(means))))
        return gate


class _Residual(nn.Module):
    """A 2-D block with the signature monai's ResNet calls; ``path`` is what stands beside the shortcut."""

    def __init__(self, path: nn.Module, downsample: nn.Module | None) -> None:
        super().__init__()
        self.path, self.downsample, self.act = path, downsample, nn.ReLU(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        kept = images if self.downsample is None else self.downsample(images)
        result: Tensor = self.act(self.path(images) + kept)
        return result


class SqueezeExciteBlock(_Residual):
    """Two 3×3 convolutions, then each channel weighed by its gate (reduction 16)."""

    expansion = 1

    def __init__(
        self, in_planes: int, planes: int, *, stride: int = 1, downsample: nn.Module | None = None, **_: Any
    ) -> None:
        path = nn.Sequential(
            *conv_bn(in_planes, planes, 3, stride, act=True),
            *conv_bn(planes, planes, 3),
            _Gated(SqueezeExcite(planes, planes // 16)),
        )
        super().__init__(path, downsample)


class GroupedBottleneck(_Residual):
    """ResNeXt's block, 32 groups of width 4 in its first stage ("32×4d")."""

    expansion = 4

    def __init__(
        self, in_planes: int, planes: int, *, stride: int = 1, downsample: nn.Module | None = None, **_: Any
    ) -> None:
        width = 2 * planes
        path = nn.Sequential(
            *conv_bn(in_planes, width, 1, act=True),
            *conv_bn(width, width, 3, stride, groups=32, act=True),
            *conv_bn(width, 4 * planes, 1),
        )
        super().__init__(path, downsample)


class _Gated(nn.Module):
    def __init__(self, gate: SqueezeExcite) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = images * self.gate(images)
        return result


def conv_bn(
    channels_in: int, channels_out: int, kernel: int, stride: int = 1, groups: int = 1, act: bool = False
) -> list[nn.Module]:
    """A 2-D convolution that keeps the size at stride 1, its batch norm, and ReLU where asked."""
    layers: list[nn.Module] = [
        nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(channels_out),
    ]
    return [*layers, nn.ReLU(inplace=True)] if act else layers


@torch.no_grad()
def initialise_convolutions(network: nn.Module) -> None:
    """He's rule by what each output channel feeds, groups counted: monai's rule leaves them out.

    Without that, depthwise outputs of EfficientNet start near the ε of its batch norm and hardly pass a signal.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d):
            nn.init.normal_(module.weight, 0.0, (2.0 / (module.weight[0, 0].numel() * _fan_out(module))) ** 0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def _fan_out(module: nn.Conv2d | nn.Conv3d) -> int:
    return module.out_channels // module.groups
