"""Small models that stand where bundles stand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.trainer import Output

CLASSES = ("arterial", "venous", "delayed")
SHAPE = (1, 12, 12)


class Small(nn.Module):
    """One convolution in two or three dimensions, means, one linear layer."""

    def __init__(self, shape: tuple[int, ...] = SHAPE, classes: int = 3) -> None:
        super().__init__()
        convolution = nn.Conv2d if len(shape) == 3 else nn.Conv3d
        self.convolution = convolution(shape[0], 5, 3, padding=1)
        self.norm: nn.Module = nn.BatchNorm2d(5) if len(shape) == 3 else nn.BatchNorm3d(5)
        self.head = nn.Linear(5, classes)

    def forward(self, inputs: Tensor) -> Output:
        features = torch.relu(self.norm(self.convolution(inputs))).flatten(2).mean(2)
        return Output(self.head(features) * 20, features)


class Greedy(Small):
    """Runs out of memory above ``most`` samples; on a device named in ``never``, always."""

    def __init__(self, error: Callable[[], Exception], most: int, never: str = "") -> None:
        super().__init__()
        self.error, self.most, self.never = error, most, never

    def forward(self, inputs: Tensor) -> Output:
        if len(inputs) > self.most or inputs.device.type == self.never:
            raise self.error()
        return super().forward(inputs)


class Overflowing(Small):
    """Answers NaN whenever a sample's mean is above ``limit``."""

    def __init__(self, limit: float) -> None:
        super().__init__()
        self.limit = limit

    def forward(self, inputs: Tensor) -> Output:
        logits, features = super().forward(inputs)
        broken = inputs.flatten(1).mean(1) > self.limit
        return Output(torch.where(broken[:, None], torch.nan, logits), features)


def facts(**changes: Any) -> BundleFacts:
    values: dict[str, Any] = {
        "name": "small",
        "version": "1.0",
        "task": "phase",
        "network": "small",
        "classes": CLASSES,
        "input_shape": SHAPE,
        "trained_on": "phantoms",
    }
    return BundleFacts(**{**values, **changes})


@dataclass
class MemoryModel:
    """A model that was never on disk. Every ``network`` is made anew and has the same weights."""

    facts: BundleFacts = field(default_factory=facts)
    build: Callable[[], nn.Module] | None = None
    sha256: str = "0" * 64
    onnx_path: Path | None = None
    made: int = 0
    weights_sha256: str = "f" * 64

    def network(self) -> nn.Module:
        self.made += 1
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            return self.build() if self.build else Small(self.facts.input_shape, len(self.facts.classes))
