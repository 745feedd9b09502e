"""The structures everybody talks about: one name, one label number, one code, one colour for each.

Names are TotalSegmentator's class names (version 2), numbers 1 … 117 its label numbers; 200 … 255 are ours, for what
phantoms and clinical questions need beyond them. Look one up by whatever you have:

>>> find("IVC").name, find("Left kidney").number, find(5).label
('inferior_vena_cava', 3, 'Liver')
>>> [each.name for each in with_snomed("64033007")]
['kidney_right', 'kidney_left']
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType

from abdominal_oncology.errors import MissingInputError
from abdominal_oncology.imaging.anatomy_table import Colour, Row, rows

_FILLERS = frozenset({"and", "the", "of", "structure", "segment"})


class Kind(StrEnum):
    """What sort of thing a structure is; the SNOMED CT category follows from it."""

    ANATOMY = "anatomy"
    TISSUE = "tissue"
    LESION = "lesion"
    SUBSTANCE = "substance"
    OBJECT = "object"


@dataclass(frozen=True)
class Structure:
    """One row of the table. ``snomed`` is empty where no code is certain; ``side`` is ``left``, ``right`` or empty."""

    name: str
    number: int
    label: str
    colour: Colour
    snomed: str = ""
    side: str = ""
    kind: Kind = Kind.ANATOMY
    aliases: tuple[str, ...] = ()

    @property
    def is_total_segmentator(self) -> bool:
        return self.number < 200


def find(key: str | int) -> Structure:
    """The structure of a label number, a name or an alias (case, spaces, underscores and word order do not matter).

    A trailing running number is allowed: ``"lesion_2"`` is a liver lesion.
    """
    found = lookup(key)
    if found is None:
        raise MissingInputError(
            f"no structure is called {key!r}",
            remedy="use a TotalSegmentator class name such as 'kidney_left', its number, or a name of ours",
        )
    return found


def lookup(key: str | int) -> Structure | None:
    """As :func:`find`, but None for a stranger.

    >>> lookup("spaceship") is None
    True
    """
    if not isinstance(key, str):
        return _by_number().get(int(key))
    exact = _by_words().get(_words(key))
    return exact or _by_words().get(_words(re.sub(r"[\s_#-]*\d+$", "", key)))


def with_snomed(code: str, side: str = "") -> tuple[Structure, ...]:
    """All structures that carry this SNOMED CT code, of one side if ``side`` is given; empty when there is none."""
    return tuple(each for each in all_structures() if each.snomed == code and side in ("", each.side))


@cache
def all_structures() -> tuple[Structure, ...]:
    """Every structure, sorted by number."""
    return tuple(map(_structure, rows()))


def label_names(keys: Iterable[str | int] | None = None) -> MappingProxyType[int, str]:
    """What label values mean: number → name, of the named structures or of all.

    >>> dict(label_names(["liver", "aorta"]))
    {5: 'liver', 52: 'aorta'}
    """
    chosen = all_structures() if keys is None else tuple(map(find, keys))
    return MappingProxyType({each.number: each.name for each in chosen})


def _structure(row: Row) -> Structure:
    words = row.name.split("_")
    side = next((word for word in words if word in ("left", "right")), "")
    readable = " ".join([side, *(word for word in words if word != side)]).strip()
    return Structure(
        row.name,
        row.number,
        readable[:1].upper() + readable[1:],
        row.colour,
        row.snomed,
        side,
        Kind(row.kind),
        row.aliases,
    )


def _words(name: str) -> str:
    """A key that forgets case, separators, fillers and word order."""
    return " ".join(sorted(word for word in re.split(r"[\W_]+", name.casefold()) if word and word not in _FILLERS))


@cache
def _by_number() -> dict[int, Structure]:
    return {each.number: each for each in all_structures()}


@cache
def _by_words() -> dict[str, Structure]:
    return {_words(name): each for each in all_structures() for name in (*each.aliases, each.name)}
