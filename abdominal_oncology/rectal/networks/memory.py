"""How much memory a training step of a rectal encoder needs, counted without computing and without a GPU.

Tensors on the meta device have shapes only; what autograd saves for the way back is seen as it is saved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.rectal.networks.encoder import Block
from abdominal_oncology.rectal.networks.stage_network import StageNetwork

_STATES = 3
"""Single-precision copies of each weight: itself, its gradient and its momentum."""


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes of one training step. ``kept`` is what waits for the way back, ``working`` the largest that comes and goes.

    ``working`` counts two gradients of the largest map, and with checkpointing the block that is computed again;
    a GPU library's own workspace comes on top.
    """

    kept: int
    working: int
    weights: int

    @property
    def total(self) -> int:
        return self.kept + self.working + self.weights

    @property
    def gigabytes(self) -> float:
        """In units of 10⁹ bytes."""
        return self.total / 1e9


class _Saved:
    """Bytes that autograd saves, each piece of memory once, by the block that they were saved in."""

    def __init__(self, weights: set[int]) -> None:
        self.place = "outside"
        self.by_place: dict[str, dict[int, int]] = {}
        self._seen = weights
        self.alive: list[Any] = []  # a freed piece of memory could lend its name to another

    def keep(self, tensor: Tensor) -> Tensor:
        memory = tensor.untyped_storage()
        if memory._cdata not in self._seen:
            self._seen.add(memory._cdata)
            self.alive.append(memory)
            self.by_place.setdefault(self.place, {})[memory._cdata] = memory.nbytes()
        return tensor


def training_memory(
    build: Callable[[], nn.Module],
    input_shape: tuple[int, ...],
    batch: int,
    *,
    mixed_precision: bool = True,
    checkpointing: bool = False,
) -> TrainingMemory:
    """Of one step of the network that ``build`` gives, on ``batch`` inputs (C, D, H, W).

    ``mixed_precision`` means float16 maps and a float16 copy of the weights beside the single-precision ones.
    ``checkpointing`` counts as if each block's input alone were kept.
    """
    if batch < 1:
        raise InvalidInputError(f"a batch holds one input or more, not {batch}")
    with torch.device("meta"):
        network = build()
    if not isinstance(network, StageNetwork):
        raise InvalidInputError("memory is counted for networks of the rectal room only")
    network.encoder.checkpointing = False  # what each block saves is counted apart below
    parameters = sum(weight.numel() for weight in network.parameters())
    kind = torch.float16 if mixed_precision else torch.float32
    network = network.to(kind).train()
    saved = _Saved({weight.untyped_storage()._cdata for weight in network.parameters()})
    inputs_of: dict[int, int] = {}
    handles: list[RemovableHandle] = []
    for name, module in network.named_modules():
        if isinstance(module, Block):
            handles.append(module.register_forward_pre_hook(partial(_enter, saved, inputs_of, name)))
            handles.append(module.register_forward_hook(partial(_leave, saved)))
    with torch.autograd.graph.saved_tensors_hooks(saved.keep, _as_it_is):
        network(torch.empty(batch, *input_shape, dtype=kind, device="meta"))
    for handle in handles:
        handle.remove()
    weights = parameters * (_STATES * 4 + (2 if mixed_precision else 0))
    pieces = {memory: size for place in saved.by_place.values() for memory, size in place.items()}
    working = 2 * max(pieces.values())
    if not checkpointing:
        return TrainingMemory(sum(pieces.values()), working, weights)
    outside = saved.by_place.pop("outside", {})
    again = max(sum(block.values()) for block in saved.by_place.values())
    return TrainingMemory(sum((outside | inputs_of).values()), working + again, weights)


def _enter(saved: _Saved, inputs_of: dict[int, int], name: str, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
    saved.place = name
    memory = inputs[0].untyped_storage()
    inputs_of[memory._cdata] = memory.nbytes()
    saved.alive.append(memory)


def _leave(saved: _Saved, *_: Any) -> None:
    saved.place = "outside"


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor
