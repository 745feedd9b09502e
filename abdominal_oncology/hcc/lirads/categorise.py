"""The whole answer for one observation: category, whether LI-RADS applies, the reason, what would change it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.lirads.assessment import Assessment, Certainty
from abdominal_oncology.hcc.lirads.category import Step, decide
from abdominal_oncology.hcc.lirads.changes import Change, what_would_change
from abdominal_oncology.hcc.lirads.facts import facts_of
from abdominal_oncology.hcc.lirads.features import FEATURES, Feature, Group
from abdominal_oncology.hcc.lirads.observation import FORMAT, RULES, SIZE, Observation, check_format
from abdominal_oncology.hcc.lirads.population import WANTED, Applies
from abdominal_oncology.hcc.lirads.resolve import Resolved, resolve
from abdominal_oncology.hcc.lirads.sentence import reason
from abdominal_oncology.hcc.lirads.table import Category


@dataclass(frozen=True)
class UsedFeature:
    """One row of what the category rests on. ``probability`` is of the value that counts, where it was measured."""

    feature: str
    value: str
    certainty: str
    probability: float | None
    note: str
    source: str
    overridden_by: str = ""


@dataclass(frozen=True)
class Categorisation:
    """``category`` is None outside the population. Where ``applies`` is unconfirmed, report the ``label``."""

    category: Category | None
    applies: Applies
    sentence: str
    first_category: Category | None
    """Of step 1, before ancillary features and tie-breaking."""
    step: Step | None
    used: tuple[UsedFeature, ...] = ()
    notes: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def label(self) -> str:
        """What may be written into a report.

        >>> categorise(Observation(21)).label
        'LR-3, not applicable until confirmed'
        """
        if self.category is None:
            return "no LI-RADS category"
        return str(self.category) if self.applies is Applies.YES else f"{self.category}, {self.applies}"

    @property
    def score(self) -> float | None:
        """Category / 5; None without a category on the scale."""
        return None if self.category is None else self.category.score

    def to_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "rules": RULES,
            "category": self.category,
            "meaning": None if self.category is None else self.category.meaning,
            "label": self.label,
            "applies": self.applies.value,
            "sentence": self.sentence,
            "first_category": self.first_category,
            "step": self.step,
            "score": self.score,
            "used": [asdict(each) for each in self.used],
            "notes": list(self.notes),
            "changes": [{"if": each.if_, "category": each.category} for each in self.changes],
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Categorisation:
        try:
            return cls.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise InvalidInputError(f"this is not a categorisation: {error}") from error

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Categorisation:
        check_format(values, "categorisation")
        try:
            return cls(
                _category(values["category"]),
                Applies(values["applies"]),
                values["sentence"],
                _category(values["first_category"]),
                None if values["step"] is None else Step(values["step"]),
                tuple(UsedFeature(**each) for each in values["used"]),
                tuple(values["notes"]),
                tuple(Change(each["if"], Category(each["category"])) for each in values["changes"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInputError(f"this is not a categorisation: {error!r}") from error


def categorise(observation: Observation) -> Categorisation:
    """Apply LI-RADS.

    >>> from abdominal_oncology.hcc.lirads.assessment import seen
    >>> from abdominal_oncology.hcc.lirads.population import Population
    >>> found = categorise(
    ...     Observation(
    ...         21,
    ...         {Feature.APHE: seen("nonrim"), Feature.WASHOUT: seen("nonperipheral"), Feature.CAPSULE: seen("absent")},
    ...         population=Population.of("cirrhosis"),
    ...     )
    ... )
    >>> found.sentence
    'LR-5: 21 mm, nonrim APHE, washout; no capsule'
    >>> str(found.changes[-1])
    'with an ancillary feature of benignity → LR-4'
    """
    applies = observation.population.applies()
    resolved = resolve(observation)
    used = _used(observation, resolved)
    if applies is Applies.NO:
        why = "; ".join(observation.population.reasons_outside())
        return Categorisation(None, applies, f"No LI-RADS category: {why}", None, None, used)
    facts = facts_of(resolved, observation.size_mm, observation.use_ancillary)
    outcome = decide(facts, observation.torn_with)
    sentence = f"{outcome.category}: {reason(observation, resolved, outcome)}"
    if applies is Applies.UNCONFIRMED:
        sentence = f"Not applicable until confirmed ({WANTED}); if so, {sentence}"
    return Categorisation(
        outcome.category,
        applies,
        sentence,
        outcome.first,
        outcome.step,
        used,
        _notes(observation, resolved),
        what_would_change(facts, observation.use_ancillary, observation.torn_with),
    )


def _used(observation: Observation, resolved: Mapping[Feature, Resolved]) -> tuple[UsedFeature, ...]:
    """The major features always, others where anything is known of them."""
    by = {each.what: each.by for each in observation.overrides}
    rows = []
    if observation.size_mm is not None:
        size = f"{observation.size_mm:g}"
        rows.append(UsedFeature(SIZE, size, "sure", None, _spread(observation), "", by.get(SIZE, "")))
    for feature, each in resolved.items():
        known = feature in observation.features or each.present
        if known or FEATURES[feature].group is Group.MAJOR:
            measured = feature in observation.features and bool(observation.features[feature].probabilities)
            p = each.probabilities[each.value] if measured else None
            row = (feature.value, each.value, each.certainty.value, p, each.note, each.source, by.get(feature, ""))
            rows.append(UsedFeature(*row))
    return tuple(rows)


def _notes(observation: Observation, resolved: Mapping[Feature, Resolved]) -> tuple[str, ...]:
    notes = [
        f"{FEATURES[feature].title}{_how(each.certainty)}: {each.note}"
        for feature, each in resolved.items()
        if each.note and (FEATURES[feature].group is Group.MAJOR or feature in observation.features or each.present)
    ]
    notes += [
        f"the size {prior.size_mm:g} mm from ultrasound is not compared: growth is read between CT and MR"
        for prior in observation.priors
        if not prior.counts
    ]
    notes += [
        f"{each.what} overridden by {each.by}, {_worth(each.before)} → {_worth(each.after)}"
        + (f": {each.why}" if each.why else "")
        for each in observation.overrides
    ]
    return tuple(notes)


def _how(certainty: Certainty) -> str:
    return " not assessable" if certainty is Certainty.NOT_ASSESSABLE else ""


def _worth(known: Assessment | float | None) -> str:
    if isinstance(known, Assessment):
        return known.value if known.certainty is Certainty.SURE and known.value else known.certainty.value
    return "unknown" if known is None else f"{known:g}"


def _spread(observation: Observation) -> str:
    return f"± {observation.size_sd_mm:g} mm" if observation.size_sd_mm else ""


def _category(name: str | None) -> Category | None:
    return None if name is None else Category(name)
