"""A small training with everything that could differ on resuming: dropout, momentum, a stateful loss, augmentation.

Arguments: folder, engine (own or fabric), pause (seconds per step; a parent may kill us meanwhile).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from abdominal_oncology.learning.config import TrainConfig
from abdominal_oncology.learning.engine import Engine
from abdominal_oncology.learning.losses import CentreLoss, FocalLoss, WeightedSum
from abdominal_oncology.learning.samplers import balanced_batches
from abdominal_oncology.learning.trainer import Batch, Output, RunResult, train

CASES = 96


class Network(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Dropout(dropout), nn.Linear(12, 8), nn.ReLU())
        self.head = nn.Linear(8, 3)

    def forward(self, inputs: Tensor) -> Output:
        features = self.features(inputs)
        return Output(self.head(features), features)


class Source:
    def __init__(self, noise: float = 0.1) -> None:
        rng = np.random.default_rng(0)
        self.labels = rng.permutation(CASES) % 3
        self.inputs = rng.normal(size=(CASES, 6)) + np.eye(3, 6)[self.labels] * 3
        self.noise = noise

    def order(self, epoch: int) -> list[np.ndarray]:
        return balanced_batches(self.labels, 12, epoch)

    def load(self, indices: np.ndarray, epoch: int) -> Batch:
        noise = [np.random.default_rng([epoch, int(i)]).normal(scale=self.noise, size=6) for i in indices]
        inputs = torch.from_numpy((self.inputs[indices] + noise).astype(np.float32))
        return Batch(inputs, torch.from_numpy(self.labels[indices]))

    def validate(self, model: nn.Module) -> Mapping[str, float]:
        output = model(torch.from_numpy(self.inputs.astype(np.float32)))
        torch.rand(3)  # a validation that draws must not disturb training
        return {"accuracy": float((output.logits.argmax(1).numpy() == self.labels).mean())}


CONFIG = TrainConfig(
    epochs=6,
    optimizer="sgd",
    learning_rate=0.1,
    weight_decay=1e-3,
    warmup=0.1,
    accumulate=2,
    clip_norm=1.0,
    validate_every=2,
    best_metric="accuracy",
    deterministic=True,
    tensorboard=False,
)


def run(folder: Path, engine: Engine | None = None, pause: float = 0.0, dropout: float = 0.3) -> RunResult:
    torch.manual_seed(7)
    source = Source()
    loss = WeightedSum([(1.0, FocalLoss()), (0.003, CentreLoss(3, 8))])

    def progress(fraction: float, stage: str) -> None:
        time.sleep(pause)

    return train(
        Network(dropout), loss, source, CONFIG, folder, validate=source.validate, engine=engine, progress=progress
    )


if __name__ == "__main__":
    chosen: Engine | None = None
    if sys.argv[2] == "fabric":
        from abdominal_oncology.learning.cluster import FabricEngine

        chosen = FabricEngine("cpu", devices=int(sys.argv[4]), precision="32")
    run(Path(sys.argv[1]), chosen, float(sys.argv[3]), dropout=0.0 if chosen else 0.3)
