"""Whom LI-RADS is for, and who is outside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from types import MappingProxyType

from abdominal_oncology.errors import InvalidInputError

ADULT_YEARS = 18


class PopulationFact(StrEnum):
    CIRRHOSIS = "cirrhosis"
    HBV = "hbv"
    HCC_HISTORY = "hcc-history"
    NO_RISK = "none"
    UNDER_18 = "under-18"
    CONGENITAL_FIBROSIS = "congenital-fibrosis"
    VASCULAR_CIRRHOSIS = "vascular-cirrhosis"
    TREATED = "treated"
    PATHOLOGY_PROVEN = "pathology-proven"


class Applies(StrEnum):
    YES = "yes"
    NO = "no"
    UNCONFIRMED = "not applicable until confirmed"


INSIDE: Mapping[PopulationFact, str] = MappingProxyType(
    {
        PopulationFact.CIRRHOSIS: "adult with cirrhosis",
        PopulationFact.HBV: "adult with chronic hepatitis B",
        PopulationFact.HCC_HISTORY: "adult with current or prior HCC",
    }
)
OUTSIDE: Mapping[PopulationFact, str] = MappingProxyType(
    {
        PopulationFact.UNDER_18: f"the patient is under {ADULT_YEARS}",
        PopulationFact.CONGENITAL_FIBROSIS: "cirrhosis from congenital hepatic fibrosis",
        PopulationFact.VASCULAR_CIRRHOSIS: "cirrhosis from a vascular disorder",
        PopulationFact.NO_RISK: "no cirrhosis, chronic hepatitis B, or current or prior HCC",
        PopulationFact.TREATED: "the observation was treated; treatment response has an algorithm of its own",
        PopulationFact.PATHOLOGY_PROVEN: "the observation has a diagnosis from pathology",
    }
)
WANTED = "an adult with cirrhosis, chronic hepatitis B, or current or prior HCC"


@dataclass(frozen=True)
class Population:
    """What is known of the patient. Nothing known: the category stands until somebody confirms that it applies."""

    facts: frozenset[PopulationFact] = frozenset()
    age_years: float | None = None

    def __post_init__(self) -> None:
        if self.age_years is not None and not (isfinite(self.age_years) and 0 <= self.age_years <= 130):
            raise InvalidInputError(f"nobody is {self.age_years} years old", where="age_years")
        if PopulationFact.NO_RISK in self.facts and self.facts & set(INSIDE):
            raise InvalidInputError("a patient has a risk factor or none, not both", where="population")

    @classmethod
    def of(cls, *names: str, age_years: float | None = None) -> Population:
        """From names as the command line takes them; ``unknown`` says nothing.

        >>> Population.of("hbv").applies().value, Population.of().applies().value
        ('yes', 'not applicable until confirmed')
        """
        known = [*(each.value for each in PopulationFact), "unknown"]
        for name in names:
            if name not in known:
                raise InvalidInputError(
                    f"LI-RADS knows no population {name!r}", remedy=f"choose one of {', '.join(known)}"
                )
        return cls(frozenset(PopulationFact(name) for name in names if name != "unknown"), age_years)

    def reasons_outside(self) -> tuple[str, ...]:
        facts = set(self.facts)
        if self.age_years is not None and self.age_years < ADULT_YEARS:
            facts.add(PopulationFact.UNDER_18)
        return tuple(reason for fact, reason in OUTSIDE.items() if fact in facts)

    def applies(self) -> Applies:
        """What excludes wins over what includes."""
        if self.reasons_outside():
            return Applies.NO
        return Applies.YES if self.facts & set(INSIDE) else Applies.UNCONFIRMED
