"""A reader's words on the features of a lesion: what a click puts in the place of what was measured, and what follows.

No widget here and no image: a finding goes in, a finding with another LI-RADS category comes out, in milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from abdominal_oncology.hcc.finding import with_observation
from abdominal_oncology.hcc.finding_lirads import (
    Overrides,
    measured_observation,
    observation_of,
    overridden,
    said_of,
)
from abdominal_oncology.hcc.lirads.assessment import Assessment, Certainty
from abdominal_oncology.hcc.lirads.features import FEATURES, Feature, Group, features_of, missing_phases
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.lirads.observation import SIZE, Observation
from abdominal_oncology.hcc.lirads.population import Population
from abdominal_oncology.hcc.lirads.resolve import Resolved, resolve
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.panels.text import tr

ON_CT = tuple(feature for feature, spec in FEATURES.items() if not spec.mr_only)
MAJOR = features_of(Group.MAJOR)
_SHORT = {Feature.APHE: "APHE"}


@dataclass(frozen=True)
class FeatureRow:
    """One feature as the panel shows it. ``value`` counts; ``locked`` says why no word can change it, or is empty."""

    feature: Feature
    title: str
    value: str
    measured: str
    is_said: bool
    locked: str
    is_shown: bool
    """Worth a line of its own: a major feature, one that is present, or one on which somebody has spoken."""


def feature_rows(finding: Finding) -> list[FeatureRow]:
    """Every feature that CT can show, major features first."""
    observation = observation_of(finding)
    now, before = resolve(observation), resolve(measured_observation(finding))
    said = said_of(observation)
    rows = []
    for feature in (*MAJOR, *(each for each in ON_CT if each not in MAJOR)):
        is_said = feature.value in said
        is_shown = feature in MAJOR or now[feature].present or is_said
        locked = _locked(observation, feature)
        rows.append(
            FeatureRow(
                feature,
                _SHORT.get(feature, FEATURES[feature].title),
                now[feature].value,
                locked or _measured_text(before[feature]),
                is_said,
                locked,
                is_shown,
            )
        )
    return rows


def next_word(feature: Feature, said: str | None) -> str | None:
    """What the next click says: as measured (None), then each value, present before absent, then as measured again.

    >>> [next_word(Feature.CAPSULE, word) for word in (None, "present", "absent")]
    ['present', 'absent', None]
    >>> [next_word(Feature.APHE, word) for word in (None, "nonrim", "rim", "none")]
    ['nonrim', 'rim', 'none', None]
    """
    values = FEATURES[feature].values
    words: tuple[str | None, ...] = (None, *values[1:], values[0])
    return words[(words.index(said) + 1) % len(words)]


def word_on(finding: Finding, feature: Feature) -> str | None:
    """What the reader says of a feature now; None: as measured."""
    said = said_of(observation_of(finding)).get(feature.value)
    return said.value if isinstance(said, Assessment) else None


def size_said(finding: Finding) -> float | None:
    """The size that the reader measured, in mm; None: as measured by us."""
    said = said_of(observation_of(finding)).get(SIZE)
    return float(said) if isinstance(said, int | float) else None


def with_word(finding: Finding, what: str, word: str | float | None) -> Finding:
    """The finding with this word on a feature or on ``size_mm``; None takes the word back: it counts as measured."""
    said = {name: each for name, each in said_of(observation_of(finding)).items() if name != what}
    return with_words(finding, said if word is None else {**said, what: word})


def with_words(finding: Finding, words: Overrides) -> Finding:
    """The finding with these words, by feature or ``size_mm``, and no others."""
    if said_of(observation_of(finding)) == words:
        return finding
    return with_observation(finding, overridden(measured_observation(finding), words))


def without_words(finding: Finding) -> Finding:
    """The finding as it was measured."""
    return with_words(finding, {})


def with_patient(
    finding: Finding, population: Population, priors: Sequence[PriorSize] | None, imaged_on: date | None
) -> Finding:
    """The finding of the same lesion in another patient: whether LI-RADS applies and what has grown follow anew.

    ``priors`` and ``imaged_on`` of None leave what the finding knows of them.
    """
    before = observation_of(finding)
    changed = replace(
        before,
        population=population,
        priors=before.priors if priors is None else tuple(priors),
        imaged_on=imaged_on or before.imaged_on,
    )
    return finding if changed == before else with_observation(finding, changed)


def overrides_of(findings: Sequence[Finding]) -> Mapping[str, Overrides]:
    """Every reader's word by lesion, so that it outlives another run."""
    said = {each.subject: said_of(observation_of(each)) for each in findings}
    return {subject: words for subject, words in said.items() if words}


def _locked(observation: Observation, feature: Feature) -> str:
    missing = () if observation.phases is None else missing_phases(feature, observation.phases)
    return tr("not assessable: no {phases} phase").format(phases=" / ".join(missing)) if missing else ""


def _measured_text(known: Resolved) -> str:
    if known.certainty is Certainty.NOT_STATED:
        return tr("not measured")
    if known.certainty is Certainty.NOT_ASSESSABLE:
        return known.note or tr("not assessable")
    best = max(known.probabilities, key=lambda value: known.probabilities[value])
    chance = known.probabilities[best]
    if known.certainty is Certainty.UNSURE:
        return tr("unsure: {value} {chance}, so absent").format(value=best, chance=_percent(chance))
    if chance < 1:
        return f"{known.value} {_percent(chance)}"
    return f"{known.value}: {known.note}" if known.note and known.present else known.value


def _percent(chance: float) -> str:
    """A measurement is never certain."""
    return ">\u00a099\u00a0%" if chance > 0.99 else f"{100 * chance:.0f}\u00a0%"
