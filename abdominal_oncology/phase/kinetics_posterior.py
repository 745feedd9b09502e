"""How likely measured regions are at every second, when any of them may have been measured in the wrong place.

Structures of one patient vary together (a multivariate Student t on the table's scale). Each organ is with a small
chance a mistake that says nothing; up to two at once, or all, are summed over, so that one wrong region is outvoted
instead of averaged in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from abdominal_oncology.phantom.enhancement import REGIONS
from abdominal_oncology.phantom.tissues import recipe
from abdominal_oncology.phase.kinetics_table import Bolus, Moments, bend, bend_slope, moments
from abdominal_oncology.phase.region_hu import RegionHU

Floats = NDArray[np.float64]

FREEDOM = 8.0
"""Degrees of freedom of the Student t: patients are a little stranger than the published spreads."""

UNUSUAL = 0.08
"""How often an injection is not as published."""

MISTAKE = 0.03
"""How often an organ is not what it is called, or not like other people's."""

CANDOUR = 0.87
"""The power to which the likelihood is believed. Values at one second are not quite what their means and covariances
say; taken at its word, 90 % intervals held 0.875 of the seconds of simulated patients (two, four or six regions alike),
with this power 0.90, and the true phases are as likely as before."""

# a mistaken region shows soft tissue mostly: this wide on the table's scale, about −40 … 200 HU within one spread
_STRAY_CENTRE, _STRAY_SPREAD = 0.7, 1.9


@dataclass(frozen=True, eq=False)
class Likelihood:
    """``log`` (t + 1,) of the measured values, as far as it is believed; ``stray`` (t + 1, r) the chance that each
    region is a mistake, given the time; ``all_stray`` (t + 1,) that all are. ``predicted`` holds the table's moments
    with the errors added."""

    log: Floats
    stray: Floats
    all_stray: Floats
    predicted: Moments


def likelihood(regions: Sequence[RegionHU]) -> Likelihood:
    """Of at least one region; several of one structure are allowed (their patients agree, their errors do not)."""
    values = np.array([region.hu for region in regions])
    errors = np.array([region.error_hu for region in regions]) * bend_slope(values)
    names = tuple(region.structure for region in regions)
    y = bend(values)
    # on the table's scale a mistake is as wide as everything that soft tissue and vessels can show
    stray = -0.5 * ((y - _STRAY_CENTRE) / _STRAY_SPREAD) ** 2 - np.log(_STRAY_SPREAD * np.sqrt(2 * np.pi))
    subsets, mistakes = _subsets(names)
    chance = mistakes * np.log(MISTAKE) + (mistakes[-1] - mistakes) * np.log(1 - MISTAKE)
    terms, first = [], None
    for bolus, share in ((Bolus.USUAL, 1 - UNUSUAL), (Bolus.UNUSUAL, UNUSUAL)):
        table = moments(names, bolus)
        covariance = table.covariance + np.diag(errors**2 + 1e-4)
        first = first or Moments(table.mean, covariance)
        terms.append(np.log(share) + _each_subset(y - table.mean, covariance, subsets))
    assert first is not None
    stacked = np.logaddexp(terms[0], terms[1]) + (subsets @ stray + chance)[:, None]  # (subsets, t + 1)
    log = logsumexp(stacked, axis=0)
    share_of = np.exp(stacked - log)
    return Likelihood(CANDOUR * log, share_of.T @ subsets, share_of[-1], first)


@lru_cache(maxsize=128)
def _subsets(structures: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Which regions are mistakes, (s, r) of 0 and 1: none, each, each organ, each two organs, and last all; and how
    many organs that makes, (s,).

    Both kidneys and their cortex are one organ here: what makes one of them strange makes all of them strange.
    """
    organs: dict[str, Floats] = {}
    eye = np.eye(len(structures))
    for row, structure in zip(eye, structures, strict=True):
        organ = _organ(structure)
        organs[organ] = organs.get(organ, 0.0) + row
    units = list(organs.values())
    pairs = [a + b for a, b in combinations(units, 2)]
    rows = [np.zeros(len(structures)), *eye, *units, *pairs, np.ones(len(structures))]
    subsets = np.array(list(dict.fromkeys(map(tuple, rows))))
    return subsets, np.minimum(subsets @ np.stack(units).T, 1.0).sum(axis=1)


def _organ(structure: str) -> str:
    uptake = recipe(structure).uptake
    if not uptake:
        return structure
    return "kidney" if REGIONS[uptake[0][0]].pool == "kidney" else uptake[0][0]


def _each_subset(off: Floats, covariance: Floats, subsets: Floats) -> Floats:
    """Log density (s, t) of the regions that are no mistake, from one inverse per time instead of one per subset."""
    precision = np.linalg.inv(covariance)
    log_det = np.linalg.slogdet(covariance)[1]
    count = off.shape[1]
    pull = np.einsum("trs,ts->tr", precision, off)
    distance = np.einsum("tr,tr->t", off, pull)
    result = np.zeros((len(subsets), len(off)))  # nothing left to explain where all are dropped: density 1
    sizes = subsets.sum(axis=1).astype(int)
    for size in np.unique(sizes[sizes < count]):
        rows = np.flatnonzero(sizes == size)
        left, det = np.broadcast_to(distance, (len(rows), len(off))), np.broadcast_to(log_det, (len(rows), len(off)))
        if size:  # dropping regions is a Schur complement of the precision
            out = np.nonzero(subsets[rows])[1].reshape(len(rows), size)
            block, v = precision[:, out[:, :, None], out[:, None, :]], pull[:, out]
            left = left - np.einsum("tmk,tmk->mt", v, np.linalg.solve(block, v[..., None])[..., 0])
            det = det + np.linalg.slogdet(block)[1].T
        result[rows] = _student(left, det, count - size)
    return result


def _student(distance: Floats, log_det: Floats, count: int) -> Floats:
    """Log density of a multivariate Student t whose covariance (not scale matrix) is given by its log determinant."""
    shrink = (FREEDOM - 2) / FREEDOM
    d: Floats = np.maximum(distance, 0.0) / shrink
    constant = gammaln((FREEDOM + count) / 2) - gammaln(FREEDOM / 2) - count / 2 * np.log(FREEDOM * np.pi * shrink)
    density: Floats = constant - log_det / 2 - (FREEDOM + count) / 2 * np.log1p(d / FREEDOM)
    return density
