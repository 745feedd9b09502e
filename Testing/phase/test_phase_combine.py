"""Two posteriors become one: prior once, evidence tempered, disagreement told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.phase.combine import combine, evidence_of, phase_of_class, usual_shares
from abdominal_oncology.phase.labels import INTERCLASS_VIEW, SAMPLING_VIEW, Phase

PHASES = tuple(Phase)
rows = st.lists(st.floats(0.001, 1.0), min_size=5, max_size=5).map(lambda x: np.array(x) / sum(x))


def named(values, names=PHASES):
    return {name: float(p) for name, p in zip(names, values, strict=True)}


def clear(phase, probability):
    rest = (1 - probability) / (len(PHASES) - 1)
    return {each: probability if each is phase else rest for each in PHASES}


def entropy(probabilities):
    p = np.array(list(probabilities.values()))
    return float(-(p * np.log(p)).sum())


@given(rows)
def test_a_network_without_an_opinion_leaves_the_kinetics_nearly_as_they_were(kinetic):
    even = named([0.2] * 5)
    both = combine(even, named(kinetic), kinetic_weight=1.0)
    if not both.disagree:
        assert list(both.probabilities.values()) == pytest.approx(kinetic, abs=2e-3)


@given(rows)
def test_kinetics_that_only_repeat_the_prior_leave_the_network_under_that_prior(network):
    both = combine(named(network), usual_shares(), network_weight=1.0)
    expected = network * np.array([usual_shares()[phase] for phase in PHASES])
    if not both.disagree:
        assert list(both.probabilities.values()) == pytest.approx(expected / expected.sum(), abs=2e-3)


@given(rows, rows)
def test_the_result_is_a_distribution(network, kinetic):
    both = combine(named(network), named(kinetic))
    assert sum(both.probabilities.values()) == pytest.approx(1)
    assert min(both.probabilities.values()) > 0
    assert 0 <= both.overlap <= 1 + 1e-9


def test_the_prior_counts_once_and_not_twice():
    """Independent Bayes by hand: two likelihoods, one prior."""
    prior = named([0.4, 0.3, 0.2, 0.05, 0.05])
    first, second = np.array([1.0, 2, 4, 1, 1]), np.array([0.5, 1, 3, 1, 2])
    shares = np.array(list(prior.values()))
    kinetic = shares * second / (shares * second).sum()
    both = combine(named(first / first.sum()), named(kinetic), prior=prior, network_weight=1.0, kinetic_weight=1.0)
    expected = shares * first * second
    assert list(both.probabilities.values()) == pytest.approx(expected / expected.sum(), abs=1e-6)


def test_agreement_makes_surer_but_less_than_independent_witnesses_would():
    one = clear(Phase.VENOUS, 0.8)
    both, independent = combine(one, one), combine(one, one, network_weight=1.0, kinetic_weight=1.0)
    assert 0.8 < both.probabilities[Phase.VENOUS] < independent.probabilities[Phase.VENOUS]
    assert entropy(both.probabilities) < entropy(one)


def test_contradiction_is_told_and_never_sure():
    both = combine(clear(Phase.ARTERIAL, 0.98), clear(Phase.VENOUS, 0.98))
    assert both.disagree
    assert both.overlap < 0.4
    assert max(both.probabilities.values()) < 0.55


def test_a_vetoing_zero_does_not_decide_alone():
    network = {**clear(Phase.VENOUS, 0.999), Phase.ARTERIAL: 0.0}
    both = combine(network, clear(Phase.ARTERIAL, 0.6))
    assert both.probabilities[Phase.ARTERIAL] > 1e-5


def test_doubt_on_one_side_lets_the_other_decide():
    both = combine(clear(Phase.VENOUS, 0.95), clear(Phase.ARTERIAL, 0.4))
    assert not both.disagree
    assert max(both.probabilities, key=both.probabilities.get) is Phase.VENOUS


def test_views_of_the_papers_are_understood():
    known = np.array([usual_shares()[phase] for phase in PHASES])
    four = evidence_of(named([0.1, 0.1, 0.1, 0.7], SAMPLING_VIEW.classes), known)
    assert four[PHASES.index(Phase.DELAYED)] == four[PHASES.index(Phase.OTHERS)] == pytest.approx(2.8)
    other = evidence_of(named([0.1, 0.2, 0.3, 0.4], INTERCLASS_VIEW.classes), known)
    silent = other[PHASES.index(Phase.OTHERS)]
    assert other.min() < silent < other.max()
    assert phase_of_class("delayed", INTERCLASS_VIEW.classes) == (Phase.DELAYED,)
    assert phase_of_class("delayed", ("arterial", "venous", "delayed")) == (Phase.DELAYED,)


def test_bad_input_is_named():
    with pytest.raises(InvalidInputError, match="no set of phase classes"):
        combine({"cat": 0.5, "dog": 0.5}, clear(Phase.VENOUS, 0.9))
    with pytest.raises(InvalidInputError, match="weights"):
        combine(clear(Phase.VENOUS, 0.9), clear(Phase.VENOUS, 0.9), network_weight=0.0)
    with pytest.raises(InvalidInputError, match="no probabilities"):
        combine(clear(Phase.VENOUS, 0.9), {Phase.VENOUS: float("nan")})
