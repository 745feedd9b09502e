"""Pictures at repeated positions → passes over the body, in the order in which they were taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abdominal_oncology.imaging.dicom.split import Plane


def passes_in_time(planes: Sequence[Plane], times: Sequence[str], tolerance_mm: float) -> list[list[Plane]]:
    """Cut the sequence in time wherever a position comes up again, at the longest pause since it was last seen.

    ``times`` are DICOM times or dates with times (any strings whose digits grow with time). Returns each pass sorted as
    ``planes`` were, or nothing when time does not tell the repeats apart.
    """
    if any(not any(character.isdigit() for character in time) for time in times):
        return []
    order = sorted(range(len(planes)), key=lambda n: (times[n], planes[n].header.instance_number))
    places = _place_numbers(planes, tolerance_mm)
    clock = [_seconds(times[n]) for n in order]
    cuts, start = [0], 0
    while start < len(order):
        seen: dict[int, int] = {}
        cut = len(order)
        for n in range(start, len(order)):
            place = places[order[n]]
            if place in seen:
                if times[order[n]] == times[order[seen[place]]]:
                    return []  # two pictures of one place at one time: time says nothing
                window = range(seen[place] + 1, n + 1)
                cut = max(window, key=lambda m: (clock[m] - clock[m - 1], m))
                break
            seen[place] = n
        cuts.append(cut)
        start = cut
    passes = [sorted(order[a:b]) for a, b in pairwise(cuts)]
    if len(passes) < 2 or not _mostly_repeated(passes, places):
        return []
    return [[planes[n] for n in one] for one in passes]


def _mostly_repeated(passes: list[list[int]], places: Sequence[int]) -> bool:
    """A second pass over the body shares most of its positions with others; one picture sent twice does not."""
    counts = Counter(place for one in passes for place in {places[n] for n in one})
    return all(2 * sum(counts[places[n]] > 1 for n in one) >= len(one) for one in sorted(passes, key=len)[:-1])


def _place_numbers(planes: Sequence[Plane], tolerance_mm: float) -> list[int]:
    numbers, first = [], float("-inf")
    number = -1
    for plane in planes:
        if plane.along_mm - first > tolerance_mm:
            number, first = number + 1, plane.along_mm
        numbers.append(number)
    return numbers


def _seconds(time: str) -> float:
    """Seconds that a TM or DT value stands for, as far as differences go."""
    whole, _, fraction = time.partition(".")
    if len(whole) in (6, 14) and whole.isdigit():
        clock = int(whole[-6:-4]) * 3600 + int(whole[-4:-2]) * 60 + int(whole[-2:])
        days = int(whole[:-6] or 0)
        return days * 86400.0 + clock + float(f"0.{fraction}" if fraction.isdigit() else 0)
    digits = "".join(character for character in time if character.isdigit() or character == ".")
    return float(digits) if digits.count(".") <= 1 else 0.0
