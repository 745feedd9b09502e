"""How a person reads the columns of a table: in words, with the unit as radiologists write it."""

from __future__ import annotations

import re

_WRITTEN = {"li rads": "LI-RADS", "hcc": "HCC", "hu": "HU"}


def title_of(column: str, unit: str) -> str:
    """The title of a column with its UCUM unit; "" and "1" are none.

    >>> title_of("expected_hu", "[hnsf'U]"), title_of("hu", "[hnsf'U]"), title_of("voxels", "1")
    ('expected [HU]', 'HU', 'voxels')
    >>> title_of("li_rads_chance", "1"), title_of("p_hcc", "1")
    ('LI-RADS chance', 'p HCC')
    """
    words, shown = words_and_unit(column, unit)
    return f"{words} [{shown}]" if shown else words


def words_and_unit(column: str, unit: str) -> tuple[str, str]:
    """The same in two parts; no unit where the words are the unit.

    >>> words_and_unit("error_hu", "[hnsf'U]"), words_and_unit("hu", "[hnsf'U]")
    (('error', 'HU'), ('HU', ''))
    """
    shown = unit_in_words(unit)
    if column.lower() == shown.lower():
        return shown, ""
    words = column.removesuffix(f"_{shown.lower()}").replace("_", " ")
    for typed, written in _WRITTEN.items():
        words = re.sub(rf"\b{typed}\b", written, words)
    return words, shown


def unit_in_words(unit: str) -> str:
    """The unit as radiologists write it."""
    return {"1": "", "[hnsf'U]": "HU"}.get(unit, unit)
