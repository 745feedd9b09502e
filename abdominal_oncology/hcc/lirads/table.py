"""The diagnostic table of CT LI-RADS v2018 and its categories, as data.

Sizes are in mm as measured, never rounded up: "10–19 mm" is from 10 to below 20.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from types import MappingProxyType

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.lirads.features import Aphe, Feature

SAME_MM = 1e-6
"""Sizes closer than this are the same: 3 × 0.1 mm is not 0.3 mm in floating point."""


class Category(StrEnum):
    LR_NC = "LR-NC"
    LR_TIV = "LR-TIV"
    LR_1 = "LR-1"
    LR_2 = "LR-2"
    LR_3 = "LR-3"
    LR_4 = "LR-4"
    LR_5 = "LR-5"
    LR_M = "LR-M"

    @property
    def meaning(self) -> str:
        return MEANINGS[self]

    @property
    def number(self) -> int | None:
        """1 to 5; None for the categories outside the scale."""
        return int(self.value[3:]) if self.value[3:].isdigit() else None

    @property
    def score(self) -> float | None:
        """Category / 5, the source paper's way to compare a reader with a model; None for LR-NC, LR-TIV and LR-M.

        >>> Category.LR_4.score
        0.8
        """
        return None if self.number is None else self.number / 5

    @classmethod
    def of_number(cls, number: int) -> Category:
        return cls(f"LR-{number}")


MEANINGS: Mapping[Category, str] = MappingProxyType(
    {
        Category.LR_NC: "not categorisable",
        Category.LR_TIV: "tumour in vein",
        Category.LR_1: "definitely benign",
        Category.LR_2: "probably benign",
        Category.LR_3: "intermediate probability of malignancy",
        Category.LR_4: "probably HCC",
        Category.LR_5: "definitely HCC",
        Category.LR_M: "probably or definitely malignant, not HCC-specific",
    }
)


@dataclass(frozen=True)
class Column:
    """From ``from_mm`` to below ``below_mm``."""

    title: str
    aphe: Aphe
    from_mm: float
    below_mm: float


COLUMNS = (
    Column("no APHE, <20 mm", Aphe.NONE, 0.0, 20.0),
    Column("no APHE, ≥20 mm", Aphe.NONE, 20.0, inf),
    Column("nonrim APHE, <10 mm", Aphe.NONRIM, 0.0, 10.0),
    Column("nonrim APHE, 10–19 mm", Aphe.NONRIM, 10.0, 20.0),
    Column("nonrim APHE, ≥20 mm", Aphe.NONRIM, 20.0, inf),
)
SIZE_LIMITS_MM = tuple(sorted({column.from_mm for column in COLUMNS} - {0.0}))
ADDITIONAL = (Feature.CAPSULE, Feature.WASHOUT, Feature.THRESHOLD_GROWTH)
"""The additional major features; washout only where it is nonperipheral."""

ROW_TITLES = ("none", "one", "two or more")

_3, _4, _5 = Category.LR_3, Category.LR_4, Category.LR_5
_WHICH_ONE: Mapping[Feature, Category] = MappingProxyType(
    {Feature.CAPSULE: _4, Feature.WASHOUT: _5, Feature.THRESHOLD_GROWTH: _5}
)
"""The one divided cell: the category depends on which feature it is."""

TABLE: tuple[tuple[Category | Mapping[Feature, Category], ...], ...] = (
    (_3, _3, _3, _3, _4),
    (_3, _4, _4, _WHICH_ONE, _5),
    (_4, _4, _4, _5, _5),
)
"""Rows by the number of additional major features, columns as ``COLUMNS``."""


def at_least(size_mm: float, limit_mm: float) -> bool:
    return size_mm >= limit_mm - SAME_MM


def column_of(aphe: Aphe, size_mm: float) -> int:
    """Which column an observation stands in; rim APHE has none: it is decided before the table.

    >>> COLUMNS[column_of(Aphe.NONRIM, 19.9)].title
    'nonrim APHE, 10–19 mm'
    """
    for index, column in enumerate(COLUMNS):
        if column.aphe is aphe and at_least(size_mm, column.from_mm) and not at_least(size_mm, column.below_mm):
            return index
    raise InvalidInputError(f"the diagnostic table has no column for {aphe} APHE at {size_mm} mm")


def look_up(aphe: Aphe, size_mm: float, additional: frozenset[Feature]) -> Category:
    """The cell of the table.

    >>> look_up(Aphe.NONRIM, 15, frozenset({Feature.CAPSULE})).value
    'LR-4'
    """
    if not additional <= set(ADDITIONAL):
        raise InvalidInputError(f"not additional major features: {sorted(additional - set(ADDITIONAL))}")
    cell = TABLE[min(len(additional), 2)][column_of(aphe, size_mm)]
    if isinstance(cell, Category):
        return cell
    (only,) = additional
    return cell[only]
