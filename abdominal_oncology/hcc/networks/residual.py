"""3-D ResNets as Med3D builds them, from scratch or from a MedicalNet checkpoint that the user supplies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from torch import Tensor, nn

from abdominal_oncology.hcc.networks.channels import Channels
from abdominal_oncology.hcc.networks.medicalnet import load_medicalnet
from abdominal_oncology.hcc.networks.plain import INPUT_SHAPE
from abdominal_oncology.hcc.phase_roles import PHASES
from abdominal_oncology.learning.networks import register
from abdominal_oncology.learning.residual import Classifier, monai_resnet

_TINY_SHAPE = (len(PHASES) + 1, 16, 32, 32)
_SOURCE = "He et al. 2016 in three dimensions as in Med3D (Chen et al. 2019), with monai"
_FROZEN = ("layer1", "layer2", "layer3")


class ResidualBody(nn.Module):
    """A 3-D ResNet over the picked channels. With ``freeze`` layers 1 to 3 stay as they are, their statistics too."""

    def __init__(self, resnet: nn.Module, channels: Channels, freeze: bool) -> None:
        super().__init__()
        self.channels, self.resnet = channels, resnet
        self._frozen = [getattr(resnet, name) for name in _FROZEN] if freeze else []
        for layer in self._frozen:
            layer.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        for layer in self._frozen:
            layer.eval()
        return self

    def forward(self, patches: Tensor) -> Tensor:
        features: Tensor = self.resnet(self.channels(patches))
        return features


def _network(
    layers: list[int], block: str, features: int, classes: int, phases: Sequence[str], pretrained: str, freeze: bool
) -> nn.Module:
    channels = Channels(phases)
    shortcut: Literal["A", "B"] = "A" if block == "basic" else "B"
    resnet = monai_resnet(block, layers, channels.count, dimensions=3, stem_stride=2, shortcut=shortcut)
    if pretrained:
        load_medicalnet(resnet, Path(pretrained))
    return Classifier(ResidualBody(resnet, channels, freeze), features, classes)


@register(
    "resnet-18",
    task="hcc",
    input_shape=INPUT_SHAPE,
    tiny_shape=_TINY_SHAPE,
    source=_SOURCE,
    before_training=("pretrained", "freeze"),
)
def resnet_18(classes: int, phases: Sequence[str] = PHASES, pretrained: str = "", freeze: bool = False) -> nn.Module:
    """33.2 M parameters; ``pretrained`` names a MedicalNet checkpoint, ``freeze`` leaves 24,865,666 to train."""
    return _network([2, 2, 2, 2], "basic", 512, classes, phases, pretrained, freeze)


@register(
    "resnet-50",
    task="hcc",
    input_shape=INPUT_SHAPE,
    tiny_shape=_TINY_SHAPE,
    source=_SOURCE,
    before_training=("pretrained", "freeze"),
)
def resnet_50(classes: int, phases: Sequence[str] = PHASES, pretrained: str = "", freeze: bool = False) -> nn.Module:
    """46.2 M parameters; ``pretrained`` names a MedicalNet checkpoint, ``freeze`` leaves 29,212,546 to train."""
    return _network([3, 4, 6, 3], "bottleneck", 2048, classes, phases, pretrained, freeze)
