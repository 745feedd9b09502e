"""The contrast phase that was found for a volume, as the volume itself tells it. Light: nothing else is imported."""

from __future__ import annotations

from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.scene.attributes import fact
from abdominal_oncology.scene.nodes import Node

FINDING = "PhaseFinding"


def finding_of(volume: Node) -> Finding | None:
    """The finding written to a volume, without its tables of votes and regions; None where there is none."""
    values = fact(volume, FINDING)
    return None if values is None else Finding.from_dict(values)
