"""One answer from two: the network's and the kinetics'. Both looked at the same scan, so they are not independent.

Each posterior is divided by the prior it was made with; what is left is evidence. Evidence is multiplied with a weight
below one (two halves would be one opinion said twice, two ones two independent witnesses), and the prior put back once.
Where the two contradict each other a product would follow whichever is surer of itself; then they are averaged, and an
answer needs a clear majority of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.phase.labels import Phase, view_of

WEIGHT = 0.75
"""Halfway between one opinion said twice and two independent ones."""

LEAST_OVERLAP = 0.5
"""Below this overlap of the two posteriors (Bhattacharyya, 0 … 1), with different favourites, they disagree."""

LEAST_WHEN_DISAGREEING = 0.6
"""What the average must reach to be an answer all the same."""

_SUREST = 1e-4  # neither is so sure that the other could not be right

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Combined:
    """``probabilities`` of all phases; ``overlap`` 1: the two say the same, 0: nothing in common."""

    probabilities: Mapping[Phase, float]
    overlap: float
    disagree: bool


def combine(
    network: Mapping[str, float],
    kinetic: Mapping[Phase, float],
    *,
    prior: Mapping[Phase, float] | None = None,
    network_weight: float = WEIGHT,
    kinetic_weight: float = WEIGHT,
) -> Combined:
    """Posteriors of a network trained with equal classes (its own class names) and of kinetics under ``prior``
    (None: that of :class:`~abdominal_oncology.phase.kinetics_prior.TimePrior`).

    >>> both = combine({"arterial": 0.2, "venous": 0.8, "non-contrast": 0, "delayed": 0},
    ...                {phase: 0.9 if phase == "venous" else 0.025 for phase in Phase})
    >>> both.disagree, both.probabilities[Phase.VENOUS] > 0.9
    (False, True)
    """
    if not (0 < network_weight <= 1 and 0 < kinetic_weight <= 1):
        raise InvalidInputError(f"weights of evidence lie above 0 and up to 1: {network_weight}, {kinetic_weight}")
    known = _normal(_vector(prior if prior is not None else usual_shares()))
    seen = _normal(_vector(kinetic))
    ratio = evidence_of(network, known)
    alone = _normal(known * ratio)
    overlap = float(np.sqrt(alone * seen).sum())
    disagree = overlap < LEAST_OVERLAP and int(alone.argmax()) != int(seen.argmax())
    if disagree:
        result = (alone + seen) / 2
    else:
        log = np.log(known) + network_weight * np.log(ratio) + kinetic_weight * (np.log(seen) - np.log(known))
        result = np.exp(log - log.max())
        result /= result.sum()
    return Combined({phase: float(p) for phase, p in zip(Phase, result, strict=True)}, overlap, disagree)


def evidence_of(network: Mapping[str, float], known: Floats) -> Floats:
    """Likelihood ratios (5,) of the phases from a network's probabilities of classes it saw equally often.

    A class of several phases says the same of each. A phase that the network does not know gets the average: nothing is
    said for or against it.
    """
    names = tuple(network)
    groups = view_of(names).groups
    given = np.maximum([network[name] for name in names], _SUREST)
    per_class = given / given.sum() * len(names)
    ratio = np.full(len(Phase), np.nan)
    for n, phase in enumerate(Phase):
        if phase in groups:
            ratio[n] = per_class[names.index(groups[phase])]
    unknown = np.isnan(ratio)
    if unknown.any():
        ratio[unknown] = float((ratio[~unknown] * known[~unknown]).sum() / known[~unknown].sum())
    return ratio


def phase_of_class(name: str, classes: tuple[str, ...]) -> tuple[Phase, ...]:
    """The phases that a network's class stands for.

    >>> [str(p) for p in phase_of_class("others", ("non-contrast", "venous", "arterial", "others"))]
    ['delayed', 'others']
    """
    return tuple(phase for phase, group in view_of(classes).groups.items() if group == name)


@cache
def usual_shares() -> Mapping[Phase, float]:
    """How often each phase is scanned, before looking: what the kinetics assume."""
    from abdominal_oncology.phase.kinetics_prior import TimePrior, cell_phases

    mass = TimePrior().mass
    return {phase: float(sum(m for m, p in zip(mass, cell_phases(), strict=True) if p is phase)) for phase in Phase}


def _vector(of_phases: Mapping[Phase, float]) -> Floats:
    return np.array([of_phases.get(phase, 0.0) for phase in Phase], dtype=np.float64)


def _normal(values: Floats) -> Floats:
    held = np.maximum(values, _SUREST * values.sum())
    if not (np.isfinite(held).all() and held.sum() > 0):
        raise InvalidInputError(f"these are no probabilities of phases: {values.tolist()}")
    result: Floats = held / held.sum()
    return result
