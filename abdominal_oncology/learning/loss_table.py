"""Losses by name: from a recipe's terms to one loss. Clinical rooms add their own with :func:`register_loss`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.losses import (
    BinaryCrossEntropy,
    CentreLoss,
    FocalLoss,
    Loss,
    SoftCrossEntropy,
    TripletLoss,
    WeightedSum,
)
from abdominal_oncology.learning.recipe import LossTerm

LossBuilder = Callable[..., Loss]

_TABLE: dict[str, LossBuilder] = {}  # filled while modules are imported, then only read


def register_loss(name: str) -> Callable[[LossBuilder], LossBuilder]:
    """Name a builder. It may take ``classes`` and ``features`` (numbers of both), which are filled in, and options."""

    def keep(builder: LossBuilder) -> LossBuilder:
        if name in _TABLE:
            raise InvalidInputError(f"two losses are called {name!r}")
        _TABLE[name] = builder
        return builder

    return keep


def losses() -> Mapping[str, LossBuilder]:
    return dict(_TABLE)


def build_loss(terms: Sequence[LossTerm], classes: int, features: int) -> Loss:
    """One term as it is, several as their weighted sum.

    >>> build_loss([LossTerm("focal"), LossTerm("centre", 0.003)], classes=2, features=256).weights
    (1.0, 0.003)
    """
    built = [(term.weight, _build(term, classes, features)) for term in terms]
    return built[0][1] if len(built) == 1 and built[0][0] == 1 else WeightedSum(built)


def _build(term: LossTerm, classes: int, features: int) -> Loss:
    if term.name not in _TABLE:
        raise InvalidInputError(f"no loss is called {term.name!r}", remedy=f"choose one of {', '.join(_TABLE)}")
    builder = _TABLE[term.name]
    known = inspect.signature(builder).parameters
    unknown = [key for key in term.options if key not in known]
    if unknown:
        raise InvalidInputError(
            f"loss {term.name} has no option {unknown[0]!r}", remedy=f"it has {', '.join(known) or 'none'}"
        )
    given = {"classes": classes, "features": features}
    return builder(**{key: value for key, value in given.items() if key in known}, **term.options)


@register_loss("centre")
def _centre(classes: int, features: int, rate: float = 0.5) -> Loss:
    return CentreLoss(classes, features, rate)


register_loss("soft-cross-entropy")(SoftCrossEntropy)
register_loss("binary-cross-entropy")(BinaryCrossEntropy)
register_loss("focal")(FocalLoss)
register_loss("triplet")(TripletLoss)
