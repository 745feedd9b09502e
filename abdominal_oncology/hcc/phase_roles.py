"""Which series is the arterial, portal, delayed phase: from findings about the contrast phase, and what to doubt in it.

Findings come from a scene's volumes or from files; whoever made them, only their words are used here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.learning.finding import Finding, FindingWarning

PHASES = ("arterial", "portal", "delayed")
"""What the published method looks at, in its order; ``non-contrast`` may come beside them."""
PLAIN = "non-contrast"

QUESTION = "phase"
ROLE_OF_PHASE: Mapping[str, str] = MappingProxyType(
    {"non-contrast": PLAIN, "arterial": "arterial", "venous": "portal", "delayed": "delayed"}
)
"""The roles of a liver study by the names that findings give to phases."""

_SURE = 0.75  # three to one, as everywhere in this room
_TIMING_TABLE, _EARLY = "timing", "early"


@dataclass(frozen=True)
class AssignedPhases:
    """``series`` by role; ``aside`` names series that took no role, each with the reason."""

    series: Mapping[str, str]
    aside: Mapping[str, str]
    warnings: tuple[FindingWarning, ...]


def assign_roles(findings: Mapping[str, Finding | None]) -> AssignedPhases:
    """Each role goes to the series that is most probably of its phase; ``findings`` by series.

    >>> from abdominal_oncology.learning.finding import Provenance
    >>> one = Finding("phase", "a", "arterial", {"arterial": 0.9, "venous": 0.1}, Provenance("votes"))
    >>> two = Finding("phase", "b", "venous", {"arterial": 0.1, "venous": 0.9}, Provenance("votes"))
    >>> assign_roles({"4": one, "5": two}).series
    {'arterial': '4', 'portal': '5'}
    """
    aside: dict[str, str] = {}
    claims: dict[str, list[tuple[float, str]]] = {}
    for name, finding in findings.items():
        role = None if finding is None else role_of(finding)
        if finding is None:
            aside[name] = "nobody has looked at its contrast phase"
        elif role is None:
            aside[name] = finding.reason if finding.decision is None else f"its phase is {finding.decision}"
        else:
            claims.setdefault(role, []).append((finding.probability or 0.0, name))
    series: dict[str, str] = {}
    for role in (*PHASES, PLAIN):
        for place, (p, name) in enumerate(sorted(claims.get(role, ()), key=lambda claim: -claim[0])):
            if place == 0:
                series[role] = name
            else:
                aside[name] = f"{series[role]} is more probably the {role} phase, this one with {p:.2f}"
    for role in ("arterial", "portal"):
        if role not in series:
            told = "; ".join(f"{name}: {why}" for name, why in aside.items())
            raise MissingInputError(
                f"no series is the {role} phase by its finding" + (f" ({told})" if told else ""),
                remedy=f"choose the {role} phase yourself",
            )
    return AssignedPhases(series, aside, role_warnings({role: findings[name] for role, name in series.items()}))


def role_of(finding: Finding) -> str | None:
    """The role of a series by its finding; None where it is withheld or no phase of a liver study."""
    if finding.question != QUESTION:
        raise InvalidInputError(
            f"this finding answers the question {finding.question!r}, not {QUESTION}", where=finding.subject
        )
    return None if finding.decision is None else ROLE_OF_PHASE.get(finding.decision)


def role_warnings(given: Mapping[str, Finding | None]) -> tuple[FindingWarning, ...]:
    """What the findings say against the roles that their series were given."""
    return tuple(each for role, finding in given.items() if finding is not None for each in _doubts(role, finding))


def _doubts(role: str, finding: Finding) -> Iterable[FindingWarning]:
    found = role_of(finding)
    if finding.decision is None:
        yield FindingWarning("phase_doubtful", f"the {role} phase could not be confirmed: {finding.reason}")
    elif found != role:
        p = f" ({finding.probability:.2f})" if finding.probability is not None else ""
        yield FindingWarning(
            "phase_contradicted", f"what was given as the {role} phase is {finding.decision} by its finding{p}"
        )
    elif finding.probability is not None and finding.probability < _SURE:
        yield FindingWarning("phase_doubtful", f"the {role} phase is one with probability {finding.probability:.2f}")
    timing = next(iter(finding.tables.get(_TIMING_TABLE, ())), {})
    if role == "arterial" and str(timing.get("finer", "")).startswith(_EARLY):
        yield FindingWarning("early_arterial", "the arterial phase is an early one: hyperenhancement may not show yet")
