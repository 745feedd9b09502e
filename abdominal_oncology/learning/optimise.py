"""The optimiser and how its rate moves: names from the configuration → torch objects."""

from __future__ import annotations

import math
from collections.abc import Iterable

from torch import nn, optim

from abdominal_oncology.learning.config import TrainConfig


def build_optimizer(parameters: Iterable[nn.Parameter], config: TrainConfig) -> optim.Optimizer:
    """Adam, AdamW or SGD with momentum over the parameters that are to be trained."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimizer == "sgd":
        return optim.SGD(trained, lr=rate, weight_decay=decay, momentum=config.momentum)
    kind = optim.AdamW if config.optimizer == "adamw" else optim.Adam
    return kind(trained, lr=rate, weight_decay=decay)


def learning_rate(config: TrainConfig, step: int, steps_per_epoch: int, total: int) -> float:
    """The rate of step ``step`` (from 0) of ``total``: a function of the step alone, so resuming needs no state.

    >>> config = TrainConfig(iterations=100, learning_rate=1.0, warmup=0.1)
    >>> [round(learning_rate(config, step, 10, 100), 3) for step in (0, 4, 9, 10, 55, 99)]
    [0.1, 0.5, 1.0, 1.0, 0.5, 0.0]
    """
    warm = round(config.warmup * total)
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    if config.schedule == "cosine":
        return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, total - warm)))
    if config.schedule == "step":
        return config.learning_rate * config.step_factor ** (step // steps_per_epoch // config.step_every)
    return config.learning_rate


def set_rate(optimizer: optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
