"""The series of a study as multiphase sets: what belongs together, the best of each phase, what is missing or odd.

A set has one patient, one frame of reference, one part of the body and one examination (series at most an hour apart).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.phase.labels import Phase
from abdominal_oncology.phase.series_finding import Extent, SeriesFinding
from abdominal_oncology.phase.study_groups import Group, examinations, parts_of_body, same_space
from abdominal_oncology.phase.study_rules import is_derived, rank, why_better, why_not
from abdominal_oncology.phase.study_times import clock_text, gap_between

EXPECTED = (Phase.NON_CONTRAST, Phase.ARTERIAL, Phase.VENOUS, Phase.DELAYED)
"""In the order in which they are scanned."""

_SAME_ACQUISITION_SECONDS = 2.0


@dataclass(frozen=True)
class SetAside:
    """A series that is in no set, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Duplicate:
    """Another series of a phase that the set has: the same acquisition reconstructed again, or scanned again.

    ``rule`` (of :data:`~abdominal_oncology.phase.study_rules.RULES`) decided, ``reason`` says it in words.
    """

    name: str
    phase: Phase
    relation: str
    rule: str
    reason: str


@dataclass(frozen=True)
class PhaseSet:
    """Series by phase (their names). ``extent_mm`` is the z that all of them show; None where there is no such z.

    ``missing`` tells of each phase that one may expect what is known of its absence.
    """

    patient_id: str
    study_uid: str
    frame_of_reference_uid: str
    part: str
    extent_mm: Extent | None
    series: Mapping[Phase, str]
    missing: Mapping[Phase, str]
    duplicates: tuple[Duplicate, ...] = ()
    warnings: tuple[FindingWarning, ...] = ()

    @property
    def is_complete(self) -> bool:
        return not self.missing

    def has_warning(self, code: str) -> bool:
        return any(warning.code == code for warning in self.warnings)

    def to_dict(self) -> dict[str, Any]:
        values = asdict(self)
        values["series"] = {str(phase): name for phase, name in self.series.items()}
        values["missing"] = {str(phase): text for phase, text in self.missing.items()}
        values["extent_mm"] = None if self.extent_mm is None else list(self.extent_mm)
        for key in ("duplicates", "warnings"):
            values[key] = [{name: str(each[name]) for name in each} for each in values[key]]
        return values


@dataclass(frozen=True)
class PairedStudy:
    """All sets, the one with most phases of the abdomen first, and what is in none of them. Iterates over the sets."""

    sets: tuple[PhaseSet, ...]
    aside: tuple[SetAside, ...]

    def __iter__(self) -> Iterator[PhaseSet]:
        return iter(self.sets)

    def __len__(self) -> int:
        return len(self.sets)

    def to_dict(self) -> dict[str, Any]:
        return {"sets": [each.to_dict() for each in self.sets], "aside": [asdict(each) for each in self.aside]}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)


def pair_study(candidates: Sequence[SeriesFinding]) -> PairedStudy:
    """Pair the series of one study (of several, each with itself). Their order does not matter."""
    by_name = {each.name: each for each in candidates}
    if len(by_name) < len(candidates):
        raise InvalidInputError("two series have the same name", remedy="name each by its series UID or node")
    aside: list[SetAside] = []
    fit: list[SeriesFinding] = []
    for name in sorted(by_name):
        reason = why_not(by_name[name])
        if reason:
            aside.append(SetAside(name, reason))
        else:
            fit.append(by_name[name])
    sets: list[PhaseSet] = []
    for space in same_space(fit):
        for group in parts_of_body(space):
            parts, undated = examinations(group)
            aside += [SetAside(each.name, "of which of several examinations it is, no time tells") for each in undated]
            for part in parts:
                made, left = _one_set(part)
                sets.append(made)
                aside += left
    sets.sort(key=lambda each: (each.part != "abdomen", -len(each.series), sorted(each.series.values())))
    return PairedStudy(tuple(_elsewhere(each, sets) for each in sets), tuple(sorted(aside, key=lambda each: each.name)))


