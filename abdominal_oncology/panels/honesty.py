"""What must be said beside every answer."""

from __future__ import annotations

from abdominal_oncology.learning.bundle.origin import Origin, origin_of
from abdominal_oncology.panels.text import tr


def notice() -> str:
    """What stands above every report."""
    return tr("Research use only. Not a medical device; the findings need a physician's judgement.")


def phantom_banner(trained_on: str) -> str:
    """Said of a model, and of an answer, where synthetic images are among what the model learned from; else ""."""
    origin = origin_of(trained_on)
    if origin is Origin.PHANTOMS:
        return tr(
            "Trained on phantoms, not on patients: nothing is known of its errors on people. For trying out the "
            "software."
        )
    return tr("This model was trained in part on synthetic images.") if origin is Origin.PART_PHANTOMS else ""
