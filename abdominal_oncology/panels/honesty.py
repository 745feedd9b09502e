"""What must be said beside every answer."""

from __future__ import annotations

from abdominal_oncology.learning.bundle.origin import cautions
from abdominal_oncology.panels.text import tr


def notice() -> str:
    """What stands above every report."""
    return tr("Research use only. Not a medical device; the findings need a physician's judgement.")


def phantom_banner(trained_on: str) -> str:
    """Said of a model, and of an answer, where synthetic images are among what the model learned from; else ""."""
    return "".join(tr(each) for each in cautions([trained_on]))
