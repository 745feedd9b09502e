"""Pipelines of augmentations: which operations, how likely, how strong; by name or from a configuration."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.augment.apply import apply
from abdominal_oncology.learning.augment.drawn import Drawn, Outside, check_outside
from abdominal_oncology.learning.augment.operations import OPERATIONS, Meaning, Numbers, Operation, operation

Item = int | tuple[int, ...]


@dataclass(frozen=True)
class Choice:
    """An operation with the probability of drawing it for an item and its largest strength (None: the usual one)."""

    name: str
    probability: float = 0.5
    strength: float | None = None

    def __post_init__(self) -> None:
        known = operation(self.name)
        where = f"augmentation {self.name!r}"
        probability = _number(self.probability, "probability", where)
        if not 0 <= probability <= 1:
            raise InvalidInputError(f"a probability of {probability!r} was given", where=where, remedy="use 0 to 1")
        strength = known.strength if self.strength is None else _number(self.strength, "strength", where)
        object.__setattr__(self, "probability", probability)
        object.__setattr__(self, "strength", known.check_strength(strength))

    @property
    def operation(self) -> Operation:
        return OPERATIONS[self.name]

    def draw(self, rng: np.random.Generator) -> Numbers | None:
        """The numbers for one item, or None when it is not drawn or has no strength."""
        drawn = rng.random() < self.probability
        return self.operation.draw(rng, float(self.strength or 0)) if drawn and self.strength else None


@dataclass(frozen=True)
class Pipeline:
    """Operations to draw from. Geometry acts first, in one resampling, then intensity; each in the order given.

    >>> pipeline = Pipeline.from_config([{"name": "rotation", "probability": 1, "strength": 10}])
    >>> drawn = pipeline.draw(2, seed=7)
    >>> drawn == pipeline.draw(2, seed=7)
    True
    >>> import torch
    >>> pipeline.apply(torch.zeros(2, 1, 8, 8), drawn).shape
    torch.Size([2, 1, 8, 8])
    """

    choices: tuple[Choice, ...] = ()
    outside: Outside = "border"

    def __post_init__(self) -> None:
        names = [choice.name for choice in self.choices]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise InvalidInputError(
                f"augmentation {twice[0]!r} is named twice", where="augmentation", remedy="name it once"
            )
        check_outside(self.outside)

    @classmethod
    def from_config(cls, config: str | Sequence[Any] | Mapping[str, Any]) -> Pipeline:
        """A pipeline from its name, a list of operations, or a table with ``operations`` and ``outside``.

        An operation is a table of ``name``, ``probability`` and ``strength``, or its name alone.
        """
        if isinstance(config, str):
            if config not in PIPELINES:
                raise InvalidInputError(
                    f"no augmentation pipeline is called {config!r}",
                    where="augmentation",
                    remedy=f"use {', '.join(PIPELINES)}, or a list of operations",
                )
            return PIPELINES[config]
        if isinstance(config, Mapping):
            _check_keys(config, ("operations", "outside"), "augmentation")
            listed, outside = config.get("operations", ()), config.get("outside", "border")
        else:
            listed, outside = config, "border"
        if isinstance(listed, str) or not isinstance(listed, Sequence):
            raise InvalidInputError(
                f"a pipeline is a name or a list of operations, not {listed!r}", where="augmentation"
            )
        return cls(tuple(_choice(each, place) for place, each in enumerate(listed)), outside)

    def to_config(self) -> dict[str, Any]:
        """The configuration in full, as plain values: what belongs into a run's resolved configuration."""
        operations = [
            {"name": each.name, "probability": each.probability}
            | ({"strength": each.strength} if each.operation.unit else {})
            for each in self.choices
        ]
        return {"operations": operations, "outside": self.outside}

    @property
    def changes(self) -> frozenset[Literal["geometry", "intensity"]]:
        """What this pipeline may change at all."""
        return frozenset(each.operation.changes for each in self._active)

    def keeping(self, *meanings: Meaning, because: str) -> Pipeline:
        """This pipeline, if it keeps what a task's labels mean; else an error with the operation that does not.

        >>> phase = PIPELINES["phase"]
        >>> phase.keeping("values", "laterality", because="the phase is read from HU") is phase
        True
        """
        for each in self._active:
            lost = each.operation.endangers.intersection(meanings)
            if lost:
                raise InvalidInputError(
                    f"augmentation {each.name!r} does not keep {' and '.join(sorted(lost))}: {because}",
                    where="augmentation",
                    remedy="take it out of the pipeline",
                )
        return self

    def draw(self, items: int | Iterable[Item], *, seed: int, epoch: int = 0) -> Drawn:
        """Numbers for each item, from the seed, the epoch and the item alone.

        ``items`` are what tells one showing of a case from another: case indices, or tuples such as (case, slice) or
        (case, how often shown this epoch); a count stands for 0, 1, …. Whatever else is in the batch, and on whichever
        process, an item gets the same augmentation, so a resumed or distributed training sees the same pictures.
        """
        keys: Iterable[Item] = range(items) if isinstance(items, int) else items
        return Drawn(
            tuple(choice.name for choice in self.choices),
            tuple(self._draw_one(key, seed, epoch) for key in keys),
            self.outside,
        )

    @overload
    def apply(
        self, batch: Tensor, drawn: Drawn, masks: None = None, *, mask_channels: Sequence[int] = ()
    ) -> Tensor: ...
    @overload
    def apply(
        self, batch: Tensor, drawn: Drawn, masks: Tensor, *, mask_channels: Sequence[int] = ()
    ) -> tuple[Tensor, Tensor]: ...
    def apply(
        self, batch: Tensor, drawn: Drawn, masks: Tensor | None = None, *, mask_channels: Sequence[int] = ()
    ) -> Tensor | tuple[Tensor, Tensor]:
        """The batch, and the masks if there are any, as drawn; see :func:`~.apply.apply`."""
        if drawn.order != tuple(choice.name for choice in self.choices) or drawn.outside != self.outside:
            raise InvalidInputError(
                "this was drawn by another pipeline", where="augmentation", remedy="use augment.apply to replay it"
            )
        if masks is None:
            return apply(batch, drawn, mask_channels=mask_channels)
        return apply(batch, drawn, masks, mask_channels=mask_channels)

    def augmenter(self, seed: int) -> Callable[[Tensor, NDArray[np.intp], int], Tensor]:
        """(batch, items, epoch) → augmented batch, for a source of batches.

        ``items`` is (n,), or (n, k) where one number does not tell one showing from another.
        """
        if not self._active:
            return lambda batch, items, epoch: batch

        def augment(batch: Tensor, items: NDArray[np.intp], epoch: int) -> Tensor:
            keys = [tuple(np.atleast_1d(item).tolist()) for item in items]
            return apply(batch, self.draw(keys, seed=seed, epoch=epoch))

        return augment

    @property
    def _active(self) -> tuple[Choice, ...]:
        return tuple(each for each in self.choices if each.probability and each.strength)

    def _draw_one(self, item: Item, seed: int, epoch: int) -> dict[str, Numbers]:
        key = [int(part) for part in (item if isinstance(item, tuple) else (item,))]
        if min(seed, epoch, *key) < 0:
            raise InvalidInputError(
                f"seed {seed}, epoch {epoch} and item {item} must not be negative", where="augmentation"
            )
        # numpy's seeds take trailing zeros for nothing; the length tells (3,) from (3, 0)
        rng = np.random.default_rng([seed, epoch, len(key), *key])
        numbers = ((choice.name, choice.draw(rng)) for choice in self.choices)
        return {name: each for name, each in numbers if each is not None}


