"""Reads one text by the table of rules: which phases it names, which seconds, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from abdominal_oncology.imaging.fold_text import fold, spaceless
from abdominal_oncology.phase.labels import Phase
from abdominal_oncology.phase.mining_rules import RULES, SUPPORT, Rule, Says

_CAMEL = re.compile(r"(?<=[^\W\d_A-Z]{3})(?=[A-ZÄÖÜ][^\W\d_A-Z]{2})")
_LETTER = r"[^\W\d_]"
_SPACE = r"[\s.,\-]*"
_SECOND_UNITS = r"s|sec|secs|seconds?|sek|seg|secondes?|segundos"
_DELAY = re.compile(
    rf"(?:\b(?:delays?|dly|retardo|verzogerung|delai)\b[\s:=@]*)?"
    rf"(?<![\w.,+])(?P<number>\d{{1,4}}){_SPACE}"
    rf"(?:(?P<seconds>(?:{_SECOND_UNITS})(?!{_LETTER})|\"|'')|(?P<minutes>(?:mins?|minutes?|minuten|minuti|minutos)"
    rf"(?!{_LETTER}|{_SPACE}ip\b)|分|분|'))"
    rf"(?:{_SPACE}\b(?:delays?|dly|retardo|verzogerung)\b)?"
)
_BARE_DELAY = re.compile(r"\b(?:delays?|dly)\b[\s:=@]*(?P<number>\d{2,3})(?P<minutes>)(?![.,]?\w|\s*[^\W\d_%])")
"""A delay whose number has no unit is in seconds: nobody waits sixty minutes."""
_SECONDS_BELIEVED = (15.0, 3600.0)
"""Below, a number with an s is a rotation time or a slice count; no phase comes later."""


@dataclass(frozen=True)
class Match:
    rule: Rule
    text: str


@dataclass(frozen=True)
class Reading:
    """What one text says. ``supported``: it also holds a word that goes with abbreviations of phases."""

    matches: tuple[Match, ...]
    seconds: tuple[float, ...]
    supported: bool

    def of(self, says: Says) -> tuple[Match, ...]:
        return tuple(match for match in self.matches if match.rule.says is says)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases named, each once."""
        return tuple(dict.fromkeys(phase for match in self.of(Says.PHASE) for phase in match.rule.phases))


@lru_cache(maxsize=1024)
def read_text(text: str) -> Reading:
    """What a description says.

    >>> reading = read_text("Leber_spätarteriell 3.0 35s")
    >>> [str(phase) for phase in reading.phases], reading.matches[0].rule.reason, reading.seconds
    (['arterial'], 'late arterial phase', (35.0,))
    """
    plain = fold(_CAMEL.sub(" ", text)).replace("_", " ")
    seconds: list[float] = []

    def take(found: re.Match[str]) -> str:
        value = float(found["number"]) * (60.0 if found["minutes"] else 1.0)
        if not _SECONDS_BELIEVED[0] <= value <= _SECONDS_BELIEVED[1]:
            return found[0]
        seconds.append(value)
        return " | "  # ends a phrase, so that words on both sides are not joined

    rest = _BARE_DELAY.sub(take, _DELAY.sub(take, plain))
    supported = pattern_of(SUPPORT).search(plain) is not None
    matches: list[Match] = []
    for rule in RULES:
        rest, found = _consume(rest, rule)
        matches += found
    return Reading(tuple(matches), tuple(dict.fromkeys(seconds)), supported)


@cache
def pattern_of(spellings: str) -> re.Pattern[str]:
    """The pattern of a list of spellings (see :mod:`~abdominal_oncology.phase.mining_rules`), the longest first.

    >>> [pattern_of("late art*").search(text) is not None for text in ("late-arterial", "2.0lateart", "plate art")]
    [True, True, False]
    """
    each = sorted((fold(spelling.strip()) for spelling in spellings.split(",") if spelling.strip()), key=len)
    return re.compile("|".join(_one(spelling) for spelling in reversed(each)))


def _one(spelling: str) -> str:
    body = _SPACE.join(re.escape(word).replace(r"\*", f"{_LETTER}*") for word in spelling.split())
    if spaceless(spelling):
        return body
    # a sign at an end (c+, c-) is its own border to that side, but c-arm is a word and 3+c a sum
    before = rf"(?<!{_LETTER})" if spelling[0].isalpha() else r"(?<![\w+\-])"
    after = rf"(?!{_LETTER})" if spelling[-1].isalnum() or spelling[-1] == "*" else r"(?![\w+\-])"
    return before + body + after


def _consume(text: str, rule: Rule) -> tuple[str, list[Match]]:
    found: list[Match] = []

    def take(match: re.Match[str]) -> str:
        found.append(Match(rule, match[0].strip()))
        return " | "

    return pattern_of(rule.spellings).sub(take, text), found


def in_words(matches: Iterable[Match], field: str) -> Iterator[str]:
    for match in matches:
        yield f'{field} says "{match.text}": {match.rule.reason}'


def named(phases: Sequence[Phase]) -> str:
    return " and ".join(str(phase) for phase in phases)
