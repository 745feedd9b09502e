"""The operating point in words: from which probability on a tumour is called T3, and how often that was right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from abdominal_oncology.errors import AbdominalOncologyError
from abdominal_oncology.panels.text import tr

if TYPE_CHECKING:
    from abdominal_oncology.learning.bundle.facts import BundleFacts
    from abdominal_oncology.panels.boxes.model_box import Choice


class PointWords:
    """Reads a model's facts once, as long as it stays the chosen one: a slider asks for words at every step."""

    def __init__(self) -> None:
        self._card: Path | None = None
        self._facts: BundleFacts | None = None

    def text(self, choice: Choice, sensitivity: float | None) -> str:
        """What the chosen model says of a sensitivity (None: its own operating point); "" where no model is chosen."""
        if choice.card is None or choice.problem:
            return ""
        from abdominal_oncology.learning.bundle.load import read_facts

        try:
            if choice.card != self._card or self._facts is None:
                self._facts = read_facts(choice.card.parents[1])
                self._card = choice.card
            return _text(self._facts, sensitivity)
        except AbdominalOncologyError as error:
            return str(error)


def _text(facts: BundleFacts, sensitivity: float | None) -> str:
    from abdominal_oncology.rectal.operating import CASES, operating_point

    point = operating_point(facts, sensitivity)
    text = tr("T3 is called from a probability of {threshold:.2f} on.").format(threshold=point.threshold)
    if point.sensitivity is None or point.specificity is None:
        return text
    cases = facts.decision.get(CASES, {})
    told = tr("On {count} held-out cases this found {found:.0f}\u00a0% of T3 and kept {kept:.0f}\u00a0% of T2.").format(
        count=sum(cases.values()) if cases else "?", found=100 * point.sensitivity, kept=100 * point.specificity
    )
    return f"{text} {told}"
