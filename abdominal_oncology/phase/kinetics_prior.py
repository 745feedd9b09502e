"""What is known before looking: when CT is usually done after an injection, and that some is done without one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.phase.kinetics_table import EDGES_SECONDS
from abdominal_oncology.phase.labels import Phase
from abdominal_oncology.phase.phantom import phase_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Protocol:
    """A delay in use: ``share`` of all scans, median ``seconds``, and its spread as a logarithm (0.2: about 20 %)."""

    share: float
    seconds: float
    spread: float

    def __post_init__(self) -> None:
        if not (self.share >= 0 and self.seconds > 0 and self.spread > 0):
            raise InvalidInputError(f"a protocol needs a share, a delay and a spread that are not negative: {self}")


@dataclass(frozen=True)
class TimePrior:
    """Shares of scans without contrast, of usual protocols, and of any other second (even in the logarithm).

    The default is a mixed abdominal practice. Delays are smooth in time, so the gaps between phases are neither
    forbidden nor as likely as the phases themselves.
    """

    non_contrast: float = 0.22
    protocols: tuple[Protocol, ...] = (
        Protocol(0.32, 38.0, 0.24),
        Protocol(0.32, 78.0, 0.15),
        Protocol(0.10, 220.0, 0.42),
    )
    any_time: float = 0.04

    def __post_init__(self) -> None:
        shares = [self.non_contrast, self.any_time, *(each.share for each in self.protocols)]
        if min(shares) < 0 or not sum(shares) > 0 or not np.isfinite(sum(shares)):
            raise InvalidInputError(f"shares of a prior must not be negative, and not all zero: {shares}")

    @property
    def mass(self) -> Floats:
        """Probability (t + 1,) of no contrast, then of every cell of time; sums to one. Read-only."""
        return _mass(self)


@lru_cache(maxsize=16)
def _mass(prior: TimePrior) -> Floats:
    from scipy.special import ndtr

    edges = np.log(EDGES_SECONDS)
    mass = np.zeros(len(edges))
    mass[0] = prior.non_contrast
    mass[1:] += prior.any_time * np.diff(edges) / (edges[-1] - edges[0])
    for each in prior.protocols:
        below = ndtr((edges - np.log(each.seconds)) / each.spread)
        mass[1:] += each.share * np.diff(below) / max(below[-1] - below[0], 1e-12)
    mass /= mass.sum()
    mass.setflags(write=False)
    return mass


@lru_cache(maxsize=1)
def cell_phases() -> tuple[Phase, ...]:
    """The phase (t + 1 of them) of no contrast and of every cell of time."""
    return (Phase.NON_CONTRAST, *(phase_of(float(s)) for s in (EDGES_SECONDS[:-1] + EDGES_SECONDS[1:]) / 2))
