"""Growth against prior studies: limits, calendar months, what older versions counted."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.lirads.features import Feature
from abdominal_oncology.hcc.lirads.growth import PriorSize, growth_limits_mm, growth_since
from abdominal_oncology.hcc.lirads.table import SAME_MM

THRESHOLD, BELOW = Feature.THRESHOLD_GROWTH, Feature.SUBTHRESHOLD_GROWTH
STABLE, REDUCED = Feature.SIZE_STABILITY, Feature.SIZE_REDUCTION


@pytest.mark.parametrize(
    ("now", "before", "months", "found"),
    [
        (15, 10, 6, {THRESHOLD}),
        (14.99, 10, 6, {BELOW}),
        (15, 10, 6.01, {BELOW}),
        (21.15, 14.1, 3, {THRESHOLD}),
        (40, 10, 0.5, {THRESHOLD}),
        (6, 4, 3, {THRESHOLD}),
        (5.9, 4, 3, set()),
        (13, 10, 3, {BELOW}),
        (12.9, 10, 3, set()),
        (4, 2, 12, {BELOW}),
        (3.9, 2, 12, set()),
        (10, 13, 3, {REDUCED}),
        (10.1, 13, 3, set()),
        (12, 11, 24, {STABLE}),
        (12, 11, 23.9, set()),
        (14, 11, 24, {BELOW}),
        (8, 11, 30, {REDUCED}),
        (10, 0, 24, {BELOW}),
        (10, 0, 25, set()),
        (9.9, 0, 3, set()),
        (40, 0, 3, {BELOW}),
    ],
)
def test_one_prior(now, before, months, found):
    assert set(growth_since(now, [PriorSize(before, months)]).present) == found


@pytest.mark.parametrize(
    ("before", "now", "within"),
    [
        ("2026-01-15", "2026-07-15", True),
        ("2026-01-15", "2026-07-16", False),
        ("2025-08-31", "2026-02-28", True),
        ("2025-08-31", "2026-03-01", False),
        ("2023-08-31", "2024-02-29", True),
        ("2025-12-31", "2026-06-30", True),
    ],
)
def test_six_calendar_months(before, now, within):
    priors = [PriorSize(10, on=date.fromisoformat(before))]
    assert (THRESHOLD in growth_since(20, priors, date.fromisoformat(now)).present) is within


def test_two_calendar_years():
    priors = [PriorSize(10, on=date(2024, 2, 29))]
    assert STABLE in growth_since(10, priors, date(2026, 2, 28)).present
    assert STABLE not in growth_since(10, priors, date(2026, 2, 27)).present


def test_several_priors():
    slow = [PriorSize(10, 30), PriorSize(12, 18), PriorSize(14, 6)]
    assert set(growth_since(16, slow).present) == {BELOW}
    fast = [PriorSize(10, 30), PriorSize(10, 5)]
    assert set(growth_since(16, fast).present) == {THRESHOLD}, "less than threshold growth is not beside it"
    back = [PriorSize(20, 12), PriorSize(10, 3)]
    assert set(growth_since(16, back).present) == {THRESHOLD, REDUCED}
    unsteady = [PriorSize(10, 30), PriorSize(16, 6)]
    assert STABLE not in growth_since(10, unsteady).present
    assert STABLE not in growth_since(10, [PriorSize(0, 30), PriorSize(10, 26)]).present


def test_ultrasound_is_never_compared():
    growth = growth_since(20, [PriorSize(10, 3, modality="ultrasound")])
    assert growth.present == {}
    assert not growth.compared


def test_nothing_changes_between_the_limits():
    priors = [PriorSize(12, 4), PriorSize(9, 30), PriorSize(0, 20)]
    limits = [0.0, *growth_limits_mm(priors), 60.0]
    for low, high in pairwise(limits):
        inside = [low + 2 * SAME_MM, (low + high) / 2, high - 2 * SAME_MM]
        assert len({frozenset(growth_since(size, priors).present) for size in inside}) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"size_mm": -1, "months": 3},
        {"size_mm": float("nan"), "months": 3},
        {"size_mm": 10},
        {"size_mm": 10, "months": 3, "on": date(2026, 1, 1)},
        {"size_mm": 10, "months": 0},
        {"size_mm": 10, "months": float("inf")},
        {"size_mm": 10, "months": 3, "modality": "pet"},
    ],
)
def test_priors_that_cannot_be(values):
    with pytest.raises(InvalidInputError):
        PriorSize(**values)


def test_a_dated_prior_needs_an_earlier_date():
    with pytest.raises(InvalidInputError, match="date of this study"):
        growth_since(10, [PriorSize(10, on=date(2026, 1, 1))])
    with pytest.raises(InvalidInputError, match="not before"):
        growth_since(10, [PriorSize(10, on=date(2026, 1, 1))], date(2026, 1, 1))


def test_the_comparison_is_told():
    assert growth_since(18, [PriorSize(12, 5)]).present[THRESHOLD] == "12 → 18 mm, +50 % in 5 months"
    assert growth_since(18, [PriorSize(0, 5)]).present[BELOW] == "new within 5 months, now 18 mm"
