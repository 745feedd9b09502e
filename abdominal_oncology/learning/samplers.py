"""In which order cases are shown: balanced batches, oversampling, P × K batches. Orders, not loaders.

Each function gives index arrays from labels, an epoch number and a seed; nothing is remembered between epochs, so a run
that resumes at epoch 7 sees the very batches it would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abdominal_oncology.errors import InvalidInputError

Indices = NDArray[np.intp]


def shuffled(count: int, epoch: int, seed: int = 0) -> Indices:
    """Every case once, in random order."""
    order: Indices = np.random.default_rng([seed, epoch]).permutation(count)
    return order


def oversampled(labels: ArrayLike, epoch: int, seed: int = 0) -> Indices:
    """Every class as often as the largest: all its cases equally often, give or take one, in random order.

    >>> np.bincount(np.array([0, 0, 0, 0, 1, 1, 1])[oversampled([0, 0, 0, 0, 1, 1, 1], epoch=0)])
    array([4, 4])
    """
    rng = np.random.default_rng([seed, epoch])
    members = _members(labels)
    largest = max(len(each) for each in members)
    drawn = [_endless(each, largest, rng) for each in members]
    order: Indices = rng.permutation(np.concatenate(drawn))
    return order


def balanced_batches(labels: ArrayLike, batch: int, epoch: int, seed: int = 0) -> list[Indices]:
    """Batches in which class counts differ by at most one; the largest class is shown once through."""
    rng = np.random.default_rng([seed, epoch])
    members = _members(labels)
    if batch < len(members):
        raise InvalidInputError(
            f"a batch of {batch} cannot hold all {len(members)} classes", remedy="use a larger batch"
        )
    per_class = batch // len(members)
    batches = int(np.ceil(max(len(each) for each in members) / per_class))
    # the extra places of a batch that does not divide evenly rotate through the classes
    extra = batch - per_class * len(members)
    counts = np.full((batches, len(members)), per_class)
    for turn in range(batches):
        counts[turn, (np.arange(extra) + turn * extra) % len(members)] += 1
    streams = [_endless(each, int(counts[:, c].sum()), rng) for c, each in enumerate(members)]
    return list(_deal(streams, counts, rng))


def p_by_k_batches(labels: ArrayLike, classes: int, per_class: int, epoch: int, seed: int = 0) -> list[Indices]:
    """Batches of ``classes`` × ``per_class`` for metric learning; all classes come up about equally often."""
    rng = np.random.default_rng([seed, epoch])
    members = _members(labels)
    if not 2 <= classes <= len(members) or per_class < 2:
        raise InvalidInputError(
            f"P × K batches need 2 ≤ P ≤ {len(members)} classes and K ≥ 2, not {classes} × {per_class}"
        )
    batches = int(np.ceil(sum(len(each) for each in members) / (classes * per_class)))
    turns = _endless(np.arange(len(members)), batches * classes, rng).reshape(batches, classes)
    counts = np.zeros((batches, len(members)), dtype=int)
    for turn, chosen in enumerate(turns):
        # two permutations can meet inside one batch: replace what came twice by classes not yet in it
        present = list(dict.fromkeys(chosen.tolist()))
        absent = [c for c in rng.permutation(len(members)).tolist() if c not in present]
        counts[turn, (present + absent)[:classes]] = per_class
    streams = [_endless(each, int(counts[:, c].sum()), rng) for c, each in enumerate(members)]
    return list(_deal(streams, counts, rng))


def shown_before(order: Indices) -> Indices:
    """How often each case of an order came before.

    >>> shown_before(np.array([7, 3, 7, 7, 3])).tolist()
    [0, 0, 1, 2, 1]
    """
    by_case = np.argsort(order, kind="stable")
    _, counts = np.unique(order, return_counts=True)
    result = np.empty(len(order), dtype=np.intp)
    result[by_case] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    return result


def _members(labels: ArrayLike) -> list[Indices]:
    array = np.asarray(labels)
    if array.ndim != 1 or not len(array):
        raise InvalidInputError("a sampler needs one label per case and at least one case")
    return [np.flatnonzero(array == label) for label in np.unique(array)]


def _endless(items: Indices, count: int, rng: np.random.Generator) -> Indices:
    """``count`` items: whole shuffles one after another, so that none comes up a second time before all came once."""
    rounds = -(-count // len(items))
    return np.concatenate([rng.permutation(items) for _ in range(rounds)])[:count] if count else items[:0]


def _deal(streams: Sequence[Indices], counts: NDArray[np.int_], rng: np.random.Generator) -> Iterator[Indices]:
    starts = np.vstack([np.zeros(len(streams), dtype=int), np.cumsum(counts, axis=0)])
    for turn in range(len(counts)):
        parts = [stream[starts[turn, c] : starts[turn + 1, c]] for c, stream in enumerate(streams)]
        yield rng.permutation(np.concatenate(parts))
