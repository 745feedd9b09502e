"""Drawn: what chance decided for each item of a batch, as plain data that can be kept and applied again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.image import Step
from abdominal_oncology.learning.augment.operations import Numbers, operation

Outside = Literal["border", "reflection"]


@dataclass(frozen=True)
class Drawn:
    """``order`` is the order of operations, ``items`` the numbers of those drawn for each item, by name.

    ``outside`` says what a picture shows where it was moved away: its border drawn out, or its reflection.

    >>> drawn = Drawn(("rotation",), ({"rotation": {"degrees": 10.0}}, {}))
    >>> drawn.steps()[0].parameters["rotation"]
    {'degrees': 10.0}
    >>> Drawn.from_steps(drawn.steps()) == drawn == Drawn.from_plain(drawn.to_plain())
    True
    """

    order: tuple[str, ...]
    items: tuple[Mapping[str, Numbers], ...]
    outside: Outside = "border"

    def __post_init__(self) -> None:
        check_outside(self.outside)
        for name in self.order:
            operation(name)
        for place, item in enumerate(self.items):
            for name, numbers in item.items():
                _check_numbers(name, numbers, self.order, f"item {place}, augmentation {name!r}")

    def __len__(self) -> int:
        return len(self.items)

    def to_plain(self) -> dict[str, Any]:
        """Lists, dictionaries, strings and numbers: what JSON can hold and give back unchanged."""
        items = [{name: dict(numbers) for name, numbers in item.items()} for item in self.items]
        return {"order": list(self.order), "outside": self.outside, "items": items}

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Drawn:
        missing = [key for key in ("order", "outside", "items") if key not in values]
        if missing:
            raise InvalidInputError(f"a drawn augmentation lacks {missing[0]!r}", remedy="use what to_plain() gave")
        return cls(tuple(values["order"]), tuple(values["items"]), values["outside"])

    def steps(self) -> tuple[Step, ...]:
        """One entry of history for each item."""
        common = {"order": list(self.order), "outside": self.outside}
        return tuple(Step("augment", {**common, **item}) for item in self.items)

    @classmethod
    def from_steps(cls, steps: Sequence[Step]) -> Drawn:
        """What was drawn, from the history entries of results; all must come from one pipeline."""
        if not steps or any(step.operation != "augment" or "order" not in step.parameters for step in steps):
            raise InvalidInputError(
                "these history entries are not augmentations", remedy="choose the entries called 'augment'"
            )
        heads = [(tuple(step.parameters["order"]), step.parameters["outside"]) for step in steps]
        if len(set(heads)) != 1:
            raise InvalidInputError("these history entries come from different pipelines", remedy="replay them apart")
        order, outside = heads[0]
        items = ({name: step.parameters[name] for name in order if name in step.parameters} for step in steps)
        return cls(order, tuple(items), outside)


def check_outside(outside: str) -> None:
    if outside not in get_args(Outside):
        raise InvalidInputError(
            f"outside the picture there can be no {outside!r}",
            where="augmentation",
            remedy=f"use {' or '.join(get_args(Outside))}",
        )


def _check_numbers(name: str, numbers: Mapping[str, Any], order: Sequence[str], where: str) -> None:
    spans = operation(name).numbers
    if name not in order:
        raise InvalidInputError("this operation is not in the order of operations", where=where)
    if set(numbers) != set(spans):
        raise InvalidInputError(f"needs {', '.join(spans) or 'no numbers'}, has {', '.join(numbers)}", where=where)
    for key, span in spans.items():
        try:
            array = np.asarray(numbers[key], dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInputError(f"{key!r} is not a number or a table of numbers", where=where) from error
        # written so that NaN fails it
        if array.shape != span.shape or not ((array >= span.low) & (array <= span.high)).all():
            what = f"numbers of shape {span.shape}" if span.shape else "a number"
            raise InvalidInputError(f"{key!r} must be {what} from {span.low:g} to {span.high:g}", where=where)
