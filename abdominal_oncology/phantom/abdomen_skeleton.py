"""Tables of the CT phantom's pelvis and muscles, and the plates they are drawn as; anatomy mm (LPS), left side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.phantom.abdomen_shapes import Field, SliceCanvas, Tube, Window, smooth_line, tube


@dataclass(frozen=True)
class Sheet:
    """A plate whose axial section is a chain of discs: at each level (from high to low) points (x, y, radius)."""

    levels: NDArray[np.float64]
    sections: NDArray[np.float64]

    def on(self, canvas: SliceCanvas) -> tuple[Window, Field] | None:
        z = canvas.bone_level_mm
        if not self.levels[-1] - 4 < z < self.levels[0] + 4:
            return None
        section = np.array(
            [
                [np.interp(-z, -self.levels, self.sections[:, n, c]) for c in range(3)]
                for n in range(self.sections.shape[1])
            ]
        )
        line = smooth_line(np.insert(section, 2, z, axis=1), 8.0)
        low, high = (line[:, :2] - line[:, 3:]).min(axis=0) - 4, (line[:, :2] + line[:, 3:]).max(axis=0) + 4
        window = canvas.window(low, high)
        if window is None:
            return None
        x, y = canvas.x[window], canvas.y[window]
        chain = Tube(np.column_stack([line[:, :2], np.zeros(len(line))]), line[:, 3])
        f = np.full(x.shape, 99.0, dtype=np.float32)
        flat = np.zeros_like(x)
        for n in range(len(line) - 1):
            np.minimum(f, chain._segment(n, x, y, flat), out=f)
        level = canvas.z_bone[window]
        cap = np.maximum(level - np.float32(self.levels[0]), np.float32(self.levels[-1]) - level)
        return window, np.maximum(f, cap)


_HIP = (
    (-226, ((108, 14, 2), (116, 6, 2), (122, -4, 2), (124, -10, 2))),
    (-240, ((88, 44, 4), (112, 24, 4), (126, 0, 5), (126, -18, 5))),
    (-280, ((50, 66, 6), (84, 44, 5), (112, 10, 3.6), (126, -34, 6))),
    (-315, ((48, 70, 8), (76, 50, 6), (100, 18, 4.5), (118, -32, 7))),
    (-345, ((62, 52, 8), (80, 38, 9), (94, 16, 8), (108, -16, 9))),
    (-368, ((72, 34, 10), (82, 22, 14), (92, 6, 15), (98, -10, 11))),
    (-388, ((88, 33, 9), (70, 22, 8), (66, 2, 6), (78, -22, 9))),
    (-412, ((80, 34, 13), (72, 26, 8), (68, 18, 3), (68, 16, 2))),
    (-450, ((62, 36, 12), (58, 33, 9), (54, 30, 5), (52, 28, 4))),
)
_PUBIS = (
    (-384, ((80, -20, 9), (62, -30, 6), (40, -40, 6), (22, -46, 5))),
    (-398, ((70, -18, 7), (50, -34, 7), (26, -44, 9), (8, -46, 8))),
    (-415, ((40, -30, 5), (30, -36, 6), (20, -40, 9), (8, -42, 9))),
    (-440, ((50, 10, 5), (42, -4, 5), (34, -16, 5), (22, -26, 5))),
)
_SACRUM = (
    (-286, ((-24, 30, 4), (-10, 26, 15), (10, 26, 15), (24, 30, 4))),
    (-300, ((-46, 46, 14), (-18, 34, 19), (18, 34, 19), (46, 46, 14))),
    (-328, ((-42, 60, 13), (-16, 52, 14), (16, 52, 14), (42, 60, 13))),
    (-358, ((-26, 76, 9), (-10, 72, 9), (10, 72, 9), (26, 76, 9))),
    (-380, ((-10, 86, 6), (-4, 84, 6), (4, 84, 6), (10, 86, 6))),
    (-408, ((-2, 76, 4), (-1, 76, 4), (1, 76, 4), (2, 76, 4))),
)
MUSCLES = (
    (
        "autochthon",
        0.82,
        (
            (20, 66, 300, 16),
            (26, 66, 100, 22),
            (30, 68, -40, 25),
            (34, 70, -150, 29),
            (34, 74, -230, 28),
            (24, 80, -290, 18),
            (16, 86, -330, 8),
        ),
    ),
    (
        "iliopsoas",
        0.9,
        (
            (28, 24, -112, 8),
            (38, 24, -160, 16),
            (44, 21, -215, 19),
            (52, 8, -270, 20),
            (74, -18, -325, 19),
            (94, -34, -375, 18),
            (102, -24, -420, 15),
            (98, 2, -450, 10),
        ),
    ),
    ("autochthon", 0.5, ((58, 56, -125, 9), (64, 56, -170, 16), (70, 55, -215, 17), (80, 50, -236, 12))),
)
ILIACUS = (
    (-236, ((92, 32, 4), (102, 22, 5), (110, 8, 5), (116, -4, 3))),
    (-280, ((60, 52, 4), (82, 36, 8), (102, 8, 11), (112, -22, 7))),
    (-318, ((62, 50, 4), (78, 36, 9), (88, 8, 13), (98, -22, 12))),
    (-350, ((76, 26, 4), (80, 14, 8), (90, -8, 13), (98, -26, 12))),
)
OBTURATOR = (
    (-338, ((66, 50, 3), (72, 36, 4), (80, 14, 5), (86, -10, 3))),
    (-375, ((64, 42, 6), (62, 24, 8), (62, 4, 8), (68, -18, 6))),
    (-415, ((62, 34, 9), (58, 18, 10), (52, 0, 9), (44, -20, 7))),
    (-445, ((54, 24, 6), (50, 12, 8), (46, 0, 8), (40, -14, 6))),
)
PIRIFORMIS = (
    (-318, ((24, 60, 3), (40, 66, 5), (60, 66, 6), (80, 58, 5))),
    (-362, ((28, 68, 4), (52, 62, 9), (80, 52, 9), (108, 36, 6))),
    (-380, ((50, 60, 3), (70, 54, 4), (90, 44, 4), (112, 32, 3))),
)
FAT_PLANES = (
    (
        (-60, ((14, 84, 0.5), (40, 88, 0.7), (62, 76, 0.8), (74, 62, 0.5))),
        (-180, ((10, 86, 0.8), (36, 92, 0.8), (60, 82, 1.2), (72, 62, 1.4))),
        (-250, ((8, 88, 2.5), (30, 92, 1.5), (52, 84, 1.4), (64, 66, 1.2))),
    ),
    (
        (-100, ((22, 56, 0.3), (24, 64, 0.5), (25, 74, 0.5), (24, 84, 0.3))),
        (-270, ((24, 58, 1.2), (28, 66, 1.4), (28, 76, 1.6), (24, 86, 1.8))),
    ),
    (
        (-262, ((64, 84, 0.6), (90, 68, 1.0), (114, 46, 1.4), (130, 24, 1.0))),
        (-340, ((54, 78, 1.6), (82, 66, 2.0), (114, 46, 2.0), (142, 20, 1.4))),
        (-400, ((52, 58, 3.5), (84, 54, 3.0), (118, 48, 2.4), (150, 24, 1.6))),
    ),
    (
        (-268, ((104, 40, 0.4), (118, 22, 0.7), (130, 2, 0.9), (136, -14, 0.5))),
        (-375, ((104, 36, 0.8), (118, 26, 1.2), (130, 8, 1.6), (134, -22, 1.4))),
    ),
    (
        (-320, ((112, -46, 0.8), (124, -40, 0.7), (138, -26, 0.6), (146, -10, 0.4))),
        (-420, ((92, -62, 2.0), (106, -40, 1.4), (126, -26, 1.2), (142, -14, 0.8))),
    ),
    (
        (-370, ((60, -60, 1.5), (74, -61, 2.0), (86, -63, 2.0), (98, -69, 1.5))),
        (-440, ((58, -52, 3.0), (72, -55, 5.0), (86, -59, 5.0), (96, -66, 3.0))),
    ),
)


def pelvis() -> list[tuple[str, list[Sheet | Tube]]]:
    result: list[tuple[str, list[Sheet | Tube]]] = [("sacrum", [sheet(_SACRUM, 1)])]
    for side, s in (("left", 1), ("right", -1)):
        result.append((f"hip_{side}", [sheet(_HIP, s), sheet(_PUBIS, s)]))
        head = tube([(s * 92, 4, -386, 23.0), (s * 93, 4, -389, 23.0)], bone=True)
        shaft = tube(
            [
                (s * 94, 5, -390, 15),
                (s * 112, 10, -402, 14),
                (s * 130, 16, -412, 15),
                (s * 126, 14, -440, 15),
                (s * 118, 10, -520, 13),
                (s * 110, 8, -700, 13),
            ],
            bone=True,
        )
        result.append((f"femur_{side}", [head, shaft]))
    return result


def sheet(rows: tuple[tuple[float, tuple[tuple[float, float, float], ...]], ...], side: int) -> Sheet:
    sections = np.array([row[1] for row in rows], dtype=np.float64)
    sections[:, :, 0] *= side
    return Sheet(np.array([row[0] for row in rows], dtype=np.float64), sections)
