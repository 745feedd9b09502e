"""Views for test-time augmentation: a fixed set of pictures of each item, and the way back for maps.

>>> import torch
>>> views = named_views("tta8")
>>> pictures = views.expand(torch.zeros(3, 1, 16, 16))
>>> pictures.shape
torch.Size([24, 1, 16, 16])
>>> views.mean(torch.ones(24, 2)).shape
torch.Size([3, 2])
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.augment.apply import apply, undo
from abdominal_oncology.learning.augment.drawn import Drawn, Outside
from abdominal_oncology.learning.augment.operations import OPERATIONS, Meaning, Numbers


@dataclass(frozen=True)
class Views:
    """A named set of views. Outputs come view by view: all items in the first view, then all in the second."""

    name: str
    items: tuple[Mapping[str, Numbers], ...]
    outside: Outside = "border"

    def __len__(self) -> int:
        return len(self.items)

    @property
    def endangers(self) -> frozenset[Meaning]:
        """What a label may mean that some view does not keep."""
        return frozenset().union(*(OPERATIONS[name].endangers for item in self.items for name in item))

    def drawn(self, count: int) -> Drawn:
        """The views of ``count`` items as plain data, for histories."""
        order = tuple(name for name in OPERATIONS if any(name in item for item in self.items))
        return Drawn(order, tuple(item for item in self.items for _ in range(count)), self.outside)

    def expand(self, batch: Tensor) -> Tensor:
        """(n, C, …) to (views · n, C, …)."""
        return apply(batch.repeat(len(self), *(1,) * (batch.ndim - 1)), self.drawn(len(batch)))

    def restore(self, maps: Tensor) -> Tensor:
        """Maps (views · n, C, …) of all views, each brought back onto its original picture, as (views, n, C, …)."""
        count = self._count(maps)
        return undo(maps, self.drawn(count)).view(len(self), count, *maps.shape[1:])

    def mean(self, outputs: Tensor) -> Tensor:
        """The mean over the views of outputs that have no place, such as probabilities (views · n, K)."""
        return outputs.view(len(self), self._count(outputs), *outputs.shape[1:]).mean(dim=0)

    def _count(self, outputs: Tensor) -> int:
        if not len(outputs) or len(outputs) % len(self):
            raise InvalidInputError(
                f"{len(outputs)} outputs are not a multiple of the {len(self)} views of {self.name!r}",
                where="test-time augmentation",
                remedy="give the outputs of everything that expand() gave",
            )
        return len(outputs) // len(self)


def named_views(name: str) -> Views:
    if name not in VIEWS:
        raise InvalidInputError(
            f"no set of views is called {name!r}", where="test-time augmentation", remedy=f"use {', '.join(VIEWS)}"
        )
    return VIEWS[name]


_MIRRORS: tuple[dict[str, Numbers], ...] = ({}, {"horizontal_flip": {}})
_MILD: tuple[dict[str, Numbers], ...] = (
    {},
    {"rotation": {"degrees": 10.0}},
    {"rotation": {"degrees": -10.0}},
    {"scale": {"factor": 1.1}},
)
_QUARTERS: tuple[dict[str, Numbers], ...] = (
    {},
    *({"rotation": {"degrees": degrees}} for degrees in (90.0, 180.0, -90.0)),
)
VIEWS: Mapping[str, Views] = MappingProxyType(
    {
        "none": Views("none", ({},)),
        # a patient lies on a table: pictures a scanner could have made, mirrored or not
        "tta8": Views("tta8", tuple({**mirror, **mild} for mirror in _MIRRORS for mild in _MILD), "reflection"),
        # a lesion has no upside: the eight symmetries of the square, without interpolation
        "symmetries8": Views("symmetries8", tuple({**mirror, **turn} for mirror in _MIRRORS for turn in _QUARTERS)),
    }
)
