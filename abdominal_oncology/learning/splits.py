"""Dividing cases by patient: hold-out and k-fold, stratified by label, repeatable from a seed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.manifest import CaseRow, Manifest, patients_of


def hold_out(manifest: Manifest, question: str, sides: Mapping[str, float], seed: int = 0) -> Manifest:
    """Divide into named sides by share of cases, for example ``{"train": 0.7, "test": 0.3}``."""
    shares = np.array(list(sides.values()), dtype=float)
    if len(shares) < 2 or (shares <= 0).any() or not np.isclose(shares.sum(), 1):
        raise InvalidInputError(f"a split needs two or more positive shares that sum to 1, not {dict(sides)}")
    return manifest.with_splits(_assign(manifest, question, list(sides), shares, seed))


def k_folds(manifest: Manifest, question: str, folds: int, seed: int = 0) -> Manifest:
    """Divide into ``folds`` equal parts; ``split`` holds ``fold-0`` … One fold tests, the others train.

    >>> rows = tuple(CaseRow(str(i), f"p{i // 2}", labels={"stage": "T2" if i % 4 < 2 else "T3"}) for i in range(40))
    >>> folds = k_folds(Manifest(rows), "stage", 5)
    >>> sorted(Counter(row.split for row in folds.rows).values())
    [8, 8, 8, 8, 8]
    """
    patients = len(patients_of(manifest.rows))
    if folds < 2 or patients < folds:
        raise InvalidInputError(
            f"{folds} folds need two or more, and at least as many patients ({patients} here)",
            where=manifest.name,
            remedy="use fewer folds",
        )
    names = [f"fold-{index}" for index in range(folds)]
    return manifest.with_splits(_assign(manifest, question, names, np.full(folds, 1 / folds), seed))


def _assign(
    manifest: Manifest,
    question: str,
    names: Sequence[str],
    shares: NDArray[np.float64],
    seed: int,
) -> dict[str, str]:
    """Patients with many cases and of rare classes first, each to the side that it brings nearest to its share."""
    by_patient: dict[str, list[CaseRow]] = defaultdict(list)
    for row in manifest.rows:
        by_patient[row.patient].append(row)
    labels = {row.case: row.labels.get(question, "") for row in manifest.rows}
    totals = Counter(labels.values())
    columns = {label: index for index, label in enumerate(sorted(totals))}
    counts = np.zeros((len(by_patient), len(columns)))
    for patient, rows in enumerate(by_patient.values()):
        for row in rows:
            counts[patient, columns[labels[row.case]]] += 1
    rarity = 1 / np.array([totals[label] for label in sorted(totals)])
    shuffled = np.random.default_rng(seed).permutation(len(by_patient))
    order = shuffled[np.argsort(-(counts[shuffled] * rarity).max(axis=1), kind="stable")]
    wanted = np.outer(shares, counts.sum(axis=0))
    given = np.zeros_like(wanted)
    patients = list(by_patient)
    assigned: dict[str, str] = {}
    for patient in order:
        added = counts[patient]
        # change of Σ (relative deviation from the wanted count)² if this patient joined each side
        change = (rarity**2 * added * (added + 2 * (given - wanted))).sum(axis=1) / shares
        side = int(np.argmin(np.round(change, 12)))
        given[side] += added
        assigned.update((row.case, names[side]) for row in by_patient[patients[patient]])
    return assigned
