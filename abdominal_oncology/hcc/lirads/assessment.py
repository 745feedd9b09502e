"""What is known about one feature of one observation: seen, measured with a probability, unsure, or not assessable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import Any

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.lirads.features import FEATURES, Feature, ImagedPhase, Presence

SURE_FROM = 0.75
"""A measured value counts as seen from this probability on (three to one); below, LI-RADS says: unsure, so absent."""


class Certainty(StrEnum):
    SURE = "sure"
    UNSURE = "unsure"
    NOT_ASSESSABLE = "not assessable"
    NOT_STATED = "not stated"


@dataclass(frozen=True)
class Assessment:
    """``value`` is one of the feature's values; where unsure, what it leans to, or None.

    ``probabilities`` over the feature's values are there where it was measured. ``missing`` names the phases for want
    of which it could not be judged. ``source`` says who or what: ``reader``, ``measured``, a bundle's name.
    """

    value: str | None
    certainty: Certainty = Certainty.SURE
    probabilities: Mapping[str, float] = field(default_factory=dict)
    missing: tuple[ImagedPhase, ...] = ()
    note: str = ""
    source: str = "reader"

    def checked_for(self, feature: Feature) -> Assessment:
        """Itself, in the feature's own words, if it can be said of this feature."""
        values = FEATURES[feature].values
        named = [*([] if self.value is None else [self.value]), *self.probabilities]
        for value in named:
            if value not in values:
                raise InvalidInputError(
                    f"{value!r} is no value of {feature}", where=feature, remedy=f"choose one of {', '.join(values)}"
                )
        if self.certainty is Certainty.SURE and self.value is None:
            raise InvalidInputError("a feature that is sure needs a value", where=feature)
        if self.probabilities:
            total = sum(self.probabilities.values())
            if not all(isfinite(p) and 0 <= p <= 1 for p in self.probabilities.values()) or abs(total - 1) > 1e-6:
                raise InvalidInputError("probabilities must lie within 0 and 1 and sum to 1", where=feature)
        return self

    def to_dict(self) -> dict[str, Any]:
        return {
            "value": self.value,
            "certainty": self.certainty.value,
            "probabilities": dict(self.probabilities),
            "missing": [phase.value for phase in self.missing],
            "note": self.note,
            "source": self.source,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Assessment:
        return cls(
            values["value"],
            Certainty(values["certainty"]),
            dict(values["probabilities"]),
            tuple(ImagedPhase(phase) for phase in values["missing"]),
            values["note"],
            values["source"],
        )


def seen(value: str = Presence.PRESENT, *, note: str = "", source: str = "reader") -> Assessment:
    """Seen without doubt: ``seen()``, ``seen("nonrim")``, ``seen("absent")``."""
    return Assessment(str(value), note=note, source=source)


def unsure(leaning: str | None = None, *, note: str = "", source: str = "reader") -> Assessment:
    return Assessment(leaning, Certainty.UNSURE, note=note, source=source)


def not_assessable(*missing: ImagedPhase, note: str = "", source: str = "reader") -> Assessment:
    return Assessment(None, Certainty.NOT_ASSESSABLE, missing=missing, note=note, source=source)


def measured(
    feature: Feature, probability: float | Mapping[str, float], *, note: str = "", source: str = "measured"
) -> Assessment:
    """From a probability (of a feature that is present or not) or one per value; what is left over goes to absent.

    >>> found = measured(Feature.APHE, {"nonrim": 0.8, "rim": 0.05})
    >>> found.value, round(found.probabilities["none"], 2)
    ('nonrim', 0.15)
    >>> measured(Feature.CAPSULE, 0.6).certainty.value
    'unsure'
    """
    spec = FEATURES[feature]
    if isinstance(probability, Mapping):
        given = {str(value): float(p) for value, p in probability.items()}
    elif len(spec.values) == 2:
        given = {spec.values[1]: float(probability)}
    else:
        raise InvalidInputError(
            f"one number does not tell which of {', '.join(spec.values)}",
            where=feature,
            remedy="give a probability for each value",
        )
    if not all(isfinite(p) and 0 <= p <= 1 for p in given.values()):
        raise InvalidInputError(f"a probability lies within 0 and 1, not {probability}", where=feature)
    left = 1 - sum(p for value, p in given.items() if value != spec.absent)
    if left < -1e-6 or (spec.absent in given and abs(given[spec.absent] - left) > 1e-6):
        raise InvalidInputError("the probabilities of a feature must sum to 1", where=feature)
    full = {value: given.get(value, 0.0) for value in spec.values[1:]}
    full = {spec.absent: max(left, 0.0), **full}
    value = max(full, key=lambda each: full[each])
    certainty = Certainty.SURE if full[value] >= SURE_FROM else Certainty.UNSURE
    return Assessment(value, certainty, full, note=note, source=source).checked_for(feature)
