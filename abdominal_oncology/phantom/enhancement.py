"""How contrast passes through the abdomen on average: the published table and the smooth curves through it.

Each region has its unenhanced HU and a curve of enhancement over seconds since the injection began. The table's phases
are points on that curve; between them a monotone cubic runs through a few extra points that literature gives for the
first pass (bolus arrival near 13 s, aortic peak near 32 s, portal vein peak near 60 s).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ARRIVAL_SECONDS = 13.0
"""When contrast reaches the abdominal aorta of the average patient."""

TABLE_SECONDS = (25.0, 40.0, 75.0, 180.0, 450.0)
"""Early arterial, late arterial, portal venous, 3 minutes, 5 to 10 minutes."""


@dataclass(frozen=True)
class Region:
    """One row of the table: HU without contrast and at :data:`TABLE_SECONDS`, each with its spread between patients.

    ``shape`` gives more points (seconds, mean HU) of the average curve. ``pool`` says which regions vary together.
    """

    plain: tuple[float, float]
    means: tuple[float, float, float, float, float]
    spreads: tuple[float, float, float, float, float]
    shape: tuple[tuple[float, float], ...] = ()
    pool: str = ""


REGIONS: Mapping[str, Region] = {
    "aorta": Region(
        (40, 6),
        (300, 300, 140, 100, 80),
        (70, 75, 22, 12, 10),
        ((16, 62), (20, 175), (32, 345), (50, 205), (60, 163), (110, 117), (300, 86), (900, 62)),
        "blood",
    ),
    "portal_vein": Region(
        (36, 6),
        (48, 120, 150, 98, 78),
        (12, 30, 25, 12, 10),
        ((18, 37), (33, 84), (50, 152), (60, 159), (110, 120), (300, 84), (900, 60)),
        "blood",
    ),
    "vena_cava": Region(
        (38, 6),
        (55, 95, 128, 97, 78),
        (18, 28, 20, 12, 10),
        ((18, 40), (55, 113), (90, 124), (120, 112), (300, 84), (900, 60)),
        "blood",
    ),
    "hepatic_veins": Region(
        (40, 6),
        (48, 65, 140, 98, 78),
        (8, 15, 22, 12, 10),
        ((18, 40), (55, 110), (66, 134), (110, 121), (300, 84), (900, 61)),
        "blood",
    ),
    "iliac_veins": Region(
        (38, 6),
        (40, 45, 85, 96, 78),
        (7, 9, 25, 12, 10),
        ((20, 38), (55, 57), (110, 101), (140, 101), (300, 84), (900, 60)),
        "blood",
    ),
    "liver": Region(
        (59, 7),
        (65, 78.5, 112.5, 89, 78.5),
        (8, 10, 12.5, 8.5, 7.5),
        ((18, 60), (55, 97), (66, 109), (110, 103), (300, 82), (900, 68)),
        "liver",
    ),
    "spleen": Region(
        (47, 6),
        (95, 130, 122, 90, 72),
        (25, 22, 15, 10, 8),
        ((17, 50), (50, 133), (110, 106), (300, 78), (900, 60)),
    ),
    "renal_cortex": Region(
        (33, 5),
        (150, 200, 190, 165, 140),
        (34, 36, 26, 30, 30),
        ((17, 40), (32, 186), (55, 207), (110, 178), (900, 100)),
        "kidney",
    ),
    "renal_medulla": Region(
        (33, 5),
        (50, 80, 160, 165, 140),
        (14, 24, 28, 30, 30),
        ((18, 34), (55, 116), (100, 176), (900, 100)),
        "kidney",
    ),
    "pancreas": Region(
        (38, 9),
        (75, 110, 88, 68, 58),
        (15, 17, 14, 10, 9),
        ((17, 40), (46, 111), (60, 99), (110, 78), (900, 48)),
    ),
    "muscle": Region(
        (52, 8), (53, 56, 63, 62, 58), (8, 8, 9, 8, 8), ((18, 52), (55, 60), (110, 64), (900, 55)), "muscle"
    ),
    # Not in the table: estimates from general knowledge, for structures that would otherwise stay grey.
    "right_heart": Region(
        (40, 6),
        (320, 230, 135, 100, 80),
        (110, 85, 22, 12, 10),
        ((9, 60), (14, 330), (20, 360), (32, 280), (55, 165), (110, 116), (900, 62)),
        "blood",
    ),
    "left_heart": Region(
        (40, 6),
        (330, 290, 138, 100, 80),
        (75, 72, 22, 12, 10),
        ((12, 60), (17, 210), (32, 340), (55, 170), (110, 116), (900, 62)),
        "blood",
    ),
    "central_veins": Region(
        (40, 6),
        (450, 240, 132, 100, 80),
        (220, 120, 22, 12, 10),
        ((6, 120), (12, 460), (30, 430), (55, 150), (110, 116), (900, 62)),
        "blood",
    ),
    "myocardium": Region((45, 6), (90, 115, 102, 85, 70), (18, 18, 14, 10, 8), ((16, 50), (900, 58))),
    "gut_wall": Region((38, 7), (66, 92, 90, 75, 62), (12, 15, 13, 10, 9), ((18, 39), (55, 100), (900, 50))),
    "adrenal": Region((28, 9), (55, 72, 70, 55, 45), (12, 15, 14, 11, 10), ((17, 30), (55, 78), (900, 36))),
    "marrow": Region((0, 6), (4, 9, 18, 14, 9), (6, 7, 8, 7, 7), ((18, 0), (900, 4))),
    "gland": Region((42, 7), (60, 75, 88, 80, 68), (11, 13, 13, 11, 10), ((18, 43), (900, 55))),
    "thyroid": Region((105, 18), (170, 205, 180, 150, 130), (30, 30, 26, 22, 20), ((15, 110), (900, 118))),
    "nodes": Region((36, 8), (48, 62, 82, 75, 62), (10, 12, 13, 11, 9), ((18, 37), (900, 50))),
}
"""Every region whose enhancement is a plain wash-in and wash-out."""


@dataclass(frozen=True)
class Excretion:
    """Urine: HU without contrast, then the mean and spread that excreted contrast adds at the same times."""

    plain: tuple[float, float]
    added: tuple[tuple[float, float], ...]
    """(mean, spread) at 75, 180 and 450 s; nothing before about 55 s."""


EXCRETION: Mapping[str, Excretion] = {
    "renal_pelvis": Excretion((0, 6), ((10, 29.5), (180, 150), (500, 250))),
    "bladder": Excretion((7, 5), ((2, 3.4), (53, 60), (243, 150))),
}
EXCRETION_SECONDS = (75.0, 180.0, 450.0)


@dataclass(frozen=True)
class Curve:
    """A monotone cubic (Fritsch and Carlson) through points; flat before the first, fading slowly after the last."""

    seconds: Floats
    values: Floats
    slopes: Floats

    @classmethod
    def through(cls, seconds: Sequence[float] | Floats, values: Sequence[float] | Floats) -> Curve:
        """
        >>> curve = Curve.through([0.0, 1.0, 2.0], [0.0, 1.0, 1.0])
        >>> curve(np.array([0.0, 1.0, 1.5])).tolist()
        [0.0, 1.0, 1.0]
        """
        x, y = np.asarray(seconds, dtype=np.float64), np.asarray(values, dtype=np.float64)
        step, rise = np.diff(x), np.diff(y) / np.diff(x)
        left, right, before, after = rise[:-1], rise[1:], step[:-1], step[1:]
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = 3 * (before + after) / ((2 * after + before) / left + (after + 2 * before) / right)
        inner = np.where(left * right > 0, mean, 0.0)
        return cls(x, y, np.concatenate([[0.0], inner, [rise[-1]]]))

    def __call__(self, seconds: Floats) -> Floats:
        x = np.clip(seconds, self.seconds[0], self.seconds[-1])
        index = np.clip(np.searchsorted(self.seconds, x, side="right") - 1, 0, len(self.seconds) - 2)
        width = self.seconds[index + 1] - self.seconds[index]
        t = (x - self.seconds[index]) / width
        low, high = self.values[index], self.values[index + 1]
        low_slope, high_slope = self.slopes[index] * width, self.slopes[index + 1] * width
        u = 1 - t
        result: Floats = u * u * ((1 + 2 * t) * low + t * low_slope) + t * t * ((1 + 2 * u) * high - u * high_slope)
        return result


@cache
def mean_curve(region: str) -> Curve:
    """Average enhancement (HU above unenhanced) of a region over seconds since injection."""
    row = REGIONS[region]
    points = dict(zip(TABLE_SECONDS, row.means, strict=True)) | dict(row.shape)
    first = 4.0 if min(points) < 12 else ARRIVAL_SECONDS
    points[first] = row.plain[0]
    times = sorted(points)
    return Curve.through(times, [points[t] - row.plain[0] for t in times])
