"""The trunk of a CT phantom: outline, fat, wall, ribs, spine, pelvis, lungs' hull. All in anatomy mm (LPS).

z = 0 at the dome of the right diaphragm; the spine's bodies lie at y = 22, the bladder near z = −390.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abdominal_oncology.phantom.abdomen_shapes import Field, SliceCanvas, Tube, smooth_line, tube
from abdominal_oncology.phantom.abdomen_skeleton import (
    FAT_PLANES,
    ILIACUS,
    MUSCLES,
    OBTURATOR,
    PIRIFORMIS,
    pelvis,
    sheet,
)

LEVELS_MM = (
    420.0,
    330.0,
    280.0,
    240.0,
    180.0,
    100.0,
    40.0,
    0.0,
    -60.0,
    -120.0,
    -180.0,
    -230.0,
    -280.0,
    -330.0,
    -380.0,
    -430.0,
    -480.0,
    -700.0,
)
_LEAN_X = (62, 58, 75, 165, 172, 152, 150, 149, 146, 140, 132, 132, 143, 156, 163, 163, 160, 140)
_LEAN_Y = (75, 62, 60, 82, 95, 101, 102, 102, 100, 95, 89, 86, 86, 89, 92, 90, 84, 70)
_HOLE_X = (30, 30, 40, 88, 118, 134, 136, 135, 131, 122, 113, 110, 104, 84, 66, 50, 30, 20)
_HOLE_FRONT = (-30, -30, -30, -57, -81, -90, -91, -91, -89, -84, -77, -74, -73, -74, -72, -50, -40, -30)
_HOLE_BACK = (10, 10, 20, 57, 73, 81, 82, 82, 78, 64, 55, 53, 54, 62, 72, 62, 40, 30)
_FAT_SHARE = (0.3, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0, 1.15, 1.3, 1.4, 1.4, 1.3, 1.2, 1.1, 1.0)
VERTEBRAE = (
    *(("L5", -268.0), ("L4", -234.0), ("L3", -200.0), ("L2", -167.0), ("L1", -134.0)),
    *((f"T{n}", -134.0 + 30.0 * (13 - n) - 0.35 * (13 - n) ** 2) for n in range(12, 0, -1)),
    *((f"C{n}", 200.0 + 20.0 * (8 - n)) for n in range(7, 0, -1)),
)
SPINE_Y_MM = 22.0


@dataclass(frozen=True)
class Habitus:
    """One patient's build. ``fat_mm`` subcutaneous at the waist, ``belly`` visceral fat 0 … 1, ``scale`` of all."""

    male: bool
    scale: float
    fat_mm: float
    belly: float
    muscle: float
    age_years: float

    def at(self, table: tuple[float, ...], level_mm: float) -> float:
        return float(np.interp(-level_mm, [-z for z in LEVELS_MM], table))

    def belly_at(self, level_mm: float) -> float:
        return self.belly * float(np.interp(level_mm, (-380, -300, -200, -60, 40), (0, 0.8, 1.0, 0.5, 0.0)))

    def lean(self, level_mm: float) -> tuple[float, float, float]:
        """Semi-axes x and y and centre y of the body without its subcutaneous fat."""
        more = self.belly_at(level_mm)
        front = self.at(_LEAN_Y, level_mm) + 38 * more
        back = self.at(_LEAN_Y, level_mm) + 3
        return self.at(_LEAN_X, level_mm) + 12 * more, (front + back) / 2, (back - front) / 2

    def width_mm(self, level_mm: float) -> float:
        """From skin to skin, side to side, before ``scale``."""
        return 2 * (self.lean(level_mm)[0] + self.fat_mm * self.at(_FAT_SHARE, level_mm) + 2)

    def hole(self, level_mm: float) -> tuple[float, float, float]:
        """Semi-axes and centre y of the inside of chest, abdomen and pelvis."""
        more = self.belly_at(level_mm)
        front = self.at(_HOLE_FRONT, level_mm) - 38 * more
        back = self.at(_HOLE_BACK, level_mm)
        return self.at(_HOLE_X, level_mm) + 12 * more, (back - front) / 2, (back + front) / 2


def squircle(x: Field, y: Field, a: float, b: float, centre_y: float) -> Field:
    """A superellipse of power 2.5, nearly a distance close to its border; square roots only, for they are fast."""
    f32 = np.float32
    u, v = np.abs(x) * f32(1 / a), np.abs(y - f32(centre_y)) * f32(1 / b)
    s = u * u * np.sqrt(u) + v * v * np.sqrt(v)
    quarter = np.sqrt(np.sqrt(np.minimum(s, f32(6))))
    result: Field = (quarter * np.sqrt(quarter) - f32(1)) * f32((a * b) ** 0.5 * 0.4 / 0.375)
    return result