def _choice(config: Any, place: int) -> Choice:
    where = f"augmentation, operation {place + 1}"
    if isinstance(config, str):
        return Choice(config)
    if not isinstance(config, Mapping) or "name" not in config:
        raise InvalidInputError(f"an operation needs a name, {config!r} has none", where=where)
    _check_keys(config, ("name", "probability", "strength"), where)
    return Choice(**config)


def _check_keys(config: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    unknown = [key for key in config if key not in known]
    if unknown:
        raise InvalidInputError(f"{unknown[0]!r} is not a setting", where=where, remedy=f"use {', '.join(known)}")


def _number(value: Any, key: str, where: str) -> float:
    """YAML reads 1 as a whole number and 1e-3 as text; both are meant as numbers."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isnan(number):
        raise InvalidInputError(f"the {key} is not a number: {value!r}", where=where)
    return number


def _pipeline(*choices: tuple[str, float] | tuple[str, float, float], outside: Outside = "border") -> Pipeline:
    return Pipeline(tuple(Choice(*choice) for choice in choices), outside)


# The source papers name operations and neither probabilities nor strengths; those below are ours.
PIPELINES: Mapping[str, Pipeline] = MappingProxyType(
    {
        "none": Pipeline(),
        # HU are the phase, and aorta and cava have sides: small movements only
        "phase": _pipeline(("rotation", 0.5, 10), ("shift", 0.5, 0.05), ("scale", 0.5, 0.1)),
        # Sarfati et al. (paper 003): flips, rotations and affine transformations of lesion patches
        "hcc": _pipeline(
            ("horizontal_flip", 0.5),
            ("vertical_flip", 0.5),
            ("rotation", 0.5, 30),
            ("affine", 0.5, 0.1),
            outside="reflection",
        ),
        # Paper 004, section 2.1: its fourteen, in its order
        "rectal": _pipeline(
            ("elastic", 0.2, 0.02),
            ("optical_distortion", 0.2, 0.1),
            ("grid_distortion", 0.2, 0.2),
            ("shift", 0.5, 0.06),
            ("scale", 0.5, 0.1),
            ("rotation", 0.5, 15),
            ("crop", 0.2, 0.15),
            ("horizontal_flip", 0.5),
            ("clahe", 0.2, 3),
            ("brightness", 0.3, 0.2),
            ("contrast", 0.3, 0.2),
            ("motion_blur", 0.1, 5),
            ("median_blur", 0.1, 1),
            ("gaussian_blur", 0.1, 1),
            outside="reflection",
        ),
    }
)
