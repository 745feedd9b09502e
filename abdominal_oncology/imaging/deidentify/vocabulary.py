"""Words that may pass from free text, in several languages, and what they become in English.

Text is never edited: known words are looked up and their English form is written, so that no letter of the original
passes by itself. An entry ending in ``*`` matches any word that begins so (inflections). Chinese, Japanese and Korean
entries match anywhere, since these scripts do not part words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from abdominal_oncology.imaging.fold_text import fold, spaceless


@dataclass(frozen=True)
class Vocabulary:
    """English word → spellings. ``quantities``: numbers of up to three digits with s, min or mm pass too."""

    name: str
    words: Mapping[str, str]
    quantities: bool = False

    @cached_property
    def exact(self) -> dict[str, str]:
        return {spelling: word for spelling, word in self._entries() if not spelling.endswith("*")}

    @cached_property
    def stems(self) -> list[tuple[str, str]]:
        """Longest first, so that the most telling entry wins."""
        stems = [(spelling[:-1], word) for spelling, word in self._entries() if spelling.endswith("*")]
        return sorted(stems, key=lambda entry: -len(entry[0]))

    @cached_property
    def inner(self) -> re.Pattern[str] | None:
        """Entries of scripts without spaces, longest first."""
        spellings = sorted((s for s in self.exact if not s.isascii() and spaceless(s)), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, spellings))) if spellings else None

    def __reduce__(self) -> tuple[object, ...]:
        return (Vocabulary, (self.name, dict(self.words), self.quantities))  # reader processes make their own look-ups

    def _entries(self) -> list[tuple[str, str]]:
        return [(fold(s), word) for word, spellings in self.words.items() for s in (word, *spellings.split())]


_TOKEN = re.compile(
    r"(?P<contrast>\bc\s?\+|\+\s?c\b)|(?P<plain>\bc\s?-(?!\w)|(?<!\w)-\s?c\b|\bw/o\b|\bs/c\b|\bo\.?\s?km\b)"
    r"|(?P<quantity>(?<![\w.,-])\d{1,3}(?:[.,]\d{1,2})?\s?(?P<unit>sec|sek|seg|s|min|mm)(?![^\W_]))"
    r"|(?P<word>[^\W_]+)"
)
_UNITS = {"sec": "s", "sek": "s", "seg": "s"}


def clean_text(text: str, vocabulary: Vocabulary) -> str:
    """What a vocabulary lets pass of a text, in the text's order.

    >>> from abdominal_oncology.imaging.deidentify.words import SERIES
    >>> clean_text("Abdomen_ARTÉRIELLE Dr. Müller 35s 5.0 B30f 19620411", SERIES)
    'abdomen arterial 35 s'
    >>> clean_text("王小明 门静脉期", SERIES)
    'portal venous phase'
    >>> clean_text("Abd o. KM / C-", SERIES)
    'abdomen plain'
    """
    found: list[str] = []
    for match in _TOKEN.finditer(fold(text)):
        if match["word"]:
            words = _look_up(match["word"], vocabulary)
        elif match["quantity"]:
            number, unit = match["quantity"].removesuffix(match["unit"]).strip(), match["unit"]
            words = [f"{number.replace(',', '.')} {_UNITS.get(unit, unit)}"] if vocabulary.quantities else []
        else:
            words = [w for w in ["contrast" if match["contrast"] else "plain"] if w in vocabulary.words]
        found += [word for word in words if not found or found[-1] != word]
    return " ".join(found)


def _look_up(token: str, vocabulary: Vocabulary) -> list[str]:
    if token in vocabulary.exact:
        return [vocabulary.exact[token]]
    if not token.isascii() and spaceless(token):
        return [vocabulary.exact[part] for part in vocabulary.inner.findall(token)] if vocabulary.inner else []
    for stem, word in vocabulary.stems:
        if token.startswith(stem):
            # German writes two words as one: spätarteriell
            rest = token[len(stem) :]
            second = next((w for s, w in vocabulary.stems if len(s) > 3 and rest.startswith(s)), None)
            return [word] if second is None else [word, second]
    return []
