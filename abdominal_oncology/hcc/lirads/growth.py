"""Growth against earlier studies: threshold growth, and the ancillary features that sizes alone decide.

Threshold growth is a size increase by at least 50 % in at most 6 months, calendar months where dates are known. A new
observation, or doubling over more than 6 months, counted in older versions; in v2018 both are subthreshold growth.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.lirads.features import Feature
from abdominal_oncology.hcc.lirads.table import at_least

GROWTH_FACTOR = 1.5
GROWTH_MONTHS = 6
STABLE_MONTHS = 24
NEW_MM = 10.0
NEW_MONTHS = 24
UNEQUIVOCAL_MM = 3.0
"""Ours, LI-RADS names none: two measurements with an error of 1 mm each differ by 2.8 mm by chance in one of twenty."""

MODALITIES = ("ct", "mr", "ultrasound")
DAYS_PER_MONTH = 365.2425 / 12


@dataclass(frozen=True)
class PriorSize:
    """The same observation on an earlier study, ``on`` a date or ``months`` before. ``size_mm`` 0: it was not there."""

    size_mm: float
    months: float | None = None
    on: date | None = None
    modality: str = "ct"

    def __post_init__(self) -> None:
        if not isfinite(self.size_mm) or self.size_mm < 0:
            raise InvalidInputError(f"a prior size of {self.size_mm} mm cannot be", where="prior")
        if (self.months is None) == (self.on is None):
            raise InvalidInputError(
                "a prior size needs to be dated once", where="prior", remedy="give months before, or the date"
            )
        if self.months is not None and not (isfinite(self.months) and self.months > 0):
            raise InvalidInputError(f"a prior study {self.months} months before is not earlier", where="prior")
        if self.modality not in MODALITIES:
            raise InvalidInputError(
                f"unknown modality {self.modality!r}", where="prior", remedy=f"choose one of {', '.join(MODALITIES)}"
            )

    @property
    def counts(self) -> bool:
        """Growth is read between CT and MR studies only, never from ultrasound."""
        return self.modality != "ultrasound"

    def within(self, months: int, imaged_on: date | None) -> bool:
        """At most so many months before the study."""
        if self.months is not None:
            return self.months <= months + 1e-9
        return _later(self._dated(imaged_on)[0], months) >= self._dated(imaged_on)[1]

    def at_least_before(self, months: int, imaged_on: date | None) -> bool:
        if self.months is not None:
            return self.months >= months - 1e-9
        return _later(self._dated(imaged_on)[0], months) <= self._dated(imaged_on)[1]

    def months_before(self, imaged_on: date | None) -> float:
        """For people; decisions on dates count calendar months."""
        if self.months is not None:
            return self.months
        earlier, now = self._dated(imaged_on)
        return (now - earlier).days / DAYS_PER_MONTH

    def _dated(self, imaged_on: date | None) -> tuple[date, date]:
        if imaged_on is None:
            raise InvalidInputError(
                "a dated prior needs the date of this study", where="prior", remedy="give the study's date too"
            )
        if self.on is None or self.on >= imaged_on:
            raise InvalidInputError(f"the prior study of {self.on} is not before {imaged_on}", where="prior")
        return self.on, imaged_on


@dataclass(frozen=True)
class Growth:
    """Which growth features hold, each with the comparison that shows it."""

    present: dict[Feature, str]
    compared: bool
    """False: no earlier CT or MR, so nothing can be said."""


DERIVED = (Feature.THRESHOLD_GROWTH, Feature.SUBTHRESHOLD_GROWTH, Feature.SIZE_STABILITY, Feature.SIZE_REDUCTION)


def growth_since(size_mm: float, priors: Sequence[PriorSize], imaged_on: date | None = None) -> Growth:
    """Compare with every earlier CT or MR.

    >>> growth_since(18, [PriorSize(12, months=5)]).present[Feature.THRESHOLD_GROWTH]
    '12 → 18 mm, +50 % in 5 months'
    """
    used = [prior for prior in priors if prior.counts]
    present: dict[Feature, str] = {}
    for prior in used:
        for feature in _against(size_mm, prior, imaged_on):
            present.setdefault(feature, _told(size_mm, prior, imaged_on))
    if Feature.THRESHOLD_GROWTH in present:
        present.pop(Feature.SUBTHRESHOLD_GROWTH, None)
    long_ago = [prior for prior in used if prior.at_least_before(STABLE_MONTHS, imaged_on)]
    if long_ago and all(prior.size_mm > 0 and not _unequivocal(size_mm - prior.size_mm) for prior in used):
        oldest = max(long_ago, key=lambda prior: prior.months_before(imaged_on))
        present[Feature.SIZE_STABILITY] = _told(size_mm, oldest, imaged_on)
    return Growth(present, bool(used))


def growth_limits_mm(priors: Sequence[PriorSize]) -> tuple[float, ...]:
    """Every size at which one of the growth features can change, for whoever integrates over an uncertain size."""
    limits: set[float] = set()
    for prior in priors:
        if not prior.counts:
            continue
        if prior.size_mm == 0:
            limits.add(NEW_MM)
            continue
        p = prior.size_mm
        limits |= {GROWTH_FACTOR * p, 2 * p, p + UNEQUIVOCAL_MM, p - UNEQUIVOCAL_MM}
    return tuple(sorted(limit for limit in limits if limit > 0))


def _against(size_mm: float, prior: PriorSize, imaged_on: date | None) -> list[Feature]:
    soon = prior.within(GROWTH_MONTHS, imaged_on)
    if prior.size_mm == 0:
        new = at_least(size_mm, NEW_MM) and prior.within(NEW_MONTHS, imaged_on)
        return [Feature.SUBTHRESHOLD_GROWTH] if new else []
    if soon and at_least(size_mm, GROWTH_FACTOR * prior.size_mm):
        return [Feature.THRESHOLD_GROWTH]
    if at_least(size_mm, prior.size_mm + UNEQUIVOCAL_MM) or (not soon and at_least(size_mm, 2 * prior.size_mm)):
        return [Feature.SUBTHRESHOLD_GROWTH]
    return [Feature.SIZE_REDUCTION] if at_least(prior.size_mm, size_mm + UNEQUIVOCAL_MM) else []


def _unequivocal(change_mm: float) -> bool:
    return at_least(abs(change_mm), UNEQUIVOCAL_MM)


def _told(size_mm: float, prior: PriorSize, imaged_on: date | None) -> str:
    months = f"{prior.months_before(imaged_on):.1f}".removesuffix(".0")
    now = f"{round(size_mm, 1):g}"
    if prior.size_mm == 0:
        return f"new within {months} months, now {now} mm"
    return f"{prior.size_mm:g} → {now} mm, {100 * (size_mm / prior.size_mm - 1):+.0f} % in {months} months"


def _later(day: date, months: int) -> date:
    """The same day so many months on; the last of the month where there is no such day."""
    index = day.month - 1 + months
    year, month = day.year + index // 12, index % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))
