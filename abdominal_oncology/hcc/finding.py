"""The finding of a liver lesion: how likely HCC, by which method, beside a LI-RADS category; each doubt told.

Probability and category are two opinions and stay two: neither is computed from the other, and where they contradict
each other a warning says so. Without a trained model there is no probability of HCC; measurements and LI-RADS remain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.finding_lirads import (
    LIRADS,
    Overrides,
    categorisation_of,
    lirads_of,
    lirads_part,
    observation_of,
    overridden,
)
from abdominal_oncology.hcc.finding_parts import (
    FUSION_TABLE,
    HCC,
    MEASURED,
    NETWORKS,
    OTHER,
    QUESTION,
    Fused,
    answer_warnings,
    both_ways,
    fuse,
)
from abdominal_oncology.hcc.lesion_answers import LesionAnswers
from abdominal_oncology.hcc.lirads.observation import Observation
from abdominal_oncology.hcc.lirads.population import Population
from abdominal_oncology.hcc.lirads.sentence import shown_mm
from abdominal_oncology.hcc.lirads.table import Category
from abdominal_oncology.learning.bundle.facts import BundleFacts
from abdominal_oncology.learning.finding import Cell, Finding, FindingWarning, Provenance

if TYPE_CHECKING:  # a finding is read where no image is measured: in a panel, which must not wait for scipy
    from abdominal_oncology.hcc.measure import LesionMeasurements

LOCATION_TABLE, ALIGNMENT_TABLE, LESION_TABLE = "location", "alignment", "lesions"
DISAGREE = "methods-disagree"

_CLEARLY = 0.75  # from here on one half's contradiction of the other is worth a warning: three to one
_LIKE_HCC = (Category.LR_4, Category.LR_5)
_UNLIKE_HCC = (Category.LR_1, Category.LR_2, Category.LR_M)
_FROM_LIRADS = {DISAGREE, "overridden"}
_TOLD = "; LI-RADS: "  # between the answer's own reason and that of the category


def lesion_finding(
    measured: LesionMeasurements,
    *,
    answers: LesionAnswers | None = None,
    facts: BundleFacts | None = None,
    provenance: Provenance,
    population: Population | None = None,
    imaged_on: date | None = None,
    overrides: Overrides | None = None,
) -> Finding:
    """``answers`` are those of the bundle ``facts``, whose regressions are used also where no network could answer.

    ``overrides``: a reader's word on features or size; it changes the LI-RADS category, not the probability of HCC.
    """
    subject = measured.name
    fused = fuse(measured, answers, facts, provenance)
    decision, reason = _decide(measured, fused, 0.0 if facts is None else facts.thresholds.get("abstain", 0.0))
    numbers = measured.measurements()
    observation = overridden(measured.observation(population, imaged_on), overrides or {})
    lirads = lirads_part(subject, observation, numbers, provenance)
    chances = {} if fused.whole is None or measured.unmeasurable else both_ways(fused.whole)
    finding = Finding(
        QUESTION,
        subject,
        decision,
        chances,
        replace(provenance, method=f"{fused.method}; LI-RADS" if fused.method else "measured features; LI-RADS"),
        reason,
        numbers,
        _tables(measured, fused) | dict(lirads.tables),
        tuple(_hyphened([*measured.warnings, *answer_warnings(answers)])),
        (*fused.parts, lirads),
    )
    return _compared(finding)


def recategorise(finding: Finding, overrides: Overrides, *, by: str = "reader", why: str = "") -> Finding:
    """A lesion's finding after a reader's word on its features or size: another LI-RADS part, all else as it was.

    Every override is kept, with who said it; a feature's :class:`Assessment` of None forgets what was known.
    """
    return with_observation(finding, overridden(observation_of(finding), overrides, by, why))


def with_observation(finding: Finding, observation: Observation) -> Finding:
    """A lesion's finding where LI-RADS was told this instead: another population, other priors, another reader's word.

    Needs no image and takes milliseconds.
    """
    old = lirads_of(finding)
    new = lirads_part(finding.subject, observation, finding.measurements, old.provenance)
    if finding is old:
        return new
    parts = tuple(new if each is old else each for each in finding.parts)
    return _compared(replace(finding, parts=parts, tables={**finding.tables, **new.tables}))


def case_finding(case: str, lesions: Sequence[Finding], provenance: Provenance) -> Finding:
    """Several lesions of a case: each is a part, and the case answers as the lesion that is most likely HCC."""
    if not lesions:
        raise InvalidInputError("a case without lesions has no finding", where=case)
    lead = max(lesions, key=_rank)
    told = lead.reason if len(lesions) == 1 else f"{lead.subject} of {len(lesions)} lesions decides: {lead.reason}"
    warnings = dict.fromkeys(each for lesion in lesions for each in lesion.warnings)
    return Finding(
        QUESTION,
        case,
        lead.decision,
        dict(lead.probabilities),
        provenance,
        told,
        tables={LESION_TABLE: tuple(lesion_row(each) for each in lesions)},
        warnings=tuple(warnings),
        parts=tuple(lesions),
    )


def lesion_row(finding: Finding) -> Mapping[str, Cell]:
    """One lesion in one row: what a person reads first. Its measurements hold all digits."""
    size, volume = finding.measurement("size"), finding.measurement("volume")
    place = next(iter(finding.tables.get(LOCATION_TABLE, ())), {})
    categorised = categorisation_of(finding)
    return {
        "lesion": finding.subject,
        "decision": finding.decision,
        "p_hcc": finding.probabilities.get(HCC),
        "li_rads": categorised.label,
        "li_rads_chance": lirads_of(finding).probability,
        "size_mm": shown_mm(size.value) if size else None,
        "size_low": _rounded(size.low, 1) if size else None,
        "size_high": _rounded(size.high, 1) if size else None,
        "volume_ml": _rounded(volume.value, 2) if volume else None,
        "location": place.get("sentence"),
        "warnings": "; ".join(f"{each.code}: {each.message}" for each in finding.warnings),
        "reason": finding.reason,
        "li_rads_reason": categorised.sentence,
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _decide(measured: LesionMeasurements, fused: Fused, least: float) -> tuple[str | None, str]:
    if measured.unmeasurable:
        return None, f"cannot tell: {measured.unmeasurable}"
    if fused.whole is None:
        return None, "no trained model was used, so no probability of HCC is given"
    if measured.doubt:
        return None, f"cannot tell: {measured.doubt}"
    chances = both_ways(fused.whole)
    best = HCC if chances[HCC] > chances[OTHER] else OTHER
    alone = "; ".join(f"{each.provenance.method} {each.probabilities[HCC]:.2f}" for each in fused.parts)
    said = f"HCC with probability {fused.whole:.2f} from {fused.method}" + (
        f" (alone: {alone})" if len(fused.parts) > 1 else ""
    )
    if chances[best] < least:
        return None, f"neither answer is likely enough, both are below {least:.2f}: {said}"
    return best, said


def _compared(finding: Finding) -> Finding:
    """With its LI-RADS part told in the reason, and warnings where opinions contradict each other."""
    lirads = lirads_of(finding)
    own = finding.reason.partition(_TOLD)[0]
    foreign = [each for each in finding.warnings if each.code not in _FROM_LIRADS]
    said = categorisation_of(finding)
    warnings = [*foreign, *lirads.warnings, *_disagreements(finding, said.category), *_override_warnings(finding)]
    return replace(finding, reason=f"{own}{_TOLD}{said.sentence}", warnings=tuple(dict.fromkeys(warnings)))


def _disagreements(finding: Finding, category: Category | None) -> list[FindingWarning]:
    found = []
    halves = {each.provenance.method: each.probabilities[HCC] for each in finding.parts if each.question != LIRADS}
    if NETWORKS in halves and MEASURED in halves:
        a, b = halves[NETWORKS], halves[MEASURED]
        if max(a, b) >= _CLEARLY and min(a, b) <= 1 - _CLEARLY:
            text = f"HCC with probability {a:.2f} by the networks alone, {b:.2f} by the measured features alone"
            found.append(FindingWarning(DISAGREE, text))
    against = (finding.decision == HCC and category in _UNLIKE_HCC) or (
        finding.decision == OTHER and category in _LIKE_HCC
    )
    if against and category is not None:
        text = f"the answer is {finding.decision}, the LI-RADS category {category} ({category.meaning})"
        found.append(FindingWarning(DISAGREE, text))
    return found


def _override_warnings(finding: Finding) -> list[FindingWarning]:
    """The category then rests on a reader's word, and says so wherever it is shown."""
    names = dict.fromkeys(each.what for each in observation_of(finding).overrides)
    text = f"the reader's word counts in the place of what was measured: {', '.join(names)}"
    return [FindingWarning("overridden", text)] if names else []


