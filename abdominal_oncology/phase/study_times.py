"""When series were acquired, relative to each other, by their headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from abdominal_oncology.phase.injection_time import seconds_of_day

_DATE = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})")
_DAY_SECONDS = 86_400.0
_CLOCKS = (("AcquisitionDate", "AcquisitionTime"), ("ContentDate", "ContentTime"), ("SeriesDate", "SeriesTime"))


@dataclass(frozen=True)
class Gap:
    """``seconds`` from one series to another (negative: the other was earlier), ``by`` which pair of header times.

    Only ``AcquisitionTime`` is when the patient was scanned; the others may tell of a later reconstruction.
    """

    seconds: float
    by: str

    @property
    def is_of_acquisition(self) -> bool:
        return self.by == _CLOCKS[0][1]


def gap_between(first: Mapping[str, Any], second: Mapping[str, Any]) -> Gap | None:
    """By the best clock that both headers have; None where there is none.

    Without dates the two are taken to lie on the nearer sides of midnight.

    >>> gap_between({"AcquisitionTime": "235930"}, {"AcquisitionTime": "000030"})
    Gap(seconds=60.0, by='AcquisitionTime')
    >>> gap_between({"AcquisitionTime": "1200"}, {"SeriesTime": "1200"}) is None
    True
    """
    for day_keyword, time_keyword in _CLOCKS:
        one, other = _read(first, day_keyword, time_keyword), _read(second, day_keyword, time_keyword)
        if one is None or other is None:
            continue
        seconds = other[1] - one[1]
        if one[0] is not None and other[0] is not None:
            seconds += (other[0] - one[0]) * _DAY_SECONDS
        else:
            seconds = (seconds + _DAY_SECONDS / 2) % _DAY_SECONDS - _DAY_SECONDS / 2
        return Gap(seconds, time_keyword)
    return None


def clock_text(facts: Mapping[str, Any], keyword: str) -> str:
    """A time of day for a sentence.

    >>> clock_text({"AcquisitionTime": "093005.25"}, "AcquisitionTime")
    '09:30:05'
    """
    found = _read(facts, keyword.replace("Time", "Date"), keyword)
    if found is None:
        return "an unknown time"
    minutes, seconds = divmod(int(found[1]), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"


def _read(facts: Mapping[str, Any], day_keyword: str, time_keyword: str) -> tuple[int | None, float] | None:
    """Day number, where known, and second of the day."""
    day, clock = facts.get(day_keyword), facts.get(time_keyword)
    whole = str(facts.get("AcquisitionDateTime") or "")
    if time_keyword == "AcquisitionTime" and seconds_of_day(whole[8:]) is not None:
        day, clock = whole[:8], whole[8:]
    seconds = seconds_of_day(clock)
    return None if seconds is None else (_day(day), seconds)


def _day(value: Any) -> int | None:
    found = _DATE.fullmatch(str(value).strip()) if value is not None else None
    if found is None:
        return None
    try:
        return date(int(found[1]), int(found[2]), int(found[3])).toordinal()
    except ValueError:
        return None
