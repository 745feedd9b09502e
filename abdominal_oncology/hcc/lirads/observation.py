"""Observation: everything known about one place in the liver that LI-RADS is asked about. Immutable, JSON-able."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from math import isfinite
from typing import Any

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.lirads.assessment import Assessment
from abdominal_oncology.hcc.lirads.features import Feature, ImagedPhase
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.lirads.population import Population, PopulationFact
from abdominal_oncology.hcc.lirads.table import Category

FORMAT = 1
RULES = "CT LI-RADS v2018"
LARGEST_MM = 500.0
SIZE = "size_mm"


@dataclass(frozen=True)
class Override:
    """A reader put ``after`` in the place of ``before``; None: nothing known. ``what`` is a feature or the size."""

    what: str
    before: Assessment | float | None
    after: Assessment | float | None
    by: str
    why: str = ""
    when: str = ""


@dataclass(frozen=True)
class Observation:
    """``phases``: the phases that were imaged, where that is known. ``size_sd_mm``: uncertainty of the size.

    ``use_ancillary``: LI-RADS leaves ancillary features to the reader's choice. ``torn_with``: the other category the
    reader hesitates about, for the tie-breaking rules.
    """

    size_mm: float | None = None
    features: Mapping[Feature, Assessment] = field(default_factory=dict)
    phases: frozenset[ImagedPhase] | None = None
    population: Population = field(default_factory=Population)
    priors: tuple[PriorSize, ...] = ()
    imaged_on: date | None = None
    size_sd_mm: float = 0.0
    use_ancillary: bool = True
    torn_with: Category | None = None
    overrides: tuple[Override, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        if self.size_mm is not None:
            _check_size(self.size_mm)
        if not (isfinite(self.size_sd_mm) and self.size_sd_mm >= 0):
            raise InvalidInputError(f"a size cannot be uncertain by {self.size_sd_mm} mm", where="size_sd_mm")
        if self.torn_with is Category.LR_NC:
            raise InvalidInputError("LR-NC is no matter of certainty to be torn about", where="torn_with")
        for prior in self.priors:
            prior.months_before(self.imaged_on)  # a prior that is not earlier is refused here, not at some later use
        for feature, assessment in self.features.items():
            assessment.checked_for(feature)

    def with_feature(self, feature: Feature, assessment: Assessment) -> Observation:
        """With something newly known; for a reader's correction use ``override``."""
        return replace(self, features={**self.features, feature: assessment})

    def override(
        self, feature: Feature, assessment: Assessment | None, *, by: str, why: str = "", when: str = ""
    ) -> Observation:
        """The reader's word in the place of what was measured; who, when and why are kept. None: nothing known."""
        before = self.features.get(feature)
        features = {name: each for name, each in self.features.items() if name is not feature}
        if assessment is not None:
            features[feature] = assessment
        return replace(self, features=features, overrides=self._noted(feature, before, assessment, by, why, when))

    def override_size(self, size_mm: float, *, by: str, why: str = "", when: str = "") -> Observation:
        """A size the reader measured, taken as exact."""
        noted = self._noted(SIZE, self.size_mm, size_mm, by, why, when)
        return replace(self, size_mm=size_mm, size_sd_mm=0.0, overrides=noted)

    def restore(self, feature: Feature, *, by: str, why: str = "", when: str = "") -> Observation:
        """Back to what stood before the first override; that is noted too."""
        first = next((each for each in self.overrides if each.what == feature), None)
        if first is None:
            raise InvalidInputError("nothing to restore: the feature was never overridden", where=feature)
        original = first.before if isinstance(first.before, Assessment) else None
        return self.override(feature, original, by=by, why=why, when=when)

    def _noted(
        self,
        what: str,
        before: Assessment | float | None,
        after: Assessment | float | None,
        by: str,
        why: str,
        when: str,
    ) -> tuple[Override, ...]:
        if not by.strip():
            raise InvalidInputError("an override needs to say by whom", where=what, remedy="give by='reader' or a name")
        moment = when or datetime.now(UTC).isoformat(timespec="seconds")
        return (*self.overrides, Override(str(what), before, after, by, why, moment))

    def to_dict(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "rules": RULES,
            "name": self.name,
            "size_mm": self.size_mm,
            "size_sd_mm": self.size_sd_mm,
            "features": {feature.value: each.to_dict() for feature, each in self.features.items()},
            "phases": None if self.phases is None else [each.value for each in ImagedPhase if each in self.phases],
            "population": sorted(each.value for each in self.population.facts),
            "age_years": self.population.age_years,
            "priors": [
                {
                    "size_mm": prior.size_mm,
                    "months": prior.months,
                    "on": prior.on.isoformat() if prior.on else None,
                    "modality": prior.modality,
                }
                for prior in self.priors
            ],
            "imaged_on": self.imaged_on.isoformat() if self.imaged_on else None,
            "use_ancillary": self.use_ancillary,
            "torn_with": self.torn_with.value if self.torn_with else None,
            "overrides": [
                {**vars(each), "before": _plain(each.before), "after": _plain(each.after)} for each in self.overrides
            ],
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Observation:
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise InvalidInputError(f"this is not an observation: {error}") from error
        return cls.from_dict(values)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Observation:
        check_format(values, "observation")
        try:
            return cls(
                size_mm=values["size_mm"],
                features={Feature(name): Assessment.from_dict(each) for name, each in values["features"].items()},
                phases=None if values["phases"] is None else frozenset(map(ImagedPhase, values["phases"])),
                population=Population(frozenset(map(PopulationFact, values["population"])), values["age_years"]),
                priors=tuple(
                    PriorSize(each["size_mm"], each["months"], _day(each["on"]), each["modality"])
                    for each in values["priors"]
                ),
                imaged_on=_day(values["imaged_on"]),
                size_sd_mm=values["size_sd_mm"],
                use_ancillary=values["use_ancillary"],
                torn_with=Category(values["torn_with"]) if values["torn_with"] else None,
                overrides=tuple(
                    Override(**{**each, "before": _rich(each["before"]), "after": _rich(each["after"])})
                    for each in values["overrides"]
                ),
                name=values["name"],
            )
        except InvalidInputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInputError(f"this is not an observation: {error!r}") from error


def check_format(values: Any, what: str) -> None:
    """Refuse what a newer version wrote, and what is no such thing at all."""
    version = values.get("format") if isinstance(values, Mapping) else None
    if not isinstance(version, int):
        raise InvalidInputError(f"this is not an {what}: it names no format")
    if version > FORMAT:
        raise InvalidInputError(
            f"this {what} has format {version}; known up to {FORMAT}", remedy="update AbdominalOncology"
        )
    if values.get("rules") != RULES:
        raise InvalidInputError(f"this {what} follows {values.get('rules')!r}, not {RULES}")


def _check_size(size_mm: float) -> None:
    if not isfinite(size_mm) or not 0 < size_mm <= LARGEST_MM:
        raise InvalidInputError(
            f"a liver observation of {size_mm} mm cannot be", where=SIZE, remedy="give its diameter in millimetres"
        )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _plain(value: Assessment | float | None) -> Any:
    return value.to_dict() if isinstance(value, Assessment) else value


def _rich(value: Any) -> Assessment | float | None:
    return Assessment.from_dict(value) if isinstance(value, Mapping) else value
