"""The source paper's Tiny and Small: five convolutions, two dense layers."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from abdominal_oncology.hcc.networks.channels import Channels
from abdominal_oncology.hcc.patch import PATCH_SHAPE
from abdominal_oncology.hcc.phase_roles import PHASES
from abdominal_oncology.learning.networks import register
from abdominal_oncology.learning.residual import Classifier

INPUT_SHAPE = (len(PHASES) + 1, *PATCH_SHAPE)
TINY_SHAPE = (len(PHASES) + 1, 16, 16, 16)
SOURCE = "Sarfati et al. (paper 003)"

_STAGES, _KERNEL, _DENSE = 5, 5, 128


class PlainBody(nn.Module):
    """Convolutions 5×5×5 whose channels double, ReLU, 2× max-pooling after all but the last, the average, and the first
    dense layer with its ReLU: features (n, 128).
    """

    def __init__(self, width: int, phases: Sequence[str] = PHASES) -> None:
        super().__init__()
        self.channels = Channels(phases)
        layers: list[nn.Module] = []
        entering = self.channels.count
        for stage in range(_STAGES):
            leaving = width * 2**stage
            layers += [nn.Conv3d(entering, leaving, _KERNEL, padding=_KERNEL // 2), nn.ReLU(inplace=True)]
            if stage < _STAGES - 1:
                layers.append(nn.MaxPool3d(2))
            entering = leaving
        self.convolutions = nn.Sequential(*layers)
        self.dense = nn.Sequential(nn.Linear(entering, _DENSE), nn.ReLU())
        for name, weight in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(weight)
            else:  # torch's own start shrinks the signal two hundred times on its way through
                nn.init.kaiming_normal_(weight, nonlinearity="relu")

    def forward(self, patches: Tensor) -> Tensor:
        maps: Tensor = self.convolutions(self.channels(patches))
        features: Tensor = self.dense(maps.mean(dim=(2, 3, 4)))
        return features


@register("tiny", task="hcc", input_shape=INPUT_SHAPE, tiny_shape=TINY_SHAPE, source=SOURCE)
def tiny(classes: int, phases: Sequence[str] = PHASES) -> nn.Module:
    """8 to 128 channels; 1,381,018 parameters with three phases."""
    return Classifier(PlainBody(8, phases), _DENSE, classes)


@register("small", task="hcc", input_shape=INPUT_SHAPE, tiny_shape=TINY_SHAPE, source=SOURCE)
def small(classes: int, phases: Sequence[str] = PHASES) -> nn.Module:
    """16 to 256 channels; 5,481,650 parameters with three phases."""
    return Classifier(PlainBody(16, phases), _DENSE, classes)
