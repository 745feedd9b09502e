"""The pelvis around the rectum: skin, fat, muscle, bone, vessels. Heights in mm above the anorectal junction.

Coordinates are those of an oblique axial stack: x to the left, y to the back, z to the head, (0, 0) near the rectum.
Both sides share one description; a smooth warp (in :mod:`.phantom`) and a few drawn numbers make them differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.phantom.mr_canvas import Canvas, Floats, along_z, bar, ellipse
from abdominal_oncology.rectal.tissue import Signals, Textures

Point = tuple[float, float]


@dataclass(frozen=True)
class Pelvis:
    """What differs between patients; lengths in mm."""

    width: float
    """Scale of the bony pelvis from side to side."""
    skin_y: float
    cleft_mm: float
    gluteus_mm: float
    streaks: float
    vessel_mm: float
    septa: float

    @classmethod
    def draw(cls, rng: np.random.Generator, female: bool) -> Pelvis:
        return cls(
            float(rng.normal(1.06 if female else 1.0, 0.05)),
            float(rng.normal(80, 8)),
            float(rng.uniform(10, 24)),
            float(rng.uniform(14, 24)),
            float(rng.uniform(0.2, 1.0)),
            float(rng.uniform(3.6, 5.2)),
            float(rng.uniform(0.3, 1.0)),
        )

    def paint(self, canvas: Canvas, signals: Signals, textures: Textures) -> None:
        """Paint everything that lies around the pelvic organs."""
        self._body(canvas, signals, textures)
        self._gluteus(canvas, signals, textures)
        for side in (-1.0, 1.0):
            self._muscles(canvas, signals, side)
            self._bones(canvas, signals, side)
            self._sidewall(canvas, signals, side)
        self._midline(canvas, signals)

    def _body(self, canvas: Canvas, signals: Signals, textures: Textures) -> None:
        x, y, z = canvas.x, canvas.y, canvas.z
        low = along_z(z, (-40, 10, 50, 110), (1.0, 0.8, 0.3, 0.0))
        cleft = self.cleft_mm * low * np.exp(-np.abs(x) / 6.5)
        skin = (y - (self.skin_y - 0.0012 * np.square(x) - cleft)).astype(np.float32)
        np.maximum(skin, np.abs(x) - (185 * self.width), out=skin)
        np.maximum(skin, -150.0 - y, out=skin)
        canvas.fill(skin, signals.skin, find("skin").number)
        grain = textures.at("coarse", z, 0, 0, canvas.signal.shape)
        fine = textures.at("fine", z, 0, 0, canvas.signal.shape)
        # septa are thin: dark only where a slow random field crosses zero
        septa = np.clip(1 - np.abs(grain) * 7, 0, 1) * (0.2 + 0.35 * self.septa) * np.clip(0.7 + 0.5 * fine, 0, 1)
        specks = np.clip((fine - 2.1) * 1.5, 0, 1) * 0.45  # small vessels and nerves
        fat = signals.fat * (1 + 0.03 * fine - septa - specks)
        canvas.fill(skin + 1.8, fat, find("subcutaneous_fat").number)

    def _gluteus(self, canvas: Canvas, signals: Signals, textures: Textures) -> None:
        """The two great buttock muscles with fat between their fibres, and the furrow between them."""
        wide = canvas.part((-400, 400), (10, 100))
        if wide is None:
            return
        ax = np.abs(wide.x)
        back = (self.skin_y - 16) + along_z(wide.z, (-40, 20, 80), (-8, 0, 4)) - 0.0022 * np.square(ax)
        inner = along_z(wide.z, (-40, 0, 30, 60, 110), (14, 11, 13, 22, 38))
        tip = np.sqrt(np.clip((ax - inner) / 30, 0.02, 1))
        thick = self.gluteus_mm * (0.55 + 0.45 * np.clip((ax - 10) / 55, 0, 1)) * tip
        distance = np.maximum(np.maximum(wide.y - back, back - thick - wide.y), inner - ax).astype(np.float32)
        j0 = int(np.searchsorted(canvas.rows_mm, wide.rows_mm[0]))
        i0 = int(np.searchsorted(canvas.columns_mm, wide.columns_mm[0]))
        streak = textures.at("streaks", wide.z, j0, i0, wide.signal.shape)
        fatty = np.clip((streak - (1.05 - 0.8 * self.streaks)) * 1.4, 0, 1) * 0.75
        muscle = signals.muscle + fatty * (signals.fat - signals.muscle)
        wide.fill(distance, muscle, find("muscle").number)

    def _muscles(self, canvas: Canvas, signals: Signals, side: float) -> None:
        """Adductors, obturators, psoas, hip muscles: thick bars that come and go along z."""
        muscle = find("muscle").number
        w = self.width
        bars: tuple[tuple[Point, Point, float, float, tuple[float, float]], ...] = (
            ((10, -98), (72, -60), 11, 4, (-60, 26)),  # pectineus and long adductor
            ((8, -74), (84, -32), 12, 5, (-60, 18)),  # external obturator, short and great adductor
            ((18, -54), (76, -6), 10, 4, (-60, 0)),
            ((56, 22), (112, 8), 11, -3, (-60, 14)),  # quadratus femoris, hamstrings
            ((76, -70), (108, -60), 16, 0, (-20, 130)),  # iliopsoas
            ((100, -94), (126, -80), 12, 0, (-60, 90)),  # sartorius, straight thigh muscle
            ((58, 42), (116, 20), 11, -5, (16, 130)),  # middle buttock muscle, piriformis
            ((34, 46), (66, 36), 6, -3, (40, 130)),  # piriformis beside the sacrum
            ((4, -103), (30, -103), 4.5, 0, (18, 130)),  # straight abdominal muscle
        )
        for start, end, half, bow, heights in bars:
            xs = (side * start[0] * w, side * end[0] * w)
            part = canvas.part(
                (min(xs) - half - 6, max(xs) + half + 6),
                (min(start[1], end[1]) - half - 6, max(start[1], end[1]) + half + 6),
                heights,
            )
            if part is None:
                continue
            shrink = np.sqrt(np.clip(np.minimum(part.z - heights[0], heights[1] - part.z) / 10, 0, 1)).astype(
                np.float32
            )
            thick = (half + 1.5) * shrink - 1.5
            shape = bar(part, (xs[0], start[1]), (xs[1], end[1]), thick, side * bow)
            # fibres lie in bundles along the muscle, with a little fat between
            slope = np.arctan2(end[1] - start[1], xs[1] - xs[0])
            inside = shape < part.edge_mm
            x, y, z = part.x[inside], part.y[inside], np.broadcast_to(part.z, shape.shape)[inside]
            across = y * float(np.cos(slope)) - x * float(np.sin(slope))
            along = x * float(np.cos(slope) * 0.09) + z * 0.05
            seam = np.abs(np.sin(across * 0.42 + 0.9 * np.sin(along * 2) + half))
            faint = np.clip(0.6 + np.sin(along + across * 0.17), 0, 1)
            tissue = np.full(shape.shape, signals.muscle, np.float32)
            tissue[inside] += np.clip(0.15 - seam, 0, 1) * faint * (22 * self.streaks)
            part.fill(shape, tissue, muscle)

    def _bones(self, canvas: Canvas, signals: Signals, side: float) -> None:
        w = side * self.width
        self._bone(canvas, signals, ((8 * w, -50.0), (46 * w, 4.0)), 5.5, (-60, 2))  # inferior ramus of the pubis
        self._oval(canvas, signals, (52 * w, 60 * w), (12.0, 6.0), (11.0, 13.0), (15.0, 17.0), 12 * side, (-42, 22))
        self._bone(canvas, signals, ((13 * w, -76.0), (32 * w, -66.0)), 10.5, (-6, 36))  # body of the pubis
        self._bone(canvas, signals, ((24 * w, -70.0), (62 * w, -34.0)), 7.5, (18, 44))  # its superior ramus
        self._oval(canvas, signals, (61 * w, 60 * w), (-4.0, -10.0), (15.0, 13.0), (24.0, 28.0), 6 * side, (14, 80))
        self._oval(
            canvas, signals, (90 * w, 86 * w), (-12.0, -18.0), (23.0, 24.0), (23.0, 24.0), 0, (20, 70), head=True
        )
        self._oval(canvas, signals, (104 * w, 112 * w), (-4.0, -8.0), (15.0, 15.0), (14.0, 15.0), 0, (-60, 22))
        self._oval(canvas, signals, (62 * w, 58 * w), (-14.0, 6.0), (9.0, 8.0), (30.0, 26.0), -14 * side, (74, 140))

    def _bone(self, canvas: Canvas, signals: Signals, ends: tuple[Point, Point], half: float,
              heights: tuple[float, float]) -> None:  # fmt: skip
        (x0, y0), (x1, y1) = ends
        part = canvas.part((min(x0, x1) - half, max(x0, x1) + half), (min(y0, y1) - half, max(y0, y1) + half), heights)
        if part is None:
            return
        shrink = np.sqrt(np.clip(np.minimum(part.z - heights[0], heights[1] - part.z) / 9, 0, 1)).astype(np.float32)
        self._marrow(part, signals, bar(part, *ends, (half + 2) * shrink - 2.0))

    def _oval(self, canvas: Canvas, signals: Signals, x: Point, y: Point, rx: Point, ry: Point, degrees: float,
              heights: tuple[float, float], head: bool = False) -> None:  # fmt: skip
        """A bone that is an oval in every slice; each pair is its value at the lower and the upper end."""
        reach = max(*rx, *ry) + 2
        part = canvas.part((min(x) - reach, max(x) + reach), (min(y) - reach, max(y) + reach), heights)
        if part is None:
            return
        z = part.z
        t = (z - heights[0]) / (heights[1] - heights[0])
        round_end = np.sqrt(np.clip(1 - np.square(2 * t - 1) ** (1 if head else 4), 0.02, 1)).astype(np.float32)
        at = tuple(along_z(z, heights, pair) for pair in (x, y, rx, ry))
        distance = ellipse(part, (at[0], at[1]), (at[2] * round_end, at[3] * round_end), degrees)
        power = 2 if head else 8
        steep = np.abs(2 * t - 1) ** (power - 1) * (power / (heights[1] - heights[0])) * at[2] / round_end
        slope = np.minimum(steep, 8)
        if head:  # the joint: dark socket bone and a bright rim of fluid around the head
            part.fill(distance - 1.7, signals.cortex, slope=slope)
            part.fill(np.abs(distance - 0.6) - 0.4, 2.4, slope=slope)
        self._marrow(part, signals, distance, slope)

    @staticmethod
    def _marrow(part: Canvas, signals: Signals, distance: Floats, slope: Floats | None = None) -> None:
        part.fill(distance, signals.cortex, find("bone").number, slope)
        cloud = np.sin(part.x * 0.31 + part.z * 0.1) * np.sin(part.y * 0.27)
        marrow = signals.marrow * (1 + 0.07 * cloud)
        part.fill(distance + 1.2, marrow, find("bone_marrow").number, slope)

    def _sidewall(self, canvas: Canvas, signals: Signals, side: float) -> None:
        """The internal obturator against the bone, the great vessels of groin and pelvis."""
        w = side * self.width
        part = canvas.part((min(28 * w, 62 * w), max(28 * w, 62 * w)), (-72, 36), (-16, 96))
        if part is not None:
            half = along_z(part.z, (-16, -4, 10, 35, 60, 96), (1.0, 5.0, 6.5, 6.0, 3.5, 2.5))
            half = half * (1 - 0.5 * np.clip(np.abs(part.y + 14) / 46, 0, 1) ** 2)
            shape = bar(part, (31 * w, -58), (50 * w, 22), half, -side * 7)
            part.fill(shape, signals.muscle, find("muscle").number)
            part.fill(np.abs(shape - 0.8) - 0.35, signals.fascia)
        vessels = find("pelvic_vessels").number
        size = self.vessel_mm
        places: tuple[tuple[float, float, float, float, tuple[float, float]], ...] = (
            (68, -90, 0.05, size, (-60, 130)),  # femoral, external iliac artery and vein
            (57, -87, 0.06, size * 1.15, (-60, 130)),
            (46, 12, -0.03, size * 0.45, (14, 130)),  # branches of the internal iliac vessels
            (44, 22, 0.02, size * 0.5, (20, 130)),
            (41, 0, 0.05, size * 0.4, (26, 130)),
            (43, -14, 0.0, size * 0.4, (30, 130)),
        )
        for n, (x0, y0, drift, radius, heights) in enumerate(places):
            part = canvas.part((min(x0 * w - 12, x0 * w + 12), x0 * w + 12), (y0 - 16, y0 + 16), heights)
            if part is None:
                continue
            wander = np.sin(part.z * 0.11 + n * 1.7 + side) * 2.0
            rise = (part.z - 20.0) * drift
            distance = ellipse(part, (x0 * w + wander, y0 + rise + wander), (radius, (radius * 0.9)))
            part.fill(distance, signals.ligament, vessels)
            part.fill(distance + 1.1, (0.25 if n % 2 == 0 else 0.9), vessels)

    def _midline(self, canvas: Canvas, signals: Signals) -> None:
        """Pubic symphysis, coccyx and sacrum."""
        part = canvas.part((-3, 3), (-84, -58), (-4, 34))
        if part is not None:
            part.fill(bar(part, (0, -82), (0, -60), 2.2), signals.ligament)
        part = canvas.part((-48, 48), (34, 76), (2, 140))
        if part is None:
            return
        z = part.z
        centre_y = along_z(z, (2, 20, 45, 80, 140), (44.0, 51.0, 58.0, 62.0, 60.0))
        rx = along_z(z, (2, 20, 45, 80, 140), (3.5, 7.0, 17.0, 34.0, 42.0))
        ry = along_z(z, (2, 20, 45, 80, 140), (3.0, 3.8, 5.5, 8.0, 11.0))
        hollow = np.square(part.x / rx) * 3.0
        distance = ellipse(part, (0.0, centre_y + hollow), (rx, ry))
        self._marrow(part, signals, distance)
        # the ligaments that leave its edge towards the ischium
        for side in (-1.0, 1.0):
            sheet = canvas.part((min(4 * side, 60 * side), max(4 * side, 60 * side)), (20, 66), (4, 60))
            if sheet is not None:
                line = bar(sheet, (6 * side, 52), (56 * side, 26), 0.8, side * 5)
                sheet.fill(line, signals.ligament)
