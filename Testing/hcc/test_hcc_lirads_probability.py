"""The distribution over categories against brute force, and its limits."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from abdominal_oncology.hcc.lirads.assessment import measured, seen, unsure
from abdominal_oncology.hcc.lirads.categorise import categorise
from abdominal_oncology.hcc.lirads.features import FEATURES, Feature, ImagedPhase
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.lirads.observation import Observation
from abdominal_oncology.hcc.lirads.population import Population
from abdominal_oncology.hcc.lirads.probabilistic import category_distribution, size_cells
from abdominal_oncology.hcc.lirads.table import Category

F = Feature
chance = st.sampled_from([0.0, 0.05, 0.3, 0.5, 0.9, 1.0])
UNCERTAIN = (
    F.NOT_CATEGORISABLE, F.TUMOUR_IN_VEIN, F.PROBABLY_BENIGN, F.CAPSULE, F.THRESHOLD_GROWTH, F.INFILTRATIVE,
    F.DELAYED_CENTRAL_ENHANCEMENT, F.MOSAIC, F.FAT_SPARING, F.IRON_IN_MASS,
)  # fmt: skip


def _by_brute_force(observation):
    """Every combination of every uncertain feature made certain, through the plain algorithm."""
    found = dict.fromkeys(Category, 0.0)
    uncertain = list(observation.features)
    spreads = [[(v, p) for v, p in observation.features[f].probabilities.items() if p > 0] for f in uncertain]
    for world in product(*spreads):
        sure = {feature: seen(value) for feature, (value, _) in zip(uncertain, world, strict=True)}
        found[categorise(replace(observation, features=sure)).category] += prod(p for _, p in world)
    return found


@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from([8.0, 15.0, 25.0]),
    st.tuples(chance, chance),
    st.tuples(chance, chance),
    st.dictionaries(st.sampled_from(UNCERTAIN), chance, max_size=3),
    st.sampled_from([None, Category.LR_M, Category.LR_3]),
)
def test_against_brute_force(size, aphe, washout, others, torn_with):
    features = {feature: measured(feature, p) for feature, p in others.items()}
    features[F.APHE] = measured(F.APHE, {"nonrim": aphe[0], "rim": (1 - aphe[0]) * aphe[1]})
    features[F.WASHOUT] = measured(
        F.WASHOUT, {"nonperipheral": washout[0], "peripheral": (1 - washout[0]) * washout[1]}
    )
    observation = Observation(size, features, torn_with=torn_with)
    assert dict(category_distribution(observation).probabilities) == pytest.approx(
        _by_brute_force(observation), abs=1e-12
    )


@pytest.mark.parametrize("feature", FEATURES)
def test_every_feature_alone_against_brute_force(feature):
    spec = FEATURES[feature]
    base = {F.APHE: measured(F.APHE, {"nonrim": 1.0})}
    chances = dict.fromkeys(spec.values[1:], 0.7 / (len(spec.values) - 1))
    observation = Observation(15, {**base, feature: measured(feature, chances)})
    assert dict(category_distribution(observation).probabilities) == pytest.approx(_by_brute_force(observation))


def test_size_is_integrated_exactly():
    observation = Observation(
        15, {F.APHE: seen("nonrim"), F.WASHOUT: measured(F.WASHOUT, {"nonperipheral": 0.5})}, size_sd_mm=4,
        priors=(PriorSize(9, 4), PriorSize(11, 30)),
    )  # fmt: skip
    sizes = norm(15, 4)
    draws = sizes.ppf(np.linspace(sizes.cdf(0), 1, 4002)[1:-1])
    mean = dict.fromkeys(Category, 0.0)
    for size in draws[::10]:
        exact = replace(observation, size_mm=float(size), size_sd_mm=0.0)
        for category, p in category_distribution(exact).probabilities.items():
            mean[category] += p / len(draws[::10])
    found = category_distribution(observation).probabilities
    assert dict(found) == pytest.approx(mean, abs=0.01)


def test_size_limits_in_closed_form():
    observation = Observation(19, {F.APHE: seen("nonrim")}, size_sd_mm=2)
    found = category_distribution(observation).probabilities
    beyond = norm.sf(20, 19, 2) / norm.sf(0, 19, 2)
    assert found[Category.LR_4] == pytest.approx(beyond, abs=1e-12)
    assert found[Category.LR_3] == pytest.approx(1 - beyond, abs=1e-12)


def test_threshold_growth_in_closed_form():
    observation = Observation(15, {F.APHE: seen("nonrim")}, size_sd_mm=1, priors=(PriorSize(10, 6),))
    assert category_distribution(observation).probabilities[Category.LR_5] == pytest.approx(0.5, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.5, 60), st.floats(0, 20), st.floats(1, 40), st.floats(0.5, 40))
def test_cells_are_a_distribution(size, sd, prior, months):
    cells = size_cells(Observation(size, size_sd_mm=sd, priors=(PriorSize(prior, months),)))
    assert sum(weight for weight, _ in cells) == pytest.approx(1)
    assert all(weight > 0 and inside > 0 for weight, inside in cells)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_certain_features_give_the_category_itself(data):
    phases = data.draw(st.sampled_from([None, frozenset(ImagedPhase), frozenset({ImagedPhase.PORTAL})]))
    chosen = data.draw(st.lists(st.sampled_from(list(Feature)), unique=True, max_size=6))
    features = {feature: seen(data.draw(st.sampled_from(FEATURES[feature].values))) for feature in chosen}
    observation = Observation(data.draw(st.floats(1, 50)), features, phases)
    assert category_distribution(observation).probabilities[categorise(observation).category] == 1


def test_a_likelier_major_feature_never_lowers_the_mean_score():
    means = []
    for p in np.linspace(0, 1, 11):
        features = {F.APHE: measured(F.APHE, {"nonrim": p}), F.CAPSULE: measured(F.CAPSULE, 0.4)}
        means.append(category_distribution(Observation(15, features, size_sd_mm=3)).score)
    assert all(later >= earlier for earlier, later in pairwise(means))
    assert means[-1] > means[0]


def test_scores_and_likeliest():
    found = category_distribution(Observation(15, {F.APHE: seen("nonrim"), F.WASHOUT: seen("nonperipheral")}))
    assert (found.most_likely, found.score) == (Category.LR_5, 1.0)
    assert category_distribution(Observation(15, {F.APHE: seen("rim")})).score is None
    mixed = Observation(15, {F.APHE: measured(F.APHE, {"rim": 0.4, "none": 0.6})})
    assert category_distribution(mixed).score == pytest.approx(0.6), "LR-M is left out, not counted as 0"


def test_unsure_without_a_number_is_absent_in_the_distribution_too():
    found = category_distribution(Observation(15, {F.APHE: seen("nonrim"), F.WASHOUT: unsure("nonperipheral")}))
    assert found.probabilities[Category.LR_3] == 1


def test_missing_arterial_phase_is_certain():
    observation = Observation(
        15, {F.APHE: measured(F.APHE, {"nonrim": 0.9})}, frozenset({ImagedPhase.PORTAL}), Population.of("hbv")
    )
    assert category_distribution(observation).probabilities[Category.LR_NC] == 1
