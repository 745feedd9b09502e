"""Scans as they come: values drawn from the quantiles that were measured on about a thousand real scans.

Nothing here uses our own curves. Plain independent Gaussians from the published table stand beside ours.
"""

from __future__ import annotations

import numpy as np
import pytest

from abdominal_oncology.phase.kinetics import estimate, phase_among
from abdominal_oncology.phase.labels import Phase
from abdominal_oncology.phase.region_hu import RegionHU

THREE = (Phase.NON_CONTRAST, Phase.ARTERIAL, Phase.VENOUS)


def enhanced(rng, n, tail, aorta, portal, ratio):
    """Log-Student pairs with the measured medians, quartiles and 5 to 95 % of the ratio."""
    a = np.log(aorta[2] / aorta[1]) / 1.349
    p = np.log(portal[2] / portal[1]) / 1.349
    r = 0.94 * np.log(ratio[1] / ratio[0]) / 3.29  # less by what noise and mistakes add
    rho = (a * a + p * p - r * r) / (2 * a * p)
    z = rng.standard_normal((n, 2))
    heavy = np.sqrt(tail / rng.chisquare(tail, n))
    return np.stack(
        [
            aorta[0] * np.exp(a * heavy * z[:, 0]),
            portal[0] * np.exp(p * heavy * (rho * z[:, 0] + np.sqrt(1 - rho**2) * z[:, 1])),
        ],
        axis=1,
    )


def scans(n: int, seed: int, tail: float, mistakes: float):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((n, 3)) * np.sqrt(tail / rng.chisquare(tail, (n, 1)))
    plain = np.stack([37 + 5.5 * shared[:, 0] + 5 * shared[:, 1], 32 + 4.5 * shared[:, 0] + 5 * shared[:, 2]], axis=1)
    arterial = enhanced(rng, n, tail, (267, 216, 332), (92, 68, 120), (1.4, 6.0))
    portal = enhanced(rng, n, tail, (121, 108, 138), (132, 113, 147), (0.75, 1.13))
    values = np.concatenate([plain, arterial, portal])
    truth = np.repeat([0, 1, 2], n)
    liver = np.array([57.0, 76.0, 108.0])[truth] + rng.normal(0, 10, len(truth))
    lot = rng.random(len(truth))
    in_liver, in_wall = lot < mistakes, (lot >= mistakes) & (lot < 1.5 * mistakes)
    values[in_liver, 1] = 0.3 * values[in_liver, 1] + 0.7 * liver[in_liver]
    values[in_wall, 0] = 0.6 * values[in_wall, 0] + 0.4 * 30
    return values + rng.normal(0, 4, values.shape), truth


def plain_gaussians(values):
    rows = [(40, 6, 36, 6, 0), (300, 70, 48, 12, 1), (300, 75, 120, 30, 1), (140, 22, 150, 25, 2)]
    logs = [
        -0.5 * ((values[:, 0] - a) / s) ** 2 - np.log(s) - 0.5 * ((values[:, 1] - p) / q) ** 2 - np.log(q)
        for a, s, p, q, _ in rows
    ]
    return np.array([row[4] for row in rows])[np.argmax(logs, axis=0)]


def ours(values):
    answers = []
    for aorta, portal in values:
        found = estimate([RegionHU("aorta", aorta), RegionHU("portal_vein", portal)])
        among = phase_among(found, THREE)
        answers.append(THREE.index(max(among, key=among.get)) if among else -1)
    return np.array(answers)


def balanced(answers, truth):
    return float(np.mean([(answers[truth == k] == k).mean() for k in range(3)]))


def test_the_simulator_has_the_measured_quantiles():
    values, truth = scans(4000, 1, 15, 0.02)
    for k, aorta, portal in (
        (0, (31, 37, 41), (27, 32, 36)),
        (1, (216, 267, 332), (68, 92, 120)),
        (2, (108, 121, 138), (113, 132, 147)),
    ):
        assert np.percentile(values[truth == k, 0], [25, 50, 75]) == pytest.approx(aorta, rel=0.04, abs=2)
        assert np.percentile(values[truth == k, 1], [25, 50, 75]) == pytest.approx(portal, rel=0.06, abs=2)
    ratio = values[:, 0] / values[:, 1]
    assert np.percentile(ratio[truth == 1], [5, 50, 95]) == pytest.approx((1.4, 2.93, 6.0), rel=0.08)
    assert np.percentile(ratio[truth == 2], [5, 50, 95]) == pytest.approx((0.75, 0.92, 1.13), rel=0.05)


# tail: degrees of freedom of the Student t
@pytest.mark.parametrize(
    ("tail", "mistakes", "at_least", "gain"), [(15, 0.02, 0.978, 0.008), (6, 0.02, 0.965, 0.008), (4, 0.02, 0.95, 0.01)]
)
def test_two_vessels_beat_plain_gaussians(tail, mistakes, at_least, gain):
    values, truth = scans(400, 11, tail, mistakes)
    mine, theirs = balanced(ours(values), truth), balanced(plain_gaussians(values), truth)
    assert mine >= at_least
    assert mine >= theirs + gain


def test_the_default_decision_keeps_to_the_phases_people_scan():
    values, truth = scans(150, 12, 15, 0.02)
    for k, phase in enumerate(THREE):
        answers = [estimate([RegionHU("aorta", a), RegionHU("portal_vein", p)]).phase for a, p in values[truth == k]]
        assert np.mean([answer is phase for answer in answers]) > 0.92
        assert np.mean([answer is Phase.OTHERS for answer in answers]) < 0.02
