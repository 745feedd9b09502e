"""The encoders of paper 004: one ResNet-18 whose five layers are each two- or three-dimensional.

Layer 1 is the stem, layers 2 to 5 the four stages. ``f-MC_x`` is deep before layer x and flat from it on, ``f-rMC_x``
the reverse; so f-rMC5 sees the neighbouring slices in its last stage alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from abdominal_oncology.rectal.networks.convolutions import Kind, convolution

LAYERS = 5
_BLOCKS_PER_STAGE = 2
Kinds = tuple[Kind, Kind, Kind, Kind, Kind]


def mixed(early: Kind, late: Kind, change: int) -> Kinds:
    """``early`` before layer ``change`` (1 … 6), ``late`` from it on.

    >>> [kind.name for kind in mixed(Kind.FLAT, Kind.DEEP, 5)]
    ['FLAT', 'FLAT', 'FLAT', 'FLAT', 'DEEP']
    """
    first, second, third, fourth, fifth = (early if layer < change else late for layer in range(1, LAYERS + 1))
    return (first, second, third, fourth, fifth)


def slices_seen(kinds: Kinds) -> int:
    """How many neighbours on either side a slice's feature depends on.

    >>> slices_seen(mixed(Kind.FLAT, Kind.DEEP, 5)), slices_seen(mixed(Kind.DEEP, Kind.DEEP, 1))
    (4, 17)
    """
    deep = [kind is not Kind.FLAT for kind in kinds]
    return deep[0] + 2 * _BLOCKS_PER_STAGE * sum(deep[1:])


class Block(nn.Module):
    """ResNet's basic block: two convolutions, and the input added, through a 1×1×1 convolution where it changes."""

    def __init__(self, kind: Kind, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = convolution(kind, inputs, outputs, 3, stride)
        self.first_norm = nn.BatchNorm3d(outputs)
        self.second = convolution(kind, outputs, outputs, 3)
        self.second_norm = nn.BatchNorm3d(outputs)
        self.activation = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv3d(inputs, outputs, 1, (1, stride, stride), bias=False), nn.BatchNorm3d(outputs)
            )

    def forward(self, maps: Tensor, present: Tensor | None = None) -> Tensor:
        inner = self.activation(self.first_norm(self.first(maps, present)))
        inner = self.second_norm(self.second(inner, present))
        result: Tensor = self.activation(inner + self.shortcut(maps))
        return result


class Encoder(nn.Module):
    """(n, 1, D, H, W) to maps (n, 8·filters, D, H/16, W/16): ResNet-18 without max-pooling and without depth stride.

    ``checkpointing`` keeps only each block's input in training and computes the block again on the way back.
    """

    def __init__(self, kinds: Kinds, filters: int = 32, checkpointing: bool = False) -> None:
        super().__init__()
        self.checkpointing = checkpointing
        self.features = 8 * filters
        self.reach = slices_seen(kinds)
        self.stem = convolution(kinds[0], 1, filters, 7, stride=2)
        self.stem_norm = nn.BatchNorm3d(filters)
        self.activation = nn.ReLU(inplace=True)
        blocks, width = [], filters
        for stage, kind in enumerate(kinds[1:]):
            for n in range(_BLOCKS_PER_STAGE):
                outputs = filters * 2**stage
                blocks.append(Block(kind, width, outputs, 2 if stage and not n else 1))
                width = outputs
        self.blocks = nn.ModuleList(blocks)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, volumes: Tensor, present: Tensor | None = None) -> Tensor:
        maps: Tensor = self.activation(self.stem_norm(self.stem(volumes, present)))
        for block in self.blocks:
            if self.checkpointing and self.training and torch.is_grad_enabled():
                again = partial(_contexts, block)
                maps = checkpoint(block, maps, present, use_reentrant=False, preserve_rng_state=False, context_fn=again)
            else:
                maps = block(maps, present)
        return maps


def _contexts(block: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _statistics_at_rest(block)


@contextmanager
def _statistics_at_rest(block: nn.Module) -> Iterator[None]:
    """Batch norms normalise by their batch and do not follow it: computing again must not count a batch twice."""
    norms = [module for module in block.modules() if isinstance(module, nn.BatchNorm3d)]
    usual = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, usual, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
