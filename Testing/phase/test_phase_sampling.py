"""Random and even sampling of slices: sizes, fairness, seeds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.phase.sampling import random_slices, sample_size, uniform_slices


@pytest.mark.parametrize(
    ("slices", "percent", "count"),
    [(281, 30, 84), (30, 30, 9), (2350, 30, 705), (3, 30, 1), (1, 30, 1), (300, 1, 3), (99, 20, 19), (10, 100, 10)],
)
def test_sizes(slices, percent, count):
    assert sample_size(slices, percent) == count
    assert len(random_slices(slices, percent, seed=0)) == count


def test_a_share_that_is_no_round_binary_number_is_not_cut_short():
    assert [sample_size(100, fraction * 100) for fraction in (0.29, 0.57, 0.58)] == [29, 57, 58]


@given(st.integers(1, 400), st.floats(0.1, 100), st.integers(0, 2**32 - 1))
def test_without_replacement_and_inside(slices, percent, seed):
    chosen = random_slices(slices, percent, seed)
    assert len(set(chosen.tolist())) == len(chosen) == sample_size(slices, percent)
    assert chosen.min() >= 0
    assert chosen.max() < slices
    assert np.array_equal(chosen, random_slices(slices, percent, seed))
    everything = random_slices(slices, 100, seed)
    assert np.array_equal(everything[: len(chosen)], chosen)


def test_all_slices_and_all_places_in_the_order_are_as_likely():
    draws = np.stack([random_slices(20, 50, seed) for seed in range(4000)])
    # 2,000 expected in the sample, 200 at each place; five standard deviations
    assert np.abs(np.bincount(draws.ravel(), minlength=20) - 2000).max() < 5 * np.sqrt(4000 * 0.25)
    for place in (0, 9):
        assert np.abs(np.bincount(draws[:, place], minlength=20) - 200).max() < 5 * np.sqrt(200)


def test_slab_takes_its_own_share():
    chosen = random_slices(300, 30, seed=3, slab=(100, 140))
    assert len(chosen) == 12
    assert chosen.min() >= 100
    assert chosen.max() < 140


@given(st.integers(1, 500), st.integers(1, 60))
def test_uniform_slices_are_even_and_symmetric(slices, count):
    chosen = uniform_slices(slices, count)
    gaps = np.diff(chosen)
    assert len(chosen) == count
    assert chosen[0] >= 0
    assert chosen[-1] < slices
    assert count == 1 or gaps.max() - gaps.min() <= 1
    mirrored = slices - 1 - chosen[::-1]
    assert np.abs(mirrored - chosen).max() <= 1


def test_twenty_slices_of_a_slab():
    chosen = uniform_slices(300, 20, slab=(50, 250))
    assert chosen.tolist() == list(range(55, 250, 10))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: sample_size(0, 30), "no slice"),
        (lambda: sample_size(10, 0), "above 0"),
        (lambda: sample_size(10, 101), "at most 100"),
        (lambda: sample_size(10, float("nan")), "above 0"),
        (lambda: random_slices(10, 30, 0, slab=(5, 5)), "no part"),
        (lambda: random_slices(10, 30, 0, slab=(5, 11)), "no part"),
        (lambda: uniform_slices(10, 0), "at least one"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(InvalidInputError, match=words):
        call()
