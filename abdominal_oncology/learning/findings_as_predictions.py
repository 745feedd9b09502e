"""Findings beside the labels of a manifest, as predictions: train on one data set, test on another."""

from __future__ import annotations

from collections.abc import Sequence

from abdominal_oncology.learning.batch_files import CaseResult
from abdominal_oncology.learning.manifest import Manifest
from abdominal_oncology.learning.metrics import Predictions
from abdominal_oncology.learning.predictions_file import NamedPredictions


def predictions_of(
    results: Sequence[CaseResult], manifest: Manifest, question: str, classes: Sequence[str]
) -> NamedPredictions | None:
    """The labelled cases that have a finding; None where there are none.

    A case counts with its probabilities also where the decision was withheld: abstaining must not hide errors.
    """
    truth = {row.case: row.labels.get(question, "") for row in manifest.rows}
    kept = [
        (result, result.finding)
        for result in results
        if result.finding is not None
        and truth.get(result.case) in classes
        and set(classes) <= set(result.finding.probabilities)
    ]
    if not kept:
        return None
    rows = [[finding.probabilities[name] for name in classes] for _, finding in kept]
    labels = [list(classes).index(truth[result.case]) for result, _ in kept]
    patients = [result.patient for result, _ in kept]
    return NamedPredictions(
        manifest.name, tuple(result.case for result, _ in kept), Predictions(rows, labels, patients, tuple(classes))
    )
