"""One painted thing of the CT phantom: a shape, whose HU it has and which label it gets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abdominal_oncology.phantom.abdomen_shapes import Shape, SliceCanvas

Tones = dict[str, float]
Numbers = dict[str, int]


@dataclass(frozen=True)
class Part:
    """One thing to paint: whose HU, whose label (None: leave the label), grain and how far beyond the shape."""

    shape: Shape
    tone: str
    label: str | None
    texture: str = "soft"
    amount_hu: float = 2.5
    grow_mm: float = 0.0
    inside: str = ""
    """Name of a full-slice field that clips it."""
    amount_of: str = ""
    """Name among the tones of an ``amount_hu`` that changes with time."""
    optional: bool = False
    """Left out where the tones do not know it."""

    def paint(self, canvas: SliceCanvas, tone: Tones, number: Numbers) -> None:
        if self.optional and self.tone not in tone:
            return
        drawn = self.shape.on(canvas)
        if drawn is None:
            return
        if self.grow_mm:
            drawn = (drawn[0], drawn[1] - np.float32(self.grow_mm))
        within = canvas.fields.get(self.inside)
        label = None if self.label is None else number[self.label]
        amount = tone.get(self.amount_of, self.amount_hu)
        canvas.paint(drawn, tone[self.tone], label, texture=self.texture, amount_hu=amount, within=within)
