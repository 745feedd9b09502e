"""From the features of many slices to one feature of the volume (paper 004, section 2.4); no parameters anywhere.

``features`` is (n, C, D); ``present`` (n, D), where given, is 0 for slices that are padding and must not count.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from abdominal_oncology.errors import InvalidInputError

Aggregation = Callable[[Tensor, Tensor | None], Tensor]
_TINY = 1e-12


def average(features: Tensor, present: Tensor | None = None) -> Tensor:
    """Mean over slices, (n, C)."""
    if present is None:
        return features.mean(dim=2)
    weights = present[:, None, :].to(features.dtype)
    return (features * weights).sum(dim=2) / weights.sum(dim=2).clamp_min(1)


def maximum(features: Tensor, present: Tensor | None = None) -> Tensor:
    """Largest value over slices, (n, C)."""
    return _without_padding(features, present).amax(dim=2)


def attention(features: Tensor, present: Tensor | None = None) -> Tensor:
    """Equations 4 and 5: each channel's mean, weighed by its own softmax over slices, (n, C)."""
    return (attention_weights(features, present) * features).sum(dim=2)


def attention_weights(features: Tensor, present: Tensor | None = None) -> Tensor:
    """Equation 5: A(i, d) (n, C, D); each channel's weights sum to 1 over the slices.

    >>> attention_weights(torch.zeros(1, 2, 4))[0, 0].tolist()
    [0.25, 0.25, 0.25, 0.25]
    """
    return _without_padding(features, present).softmax(dim=2)


def bilinear(features: Tensor, present: Tensor | None = None, signed_square_root: bool = False) -> Tensor:
    """Σ_d x_d x_dᵀ, flattened to unit length, (n, C²); how long the stack is does not change it.

    ``signed_square_root`` takes sign(b)·√|b| before the length, as Lin et al. did; paper 004 names the length only.

    >>> (100 * bilinear(torch.tensor([[[3.0], [4.0]]]))).round().tolist()
    [[36.0, 48.0, 48.0, 64.0]]
    """
    kept = features if present is None else features * present[:, None, :].to(features.dtype)
    matrix = (kept @ kept.transpose(1, 2)).flatten(1)
    if signed_square_root:
        matrix = matrix.sign() * (matrix.abs() + _TINY).sqrt()  # the root alone has no slope at 0
    return functional.normalize(matrix, dim=1, eps=_TINY)


AGGREGATIONS: dict[str, Aggregation] = {
    "average": average,
    "max": maximum,
    "attention": attention,
    "bilinear": bilinear,
}


def aggregate(name: str, features: Tensor, present: Tensor | None = None, signed_square_root: bool = False) -> Tensor:
    """One of :data:`AGGREGATIONS` by name, in single precision also where the network runs in half."""
    check_aggregation(name, signed_square_root)
    kind = features.device.type
    if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
        with torch.autocast(kind, enabled=False):  # a sum of squares over slices leaves the range of float16
            return aggregate(name, features.float(), present, signed_square_root)
    if signed_square_root:
        return bilinear(features, present, signed_square_root=True)
    return AGGREGATIONS[name](features, present)


def check_aggregation(name: str, signed_square_root: bool = False) -> None:
    if signed_square_root and name != "bilinear":
        raise InvalidInputError(
            f"the signed square root belongs to the bilinear aggregation, not to {name!r}",
            remedy="set signed_square_root to false",
        )
    if name not in AGGREGATIONS:
        raise InvalidInputError(
            f"no depth aggregation is called {name!r}", remedy=f"choose one of {', '.join(AGGREGATIONS)}"
        )


def feature_count(name: str, channels: int) -> int:
    """
    >>> feature_count("bilinear", 256), feature_count("max", 256)
    (65536, 256)
    """
    return channels**2 if name == "bilinear" else channels


def _without_padding(features: Tensor, present: Tensor | None) -> Tensor:
    return features if present is None else features.masked_fill(present[:, None, :] == 0, -math.inf)
