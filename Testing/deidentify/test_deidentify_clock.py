"""Times become offsets: differences stay, dates go."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from abdominal_oncology.imaging.deidentify.clock import Clock, moment_of, spell


def dataset(moment: datetime, bolus: datetime | None = None) -> Dataset:
    made = Dataset()
    made.AcquisitionDate = moment.strftime("%Y%m%d")
    made.AcquisitionTime = moment.strftime("%H%M%S.%f")
    if bolus is not None:
        made.ContrastBolusStartTime = bolus.strftime("%H%M%S.%f")
    return made


def seconds(text: str) -> float:
    return int(text[:2]) * 3600 + int(text[2:4]) * 60 + float(text[4:])


@given(
    start=st.datetimes(datetime(1990, 1, 1), datetime(2030, 1, 1)),
    gap=st.floats(0, 86_000),
    delay=st.floats(-1_000, 40_000),
)
def test_differences_survive_any_date_and_midnight(start: datetime, gap: float, delay: float) -> None:
    """A bolus has no date of its own, so it is found up to half a day on either side of the acquisition."""
    acquired = start + timedelta(seconds=gap)
    bolus = acquired - timedelta(seconds=delay)
    top = dataset(acquired, bolus)
    origin = min(start, bolus)
    clock = Clock((origin - datetime.min + timedelta(days=1)) // timedelta(microseconds=1))
    written = clock.offset(top, "AcquisitionTime", top.AcquisitionTime)
    injected = clock.offset(top, "ContrastBolusStartTime", top.ContrastBolusStartTime)
    expected = (acquired - origin).total_seconds()
    if expected >= 86_399.999:
        return
    assert written is not None
    assert injected is not None
    assert seconds(written) == pytest.approx(expected, abs=1e-6)
    assert seconds(written) - seconds(injected) == pytest.approx((acquired - bolus).total_seconds(), abs=1e-6)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("101530", 36_930.0),
        ("101530.5", 36_930.5),
        ("1015", 36_900.0),
        ("10", 36_000.0),
        ("10:15:30", 36_930.0),
        (" 101530 ", 36_930.0),
        ("", None),
        ("morning", None),
        ("1015301", None),
        ("990000", None),
    ],
)
def test_spellings_of_a_time(text: str, expected: float | None) -> None:
    assert moment_of(Dataset(), "AcquisitionTime", text) == (None if expected is None else round(expected * 1e6))


def test_a_date_time_with_a_zone_is_the_same_moment_as_date_and_time() -> None:
    top = dataset(datetime(2024, 3, 17, 10, 15, 30, 500_000))
    assert moment_of(top, "AcquisitionDateTime", "20240317101530.5+0100") == moment_of(
        top, "AcquisitionTime", top.AcquisitionTime
    )
    assert moment_of(top, "AcquisitionDateTime", "20241317") is None


@pytest.mark.parametrize("offset", [-1.0, 86_400.0, 1e7])
def test_what_lies_outside_a_day_is_left_out(offset: float) -> None:
    top = dataset(datetime(2024, 3, 17, 12))
    moment = moment_of(top, "AcquisitionTime", top.AcquisitionTime)
    assert moment is not None
    assert Clock(moment - round(offset * 1e6)).offset(top, "AcquisitionTime", top.AcquisitionTime) is None


@given(st.integers(0, 86_399_999_999))
def test_spelling_is_exact_to_the_microsecond(micro: int) -> None:
    assert round(seconds(spell(micro)) * 1e6) == micro
