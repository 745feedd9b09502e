"""The T2/T3 network: an encoder, then either a layer shared by all slices or an aggregation through depth.

Inputs are (n, 1, D, H, W): the volume; or (n, 2, D, H, W): the volume and *marks*, one value for a whole slice: 0 a
slice that is only padding, 1/2 a slice, 1 a representative slice (``rectal.marks``). Marks let volumes of different
depth share a batch, and tell the slice level which slices enter the loss, through the common trainer and its stores.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.networks import register
from abdominal_oncology.learning.trainer import Output
from abdominal_oncology.rectal.aggregation import aggregate, average, check_aggregation, feature_count
from abdominal_oncology.rectal.marks import REPRESENTATIVE, SLICE
from abdominal_oncology.rectal.networks.convolutions import Kind
from abdominal_oncology.rectal.networks.encoder import Encoder, Kinds, mixed

SLICE_LEVEL = "none"
_SETTLED_SPREAD = 1.5
"""Standard deviation of the logits that a bilinear layer begins with: neither mute nor sure."""

ENCODERS: dict[str, Kinds] = {
    "f-r2d": mixed(Kind.FLAT, Kind.FLAT, 1),
    "f-r3d": mixed(Kind.DEEP, Kind.DEEP, 1),
    "f-r2plus1d": mixed(Kind.SPLIT, Kind.SPLIT, 1),
    **{f"f-mc{x}": mixed(Kind.DEEP, Kind.FLAT, x) for x in range(2, 6)},
    **{f"f-rmc{x}": mixed(Kind.FLAT, Kind.DEEP, x) for x in range(2, 6)},
}
"""The eleven encoders of Table 2, in its order."""


class Marked(NamedTuple):
    """An input taken apart: the volume (n, 1, D, H, W), and per slice (n, D) whether it is there and representative.

    ``present`` and ``chosen`` are None where no marks were given.
    """

    volume: Tensor
    present: Tensor | None
    chosen: Tensor | None


def take_apart(inputs: Tensor) -> Marked:
    """Volume and marks of a network's input."""
    if inputs.ndim != 5 or inputs.shape[1] not in (1, 2):
        raise InvalidInputError(
            f"a rectal network takes (n, 1, D, H, W), or 2 channels with marks, not {tuple(inputs.shape)}"
        )
    if inputs.shape[1] == 1:
        return Marked(inputs, None, None)
    marks = inputs[:, 1].amax(dim=(2, 3))  # the largest: a shifted or turned slice has zeros in its corners
    present = _or_all(marks > SLICE / 2)
    chosen = marks > (SLICE + REPRESENTATIVE) / 2
    return Marked(inputs[:, :1], present.to(inputs.dtype), chosen.to(inputs.dtype))


def _or_all(some: Tensor) -> Tensor:
    """Rows (n, D) without a True become all True: an input without a slice has no answer, but must not give NaN."""
    return some | ~some.any(dim=1, keepdim=True)


