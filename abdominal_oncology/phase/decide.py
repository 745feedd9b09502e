"""From votes per slice to the finding of a series: the one place for it, whether slices come at once or one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.answers import Answers
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.finding import Cell, Finding, FindingWarning, Provenance
from abdominal_oncology.learning.samples import Samples
from abdominal_oncology.phase.description import with_description
from abdominal_oncology.phase.locate.upright import slice_heights_mm
from abdominal_oncology.phase.voting import Vote, majority
from abdominal_oncology.phase.words import VOTES

FEWEST_SLICES = 5
_FAMILIAR = 1.0


def finding_from_slices(
    case: Case, samples: Samples, answers: Answers, facts: BundleFacts, provenance: Provenance
) -> Finding:
    """The majority vote of the slices read, withheld below the bundle's threshold."""
    reader = case.images.get("ct")
    vote = majority(answers.probabilities)
    finding = votes_finding(case.case, reader, samples.positions, answers, vote, facts, provenance)
    finding = finding.with_warnings(samples.warnings)
    return finding if reader is None else with_description(finding, reader.source.header)


def votes_finding(
    subject: str,
    reader: SliceReader | None,
    positions: Sequence[int],
    answers: Answers,
    vote: Vote,
    facts: BundleFacts,
    provenance: Provenance,
    threshold: float | None = None,
) -> Finding:
    """What the slices at ``positions`` (along k, in the order of ``answers``) say. ``threshold`` None: the bundle's."""
    probabilities = {name: float(p) for name, p in zip(facts.classes, vote.mean_probability, strict=True)}
    winner = facts.classes[vote.winner]
    least = facts.thresholds.get("abstain", 0.0) if threshold is None else threshold
    decision: str | None = winner
    reason = vote.reason()
    if probabilities[winner] < least:
        reason = f"no phase is likely enough: {winner} {probabilities[winner]:.2f}, below {least:.2f}; {reason}"
        decision = None
    return Finding(
        "phase",
        subject,
        decision,
        probabilities,
        provenance,
        reason,
        tables={VOTES: vote_rows(reader, positions, answers.probabilities, facts.classes)},
        warnings=tuple(_warnings(answers, vote, facts)),
    )


def vote_rows(
    reader: SliceReader | None,
    positions: Sequence[int],
    probabilities: NDArray[np.float32],
    classes: Sequence[str],
) -> tuple[Mapping[str, Cell], ...]:
    """One row per slice in the order of k: its number, LPS z in mm where known, its vote, its probabilities."""
    places = list(positions) or list(range(len(probabilities)))
    heights = None if reader is None else slice_heights_mm(reader.geometry)
    rows: list[Mapping[str, Cell]] = []
    for n in np.argsort(places, kind="stable"):
        row: dict[str, Cell] = {"slice": int(places[n])}
        if heights is not None and places[n] < len(heights):
            row["z_mm"] = round(float(heights[places[n]]), 2)
        row["vote"] = classes[int(probabilities[n].argmax())]
        row |= {name: round(float(p), 4) for name, p in zip(classes, probabilities[n], strict=True)}
        rows.append(row)
    return tuple(rows)


def unfamiliarity(answers: Answers) -> float:
    """How unlike the training data the slices are on average; 0 where the bundle cannot tell."""
    return 0.0 if answers.unfamiliar is None else float(answers.unfamiliar.mean())


def _warnings(answers: Answers, vote: Vote, facts: BundleFacts) -> list[FindingWarning]:
    warnings = [FindingWarning("prediction-went-on", note) for note in answers.notes]
    if vote.planned < FEWEST_SLICES:
        warnings.append(FindingWarning("few-slices", f"only {vote.read} slices voted"))
    if vote.tied:
        names = " and ".join(facts.classes[k] for k in vote.tied)
        text = f"{names} have equally many votes; the larger mean probability decided"
        warnings.append(FindingWarning("tie", text))
    distance = unfamiliarity(answers)
    if distance > _FAMILIAR:
        text = f"the slices are unlike the training data: {distance:.1f} × its limit"
        warnings.append(FindingWarning("unlike-training", text))
    return warnings
