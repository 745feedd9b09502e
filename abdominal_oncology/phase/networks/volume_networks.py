"""Whole-volume networks, axes (k, j, i): the 3-D ResNet-50 of paper 000, and Zhou et al.'s 3DSENet to compare with."""

from __future__ import annotations

from torch import Tensor, nn

from abdominal_oncology.learning.networks import register
from abdominal_oncology.learning.residual import Classifier, monai_resnet
from abdominal_oncology.phase.networks.blocks import SqueezeExcite


@register(
    "resnet-50-3d",
    task="phase",
    input_shape=(1, 20, 256, 256),
    tiny_shape=(1, 8, 32, 32),
    source="He et al. 2016 in three dimensions, with monai (paper 000)",
)
def resnet_50_3d(classes: int, channels: int = 1) -> nn.Module:
    """Twenty slices of the located region. The stem strides in plane only, so that they stay twenty up to its pooling:
    54 GMAC (with no stride at all, monai's default, 216).
    """
    backbone = monai_resnet("bottleneck", [3, 4, 6, 3], channels, dimensions=3, stem_stride=(1, 2, 2))
    return Classifier(backbone, 2048, classes)


class _SqueezedVolume(nn.Module):
    """Two strided convolutions, squeeze-and-excitation (reduction 2) added to what it weighs, global average."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv3d(channels, 64, 3, 2, 1, bias=False),
            nn.BatchNorm3d(64),
            nn.ReLU(inplace=True),
            nn.Conv3d(64, 256, 3, 2, 1, bias=False),
            nn.BatchNorm3d(256),
            nn.ReLU(inplace=True),
        )
        self.gate = SqueezeExcite(256, 128, dimensions=3)

    def forward(self, volumes: Tensor) -> Tensor:
        maps: Tensor = self.convolutions(volumes)
        features: Tensor = (maps + maps * self.gate(maps)).mean(dim=(2, 3, 4))
        return features


@register(
    "3dsenet",
    task="phase",
    input_shape=(1, 32, 128, 128),
    tiny_shape=(1, 8, 16, 16),
    source="Zhou et al. 2019 (arXiv 1909.02511), written here",
)
def senet_3d(classes: int, channels: int = 1) -> nn.Module:
    """The whole scan resized to 32 × 128 × 128; 0.5 M parameters, 3.7 GMAC."""
    return Classifier(_SqueezedVolume(channels), 256, classes)
