"""The category's reason, as a radiologist would put it: what was there, what was not, what moved it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import floor

from abdominal_oncology.hcc.lirads.ancillary import FAVOURING_BENIGNITY, FAVOURING_MALIGNANCY
from abdominal_oncology.hcc.lirads.assessment import Certainty
from abdominal_oncology.hcc.lirads.category import Outcome, Step
from abdominal_oncology.hcc.lirads.facts import NONTARGETOID, TARGETOID, unassessable
from abdominal_oncology.hcc.lirads.features import FEATURES, Aphe, Feature, Washout
from abdominal_oncology.hcc.lirads.observation import Observation
from abdominal_oncology.hcc.lirads.resolve import Resolved
from abdominal_oncology.hcc.lirads.table import ADDITIONAL, SAME_MM


def size_text(size_mm: float) -> str:
    """Cut off after a tenth, never rounded up over a limit of the table.

    >>> size_text(19.97), size_text(21.0)
    ('19.9 mm', '21 mm')
    """
    return f"{shown_mm(size_mm):g} mm"


def shown_mm(size_mm: float) -> float:
    """A size for people: tenths, the rest cut off."""
    return floor((size_mm + SAME_MM) * 10) / 10


def reason(observation: Observation, resolved: Mapping[Feature, Resolved], outcome: Outcome) -> str:
    """Without the category in front and without a full stop."""
    parts = [_first(observation, resolved, outcome)]
    parts += _ancillary(observation, resolved, outcome)
    if observation.torn_with is not None and outcome.step is not Step.QUALITY:
        parts.append(f"between {outcome.adjusted} and {observation.torn_with} the rules choose {outcome.category}")
    return "; ".join(parts)


def _first(observation: Observation, resolved: Mapping[Feature, Resolved], outcome: Outcome) -> str:
    if outcome.step is Step.QUALITY:
        if resolved[Feature.NOT_CATEGORISABLE].present:
            return resolved[Feature.NOT_CATEGORISABLE].note or "the images do not allow a category"
        return "; ".join(
            f"{FEATURES[each.feature].title} not assessable: {each.note}" for each in unassessable(resolved)
        )
    if outcome.step is Step.VEIN:
        return _noted("definite tumour in vein", resolved[Feature.TUMOUR_IN_VEIN].note)
    if outcome.step is Step.DEFINITELY_BENIGN:
        return _noted("definitely benign", resolved[Feature.DEFINITELY_BENIGN].note)
    if outcome.step is Step.PROBABLY_BENIGN:
        return _noted("probably benign", resolved[Feature.PROBABLY_BENIGN].note)
    size = [] if observation.size_mm is None else [size_text(observation.size_mm)]
    if outcome.step is Step.MALIGNANT:
        targetoid = _targetoid(resolved)
        if targetoid:
            return f"{_list([*size, *targetoid])} (targetoid)"
        return f"{_list([*size, *_titles(resolved, NONTARGETOID)])}; LR-5 criteria not met"
    return _table(size, resolved)


def _table(size: list[str], resolved: Mapping[Feature, Resolved]) -> str:
    there = [*size, "nonrim APHE" if resolved[Feature.APHE].value == Aphe.NONRIM else "no APHE"]
    gone = []
    for feature in (Feature.WASHOUT, Feature.CAPSULE, Feature.THRESHOLD_GROWTH):
        if resolved[feature].present:
            growth = resolved[feature].note if feature is Feature.THRESHOLD_GROWTH else ""
            there.append(f"{FEATURES[feature].title} ({growth})" if growth else FEATURES[feature].title)
        elif resolved[feature].certainty is Certainty.NOT_ASSESSABLE:
            gone += ["capsule not assessable"] if feature is Feature.CAPSULE else []
        elif resolved[feature].certainty is not Certainty.UNSURE:
            gone.append("no capsule" if feature is Feature.CAPSULE else f"no {FEATURES[feature].title}")
    doubtful = [
        f"{'APHE' if feature is Feature.APHE else FEATURES[feature].title} unsure, so counted as absent"
        for feature in (Feature.APHE, *ADDITIONAL)
        if resolved[feature].certainty is Certainty.UNSURE
    ]
    kept = _titles(resolved, NONTARGETOID)
    without_effect = [f"{' and '.join(kept)} does not change it, since LR-5 criteria are met"] if kept else []
    return "; ".join([_list(there), *([_list(gone)] if gone else []), *doubtful, *without_effect])


def _ancillary(observation: Observation, resolved: Mapping[Feature, Resolved], outcome: Outcome) -> list[str]:
    malignancy, benignity = _titles(resolved, FAVOURING_MALIGNANCY), _titles(resolved, FAVOURING_BENIGNITY)
    if not (malignancy or benignity) or outcome.first.number is None:
        return []
    named = " and ".join([*malignancy, *benignity])
    if not observation.use_ancillary:
        return [f"{named} not applied, as chosen"]
    if malignancy and benignity:
        return [f"{' and '.join(malignancy)} against {' and '.join(benignity)}: conflicting, no change"]
    if outcome.adjusted is outcome.first:
        return [f"{named} cannot {'raise' if malignancy else 'lower'} {outcome.first}"]
    return [f"{'raised' if malignancy else 'lowered'} from {outcome.first} by {named}"]


def _targetoid(resolved: Mapping[Feature, Resolved]) -> list[str]:
    found = []
    if resolved[Feature.APHE].value == Aphe.RIM:
        found.append("rim APHE")
    if resolved[Feature.WASHOUT].value == Washout.PERIPHERAL:
        found.append("peripheral washout")
    return [*found, *_titles(resolved, TARGETOID)]


def _titles(resolved: Mapping[Feature, Resolved], features: Iterable[Feature]) -> list[str]:
    return [FEATURES[feature].title for feature in features if resolved[feature].present]


def _list(parts: Iterable[str]) -> str:
    return ", ".join(parts)


def _noted(text: str, note: str) -> str:
    return f"{text} ({note})" if note else text
