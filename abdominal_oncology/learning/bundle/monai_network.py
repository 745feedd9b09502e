"""What ``configs/inference.json`` of our bundles names: the network as MONAI's tools expect one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from abdominal_oncology.learning.bundle.weights import fit_weights, read_weights
from abdominal_oncology.learning.networks import find_network
from abdominal_oncology.learning.trainer import Output


def logits_network(
    task: str, name: str, classes: int, options: Mapping[str, Any] | None = None, room: object = None
) -> nn.Module:
    """The registered network, giving logits (n, K) alone. Its weights keep their names.

    ``room`` is there to be loaded before: importing a clinical room registers its networks.
    """
    network = find_network(task, name).build(classes, **(options or {}))
    network.register_forward_hook(_logits_alone)
    return network


def with_weights(network: nn.Module, path: str, device: str | torch.device = "cpu") -> nn.Module:
    """The same network with the weights of a safetensors file, ready to answer."""
    file = Path(path)
    fit_weights(network, read_weights(file), file)
    return network.to(device).eval()


def _logits_alone(network: nn.Module, inputs: object, output: Output) -> Tensor:
    return output.logits