def _tables(measured: LesionMeasurements, fused: Fused) -> dict[str, tuple[Mapping[str, Cell], ...]]:
    tables: dict[str, tuple[Mapping[str, Cell], ...]] = {
        ALIGNMENT_TABLE: tuple(
            {
                "phase": role,
                "by": each.by.value,
                "shift_mm": round(each.shift_mm, 2),
                "confidence": round(each.confidence, 3),
                "agreement": round(each.agreement, 3),
                "used": role in measured.roles,
            }
            for role, each in measured.alignments.items()
        )
    }
    if fused.rows:
        tables[FUSION_TABLE] = fused.rows
    if measured.location is not None:
        place = measured.location
        row: dict[str, Cell] = {
            "side": place.side,
            "level": place.level,
            "segment": place.segment,
            "segment_chance": round(place.segments[place.segment], 3),
            "by": place.by,
            "sentence": place.sentence,
        }
        tables[LOCATION_TABLE] = (row,)
    return tables


def _rank(finding: Finding) -> tuple[float, float]:
    """By the probability of HCC; where no model answered, by LI-RADS."""
    chances = lirads_of(finding).probabilities
    return finding.probabilities.get(HCC, -1.0), sum(chances.get(each.value, 0.0) for each in _LIKE_HCC)


def _hyphened(warnings: Sequence[FindingWarning]) -> list[FindingWarning]:
    """Codes as all findings write them, each warning once."""
    return list(dict.fromkeys(FindingWarning(each.code.replace("_", "-"), each.message) for each in warnings))