def outline_fields(canvas: SliceCanvas, habitus: Habitus) -> None:
    """Put the fields ``body``, ``lean`` and ``hole`` on the canvas."""
    level = canvas.bone_level_mm
    a, b, cy = habitus.lean(level)
    fat = habitus.fat_mm * habitus.at(_FAT_SHARE, level)
    x, y = canvas.x, canvas.y
    # the back's midline is a furrow
    furrow = np.float32(7.0) * np.exp(-((x / np.float32(14)) ** 2)) * (y > 40)
    if level < -425:
        apart = np.float32(min(a * 0.52, 40 + (-level - 425) * 0.7 + 35))
        one = np.float32(min(max(a - float(apart), 60), 88))
        lean = squircle(np.abs(x) - apart, y, float(one), b, cy)
    else:
        lean = squircle(x, y, a, b, cy) + furrow
    canvas.fields["lean"] = lean
    behind = np.clip(y / np.float32(b), -0.6, 1) * np.float32(0.55 * fat)
    canvas.fields["body"] = lean - np.float32(fat + 2) - behind
    a, b, cy = habitus.hole(level)
    # neck and thighs have no hollow
    closed = np.float32(np.interp(level, (-470, -440, 195, 225), (60, 0, 0, 60)))
    canvas.fields["hole"] = squircle(x, y, a, b, cy) + closed


