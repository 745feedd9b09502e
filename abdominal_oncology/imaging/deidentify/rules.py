"""The words in which a profile is written: what happens to an attribute, and which values may pass."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from pydicom.datadict import tag_for_keyword

from abdominal_oncology.imaging.deidentify.vocabulary import Vocabulary, clean_text


class Action(StrEnum):
    """What happens to an attribute that a profile names. Attributes it does not name are not written."""

    KEEP = "kept"
    HASH_UID = "hashed"
    PSEUDONYM = "pseudonym"
    CLEAN = "cleaned"
    OFFSET = "offset"
    EMPTY = "emptied"
    NEST = "nested"


class Check(Protocol):
    """Which values of an attribute may pass."""

    def admit(self, value: Any) -> Any | None:
        """The value, or what may be kept of it; None when nothing may."""
        ...


_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Number:
    """One to ``most`` numbers within bounds, in plain ASCII spelling; the spelling is kept, so nothing is rounded."""

    low: float
    high: float
    most: int = 1

    def admit(self, value: Any) -> Any | None:
        values = list(_each(value))
        if not 1 <= len(values) <= self.most:
            return None
        for item in values:
            spelling = getattr(item, "original_string", None) or str(item)
            if not _NUMBER.fullmatch(spelling) or not self.low <= float(item) <= self.high:
                return None
        return value


@dataclass(frozen=True)
class Codes:
    """Code strings from a list; others among several values are left out."""

    allowed: frozenset[str]

    def admit(self, value: Any) -> Any | None:
        passed = [text for text in (str(item).strip() for item in _each(value)) if text in self.allowed]
        return (passed if len(passed) > 1 else passed[0]) if passed else None


@dataclass(frozen=True)
class Words:
    """Free text reduced to the words of a vocabulary, in English; ``otherwise`` stands for text without such a word."""

    vocabulary: Vocabulary
    otherwise: str = ""

    def admit(self, value: Any) -> Any | None:
        text = " ".join(str(item) for item in _each(value))
        return (clean_text(text, self.vocabulary) or self.otherwise)[:64].strip() or None


@dataclass(frozen=True)
class Tags:
    """Pointers to attributes; private ones are refused."""

    def admit(self, value: Any) -> Any | None:
        return None if any((int(item) >> 16) % 2 for item in _each(value)) else value


@dataclass(frozen=True)
class Binary:
    """Bytes, as they are. Pixel data itself is looked at in ``pixels``."""

    def admit(self, value: Any) -> Any | None:
        return value if isinstance(value, bytes) else None


@dataclass(frozen=True)
class Rule:
    """One attribute of a profile.

    ``present_for``: kinds of object (``"CT"``, ``"MR"``, or ``"*"``) that DICOM obliges to have the attribute, if need
    be without a value (type 2). ``nested``: the rules within a sequence's items.
    """

    keyword: str
    action: Action
    check: Check | None = None
    nested: tuple[Rule, ...] = ()
    present_for: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if tag_for_keyword(self.keyword) is None:
            raise ValueError(f"{self.keyword} is no attribute of DICOM")
        if (self.action in (Action.KEEP, Action.CLEAN)) != (self.check is not None):
            raise ValueError(f"{self.keyword}: a check belongs to what is kept or cleaned, and only there")
        if (self.action is Action.NEST) != bool(self.nested):
            raise ValueError(f"{self.keyword}: nested rules belong to sequences, and only there")


@dataclass(frozen=True)
class Profile:
    """A named allow-list. ``method_codes``: code and meaning from DICOM PS3.16 CID 7050, only those that hold."""

    name: str
    summary: str
    rules: tuple[Rule, ...]
    method_codes: Mapping[str, str]
    keeps_offsets: bool = False


def _each(value: Any) -> Iterator[Any]:
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        yield value
    else:
        yield from value
