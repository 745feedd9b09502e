"""What must be said beside every answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from abdominal_oncology.learning.bundle.origin import CAUTIONS, cautions_of, origin_of
from abdominal_oncology.panels.text import tr

if TYPE_CHECKING:
    from abdominal_oncology.learning.finding import Finding


def notice() -> str:
    """What stands above every report."""
    return tr("Research use only. Not a medical device; the findings need a physician's judgement.")


def phantom_banner(trained_on: str) -> str:
    """Said of a model, and of an answer, where synthetic images are among what the model learned from; else ""."""
    said = CAUTIONS.get(origin_of(trained_on))
    return tr(said) if said else ""


def cautions(findings: Iterable[Finding]) -> list[str]:
    """What stands above a report of these answers, each sentence once."""
    return [tr(each) for each in cautions_of(findings)]
