"""Votes over slices: ties, stopping with the same answer, stopping at a stated error rate."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.phase.voting import Poll, beyond_reach, majority, surely_ahead


def votes_of(labels, classes=4):
    return np.eye(classes)[np.asarray(labels)]


def test_majority():
    vote = majority(votes_of([1, 1, 2, 1, 0]))
    assert vote.winner == 1
    assert vote.votes.tolist() == [1, 3, 1, 0]
    assert vote.share == 0.6
    assert vote.tied == ()
    assert vote.reason() == "3 of 5 slices"


def test_a_tie_goes_to_the_larger_mean_probability_and_says_so():
    rows = [[0.1, 0.5, 0.4, 0], [0.1, 0.6, 0.3, 0], [0, 0.05, 0.95, 0], [0, 0.1, 0.9, 0], [0.7, 0.2, 0.1, 0]]
    vote = majority(rows)
    assert vote.winner == 2
    assert vote.tied == (1, 2)
    np.testing.assert_allclose(vote.mean_probability * 5, [0.9, 1.45, 2.65, 0])
    assert "tie" in vote.reason()


def test_the_sum_decides_only_between_those_tied():
    # class 2 has the largest mean of all, but fewer votes
    rows = [[0.51, 0, 0.49], [0.51, 0, 0.49], [0, 0.52, 0.48], [0, 0.52, 0.48], [0, 0, 1.0]]
    assert majority(rows).winner == 1


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(1, 9))
def test_batches_do_not_matter(labels, batch):
    poll = Poll(len(labels), 4)
    for start in range(0, len(labels), batch):
        poll.add(votes_of(labels[start : start + batch]))
    result, whole = poll.result(), majority(votes_of(labels))
    assert (result.winner, result.votes.tolist(), result.tied) == (whole.winner, whole.votes.tolist(), whole.tied)
    assert result.ending == "all read"


def test_stopping_beyond_reach_gives_the_answer_of_the_full_vote():
    """5,000 random scans, from clear to tied, with probabilities that make ties matter."""
    generator = np.random.default_rng(0)
    stopped = 0
    for _ in range(5000):
        planned = int(generator.integers(1, 40))
        rows = generator.dirichlet(generator.uniform(0.1, 3, size=4), size=planned)
        poll = Poll(planned, 4)
        for row in rows:
            poll.add(row)
            if poll.ending():
                break
        result = poll.result()
        assert result.winner == majority(rows).winner
        if result.read < planned:
            stopped += 1
            assert result.ending == "beyond reach"
            assert "could not have changed" in result.reason()
    assert stopped > 2500


@given(st.lists(st.integers(0, 40), min_size=2, max_size=5), st.integers(0, 40))
def test_beyond_reach_is_exactly_that(votes, left):
    """The rival gets all that is to come: only where it still cannot draw level is the vote over."""
    first = int(np.argmax(votes))
    best_rival = max(count for k, count in enumerate(votes) if k != first) + left
    assert beyond_reach(votes, left) == (votes[first] > best_rival)


def exact_error(final, error_rate):
    """Probability that the sequential test names another winner than the full vote, over all orders of an urn."""
    planned, winner = sum(final), int(np.argmax(final))

    @cache
    def from_here(votes):
        left = planned - sum(votes)
        if left == 0:
            return 0.0
        if sum(votes) and (beyond_reach(votes, left) or surely_ahead(votes, planned, error_rate)):
            return float(int(np.argmax(votes)) != winner)
        remaining = [total - count for total, count in zip(final, votes, strict=True)]
        return sum(
            remaining[k] / left * from_here((*votes[:k], votes[k] + 1, *votes[k + 1 :]))
            for k in range(len(votes))
            if remaining[k]
        )

    return from_here((0,) * len(final))


@pytest.mark.parametrize("error_rate", [0.3, 0.1, 0.02])
def test_error_of_the_sequential_test_is_below_its_rate_for_every_urn_of_two_classes(error_rate):
    errors = [
        exact_error((planned - fewer, fewer), error_rate) for planned in (9, 41) for fewer in range(planned // 2 + 1)
    ]
    assert max(errors) <= error_rate
    assert error_rate < 0.1 or max(errors) > 0.1 * error_rate  # the bound is not so loose that this tests nothing


@pytest.mark.parametrize("final", [(8, 7, 6), (12, 11, 0), (9, 8, 8), (15, 6, 3)])
def test_error_of_the_sequential_test_is_below_its_rate_with_three_classes(final):
    assert exact_error(final, 0.2) <= 0.2


def simulate(final, error_rate, scans, seed=0):
    """Share of scans where the sequential test disagrees with the full vote, and the mean number of slices read."""
    generator = np.random.default_rng(seed)
    labels, planned = np.repeat(np.arange(len(final)), final), sum(final)
    wrong, read = 0, 0

    @cache
    def over(votes):
        left = planned - sum(votes)
        return left == 0 or beyond_reach(votes, left) or surely_ahead(votes, planned, error_rate)

    for _ in range(scans):
        votes = [0] * len(final)
        for label in generator.permutation(labels):
            votes[label] += 1
            if over(tuple(sorted(votes, reverse=True))):
                break
        wrong += int(np.argmax(votes)) != int(np.argmax(final))
        read += sum(votes)
    return wrong / scans, read / scans


@pytest.mark.parametrize(
    ("final", "most_slices"),
    [((86, 2, 1, 1), 13), ((285, 10, 3, 2), 15), ((70, 14, 4, 2), 25), ((48, 30, 10, 2), 70), ((46, 44, 0, 0), 90)],
)
def test_easy_scans_cost_a_dozen_slices_and_hard_ones_what_they_need(final, most_slices):
    wrong, read = simulate(final, 0.01, scans=1000)
    assert wrong <= 0.01
    assert read <= most_slices


def test_rivals_behind_the_second_are_never_harder_to_rule_out():
    from abdominal_oncology.phase.voting import _log_evidence

    for ahead in range(1, 30):
        for left in (0, 3, 17, 200):
            evidence = np.array([_log_evidence(ahead, behind, left) for behind in range(ahead + 1)])
            assert (evidence[1:] <= evidence[:-1]).all()


def test_the_poll_names_its_ending_and_error_rate():
    poll = Poll(300, 4, error_rate=0.01)
    poll.add(votes_of([2] * 10))
    assert poll.ending() is None
    assert poll.result().ending == "stopped from outside"
    assert poll.result().reason() == "10 of 10 slices of 300 planned"
    poll.add(votes_of([2]))
    result = poll.result()
    assert (result.ending, result.error_rate, result.winner) == ("sequential test", 0.01, 2)
    assert "the full vote of 300 differs in at most 0.01 of scans" in result.reason()


def test_one_slice_is_a_vote():
    poll = Poll(1, 4, error_rate=0.01)
    poll.add([0.1, 0.2, 0.3, 0.4])
    assert (poll.result().winner, poll.ending()) == (3, "all read")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Poll(0, 4), "needs slices"),
        (lambda: Poll(3, 1), "two classes"),
        (lambda: Poll(3, 4, error_rate=0.0), "error rate"),
        (lambda: Poll(3, 4).add([0.5, 0.5]), "4 finite"),
        (lambda: Poll(3, 2).add([np.nan, 0.5]), "finite"),
        (lambda: Poll(1, 2).add([[0.5, 0.5], [0.5, 0.5]]), "1 were planned"),
        (lambda: Poll(3, 2).result(), "no slice has voted"),
    ],
)
def test_bad_input_is_named(call, words):
    with pytest.raises(InvalidInputError, match=words):
        call()
