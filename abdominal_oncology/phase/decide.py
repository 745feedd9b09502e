"""From votes per slice to the finding of a series."""

from __future__ import annotations

import numpy as np

from abdominal_oncology.learning.answers import Answers
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.finding import Cell, Finding, FindingWarning, Provenance
from abdominal_oncology.learning.samples import Samples
from abdominal_oncology.phase.voting import majority


def finding_from_slices(
    case: Case, samples: Samples, answers: Answers, facts: BundleFacts, provenance: Provenance
) -> Finding:
    """The majority vote of the slices read, withheld below the bundle's threshold."""
    vote = majority(answers.probabilities)
    probabilities = {name: float(p) for name, p in zip(facts.classes, vote.mean_probability, strict=True)}
    decision: str | None = facts.classes[vote.winner]
    reason = vote.reason()
    least = facts.thresholds.get("abstain", 0.0)
    if probabilities[str(decision)] < least:
        reason = (
            f"no phase is likely enough: {decision} {probabilities[str(decision)]:.2f}, below {least:.2f}; {reason}"
        )
        decision = None
    rows: list[dict[str, Cell]] = []
    order = np.argsort(samples.positions) if samples.positions else np.arange(len(answers.probabilities))
    for n in order:
        row: dict[str, Cell] = {"slice": int(samples.positions[n]) if samples.positions else int(n)}
        row["vote"] = facts.classes[int(answers.probabilities[n].argmax())]
        row |= {name: round(float(p), 4) for name, p in zip(facts.classes, answers.probabilities[n], strict=True)}
        rows.append(row)
    warnings = [*samples.warnings, *(FindingWarning("prediction", note) for note in answers.notes)]
    if answers.unfamiliar is not None and float(answers.unfamiliar.mean()) > 1:
        warnings.append(
            FindingWarning(
                "unlike-training",
                f"the slices are unlike the training data: {float(answers.unfamiliar.mean()):.1f} × its limit",
            )
        )
    return Finding(
        "phase",
        case.case,
        decision,
        probabilities,
        provenance,
        reason,
        tables={"votes": tuple(rows)},
        warnings=tuple(warnings),
    )
