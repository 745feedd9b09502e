"""Whether a model has seen people: read from the words in which its bundle says what it was trained on; and what must
therefore be said beside its answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abdominal_oncology.learning.finding import Finding

_MADE = re.compile(r"phantom|synthetic|simulated")
_PEOPLE = re.compile(r"\b(?:patients?|real|hospitals?|clinical|people)\b")
_NOT_PEOPLE = re.compile(r"\b(?:no|not|without|never)\b[^;,.]*|\b(?:phantom|synthetic|simulated) patients?\b")


class Origin(StrEnum):
    PHANTOMS, PART_PHANTOMS, PATIENTS = "phantoms", "phantoms in part", "patients"


def origin_of(trained_on: str) -> Origin:
    """Where synthetic images are named and no others, the model has seen phantoms only.

    >>> origin_of("6,000 synthetic patients (phantoms); no real labelled case was used")
    <Origin.PHANTOMS: 'phantoms'>
    >>> origin_of("phantoms and 40 patients of one hospital")
    <Origin.PART_PHANTOMS: 'phantoms in part'>
    """
    told = trained_on.lower()
    if not _MADE.search(told):
        return Origin.PATIENTS
    return Origin.PART_PHANTOMS if _PEOPLE.search(_NOT_PEOPLE.sub("", told)) else Origin.PHANTOMS


CAUTIONS = {
    Origin.PHANTOMS: (
        "Trained on phantoms, not on patients: nothing is known of its errors on people. For trying out the software."
    ),
    Origin.PART_PHANTOMS: "This model was trained in part on synthetic images.",
}


def cautions_of(findings: Iterable[Finding | None]) -> tuple[str, ...]:
    """What must stand beside these findings because of what their models were trained on, each sentence once."""
    said = (CAUTIONS.get(origin_of(each.provenance.trained_on)) for each in findings if each is not None)
    return tuple(dict.fromkeys(each for each in said if each is not None))
