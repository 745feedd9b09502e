"""A tiny registered network and its facts, for the tests of bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from abdominal_oncology.learning.bundle.facts import BundleFacts, Unfamiliar
from abdominal_oncology.learning.networks import register
from abdominal_oncology.learning.trainer import Output

TASK = "bundle-test"
CLASSES = ("arterial", "portal", "delayed")
SHAPE = (2, 16, 16)


class Tiny(nn.Module):
    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(2, width, 3), nn.BatchNorm2d(width), nn.SiLU(), nn.AdaptiveAvgPool2d(1))
        self.head = nn.Linear(width, classes)

    def forward(self, inputs: Tensor) -> Output:
        features = self.body(inputs).flatten(1)
        return Output(self.head(features), features)


@register("tiny", task=TASK, input_shape=SHAPE, source="a test")
def tiny(classes: int, width: int = 8) -> nn.Module:
    return Tiny(classes, width)


def load_task(name: str) -> object:
    """Stands for the resolver of clinical rooms: importing this module has registered the network."""
    assert name == TASK
    return object()


def make_network(seed: int = 0, width: int = 8) -> nn.Module:
    torch.manual_seed(seed)
    network = Tiny(len(CLASSES), width)
    network.body[1].running_var.uniform_(1e-7, 2.0)
    network.body[1].num_batches_tracked.fill_(70_000)  # more than float16 holds
    return network.eval()


def make_facts(**changes: Any) -> BundleFacts:
    values: dict[str, Any] = {
        "name": "tiny-phases",
        "version": "1.0.0",
        "task": TASK,
        "network": "tiny",
        "classes": CLASSES,
        "input_shape": SHAPE,
        "trained_on": "phantoms",
        "network_options": {"width": 8},
        "preparation": {"window_hu": [-100, 300], "size": 16, "deep": {"list": [1, None, True, "ä"]}},
        "temperature": 1.7,
        "thresholds": {"abstain": 0.4},
        "unfamiliar": Unfamiliar((0.1, 0.2), ((1.0, 0.0), (0.0, 3.0)), 0.3, 2.5),
        "training": {"command": "abdominal-oncology train phase", "seed": 3, "recipe": {"epochs": 2}},
        "results": {"held-out": {"accuracy": {"value": 0.912, "low": 0.87, "high": 0.95, "level": 0.95}}, "cases": 40},
        "seconds": {"cpu, 2 cores": 0.031},
        "intended_use": "Trying bundles.",
        "limits": "Knows nothing.",
        "authors": "A. Tester",
        "references": ("A paper | of <b>note</b>",),
    }
    return BundleFacts(**{**values, **changes})


def make_bundle(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """Write a bundle ``folder/name-version`` and give its folder."""
    from abdominal_oncology.learning.bundle.write import write_bundle

    facts = make_facts(**changes)
    path = folder / f"{facts.name}-{facts.version}"
    write_bundle(path, make_network(seed), facts)
    return path
