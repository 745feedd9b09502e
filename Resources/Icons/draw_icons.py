"""Draws the extension's and the modules' icons: ``python Resources/Icons/draw_icons.py`` (needs Pillow).

Flat, one dark round tile each, few shapes, legible at 32 pixels. Everything is drawn eight times as large in
coordinates of a 128-pixel tile and scaled down once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[2]
SIZE, FINE = 128, 8

NIGHT, DEEP = "#16324a", "#0e2235"
SKIN, LIVER, LIVER_LIGHT = "#f3d9c4", "#b5523b", "#d2775a"
BONE, VESSEL, VEIN, GOLD, GREEN = "#f7f3ea", "#ef4b3f", "#4d9fe0", "#ffc44d", "#57c79a"

Point = tuple[float, float]


class Tile:
    """A picture in units of a 128-pixel icon."""

    def __init__(self) -> None:
        self.image = Image.new("RGBA", (SIZE * FINE, SIZE * FINE), (0, 0, 0, 0))
        self.draw = ImageDraw.Draw(self.image)
        self.draw.rounded_rectangle(self._box(2, 2, 126, 126), radius=26 * FINE, fill=NIGHT)

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: str) -> None:
        self.draw.ellipse(self._box(x - rx, y - ry, x + rx, y + ry), fill=fill)

    def ring(
        self, x: float, y: float, radius: float, width: float, fill: str, start: float = 0, end: float = 360
    ) -> None:
        box = self._box(x - radius, y - radius, x + radius, y + radius)
        self.draw.ellipse(box, outline=fill, width=round(width * FINE))

    def shape(self, points: Sequence[Point], fill: str) -> None:
        self.draw.polygon([(x * FINE, y * FINE) for x, y in smooth(points)], fill=fill)

    def line(self, points: Sequence[Point], width: float, fill: str) -> None:
        scaled = [(x * FINE, y * FINE) for x, y in points]
        self.draw.line(scaled, fill=fill, width=round(width * FINE), joint="curve")
        for x, y in (points[0], points[-1]):
            self.ellipse(x, y, width / 2, width / 2, fill)

    def bar(self, x: float, top: float, bottom: float, width: float, fill: str) -> None:
        self.draw.rounded_rectangle(self._box(x, top, x + width, bottom), radius=width * FINE * 0.3, fill=fill)

    def save(self, path: Path) -> None:
        self.image.resize((SIZE, SIZE), Image.Resampling.LANCZOS).save(path, optimize=True)

    @staticmethod
    def _box(x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        return (x0 * FINE, y0 * FINE, x1 * FINE, y1 * FINE)


def smooth(points: Sequence[Point], steps: int = 24) -> list[Point]:
    """A closed Catmull-Rom curve through the points."""
    n = len(points)
    curve = []
    for i in range(n):
        p0, p1, p2, p3 = (points[(i + k - 1) % n] for k in range(4))
        for step in range(steps):
            t = step / steps
            x, y = (
                0.5
                * (
                    2 * p1[axis]
                    + (p2[axis] - p0[axis]) * t
                    + (2 * p0[axis] - 5 * p1[axis] + 4 * p2[axis] - p3[axis]) * t**2
                    + (3 * p1[axis] - p0[axis] - 3 * p2[axis] + p3[axis]) * t**3
                )
                for axis in (0, 1)
            )
            curve.append((x, y))
    return curve


def liver(x: float, y: float, scale: float) -> list[Point]:
    """The liver from the front: a large right lobe on the left of the picture, tapering to the other side."""
    outline = [
        (-44, 6),
        (-38, -22),
        (-14, -32),
        (14, -26),
        (40, -24),
        (47, -14),
        (26, 0),
        (6, 12),
        (-12, 30),
        (-34, 30),
    ]
    return [(x + scale * px, y + scale * py) for px, py in outline]


def extension(tile: Tile) -> None:
    """An axial slice: body, liver, spine, aorta, one lesion."""
    tile.ellipse(64, 66, 54, 43, SKIN)
    tile.ellipse(64, 66, 48, 37, DEEP)
    tile.shape([(22, 62), (30, 42), (52, 33), (76, 38), (80, 48), (64, 58), (58, 76), (42, 90), (28, 82)], LIVER)
    tile.shape([(92, 50), (106, 58), (104, 78), (92, 84), (88, 68)], LIVER_LIGHT)
    tile.ellipse(64, 90, 11, 9, BONE)
    tile.ellipse(70, 74, 6, 6, VESSEL)
    tile.ellipse(43, 63, 10.5, 10.5, GOLD)
    tile.ellipse(43, 63, 5, 5, LIVER)


def phase_classifier(tile: Tile) -> None:
    """Enhancement over time: the aorta's sharp peak, the liver's slow one, and the moment of the scan."""
    aorta = [(x, 98 - 66 * _bump(x, 46, 11)) for x in range(18, 111)]
    organ = [(x, 98 - 36 * _bump(x, 74, 24)) for x in range(18, 111)]
    tile.draw.polygon([(x * FINE, y * FINE) for x, y in [*organ, (110, 98), (18, 98)]], fill="#7c3f38")
    tile.line([(18, 104), (110, 104)], 5, BONE)
    tile.line(organ, 8, LIVER_LIGHT)
    tile.line(aorta, 8, VESSEL)
    tile.line([(74, 26), (74, 98)], 5, GOLD)
    tile.ellipse(74, 62, 9, 9, GOLD)
    tile.ellipse(74, 62, 4, 4, NIGHT)


def liver_hcc(tile: Tile) -> None:
    """A liver with one lesion: bright rim, washed-out middle."""
    tile.shape(liver(66, 66, 1.14), LIVER)
    tile.line([(108, 46), (86, 58), (62, 62), (46, 84)], 6, LIVER_LIGHT)
    tile.line([(62, 62), (54, 44)], 5, LIVER_LIGHT)
    tile.ellipse(42, 62, 21, 21, GOLD)
    tile.ellipse(42, 62, 15, 15, "#6d2c22")
    tile.ellipse(42, 62, 6.5, 6.5, LIVER_LIGHT)


def rectal_staging(tile: Tile) -> None:
    """The rectal wall in section: lumen, wall, fat, and a tumour that breaks through the wall."""
    tile.ellipse(64, 64, 50, 50, "#e9b872")
    tile.ellipse(64, 64, 35, 35, "#a8475a")
    tile.ellipse(64, 64, 23, 23, SKIN)
    tile.shape(
        [(67, 42), (72, 29), (83, 30), (90, 21), (98, 30), (108, 33), (100, 44), (101, 56), (88, 61), (78, 54)],
        "#4a2a5c",
    )
    tile.shape([(54, 62), (60, 52), (68, 58), (76, 62), (72, 72), (62, 76), (55, 71)], DEEP)
    tile.ring(64, 64, 52, 4, GREEN)


def _bump(x: float, peak: float, width: float) -> float:
    """Quick up, slow down."""
    spread = width if x < peak else 2.1 * width
    return math.exp(-(((x - peak) / spread) ** 2))


ICONS: dict[str, Callable[[Tile], None]] = {
    "Resources/Icons/AbdominalOncology.png": extension,
    "PhaseClassifier/Resources/Icons/PhaseClassifier.png": phase_classifier,
    "LiverHCC/Resources/Icons/LiverHCC.png": liver_hcc,
    "RectalStaging/Resources/Icons/RectalStaging.png": rectal_staging,
}


def main(root: Path = ROOT) -> None:
    for path, paint in ICONS.items():
        tile = Tile()
        paint(tile)
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        tile.save(root / path)


if __name__ == "__main__":
    main()
