"""What rooms share of monai's networks: its ResNet without the last layer, and the adapter that yields features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from torch import Tensor, nn

from abdominal_oncology.errors import MissingDependencyError
from abdominal_oncology.learning.trainer import Output


class Classifier(nn.Module):
    """A backbone from images to features (n, d), and one linear layer from features to logits (n, K)."""

    def __init__(self, backbone: nn.Module, features: int, classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(features, classes)

    def forward(self, images: Tensor) -> Output:
        features = self.backbone(images)
        return Output(self.head(features), features)


def monai_nets() -> Any:
    """monai.networks.nets, imported when the first network is built."""
    try:
        from monai.networks import nets
    except ImportError as error:
        raise MissingDependencyError(
            "this network is built with monai, which is not installed", remedy="install monai"
        ) from error
    return nets


def monai_resnet(
    block: str | Callable[..., nn.Module],
    layers: list[int],
    channels: int,
    *,
    dimensions: int = 2,
    stem_stride: int | tuple[int, ...] = 2,
    shortcut: Literal["A", "B"] = "B",
) -> nn.Module:
    """monai's ResNet without its last layer. Its own default stem strides no axis at all: say the stride.

    ``shortcut`` A fills new channels with zeros, B with a convolution.
    """
    resnet: nn.Module = monai_nets().ResNet(
        block,
        layers,
        [64, 128, 256, 512],
        spatial_dims=dimensions,
        n_input_channels=channels,
        conv1_t_size=7,
        conv1_t_stride=stem_stride,
        shortcut_type=shortcut,
        bias_downsample=False,
        feed_forward=False,
    )
    return resnet
