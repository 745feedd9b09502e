"""Losses with one interface: ``loss(logits, features, target) → scalar``.

``logits`` are (n, K), or (n, 1) for one sigmoid output; ``features`` (n, d) is what the last layer saw; ``target`` is
either class indices (n,) or soft labels (n, K). A loss that does not need features takes None. Parameters that a loss
learns, if any, are its ``parameters()`` and go into the optimiser with the network's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from abdominal_oncology.errors import InvalidInputError


class Loss(nn.Module):
    """Base of all losses; subclasses define ``forward``. ``takes_rows`` says that it wants label rows as its target."""

    takes_rows = False

    def forward(self, logits: Tensor, features: Tensor | None, target: Tensor) -> Tensor:
        raise NotImplementedError

    def __call__(self, logits: Tensor, features: Tensor | None, target: Tensor) -> Tensor:
        result: Tensor = super().__call__(logits, features, target)
        return result


class SoftCrossEntropy(Loss):
    """−Σ y_i log softmax(z)_i, batch mean; class indices mean one-hot labels.

    >>> SoftCrossEntropy()(torch.zeros(1, 4), None, torch.tensor([2])).exp().round().item()
    4.0
    """

    takes_rows = True

    def forward(self, logits: Tensor, features: Tensor | None, target: Tensor) -> Tensor:
        return functional.cross_entropy(logits, target)


class BinaryCrossEntropy(Loss):
    """One sigmoid per class against the label row, mean over classes and batch (papers 001 and 002)."""

    takes_rows = True

    def forward(self, logits: Tensor, features: Tensor | None, target: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(logits, _label_rows(logits, target))


class FocalLoss(Loss):
    """−(1 − p)^γ log p of the true class, batch mean; softmax over K logits, sigmoid for one."""

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        if gamma < 0:
            raise InvalidInputError(f"focal loss needs gamma ≥ 0, not {gamma}")
        self.gamma = gamma

    def forward(self, logits: Tensor, features: Tensor | None, target: Tensor) -> Tensor:
        target = target.long()
        if logits.shape[1] == 1:
            signed = torch.where(target == 1, logits[:, 0], -logits[:, 0])
            log_p = functional.logsigmoid(signed)
        else:
            log_p = functional.log_softmax(logits, dim=1).gather(1, target[:, None])[:, 0]
        return (-((1 - log_p.exp()) ** self.gamma) * log_p).mean()


class TripletLoss(Loss):
    """max(0, D_ap − D_an + margin) with squared Euclidean distances, mined inside the batch.

    ``batch-hard``: per anchor the farthest of its class and the nearest of another. ``semi-hard``: every
    anchor–positive pair with the nearest negative farther than the positive, or the farthest negative where none is.
    With ``normalise`` features have unit length: squared distances are at most 4, so a margin of 1 hardly ever rests.
    A batch without a valid triplet gives 0. On several devices each mines its own share of the batch.
    """

    def __init__(
        self,
        margin: float = 0.2,
        mining: Literal["batch-hard", "semi-hard"] = "batch-hard",
        normalise: bool = True,
    ) -> None:
        super().__init__()
        if mining not in ("batch-hard", "semi-hard"):
            raise InvalidInputError(f"mining is 'batch-hard' or 'semi-hard', not {mining!r}")
        self.margin, self.mining, self.normalise = margin, mining, normalise

    def forward(self, logits: Tensor, features: Tensor | None, target: Tensor) -> Tensor:
        points = _needed(features, "triplet loss")
        if self.normalise:
            points = functional.normalize(points, dim=1)
        distances = _squared_distances(points)
        same = target[:, None] == target[None, :]
        positive = same & ~torch.eye(len(target), dtype=torch.bool, device=target.device)
        pairs = self._batch_hard if self.mining == "batch-hard" else self._semi_hard
        losses = functional.relu(pairs(distances, positive, ~same) + self.margin)
        return losses.mean() if losses.numel() else points.sum() * 0.0

    @staticmethod
    def _batch_hard(distances: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        hardest_positive = distances.masked_fill(~positive, -torch.inf).amax(dim=1)
        hardest_negative = distances.masked_fill(~negative, torch.inf).amin(dim=1)
        valid = positive.any(dim=1) & negative.any(dim=1)
        return (hardest_positive - hardest_negative)[valid]

    @staticmethod
    def _semi_hard(distances: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        anchor, partner = torch.nonzero(positive & negative.any(dim=1)[:, None], as_tuple=True)
        to_positive = distances[anchor, partner]
        candidates = distances[anchor]
        usable = negative[anchor]
        farther = usable & (candidates > to_positive[:, None])
        nearest_farther = candidates.masked_fill(~farther, torch.inf).amin(dim=1)
        farthest = candidates.masked_fill(~usable, -torch.inf).amax(dim=1)
        return to_positive - torch.where(farther.any(dim=1), nearest_farther, farthest)


class CentreLoss(Loss):
    """½ Σ ‖x_i − c_y‖² to running class centres, which follow their class in training (Wen et al.).

    After each training step c_j −= rate · Σ_{y=j}(c_j − x_i) / (1 + n_j); centres are state, not parameters. On
    several devices both sums run over the global batch, so that centres stay the same everywhere.
    """

    centres: Tensor

    def __init__(self, classes: int, dimensions: int, rate: float = 0.5) -> None:
        super().__init__()
        self.rate = rate
        self.register_buffer("centres", torch.zeros(classes, dimensions))

    def forward(self, logits: Tensor, features: Tensor | None, target: Tensor) -> Tensor:
        points = _needed(features, "centre loss")
        target = target.long()
        # gradients are averaged over devices and this loss is a sum: hence the factor
        loss = 0.5 * (points - self.centres[target]).square().sum() * _devices()
        if self.training:
            self._follow(points.detach(), target)
        return loss

    @torch.no_grad()
    def _follow(self, points: Tensor, target: Tensor) -> None:
        members = functional.one_hot(target, len(self.centres)).to(points)
        counts, sums = members.sum(dim=0)[:, None], members.T @ points
        if _devices() > 1:
            torch.distributed.all_reduce(counts)
            torch.distributed.all_reduce(sums)
        step = (counts * self.centres - sums) / (1 + counts)
        self.centres = self.centres - self.rate * step


class WeightedSum(Loss):
    """Σ weight · loss, for example focal + 0.003 · centre."""

    def __init__(self, terms: Sequence[tuple[float, Loss]]) -> None:
        super().__init__()
        if not terms:
            raise InvalidInputError("a sum of losses needs at least one term")
        self.weights = tuple(float(weight) for weight, _ in terms)
        self.losses = nn.ModuleList(loss for _, loss in terms)
        self.takes_rows = all(loss.takes_rows for _, loss in terms)

    def forward(self, logits: Tensor, features: Tensor | None, target: Tensor) -> Tensor:
        values = [loss(logits, features, target) for loss in self.losses]
        return torch.stack([weight * value for weight, value in zip(self.weights, values, strict=True)]).sum()


def _devices() -> int:
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    return int(torch.distributed.get_world_size()) if distributed else 1


def _label_rows(logits: Tensor, target: Tensor) -> Tensor:
    if target.ndim == 2:
        return target.to(logits)
    if logits.shape[1] == 1:
        return target[:, None].to(logits)
    return functional.one_hot(target.long(), logits.shape[1]).to(logits)


def _squared_distances(points: Tensor) -> Tensor:
    # explicit differences: the usual ‖a‖² + ‖b‖² − 2ab loses digits where it matters most, at near-zero distances
    return (points[:, None, :] - points[None, :, :]).square().sum(dim=2)


def _needed(features: Tensor | None, name: str) -> Tensor:
    if features is None:
        raise InvalidInputError(f"{name} works on features, and this network gave none")
    return features
