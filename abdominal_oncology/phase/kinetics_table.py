"""What the physiologic curves say a structure looks like at every second: tabulated lazily, kept for the session.

HU are bent by :func:`bend` so that a population's values at one second are close to normal: a spread of HU where blood
has no contrast, a spread of per cent where it has much. One fixed sample of patients serves all structures and seconds;
what they share (iodine per weight, tube voltage, cardiac output, arrival) becomes correlation between structures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.phantom.physiology import Population

Floats = NDArray[np.float64]

PATIENTS = 2000
"""Enough for means and covariances to about 3 % of a standard deviation."""

EDGES_SECONDS: Floats = np.concatenate(
    [
        np.arange(8.0, 60.0, 2.0),
        np.arange(60.0, 105.0, 3.0),
        np.arange(105.0, 150.0, 7.5),
        np.geomspace(150.0, 600.0, 15)[:-1],
        np.geomspace(600.0, 900.0, 4),
    ]
)
"""Borders of the cells of time; every border between phases is one of them."""

CENTRES_SECONDS: Floats = (EDGES_SECONDS[:-1] + EDGES_SECONDS[1:]) / 2

_CENTRE_HU, _SCALE_HU = 40.0, 30.0
# Scans as they come (a thousand, measured) enhance some 12 % less than the published protocols and vary more from one
# to the next, in all structures at once: doses, tube voltages, injection rates. Times vary more than the phantoms'
# spread of cardiac output says: the same bolus is injected in 25 s here and in 45 s there, and sick hearts are slow.
_GAIN, _GAIN_SPREAD, _DELAY = 0.88, 0.17, 0.08
_UNUSUAL_GAIN, _UNUSUAL_SPREAD, _UNUSUAL_DELAY = 0.75, 0.5, 0.2
_SEED = 20261


class Bolus(StrEnum):
    """How the injection went. ``UNUSUAL``: half a dose, a leak, a tired heart, low tube voltage; the same curves, but
    higher, lower, earlier or later than published spreads allow."""

    USUAL = "usual"
    UNUSUAL = "unusual"


def bend(hu: ArrayLike) -> Floats:
    """HU on the scale of the table: straight around unenhanced blood, logarithmic far above.

    >>> [round(float(v), 2) for v in bend([40.0, 70.0, 300.0])]
    [0.0, 0.88, 2.86]
    """
    bent: Floats = np.arcsinh((np.asarray(hu, dtype=np.float64) - _CENTRE_HU) / _SCALE_HU)
    return bent


def unbend(value: ArrayLike) -> Floats:
    """HU of a value on the table's scale."""
    hu: Floats = _CENTRE_HU + _SCALE_HU * np.sinh(np.asarray(value, dtype=np.float64))
    return hu


def bend_slope(hu: ArrayLike) -> Floats:
    """How much :func:`bend` changes per HU."""
    x = (np.asarray(hu, dtype=np.float64) - _CENTRE_HU) / _SCALE_HU
    slope: Floats = 1.0 / (_SCALE_HU * np.sqrt(1.0 + x * x))
    return slope


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean (t + 1, r) and covariance (t + 1, r, r) of bent HU; row 0 is without contrast, the rest the time cells."""

    mean: Floats
    covariance: Floats


@lru_cache(maxsize=128)
def moments(structures: tuple[str, ...], bolus: Bolus = Bolus.USUAL) -> Moments:
    """Of these structures together, in every cell of time."""
    if not structures:
        raise InvalidInputError("moments need at least one structure")
    values = np.stack([_tabulated(structure, bolus) for structure in structures], axis=2)  # (t + 1, n, r)
    mean = values.mean(axis=1)
    off = values - mean[:, None]
    return Moments(mean, np.matmul(off.transpose(0, 2, 1), off) / values.shape[1])


@dataclass(frozen=True, eq=False)
class Examined:
    """Patients, and how much brighter (factor) than published protocols their enhancement is."""

    people: Population
    gain: Floats

    @classmethod
    def sample(cls, n: int, rng: np.random.Generator, bolus: Bolus = Bolus.USUAL) -> Examined:
        people = Population.sample(n, rng)
        spread, delay = (_GAIN_SPREAD, _DELAY) if bolus is Bolus.USUAL else (_UNUSUAL_SPREAD, _UNUSUAL_DELAY)
        middle = _GAIN if bolus is Bolus.USUAL else _UNUSUAL_GAIN
        slower = np.exp(delay * rng.standard_normal(n))
        arrival = np.clip(people.arrival_seconds * slower, 7.0, 34.0)
        people = replace(people, stretch=people.stretch * slower, arrival_seconds=arrival)
        return cls(people, middle * np.exp(spread * rng.standard_normal(n)))

    def hu(self, structure: str, seconds: ArrayLike | None) -> Floats:
        """HU (n,) without contrast, or (n, t) at these seconds."""
        plain = self.people.hu(structure, None)
        if seconds is None:
            return plain
        enhanced = self.people.hu(structure, np.atleast_1d(np.asarray(seconds, dtype=np.float64)))
        result: Floats = plain[:, None] + (enhanced - plain[:, None]) * self.gain[:, None]
        return result


@cache
def _examined(bolus: Bolus) -> Examined:
    return Examined.sample(PATIENTS, np.random.default_rng(_SEED), bolus)


@cache
def _tabulated(structure: str, bolus: Bolus) -> Floats:
    """Bent HU (t + 1, n) of one structure in the fixed patients; the first row is without contrast."""
    patients = _examined(bolus)
    plain, enhanced = patients.hu(structure, None), patients.hu(structure, CENTRES_SECONDS)
    return np.ascontiguousarray(bend(np.concatenate([plain[:, None], enhanced], axis=1)).T)
