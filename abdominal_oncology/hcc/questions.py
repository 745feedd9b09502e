"""What the networks of this room are asked: HCC or not, and three LI-RADS features, each present or absent."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.phase_roles import PHASES

QUESTIONS = ("hcc", "aphe", "ec", "npw")
"""In the order of their log-odds at the head of a quartet's features, and of a guided network's."""

FEATURES = QUESTIONS[1:]
"""Arterial hyperenhancement (nonrim), enhancing capsule, nonperipheral washout."""

PRESENCE = ("absent", "present")

CLASSES: Mapping[str, tuple[str, str]] = MappingProxyType({"hcc": ("other", "hcc")} | dict.fromkeys(FEATURES, PRESENCE))

PHASES_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(dict.fromkeys(QUESTIONS, PHASES) | {"aphe": PHASES[:2]})
"""What the network of each question looks at, as published: hyperenhancement needs no delayed phase."""

COMPOSED = ("quartet", "guided")
"""Networks that answer all four questions at once."""


def check_question(name: str) -> str:
    """
    >>> check_question("npw")
    'npw'
    """
    if name not in QUESTIONS:
        raise InvalidInputError(
            f"no network of this task is asked for {name!r}", remedy=f"choose one of {', '.join(QUESTIONS)}"
        )
    return name
