"""From what is known to what counts: unsure, unstated and not assessable features count as absent, each with a note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from abdominal_oncology.hcc.lirads.assessment import Assessment, Certainty
from abdominal_oncology.hcc.lirads.features import FEATURES, Feature, ImagedPhase, Presence, missing_phases
from abdominal_oncology.hcc.lirads.growth import DERIVED, Growth, growth_since
from abdominal_oncology.hcc.lirads.observation import Observation

PHASE_TITLES: Mapping[ImagedPhase, str] = MappingProxyType(
    {
        ImagedPhase.NONCONTRAST: "non-contrast",
        ImagedPhase.ARTERIAL: "arterial",
        ImagedPhase.PORTAL: "portal venous",
        ImagedPhase.DELAYED: "delayed",
    }
)


@dataclass(frozen=True)
class Resolved:
    """``value`` counts. ``probabilities`` over the feature's values: certain unless the feature was measured."""

    feature: Feature
    value: str
    certainty: Certainty
    probabilities: Mapping[str, float]
    note: str = ""
    source: str = ""

    @property
    def present(self) -> bool:
        return self.value != FEATURES[self.feature].absent


def resolve(observation: Observation, size_mm: float | None = None) -> dict[Feature, Resolved]:
    """Every feature of the vocabulary. ``size_mm`` takes the place of the observation's, for growth."""
    size = observation.size_mm if size_mm is None else size_mm
    growth = None if size is None else growth_since(size, observation.priors, observation.imaged_on)
    return {feature: _one(observation, feature, growth) for feature in FEATURES}


def _one(observation: Observation, feature: Feature, growth: Growth | None) -> Resolved:
    assessment = observation.features.get(feature)
    if observation.phases is not None:
        missing = missing_phases(feature, observation.phases)
        if missing:
            given = assessment is not None and assessment.value not in (None, FEATURES[feature].absent)
            return _absent(feature, Certainty.NOT_ASSESSABLE, _without(missing, set_aside=given))
    if assessment is None:
        return _derived(feature, growth) if feature in DERIVED else _absent(feature, Certainty.NOT_STATED, "")
    if assessment.certainty is Certainty.NOT_ASSESSABLE:
        why = assessment.note or (_without(assessment.missing) if assessment.missing else "not said why")
        return _absent(feature, Certainty.NOT_ASSESSABLE, why, assessment)
    if assessment.certainty is not Certainty.SURE or assessment.value is None:
        return _absent(feature, assessment.certainty, _and("unsure, so counted as absent", assessment.note), assessment)
    on_mr = "as seen on MR" if FEATURES[feature].mr_only and assessment.value != FEATURES[feature].absent else ""
    note = _and(assessment.note, on_mr, _limited(observation, feature))
    probabilities = _full(feature, assessment.probabilities) or _certain(feature, assessment.value)
    return Resolved(feature, assessment.value, Certainty.SURE, probabilities, note, assessment.source)


def _derived(feature: Feature, growth: Growth | None) -> Resolved:
    if growth is None or not growth.compared:
        note = "no prior CT or MR to compare with" if feature is Feature.THRESHOLD_GROWTH else ""
        return _absent(feature, Certainty.NOT_ASSESSABLE if note else Certainty.NOT_STATED, note)
    value = Presence.PRESENT.value if feature in growth.present else Presence.ABSENT.value
    return Resolved(
        feature, value, Certainty.SURE, _certain(feature, value), growth.present.get(feature, ""), "prior sizes"
    )


def _absent(feature: Feature, certainty: Certainty, note: str, assessment: Assessment | None = None) -> Resolved:
    """Counts as absent; a measured probability is kept for the distribution."""
    value = FEATURES[feature].absent
    known = _full(feature, assessment.probabilities) if assessment else {}
    source = assessment.source if assessment else ""
    return Resolved(feature, value, certainty, known or _certain(feature, value), note, source)


def _full(feature: Feature, known: Mapping[str, float]) -> dict[str, float]:
    """With a zero for each value that was left out; empty where nothing was measured."""
    return {value: known.get(value, 0.0) for value in FEATURES[feature].values} if known else {}


def _certain(feature: Feature, value: str) -> dict[str, float]:
    return {each: float(each == value) for each in FEATURES[feature].values}


def _limited(observation: Observation, feature: Feature) -> str:
    best = FEATURES[feature].best_phases
    if observation.phases is None or best <= observation.phases:
        return ""
    absent = ", ".join(PHASE_TITLES[phase] for phase in ImagedPhase if phase in best - observation.phases)
    used = ", ".join(PHASE_TITLES[phase] for phase in ImagedPhase if phase in best & observation.phases)
    return f"no {absent} phase: judged on the {used} phase only"


def _without(missing: tuple[ImagedPhase, ...], set_aside: bool = False) -> str:
    text = f"no {' and no '.join(PHASE_TITLES[phase] for phase in missing)} phase"
    return f"{text}; what was given is set aside" if set_aside else text


def _and(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
