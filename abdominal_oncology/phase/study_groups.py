"""Series that may be one set: one patient and frame of reference, one part of the body, one examination."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from abdominal_oncology.phase.series_finding import Extent, SeriesFinding, overlap_mm
from abdominal_oncology.phase.study_rules import coverage
from abdominal_oncology.phase.study_times import gap_between

EXAMINATION_SECONDS = 3600.0
"""Series further apart are not of one injection of contrast."""

_SAME_PART = 0.5
"""Share of the shorter series that two must have in common; of the abdomen that one of it must show."""


@dataclass(frozen=True)
class Group:
    """``part``: "abdomen", "another part", or "unknown" where nobody located the abdomen in this space."""

    series: tuple[SeriesFinding, ...]
    part: str
    abdomen_mm: Extent | None


def same_space(series: Sequence[SeriesFinding]) -> list[tuple[SeriesFinding, ...]]:
    """By patient and frame of reference; where no frame is named, by study."""
    found: dict[tuple[str, str, str], list[SeriesFinding]] = defaultdict(list)
    for each in series:
        frame = each.source.frame_of_reference_uid
        found[each.source.patient_id, frame, "" if frame else each.source.study_uid].append(each)
    return [tuple(found[key]) for key in sorted(found)]


def parts_of_body(series: Sequence[SeriesFinding]) -> list[Group]:
    """What shows the abdomen is one group; the rest, and all where it is not located, by what they have in common."""
    located = sorted(each.abdomen_mm for each in series if each.abdomen_mm is not None)
    abdomen = located[len(located) // 2] if located else None
    inside = tuple(each for each in series if abdomen is not None and coverage(each, abdomen) >= _SAME_PART)
    names = {each.name for each in inside}
    rest = [each for each in series if each.name not in names]
    groups = [Group(inside, "abdomen", abdomen)] if inside else []
    part = "unknown" if abdomen is None else "another part"
    return groups + [Group(cluster, part, None) for cluster in _clusters(rest)]


def examinations(group: Group) -> tuple[list[Group], tuple[SeriesFinding, ...]]:
    """The group split where more than an hour lies between series, and the series of which no time tells where they
    belong (none as long as there is one examination)."""
    linked: dict[str, set[str]] = {each.name: {each.name} for each in group.series}
    timed: set[str] = set()
    for one, other in combinations(group.series, 2):
        gap = gap_between(one.header, other.header)
        if gap is None or not gap.is_of_acquisition:  # a reconstruction may be made a day later
            continue
        timed |= {one.name, other.name}
        if abs(gap.seconds) <= EXAMINATION_SECONDS and linked[one.name] is not linked[other.name]:
            linked[one.name] |= linked[other.name]
            for name in linked[other.name]:
                linked[name] = linked[one.name]
    parts: list[tuple[SeriesFinding, ...]] = []
    for first in group.series:
        members = tuple(each for each in group.series if each.name in linked[first.name] and each.name in timed)
        if members and members not in parts:
            parts.append(members)
    if len(parts) < 2:
        return [group], ()
    undated = tuple(each for each in group.series if each.name not in timed)
    return [Group(members, group.part, group.abdomen_mm) for members in parts], undated


def _clusters(series: Sequence[SeriesFinding]) -> list[tuple[SeriesFinding, ...]]:
    """Series of which every two have much of z in common; those that have most in common meet first."""

    def shared(one: SeriesFinding, other: SeriesFinding) -> tuple[float, float]:
        common = overlap_mm(one.extent_mm, other.extent_mm)
        shorter = min(each.extent_mm[1] - each.extent_mm[0] for each in (one, other))
        longer = max(each.extent_mm[1] - each.extent_mm[0] for each in (one, other))
        return common / shorter, common / longer

    home = {each.name: [each] for each in series}
    pairs = [(shared(one, other), one, other) for one, other in combinations(series, 2)]
    pairs.sort(key=lambda pair: (-pair[0][1], pair[1].name, pair[2].name))
    for (share, _), one, other in pairs:
        first, second = home[one.name], home[other.name]
        if share < _SAME_PART or first is second:
            continue
        if all(shared(a, b)[0] >= _SAME_PART for a in first for b in second):
            first += second
            for each in second:
                home[each.name] = first
    unique = {id(cluster): cluster for cluster in home.values()}
    return [tuple(sorted(cluster, key=lambda each: each.name)) for cluster in unique.values()]