def _one_set(group: Group) -> tuple[PhaseSet, list[SetAside]]:
    chosen: dict[Phase, SeriesFinding] = {}
    duplicates: list[Duplicate] = []
    aside: list[SetAside] = []
    for phase in Phase:
        same = sorted((each for each in group.series if each.phase is phase), key=lambda each: each.name)
        if not same:
            continue
        best = max(same, key=lambda each: rank(each, group.abdomen_mm))
        chosen[phase] = best
        for other in same:
            if other is best:
                continue
            rule, reason = why_better(best, other, group.abdomen_mm)
            if is_derived(other) and not is_derived(best):
                aside.append(SetAside(other.name, f"is derived, and {best.title} is the original"))
            else:
                duplicates.append(Duplicate(other.name, phase, _relation(best, other), rule, reason))
    first = min(chosen.values(), key=lambda each: each.name)
    made = PhaseSet(
        first.source.patient_id,
        first.source.study_uid,
        first.source.frame_of_reference_uid,
        group.part,
        _common(list(chosen.values())),
        {phase: each.name for phase, each in chosen.items()},
        {phase: f"no {phase} series" for phase in EXPECTED if phase not in chosen},
        tuple(duplicates),
        (*_doubts(chosen), *_order_warnings(chosen)),
    )
    return made, aside


def _relation(best: SeriesFinding, other: SeriesFinding) -> str:
    gap = gap_between(best.header, other.header)
    if gap is None or not gap.is_of_acquisition:
        return "another reconstruction or acquisition"
    return "another reconstruction" if abs(gap.seconds) < _SAME_ACQUISITION_SECONDS else "another acquisition"


def _common(series: Sequence[SeriesFinding]) -> Extent | None:
    low, high = max(each.extent_mm[0] for each in series), min(each.extent_mm[1] for each in series)
    return (round(low, 2), round(high, 2)) if low < high else None


def _doubts(chosen: Mapping[Phase, SeriesFinding]) -> list[FindingWarning]:
    series = list(chosen.values())
    found = []
    if len(series) > 1 and not series[0].source.frame_of_reference_uid:
        text = "no header names a frame of reference: whether the series lie in one space is not known"
        found.append(FindingWarning("frame-unknown", text))
    if len(series) > 1 and not series[0].source.patient_id:
        found.append(FindingWarning("patient-unknown", "no header names a patient: that it is one is not known"))
    for phase, each in chosen.items():
        if is_derived(each):
            found.append(FindingWarning("derived", f"{each.title} ({phase}) is derived from other series"))
    return found


def _order_warnings(chosen: Mapping[Phase, SeriesFinding]) -> Iterator[FindingWarning]:
    """Non-contrast before arterial before venous before delayed, by the clock."""
    for earlier, later in combinations([phase for phase in EXPECTED if phase in chosen], 2):
        one, other = chosen[earlier], chosen[later]
        gap = gap_between(one.header, other.header)
        if gap is None:
            continue
        times = f"{clock_text(one.header, gap.by)} and {clock_text(other.header, gap.by)} by {gap.by}"
        pair = f"{one.title} ({earlier}) and {other.title} ({later})"
        if gap.is_of_acquisition and abs(gap.seconds) < _SAME_ACQUISITION_SECONDS:
            yield FindingWarning("same-acquisition", f"{pair} were acquired at one time, {times}")
        elif gap.seconds < 0:
            yield FindingWarning("order-of-times", f"{pair} were acquired in the other order: {times}")


def _elsewhere(made: PhaseSet, sets: Sequence[PhaseSet]) -> PhaseSet:
    """Tell of a missing phase where another set of the patient has it."""
    missing = {}
    for phase, text in made.missing.items():
        there = [each.series[phase] for each in sets if each.patient_id == made.patient_id and phase in each.series]
        missing[phase] = f"{text} here; {' and '.join(sorted(there))} cannot be paired with these" if there else text
    return replace(made, missing=missing)
