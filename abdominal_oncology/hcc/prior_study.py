"""Sizes on an earlier study, from the outlines drawn on it: what growth is measured against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.case import LesionMask, Volume, lesions_of
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.measure import lesion_size


def priors_from_outlines(
    outlines: Volume | Mapping[str, Volume],
    names: Sequence[str],
    *,
    months: float | None = None,
    on: date | None = None,
) -> dict[str, PriorSize]:
    """Prior sizes by the ``names`` of today's lesions, measured as today's are.

    Outlines are matched by name; one outline and one lesion belong together whatever they are called. ``months`` before
    today's study, or ``on`` which day, says when.
    """
    earlier = list(lesions_of(outlines))
    by_name = {lesion.name: lesion for lesion in earlier}
    if len(earlier) == 1 and len(names) == 1:
        by_name = {names[0]: earlier[0]}
    matched = {name: by_name[name] for name in names if name in by_name}
    if not matched:
        raise InvalidInputError(
            f"none of the earlier outlines ({', '.join(by_name)}) has the name of a lesion of today",
            where="prior",
            remedy=f"give the same lesion the same name: {', '.join(names)}",
        )
    return {name: PriorSize(_size(lesion), months=months, on=on) for name, lesion in matched.items()}


def _size(lesion: LesionMask) -> float:
    return round(lesion_size(lesion).value, 2)
