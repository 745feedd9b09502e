"""Seconds from the start of the injection to the acquisition, by a DICOM header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TIME = re.compile(r"(\d{2}):?(\d{2})(?::?(\d{2}(?:\.\d+)?))?")
_DAY_SECONDS = 86_400.0
_BELIEVED_SECONDS = (15.0, 1800.0)
"""Some scanners write their own start as that of the injection, some keep one from an earlier patient."""


@dataclass(frozen=True)
class Elapsed:
    """``seconds`` None: not told, or not believable; ``reason`` says which, and is empty where nothing was told."""

    seconds: float | None
    reason: str


def elapsed_seconds(facts: Mapping[str, Any]) -> Elapsed:
    """AcquisitionTime (of the first slice) minus ContrastBolusStartTime.

    >>> elapsed_seconds({"ContrastBolusStartTime": "235930", "AcquisitionTime": "000045.5"}).seconds
    75.5
    """
    start = seconds_of_day(facts.get("ContrastBolusStartTime"))
    if start is None:
        return Elapsed(None, "")
    acquired = seconds_of_day(facts.get("AcquisitionTime"))
    if acquired is None:
        acquired = seconds_of_day(str(facts.get("AcquisitionDateTime") or "")[8:])
    if acquired is None:
        return Elapsed(None, "the injection has a time, the acquisition none")
    # the header gives the injection no date: the two are on the nearer sides of midnight
    after = (acquired - start + _DAY_SECONDS / 2) % _DAY_SECONDS - _DAY_SECONDS / 2
    earliest, latest = _BELIEVED_SECONDS
    if not earliest <= after <= latest:
        return Elapsed(None, f"acquired {after:g} s after the injection by the header, which no phase is: not believed")
    return Elapsed(after, f"acquired {after:g} s after the injection by the header")


def seconds_of_day(value: Any) -> float | None:
    """Of a DICOM time; None for what is none.

    >>> seconds_of_day("0130"), seconds_of_day("2530")
    (5400.0, None)
    """
    found = _TIME.match(str(value).strip()) if value is not None else None
    if found is None:
        return None
    hour, minute, second = int(found[1]), int(found[2]), float(found[3] or 0)
    return 3600.0 * hour + 60.0 * minute + second if hour < 24 and minute < 60 and second < 61 else None
