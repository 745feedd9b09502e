"""The networks of all tasks, by name: a builder and the facts beside it.

A clinical room registers each of its networks with the decorator :func:`register`; importing the room is what fills the
table. A builder takes ``classes`` (and options of its own) and gives a module whose ``forward`` returns
:class:`~abdominal_oncology.learning.trainer.Output`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from abdominal_oncology.errors import InvalidInputError

Builder = Callable[..., nn.Module]


@dataclass(frozen=True)
class Network:
    """A registered network. ``input_shape`` is (C, H, W) or (C, D, H, W): one sample at the size the source paper used.

    ``tiny_shape`` is the smallest input that its tests run on. ``before_training`` names options that say what a
    training starts from: a bundle, which has its weights, leaves them out.
    """

    name: str
    task: str
    input_shape: tuple[int, ...]
    source: str
    builder: Builder
    tiny_shape: tuple[int, ...] = ()
    before_training: tuple[str, ...] = ()

    def lasting(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Those options that the network needs once it is trained."""
        return {name: value for name, value in options.items() if name not in self.before_training}

    def build(self, classes: int, **options: Any) -> nn.Module:
        """A fresh network with random weights from torch's generator."""
        known = inspect.signature(self.builder).parameters
        unknown = [name for name in options if name not in known]
        if unknown:
            raise InvalidInputError(
                f"network {self.name} has no option {unknown[0]!r}",
                remedy=f"its options are {', '.join(name for name in known if name != 'classes') or 'none'}",
            )
        return self.builder(classes=classes, **options)


_TABLE: dict[tuple[str, str], Network] = {}  # filled by the decorator while modules are imported, then only read


def register(
    name: str,
    *,
    task: str,
    input_shape: tuple[int, ...],
    source: str,
    tiny_shape: tuple[int, ...] = (),
    before_training: tuple[str, ...] = (),
) -> Callable[[Builder], Builder]:
    """Put a builder into the table; two networks of a task cannot share a name."""

    def keep(builder: Builder) -> Builder:
        if (task, name) in _TABLE:
            raise InvalidInputError(f"task {task} has two networks called {name!r}")
        _TABLE[task, name] = Network(
            name, task, input_shape, source, builder, tiny_shape or input_shape, before_training
        )
        return builder

    return keep


def networks_of(task: str) -> Mapping[str, Network]:
    """The networks that a task's room has registered, in the order of its files."""
    return {name: network for (owner, name), network in _TABLE.items() if owner == task}


def find_network(task: str, name: str) -> Network:
    try:
        return _TABLE[task, name]
    except KeyError:
        raise InvalidInputError(
            f"task {task} has no network called {name!r}",
            remedy=f"choose one of {', '.join(networks_of(task)) or 'none'}",
        ) from None


@dataclass(frozen=True)
class NetworkSize:
    """``parameters`` counts all, ``trainable`` those that learn; ``flops`` is of one forward pass of one sample.

    One multiplication with its addition is two operations; papers that print MAC mean half of ``flops``.
    """

    parameters: int
    trainable: int
    flops: int


def measure(network: nn.Module, input_shape: tuple[int, ...]) -> NetworkSize:
    """Count parameters and operations without computing: tensors on the meta device have shapes only."""
    from torch.utils.flop_counter import FlopCounterMode

    counts = [(parameter.numel(), parameter.requires_grad) for parameter in network.parameters()]
    ghost = network.to("meta").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        ghost(torch.empty(1, *input_shape, device="meta"))
    return NetworkSize(
        sum(count for count, _ in counts), sum(count for count, learns in counts if learns), counter.get_total_flops()
    )
