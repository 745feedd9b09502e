"""What each slice and each place adds to a stage network's answer: exact, without gradients, from one encoding.

The last layer is linear and every aggregation is a weighted sum of slice features, once its own weights are known (see
:func:`slice_weights`). So the log-odds fall apart into one share per place of each slice's last map, and shares sum to
the answer. What a network would say without a slice, or of one slice alone, is aggregation again on the same features.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.calibration import apply_temperature
from abdominal_oncology.learning.runtime import as_floats
from abdominal_oncology.rectal.aggregation import attention_weights
from abdominal_oncology.rectal.evidence import Evidence
from abdominal_oncology.rectal.networks.stage_network import SLICE_LEVEL, StageNetwork, take_apart

_TINY = 1e-12


def explain(network: nn.Module, inputs: NDArray[np.uint8], temperature: float = 1.0) -> Evidence:
    """Evidence of one input (2, D, H, W), its padding left out. ``network`` stays in evaluation and is asked once.

    Leaving a slice out, its neighbours keep what their features took from it through depth: only what the slice itself
    tells the aggregation goes.
    """
    if not isinstance(network, StageNetwork):
        raise InvalidInputError(f"only a stage network can be asked for its evidence, not {type(network).__name__}")
    device = next(network.parameters()).device
    network.eval()
    with torch.inference_mode():
        marked = take_apart(torch.from_numpy(as_floats(inputs[None])).to(device))
        present = marked.present
        maps = network.maps(marked)
        there = torch.ones(maps.shape[2], dtype=torch.bool, device=device) if present is None else present[0] > 0
        maps = maps[0][:, there].double()
        return _evidence(network, maps, temperature)


def slice_weights(
    name: str, features: Tensor, weights: Tensor, present: Tensor | None = None, signed_square_root: bool = False
) -> Tensor:
    """V (n, C, D) with Σ V·features = ``weights`` · the aggregated feature, for each volume of ``features`` (n, C, D).

    ``weights`` is a row of the last layer, (C,) or for bilinear (C²,). Average: w/D. Maximum: w where the slice has it
    (the first, where several do). Attention: w times the softmax of equation 5. Bilinear: W x_d / length, W made
    symmetric; with the signed square root each b of the matrix counts w/√|b|, as sign(b)·√|b| = b/√|b|.
    """
    mask = torch.ones_like(features[:, :1]) if present is None else present[:, None, :].to(features.dtype)
    if name == "bilinear":
        kept = features * mask
        square = weights.reshape(features.shape[1], features.shape[1])
        matrix = kept @ kept.transpose(1, 2)
        if signed_square_root:
            roots = (matrix.abs() + _TINY).sqrt()
            length = torch.linalg.vector_norm(matrix.sign() * roots, dim=(1, 2)).clamp_min(_TINY)
            square = square / roots
        else:
            length = torch.linalg.vector_norm(matrix, dim=(1, 2)).clamp_min(_TINY)
        both = (square + square.transpose(-1, -2)) / 2
        result: Tensor = both @ kept / length[:, None, None]
        return result * mask
    row = weights[None, :, None]
    if name == "max":
        best = features.masked_fill(mask == 0, -torch.inf).argmax(dim=2, keepdim=True)
        return torch.zeros_like(features).scatter_(2, best, 1.0) * row
    if name == "attention":
        return attention_weights(features, None if present is None else present) * row
    return mask / mask.sum(dim=2, keepdim=True).clamp_min(1) * row * torch.ones_like(features)


def _evidence(network: StageNetwork, maps: Tensor, temperature: float) -> Evidence:
    """From the maps (C, D, h, w) of all slices that are there."""
    weight, constant = _line(network.head)
    features = maps.mean(dim=(2, 3))[None]
    by_slice = slice_weights(_aggregation(network), features, weight, None, network.signed_square_root)[0]
    places = torch.einsum("cd,cdhw->dhw", by_slice, maps) / (maps.shape[2] * maps.shape[3])
    whole = _log_odds(network, features, None)
    alone = _log_odds(network, features[0].T[:, :, None], None)
    count = features.shape[2]
    without = whole.expand(count)
    if count > 1:
        others = 1 - torch.eye(count, dtype=features.dtype, device=features.device)
        without = _log_odds(network, features.expand(count, -1, -1), others)
    chance = _chances(whole, temperature)[0]
    return Evidence(
        _chances(alone, temperature),
        chance - _chances(without, temperature),
        places.sum(dim=(1, 2)).cpu().numpy(),
        places.float().cpu().numpy(),
        constant,
    )


def _log_odds(network: StageNetwork, features: Tensor, present: Tensor | None) -> Tensor:
    """Of T3 for slice features (n, C, D), in double precision: differences between them are small."""
    weight, constant = _line(network.head)
    weights = slice_weights(_aggregation(network), features, weight, present, network.signed_square_root)
    return (weights * features).sum(dim=(1, 2)) + constant


def _line(head: nn.Linear) -> tuple[Tensor, float]:
    """The last layer as one line of log-odds: of two outputs the difference."""
    weight, bias = head.weight.double(), head.bias.double()
    if len(weight) == 1:
        return weight[0], float(bias[0])
    return weight[1] - weight[0], float(bias[1] - bias[0])


def _aggregation(network: StageNetwork) -> str:
    """A network trained on slices answers for several of them by their mean."""
    return "average" if network.aggregation == SLICE_LEVEL else network.aggregation


def _chances(log_odds: Tensor, temperature: float) -> NDArray[np.float64]:
    odds = log_odds.reshape(-1).cpu().numpy()
    return apply_temperature(np.column_stack([np.zeros_like(odds), odds]), temperature)[:, 1]
