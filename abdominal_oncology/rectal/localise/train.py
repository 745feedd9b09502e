"""Makes the weights of :mod:`.heat` from phantoms. A few minutes on two cores, and it needs torch:

``python -m abdominal_oncology.rectal.localise.train abdominal_oncology/rectal/localise/heat.npz``
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from abdominal_oncology.progress import Progress, part, silent
from abdominal_oncology.rectal.localise.coarse import CHANNELS, Array, coarse, on_grid
from abdominal_oncology.rectal.localise.harder import pelvises
from abdominal_oncology.rectal.localise.heat import LAYERS, OUTPUTS, WIDTH, HeatModel

if TYPE_CHECKING:
    from torch import Tensor, nn

_HARD = 0.6
"""So many phantoms are made harder; the others keep what a plain one looks like."""
_BATCH, _RATE, _RARE = 16, 8e-3, -3.0
_TUMOUR_WEIGHT = 3.0
"""Tumours are few pixels among many: each counts as much as three others."""


@dataclass(frozen=True, eq=False)
class Examples:
    """``inputs`` (n, CHANNELS, rows, columns) and ``targets`` (n, OUTPUTS, rows, columns), shares of a pixel."""

    inputs: Array
    targets: Array


def make_examples(seed: int, count: int, progress: Progress = silent) -> Examples:
    """Coarse slices of phantoms with what they show."""
    inputs, targets = [], []
    for pelvis in pelvises(seed, count, hard=_HARD, progress=progress):
        seen = coarse(pelvis.image)
        inputs.append(seen.inputs)
        masks = [
            on_grid(mask.astype(np.float32), seen.middle, seen.spacing_mm) for mask in (pelvis.rectum, pelvis.tumour)
        ]
        targets.append(np.stack(masks, axis=1))
    return Examples(np.concatenate(inputs), np.concatenate(targets))


def train(examples: Examples, seed: int = 0, epochs: int = 10, progress: Progress = silent) -> HeatModel:
    """Adam on cross-entropy per pixel; contrast, brightness, noise, sides and place differ at every showing."""
    import torch

    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 32])
    network = _network()
    optimizer = torch.optim.Adam(network.parameters())
    count, batch = len(examples.inputs), _BATCH
    steps = epochs * max(count // batch, 1)
    weights = torch.tensor([1.0, _TUMOUR_WEIGHT])[:, None, None]
    loss = torch.nn.BCEWithLogitsLoss(pos_weight=weights)
    for step in range(steps):
        inputs, targets = _shown(examples, rng.integers(count, size=batch), rng)
        for group in optimizer.param_groups:
            group["lr"] = _RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        optimizer.zero_grad()
        error = loss(network(inputs.contiguous(memory_format=torch.channels_last)), targets)
        error.backward()
        optimizer.step()
        if step % 20 == 0:
            progress(step / steps, f"training, error {error.item():.4f}")
    state = network.state_dict()
    return HeatModel(
        tuple(value.numpy() for name, value in state.items() if name.endswith("weight")),
        tuple(value.numpy() for name, value in state.items() if name.endswith("bias")),
    )


def _network() -> nn.Sequential:
    import torch
    from torch import nn

    layers: list[nn.Module] = []
    width = CHANNELS
    for n, (side, dilation) in enumerate(LAYERS):
        last = n + 1 == len(LAYERS)
        following = OUTPUTS if last else WIDTH
        layer = nn.Conv2d(width, following, side, padding=side // 2 * dilation, dilation=dilation)
        # at torch's own start signals fade from layer to layer, and only the place is learned
        nn.init.kaiming_normal_(layer.weight, nonlinearity="linear" if last else "relu")
        nn.init.constant_(layer.bias, _RARE if last else 0.0)  # type: ignore[arg-type]
        layers.append(layer)
        if not last:
            layers.append(nn.ReLU())
        width = following
    network: nn.Sequential = nn.Sequential(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network  # in this memory format it trains twice as fast


def _shown(examples: Examples, chosen: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:  # type: ignore[type-arg]
    import torch

    inputs, targets = examples.inputs[chosen].copy(), examples.targets[chosen]
    n = len(inputs)
    grey = inputs[:, 0] ** rng.uniform(0.6, 1.6, (n, 1, 1)) * rng.uniform(0.8, 1.25, (n, 1, 1))
    grey += rng.normal(0, 1, grey.shape) * rng.uniform(0, 0.08, (n, 1, 1))
    inputs[:, 0] = np.clip(grey, 0, 1.2) * inputs[:, 1]
    inputs[:, 2:4] += rng.normal(0, 0.25, (n, 2, 1, 1))  # so that the picture counts, not the place alone
    if rng.random() < 0.5:
        inputs, targets = inputs[..., ::-1].copy(), targets[..., ::-1].copy()
        inputs[:, 2] *= -1
    return torch.from_numpy(inputs.astype(np.float32)), torch.from_numpy(np.clip(targets, 0, 1))


def main(arguments: Sequence[str] | None = None, progress: Progress = silent) -> None:
    parser = argparse.ArgumentParser(prog="train", description="make the weights of the rectum locator")
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--phantoms", type=int, default=200)
    options = parser.parse_args(arguments)
    examples = make_examples(options.seed, options.phantoms, part(progress, 0.0, 0.5))
    train(examples, options.seed, progress=part(progress, 0.5, 1.0)).save(options.output)


if __name__ == "__main__":
    main()
