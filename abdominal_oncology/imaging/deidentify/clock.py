"""Times without dates: seconds since the first event of a study, spelled as DICOM spells a time of day.

``000135.5`` in a de-identified file is 95.5 s after the study's first acquisition or injection, so what subtracts an
injection from an acquisition goes on working. Where DICOM asks for a date too, it is always 1900-01-01.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydicom.dataset import Dataset

from abdominal_oncology.imaging.deidentify.rules import Action, Rule

_SECOND = 1_000_000
_DAY = 86_400 * _SECOND  # whole microseconds: seconds since the year 1 would lose the last digits of a time
_TIME = re.compile(r"(\d{2})(?::?(\d{2}))?(?::?(\d{2})(?:\.(\d{1,6}))?)?")
_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")
_DATE_OF = {"AcquisitionTime": "AcquisitionDate", "ContentTime": "ContentDate"}
_ANY_DATE = ("AcquisitionDate", "ContentDate", "SeriesDate", "StudyDate")
_FIXED_DATE = "19000101"


@dataclass(frozen=True)
class Clock:
    """Turns the times of one file into offsets from its study's first event (µs, as :func:`moment_of` counts)."""

    origin_microseconds: int

    def offset(self, top: Dataset, keyword: str, value: Any) -> str | None:
        """The offset's spelling, or None for what is no time or lies more than a day from the study's first event."""
        moment = moment_of(top, keyword, value)
        if moment is None or not 0 <= moment - self.origin_microseconds < _DAY:
            return None
        return (_FIXED_DATE if keyword.endswith("DateTime") else "") + spell(moment - self.origin_microseconds)


def spell(microseconds: int) -> str:
    """Microseconds since midnight as a DICOM time.

    >>> spell(95_500_000), spell(3_600_000_000)
    ('000135.500000', '010000')
    """
    whole, micro = divmod(microseconds, _SECOND)
    text = f"{whole // 3600:02d}{whole // 60 % 60:02d}{whole % 60:02d}"
    return f"{text}.{micro:06d}" if micro else text


def moment_of(top: Dataset, keyword: str, value: Any) -> int | None:
    """Microseconds of a time attribute since the calendar began (since midnight where the file has no date at all).

    A contrast injection has a time but no date: it takes the acquisition's, on the side of midnight that is nearer.
    """
    text = str(value or "").strip()
    if keyword.endswith("DateTime"):
        day, time = _day(text[:8]), _microseconds(re.split(r"[+-]", text[8:])[0])
        return None if day is None or time is None else day * _DAY + time
    time = _microseconds(text)
    if time is None:
        return None
    days = (_day(str(top.get(name) or "")) for name in (_DATE_OF.get(keyword, ""), *_ANY_DATE) if name)
    moment = next((day for day in days if day is not None), 0) * _DAY + time
    if keyword.startswith("ContrastBolus"):
        acquired = moment_of(top, "AcquisitionTime", top.get("AcquisitionTime"))
        if acquired is not None and moment - acquired > _DAY // 2:
            moment -= _DAY
        elif acquired is not None and acquired - moment > _DAY // 2:
            moment += _DAY
    return moment


def moments(top: Dataset, rules: tuple[Rule, ...], level: Dataset | None = None) -> Iterator[int]:
    """Every moment that the rules would write as an offset, nested ones included."""
    here = top if level is None else level
    for rule in rules:
        if rule.keyword not in here:
            continue
        if rule.action is Action.OFFSET:
            moment = moment_of(top, rule.keyword, here.get(rule.keyword))
            if moment is not None:
                yield moment
        elif rule.action is Action.NEST:
            items = here.get(rule.keyword)
            for item in items if items is not None and not isinstance(items, str | bytes) else ():
                yield from moments(top, rule.nested, item)


def _day(text: str) -> int | None:
    match = _DATE.fullmatch(text.strip())
    if not match:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3])).toordinal()
    except ValueError:
        return None


def _microseconds(text: str) -> int | None:
    match = _TIME.fullmatch(text.strip())
    if not match:
        return None
    seconds = int(match[1]) * 3600 + int(match[2] or 0) * 60 + int(match[3] or 0)
    time = seconds * _SECOND + int((match[4] or "").ljust(6, "0"))
    return time if time <= _DAY else None