class Trunk:
    """Bones and wall, made once per patient; :meth:`paint` draws them on a slice."""

    def __init__(self, habitus: Habitus, rng: np.random.Generator) -> None:
        self.habitus = habitus
        self.ribs = [self._rib(n, side, rng) for n in range(1, 13) for side in (-1, 1)]
        self.processes = [(name, z, self._processes(z, name)) for name, z in VERTEBRAE]
        self.pelvis = pelvis()
        m = habitus.muscle
        self.muscles = [
            (f"{name}_{side}", tube([(s * x, y, z, r * m) for x, y, z, r in line], flat=flat, bone=True))
            for name, flat, line in MUSCLES
            for side, s in (("left", 1), ("right", -1))
        ]
        self.iliacus = [(side, sheet(ILIACUS, s)) for side, s in (("left", 1), ("right", -1))]
        self.pelvic = [sheet(rows, s) for rows in (OBTURATOR, PIRIFORMIS) for s in (-1, 1)]
        self.planes = [sheet(rows, s) for rows in FAT_PLANES for s in (-1, 1)]

    def _rib(self, n: int, side: int, rng: np.random.Generator) -> tuple[str, Tube, Tube, Tube | None]:
        z0 = dict(VERTEBRAE)[f"T{n}"] + 8
        end = {12: 0.34, 11: 0.52, 10: 0.74}.get(n, 0.76)
        drop = np.interp(n, (1, 5, 9, 12), (45, 95, 110, 60)) + rng.normal(0, 3)
        points = []
        for t in np.linspace(0, 1.0 if n < 11 else end, 26):
            z = z0 - drop * min(t, 0.8) ** 1.15 + (max(t - 0.8, 0) * 230 if n > 5 else 0)
            lx, ly, lc = self.habitus.lean(z)
            hx, hy, hc = self.habitus.hole(z)
            a, b, c = 0.4 * lx + 0.6 * hx, 0.4 * ly + 0.6 * hy, 0.4 * lc + 0.6 * hc
            angle = np.pi / 2 - t * np.pi * 0.97
            cos, sin = np.cos(angle), np.sin(angle)
            r = (abs(cos) ** 2.5 + abs(sin) ** 2.5) ** (-1 / 2.5)
            x, y = a * r * cos, c + b * r * sin
            start = np.clip(t / 0.16, 0, 1)
            points.append((side * (18 * (1 - start) + x * start), (SPINE_Y_MM + 16) * (1 - start) + y * start, z, 5.2))
        split = int(end * 25) if n < 11 else 25
        bone = smooth_line(points[: split + 1], 7.0)
        outer = Tube(bone[:, :3], bone[:, 3], 1.0, True)
        inner = Tube(bone[:, :3], bone[:, 3] - 1.6, 1.0, True)
        gristle = tube([(*p[:3], 5.0) for p in points[split:]], bone=True) if n < 11 else None
        return f"rib_{'left' if side > 0 else 'right'}_{n}", outer, inner, gristle

    @staticmethod
    def _processes(z: float, name: str) -> list[Tube]:
        y = SPINE_Y_MM
        lumbar = name[0] == "L"
        wide, back = (38.0, 6.0) if lumbar else (30.0, 20.0)
        tail = 6.0 if lumbar else 22.0
        result = []
        for s in (-1, 1):
            result.append(tube([(s * 14, y + 12, z + 6, 4.5), (s * 15, y + 30, z + 5, 4.5)], bone=True))
            result.append(tube([(s * 15, y + 29, z + 5, 4.5), (s * wide, y + 29 + back, z + 4, 3.2)], bone=True))
            result.append(
                tube(
                    [(s * 16, y + 33, z + 12, 5.5), (s * 14, y + 36, z - 4, 6.5), (s * 17, y + 37, z - 16, 5.5)],
                    bone=True,
                )
            )
            result.append(tube([(s * 13, y + 37, z - 3, 4.0), (0, y + 47, z - 6, 3.6)], bone=True))
        result.append(tube([(0, y + 47, z - 4, 3.6), (0, y + 69, z - 4 - tail, 4.2)], bone=True))
        result.append(tube([(0, y + 47, z - 12, 3.2), (0, y + 67, z - 12 - tail, 4.2)], bone=True))
        return result

    def paint_soft(self, canvas: SliceCanvas, tone: dict[str, float], number: dict[str, int]) -> None:
        """Air, skin, fat and muscle wall, before any organ."""
        all_ = (slice(None), slice(None))
        body, lean, hole = canvas.fields["body"], canvas.fields["lean"], canvas.fields["hole"]
        canvas.paint((all_, body), tone["skin"], number["skin"])
        canvas.paint(
            (all_, body + np.float32(1.8)),
            tone["subcutaneous_fat"],
            number["subcutaneous_fat"],
            texture="fat",
            amount_hu=16,
        )
        canvas.paint((all_, lean), tone["muscle"], number["muscle"], texture="muscle", amount_hu=20)
        if canvas.bone_level_mm < 60:
            # fat between the wall's three muscles: of uneven depth, lost where they press on each other
            f32, soft = np.float32, canvas.textures["soft"]
            wave = np.sin(canvas.x * f32(0.043) + canvas.y * f32(0.071) + canvas.z * f32(0.023))
            first = np.abs(lean + f32(5.6) + f32(1.4) * wave) - f32(0.5) * wave
            second = np.abs(lean + f32(11.2) - f32(1.2) * wave) + f32(0.4) * wave
            layers = np.minimum(first, second) - f32(0.45) * soft
            sides = np.float32(60) - np.abs(canvas.x)
            fat = np.maximum(np.maximum(layers, sides), -hole + np.float32(3))
            edge = np.abs(np.abs(canvas.x) - np.float32(62)) - np.float32(0.5) + np.maximum(canvas.y + 40, 0)
            edge = edge + np.abs(canvas.textures["soft"])
            gap = np.abs(canvas.x) - np.float32(0.8) + np.maximum(canvas.y + 40, 0)
            if canvas.bone_level_mm < -40:
                fat = np.minimum(
                    fat, np.maximum(np.maximum(np.minimum(edge, gap), np.float32(2.0) - hole), lean + np.float32(1))
                )
            canvas.paint((all_, fat), tone["subcutaneous_fat"], None)
        canvas.paint((all_, hole), tone["visceral_fat"], number["visceral_fat"], texture="visceral", amount_hu=11)

    def paint_muscles(self, canvas: SliceCanvas, tone: dict[str, float], number: dict[str, int]) -> None:
        """Named muscles and the fat between muscles; puts the field ``free``, negative where organs have room."""
        taken = np.full_like(canvas.x, 99.0)
        for name, shape in self.muscles:
            drawn = shape.on(canvas)
            if drawn is None:
                continue
            window, f = drawn
            if name.startswith("iliopsoas"):
                canvas.paint((window, f - 1.2), tone["visceral_fat"], None)
            f = f + np.float32(1.5) * canvas.textures["soft"][window]
            canvas.paint((window, f), tone["muscle"], number[name], texture="muscle", amount_hu=20)
            np.minimum(taken[window], f, out=taken[window])
        for side, plate in self.iliacus:
            drawn = plate.on(canvas)
            canvas.paint(drawn, tone["muscle"], number[f"iliopsoas_{side}"], texture="muscle", amount_hu=20)
            if drawn is not None:
                np.minimum(taken[drawn[0]], drawn[1], out=taken[drawn[0]])
        canvas.fields["free"] = np.maximum(canvas.fields["hole"] + np.float32(1.5), np.float32(1.0) - taken)
        for plate in self.pelvic:
            canvas.paint(plate.on(canvas), tone["muscle"], number["muscle"], texture="muscle", amount_hu=20)
        for plane in self.planes:
            drawn = plane.on(canvas)
            if drawn is not None:
                ragged = drawn[1] + np.float32(0.8) * canvas.textures["soft"][drawn[0]]
                canvas.paint((drawn[0], ragged), tone["subcutaneous_fat"] * 0.85, None)

    def paint_bones(self, canvas: SliceCanvas, tone: dict[str, float], number: dict[str, int]) -> None:
        level = canvas.bone_level_mm
        for name, outer, inner, gristle in self.ribs:
            if gristle is not None:
                canvas.paint(gristle.on(canvas), tone["costal_cartilages"], number["costal_cartilages"])
            drawn = outer.on(canvas)
            if drawn is not None:
                canvas.paint(drawn, tone["bone"] * 0.95, number[name])
                canvas.paint(inner.on(canvas), tone["bone_marrow"], number[name], texture="marrow", amount_hu=42)
        self._paint_spine(canvas, tone, number)
        if level < -215:
            for name, shapes in self.pelvis:
                for shape in shapes:
                    drawn = shape.on(canvas)
                    if drawn is not None:
                        canvas.paint(drawn, tone["bone"] * 1.1, number[name])
                for shape in shapes:
                    drawn = shape.on(canvas)
                    if drawn is not None:
                        inner_ = (drawn[0], drawn[1] + np.float32(2.0))
                        canvas.paint(inner_, tone["bone_marrow"] * 0.72, number[name], texture="marrow", amount_hu=40)

    def _paint_spine(self, canvas: SliceCanvas, tone: dict[str, float], number: dict[str, int]) -> None:
        level = canvas.bone_level_mm
        if level < -300:
            return
        window = canvas.window((-40, -10), (40, 70))
        if window is None:
            return
        x, y, z = canvas.x[window], canvas.y[window], canvas.z_bone[window]
        heights = np.array([v[1] for v in VERTEBRAE])
        n = int(np.argmin(np.abs(heights - level)))
        name, centre, _ = self.processes[n]
        half = (np.diff(heights)[max(n - 1, 0)]) / 2 - (5.2 if name[0] == "L" else 3.0)
        size = float(np.interp(level, (-300, -270, -130, 0, 200, 330), (1.12, 1.1, 1.0, 0.86, 0.66, 0.42)))
        dz = z - np.float32(centre)
        waist = np.float32(2.2) * (1 - (dz / np.float32(half)) ** 2).clip(0, 1)
        flat = squircle(x, y, 22.5 * size, 16.5 * size, SPINE_Y_MM)
        flat = np.maximum(flat, (y - np.float32(SPINE_Y_MM + 14 * size + 0.5)))
        canvas.paint((window, flat + 0.5), tone["intervertebral_disc"], number["intervertebral_disc"])
        bone = np.maximum(flat + waist, np.abs(dz) - np.float32(half))
        label = number[f"vertebrae_{name}"]
        canvas.paint((window, bone), tone["bone"] * 0.72, label)
        canvas.paint((window, bone + np.float32(1.5)), tone["bone_marrow"], label, texture="marrow", amount_hu=42)
        hollow = np.hypot(x, (y - np.float32(SPINE_Y_MM + 26)) * np.float32(1.15)) - np.float32(10)
        canvas.paint((window, hollow), tone["visceral_fat"] * 0.3, number["spinal_canal"])
        canvas.paint((window, hollow + np.float32(2.5)), tone["spinal_canal"], number["spinal_canal"])
        if level > -150:
            canvas.paint((window, hollow + np.float32(4.8)), tone["spinal_cord"], number["spinal_cord"])
        for other in range(max(n - 1, 0), min(n + 3, len(self.processes))):
            name, _, shapes = self.processes[other]
            drawn = [d for d in (shape.on(canvas) for shape in shapes) if d is not None]
            for each in drawn:
                canvas.paint(each, tone["bone"] * 0.9, number[f"vertebrae_{name}"])
            for w, f in drawn:
                canvas.paint(
                    (w, f + np.float32(1.9)),
                    tone["bone_marrow"] + 50,
                    number[f"vertebrae_{name}"],
                    texture="marrow",
                    amount_hu=36,
                )
