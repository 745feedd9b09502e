"""Splits keep patients whole and classes even; samplers keep their promises for every epoch and seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.manifest import CaseRow, Manifest, check_no_leak
from abdominal_oncology.learning.samplers import balanced_batches, oversampled, p_by_k_batches, shuffled
from abdominal_oncology.learning.splits import hold_out, k_folds


def _manifest(seed: int, patients: int = 120) -> Manifest:
    rng = np.random.default_rng(seed)
    rows = [
        CaseRow(f"{p}-{s}", f"p{p}", labels={"phase": str(rng.choice(["N", "A", "V", "D"], p=[0.2, 0.25, 0.45, 0.1]))})
        for p in range(patients)
        for s in range(rng.integers(1, 6))
    ]
    return Manifest(tuple(rows))


def _shares(manifest: Manifest, side: str) -> dict[str, float]:
    labels = Counter(row.labels["phase"] for row in manifest.rows if row.split == side)
    totals = Counter(row.labels["phase"] for row in manifest.rows)
    return {label: labels[label] / totals[label] for label in totals}


@given(st.integers(0, 1000))
def test_hold_out_keeps_patients_whole_and_classes_even(seed: int) -> None:
    manifest = hold_out(_manifest(seed), "phase", {"train": 0.7, "test": 0.3}, seed)
    check_no_leak(manifest)
    assert {row.split for row in manifest.rows} == {"train", "test"}
    assert all(abs(share - 0.3) < 0.06 for share in _shares(manifest, "test").values())


@pytest.mark.parametrize("folds", [5, 10])
def test_folds_are_even_and_repeatable(folds: int) -> None:
    manifest = k_folds(_manifest(1), "phase", folds, seed=3)
    check_no_leak(manifest)
    sizes = Counter(row.split for row in manifest.rows)
    assert len(sizes) == folds
    assert max(sizes.values()) - min(sizes.values()) <= 8
    assert k_folds(_manifest(1), "phase", folds, seed=3) == manifest
    assert k_folds(_manifest(1), "phase", folds, seed=4) != manifest


@pytest.mark.parametrize("sides", [{"train": 1.0}, {"train": 0.7, "test": 0.2}, {"train": 1.2, "test": -0.2}])
def test_shares_that_mean_nothing_are_refused(sides: dict[str, float]) -> None:
    with pytest.raises(InvalidInputError, match="sum to 1"):
        hold_out(_manifest(0, 5), "phase", sides)


def test_more_folds_than_patients_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="4 here"):
        k_folds(_manifest(0, 4), "phase", 5)


_labels = st.lists(st.integers(0, 3), min_size=8, max_size=60).filter(lambda values: len(set(values)) >= 2)


@given(_labels, st.integers(0, 5))
def test_oversampling_makes_classes_equal_and_uses_every_case(labels: list[int], epoch: int) -> None:
    order = oversampled(labels, epoch)
    counts = Counter(np.array(labels)[order].tolist())
    assert set(counts.values()) == {max(Counter(labels).values())}
    assert set(order.tolist()) == set(range(len(labels)))
    times = Counter(order.tolist())
    for label in set(labels):
        uses = [times[i] for i, value in enumerate(labels) if value == label]
        assert max(uses) - min(uses) <= 1


@given(_labels, st.integers(4, 11), st.integers(0, 5))
def test_balanced_batches_hold_every_class_alike(labels: list[int], batch: int, epoch: int) -> None:
    seen: Counter[int] = Counter()
    for indices in balanced_batches(labels, batch, epoch):
        counts = Counter(np.array(labels)[indices].tolist())
        assert len(indices) == batch
        assert set(counts) == set(labels)
        assert max(counts.values()) - min(counts.values()) <= 1
        seen.update(indices.tolist())
    assert set(seen) == set(range(len(labels)))


@given(_labels, st.integers(2, 3), st.integers(0, 5))
def test_p_by_k_batches_hold_p_classes_k_times(labels: list[int], per_class: int, epoch: int) -> None:
    classes = min(3, len(set(labels)))
    for indices in p_by_k_batches(labels, classes, per_class, epoch):
        counts = Counter(np.array(labels)[indices].tolist())
        assert list(counts.values()) == [per_class] * classes


def test_epochs_and_seeds_differ_and_repeat() -> None:
    labels = [0, 0, 1, 1, 1, 1, 2, 2, 2] * 4
    orders = {
        "shuffled": lambda e, s: shuffled(36, e, s),
        "oversampled": lambda e, s: oversampled(labels, e, s),
        "balanced": lambda e, s: np.concatenate(balanced_batches(labels, 6, e, s)),
        "p by k": lambda e, s: np.concatenate(p_by_k_batches(labels, 2, 3, e, s)),
    }
    for name, order in orders.items():
        assert order(1, 0).tolist() == order(1, 0).tolist(), name
        assert order(1, 0).tolist() != order(2, 0).tolist(), name
        assert order(1, 0).tolist() != order(1, 1).tolist(), name


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: balanced_batches([0, 1, 2], 2, 0),
        lambda: p_by_k_batches([0, 0, 1], 3, 2, 0),
        lambda: p_by_k_batches([0, 0, 1], 2, 1, 0),
        lambda: oversampled([], 0),
    ],
)
def test_nonsense_is_refused(wrong: object) -> None:
    with pytest.raises(InvalidInputError):
        wrong()  # type: ignore[operator]
