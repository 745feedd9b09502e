"""Metal that some patients carry: hip prostheses, screws and rods of the lumbar spine; anatomy mm (LPS)."""

from __future__ import annotations

import numpy as np

from abdominal_oncology.phantom.abdomen_parts import Numbers
from abdominal_oncology.phantom.abdomen_shapes import Shape, SliceCanvas, Tube, tube
from abdominal_oncology.phantom.abdomen_trunk import SPINE_Y_MM, VERTEBRAE, Habitus

TITANIUM_HU, STEEL_HU = 5000.0, 9000.0
_SPINE_SHARE = 0.02


class Implants:
    """The metal of one patient; ``names`` says what it is."""

    def __init__(self, habitus: Habitus, rng: np.random.Generator) -> None:
        self.names: list[str] = []
        self.shapes: list[tuple[Shape, float]] = []
        # registries: a few in a thousand at 50 years, one in twenty at 80
        hip_share = float(np.interp(habitus.age_years, (40, 50, 65, 80), (0.001, 0.004, 0.02, 0.05)))
        for side, s in (("left", 1), ("right", -1)):
            if rng.random() < hip_share:
                self._hip(side, s)
        if rng.random() < _SPINE_SHARE:
            self._spine(int(rng.integers(2, 4)))

    def _hip(self, side: str, s: int) -> None:
        self.names.append(f"hip prosthesis {side}")
        self.shapes += [
            (tube([(s * 90, 6, -367, 14), (s * 90.1, 6, -369, 14)], bone=True), STEEL_HU),
            (tube([(s * 91, 7, -370, 7), (s * 108, 12, -388, 6), (s * 112, 14, -400, 7)], bone=True), TITANIUM_HU),
            (tube([(s * 112, 14, -398, 8), (s * 110, 14, -440, 7), (s * 106, 14, -560, 5)], bone=True), TITANIUM_HU),
        ]

    def _spine(self, levels: int) -> None:
        names = ["L5", "L4", "L3"][:levels]
        self.names.append(f"pedicle screws {', '.join(reversed(names))}")
        heights = dict(VERTEBRAE)
        y = SPINE_Y_MM
        for s in (-1, 1):
            for name in names:
                z = heights[name] + 5
                line = [(s * 21, y + 44, z, 4.2), (s * 18, y + 30, z, 2.9), (s * 9, y - 6, z - 2, 2.7)]
                self.shapes.append((tube(line, bone=True), TITANIUM_HU))
            ends = np.array([[s * 22, y + 47, heights[names[0]]], [s * 22, y + 47, heights[names[-1]] + 10]])
            self.shapes.append((Tube(ends, np.array([3.0, 3.0]), 1.0, True), TITANIUM_HU))

    def paint(self, canvas: SliceCanvas, number: Numbers) -> None:
        for shape, hu in self.shapes:
            canvas.paint(shape.on(canvas), hu, number["metal"])