class StageNetwork(nn.Module):
    """Encoder, average in plane, and one linear layer, on slices or on the volume's aggregated feature.

    Slice level (``aggregation="none"``): in training one of the sample's representative slices is drawn at each step,
    so over the epochs all of them enter the loss and none of the others does, and only the neighbours that its feature
    depends on are computed; in evaluation the logits of all representative slices are averaged. Samples without marks
    count all their slices as representative.

    Volume level: in training ``features`` are the aggregated ones, for losses between cases; in evaluation the slices'
    mean (256), on which familiarity is measured: 65,536 bilinear features are too many to keep statistics of.
    """

    def __init__(self, encoder: Encoder, outputs: int, aggregation: str, signed_square_root: bool) -> None:
        super().__init__()
        self.encoder = encoder
        self.aggregation, self.signed_square_root = aggregation, signed_square_root
        self.is_slice_level = aggregation == SLICE_LEVEL
        width = encoder.features if self.is_slice_level else feature_count(aggregation, encoder.features)
        self.feature_count = width  # what losses see in training
        self.head = nn.Linear(width, outputs)
        self._slice_head: Tensor | None = None

    def forward(self, inputs: Tensor) -> Output:
        marked = take_apart(inputs)
        if self.is_slice_level:
            picked = self._drawn_feature(marked) if self.training else self._representative(marked)
            return Output(self.head(picked), picked)
        features = self.slice_features(marked)
        pooled = self.pool(features, marked.present)
        return Output(self.head(pooled), pooled if self.training else average(features, marked.present))

    def maps(self, marked: Marked) -> Tensor:
        """What the encoder sees where: (n, 256, D, H/16, W/16)."""
        present = None if marked.present is None else marked.present[:, None, :, None, None]
        result: Tensor = self.encoder(marked.volume, present)
        return result

    def slice_features(self, marked: Marked) -> Tensor:
        """One feature per slice: (n, 256, D)."""
        return self.maps(marked).mean(dim=(3, 4))

    def slice_logits(self, inputs: Tensor) -> Tensor:
        """Slice level: the logits of every slice, (n, K, D)."""
        if not self.is_slice_level:
            raise InvalidInputError("a network that aggregates through depth has no logits of single slices")
        features = self.slice_features(take_apart(inputs))
        logits: Tensor = self.head(features.transpose(1, 2)).transpose(1, 2)
        return logits

    def pool(self, features: Tensor, present: Tensor | None) -> Tensor:
        """Volume level: slice features (n, 256, D) to the volume's feature."""
        return aggregate(self.aggregation, features, present, self.signed_square_root)

    def weights_from(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Another encoder's weights for this one: a kernel in plane becomes the middle of a kernel through depth.

        The encoder then gives at first what the flat one gave, and learns from there what the neighbours add.
        """
        own = self.state_dict()
        made = dict(weights)
        slice_head = made.get("head.weight")
        if self.aggregation == "bilinear" and slice_head is not None and slice_head.shape[1] == self.encoder.features:
            self._slice_head = slice_head.detach().clone()  # not a weight of this network; settle() makes one of it
        for name, kernel in weights.items():
            if name in own and own[name].ndim == 5 and kernel.shape != own[name].shape:
                deep = torch.zeros_like(own[name])
                if kernel.shape == deep[:, :, :1].shape:
                    deep[:, :, deep.shape[2] // 2] = kernel[:, :, 0]
                    made[name] = deep
        return made

    def settle(self, inputs: Tensor) -> None:
        """Let the bilinear layer begin as the slice level's own, from what some ``inputs`` (n, …) look like.

        With w the slice level's layer and a·x ≈ 1 for a usual slice, v = w − m·a has v·x = w·x − m, about 0 for the
        usual slice with m the median of w·x. The weights v vᵀ then give Σ_d (v·x_d)²: slices that speak for a class
        count, and the many that say nothing do not. 65,536 weights that begin at random drown what the encoder knows.
        """
        if self._slice_head is None or self.signed_square_root:
            return
        marked = take_apart(inputs)
        features = self.eval().slice_features(marked)
        everywhere = torch.ones_like(features[:, 0])
        there = (everywhere if marked.present is None else marked.present) > 0
        slices = features.transpose(1, 2)[there]
        usual = slices.mean(dim=0) / slices.mean(dim=0).square().sum()
        rows = [w - (slices @ w).median() * usual for w in self._slice_head.to(slices)]
        squares = torch.stack([torch.outer(row, row).flatten() for row in rows])
        said = self.pool(features, marked.present) @ squares.T
        scale = _SETTLED_SPREAD / said.std(dim=0).clamp_min(1e-12)
        self.head.weight.copy_(squares * scale[:, None])
        self.head.bias.copy_(-said.mean(dim=0) * scale)
        self._slice_head = None

    def _representative(self, marked: Marked) -> Tensor:
        """The mean feature of the representative slices, (n, 256)."""
        features = self.slice_features(marked)
        return average(features, None if marked.chosen is None else _candidates(marked))

    def _drawn_feature(self, marked: Marked) -> Tensor:
        """The feature of one representative slice per sample, drawn at random, (n, 256)."""
        drawn = torch.multinomial(_candidates(marked).float(), 1)
        near, place = neighbourhood(marked, drawn, self.encoder.reach)
        features = self.slice_features(near)
        return features.gather(2, place[:, :, None].expand(-1, features.shape[1], 1))[:, :, 0]


def _candidates(marked: Marked) -> Tensor:
    """Which slices may stand for the volume, (n, D): the representative ones, where there are none all that exist."""
    volume = marked.volume
    if marked.chosen is None or marked.present is None:
        return volume.new_ones(volume.shape[0], volume.shape[2])
    return torch.where(marked.chosen.any(dim=1, keepdim=True), marked.chosen, marked.present)


def neighbourhood(marked: Marked, middle: Tensor, reach: int) -> tuple[Marked, Tensor]:
    """The slices within ``reach`` of slice ``middle`` (n, 1) of each sample, and where ``middle`` is among them (n, 1).

    Slices beyond the stack become padding, as convolutions through depth take them anyway.
    """
    count = marked.volume.shape[2]
    if 2 * reach + 1 >= count:
        return marked, middle
    wanted = middle + torch.arange(-reach, reach + 1, device=middle.device)
    inside = (wanted >= 0) & (wanted < count)
    taken = wanted.clamp(0, count - 1)
    present = inside.to(marked.volume.dtype)
    if marked.present is not None:
        present = present * marked.present.gather(1, taken)
    n, channels, _, height, width = marked.volume.shape
    where = taken[:, None, :, None, None].expand(n, channels, -1, height, width)
    volume = marked.volume.gather(2, where) * inside[:, None, :, None, None]
    return Marked(volume, present, None), torch.full_like(middle, reach)


def stage_network(
    kinds: Kinds,
    classes: int,
    aggregation: str = SLICE_LEVEL,
    signed_square_root: bool = False,
    filters: int = 32,
    checkpointing: bool = False,
) -> StageNetwork:
    """Two classes give one logit (a sigmoid, as in the paper), more classes one each.

    ``aggregation`` is ``none`` (slice level), ``average``, ``max``, ``attention`` or ``bilinear``.
    """
    if aggregation != SLICE_LEVEL or signed_square_root:
        check_aggregation(aggregation, signed_square_root)
    if filters < 1 or classes < 1:
        raise InvalidInputError(f"a network needs filters and classes, not {filters} and {classes}")
    outputs = 1 if classes == 2 else classes
    return StageNetwork(Encoder(kinds, filters, checkpointing), outputs, aggregation, signed_square_root)


for _name, _kinds in ENCODERS.items():
    register(
        _name,
        task="rectal",
        input_shape=(1, 24, 256, 256),
        tiny_shape=(1, 4, 32, 32),
        source="Lee et al. 2021 (paper 004, Table 2), written here",
    )(partial(stage_network, _kinds))
