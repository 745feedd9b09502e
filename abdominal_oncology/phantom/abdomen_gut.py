"""Stomach and bowel of a CT phantom: walls, gas over fluid, stool, oral contrast; anatomy mm (LPS)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abdominal_oncology.phantom.abdomen_parts import Numbers, Part, Tones
from abdominal_oncology.phantom.abdomen_shapes import Shape, SliceCanvas, Tube, smooth_line, tube
from abdominal_oncology.phantom.abdomen_trunk import Habitus


@dataclass(frozen=True)
class Hollow(Part):
    """A wall around contents: ``filling`` up to ``level_y_mm`` (gas in front: the patient is supine)."""

    wall_mm: float = 2.2
    filling: str = "bowel_fluid"
    level_y_mm: float = -999.0
    folds: bool = False

    def paint(self, canvas: SliceCanvas, tone: Tones, number: Numbers) -> None:
        drawn = self.shape.on(canvas)
        if drawn is None:
            return
        window, f = drawn
        f32 = np.float32
        within = canvas.fields["under_lung"]
        f = np.maximum(f, within[window])
        label = None if self.label is None else number[self.label]
        canvas.paint((window, f - f32(1.0)), tone["visceral_fat"], None)
        canvas.paint((window, f), tone[self.tone], label, texture="soft", amount_hu=3)
        inner = f + f32(self.wall_mm)
        if self.folds:
            inner = inner + np.maximum(canvas.textures["lobules"][window], 0) * f32(1.6)
        grain, amount = ("stool", 90.0) if self.filling == "bowel_content" else ("soft", 4.0)
        canvas.paint((window, inner), tone[self.filling], label, texture=grain, amount_hu=amount)
        if self.filling == "bowel_content":
            bubbles = np.maximum(inner + f32(1.0), (f32(0.3) - canvas.textures["stool"][window]) * f32(2.0))
            canvas.paint((window, bubbles), -420.0, label, texture="fat", amount_hu=200)
        if self.level_y_mm > -900:
            gas = np.maximum(inner, canvas.y[window] - f32(self.level_y_mm))
            canvas.paint((window, gas), tone["bowel_gas"], label)


def gut_parts(habitus: Habitus, rng: np.random.Generator) -> list[Part]:
    """Stomach, duodenum, small bowel, colon, rectum and the vessels of the mesentery, back to front."""
    front = habitus.belly * 30
    oral = rng.random() < 0.3
    mesentery = [Part(tube(line), tone, None) for tone, line in _mesentery(habitus, rng)]
    return [*mesentery, *_small(habitus, rng, oral), *_colon(habitus, rng, front), *_stomach(rng, oral, front)]


def _mesentery(habitus: Habitus, rng: np.random.Generator) -> list[tuple[str, list[tuple[float, float, float, float]]]]:
    result = []
    for _ in range(90):
        z = rng.uniform(-300, -150)
        angle = rng.uniform(-0.1, 1.1) * np.pi
        reach = rng.uniform(35, 90)
        end = (reach * np.cos(angle), -34 - reach * 0.55 * np.sin(angle) - 20 * habitus.belly, z - rng.uniform(0, 50))
        middle = tuple((a + b) / 2 + 5 * rng.normal() for a, b in zip((-4, -34, z), end, strict=True))
        r = rng.uniform(0.9, 2.0)
        tone = "superior_mesenteric_vein" if rng.random() < 0.55 else "superior_mesenteric_artery"
        result.append((tone, [(-4, -34, z, r * 1.3), (*middle, r), (*end, r * 0.6)]))
    return result


def _small(habitus: Habitus, rng: np.random.Generator, oral: bool) -> list[Part]:
    parts: list[Part] = []
    count = int(rng.integers(80, 110))
    for _ in range(count):
        z = -135 - 225 * rng.random() ** 0.9
        a, b, cy = habitus.hole(z)
        left = rng.random() < (0.75 if z > -200 else 0.5)
        for _ in range(20):
            angle, q = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform(0.06, 0.8))
            x, y = a * q * np.cos(angle), cy + b * q * np.sin(angle)
            clear = y < (14 if abs(x) > 45 else -28) and (x > 0) == left and not (x < -40 and z > -190)
            if clear:
                break
        else:
            continue
        r = float(np.clip(rng.normal(11.5, 2.2), 7, 17))
        heading = rng.uniform(0, 2 * np.pi)
        line = [(x, y, z, r)]
        for _ in range(int(rng.integers(2, 5))):
            heading += rng.normal(0, 0.9)
            px, py, pz, _ = line[-1]
            step = rng.uniform(14, 24)
            line.append(
                (
                    px + step * np.cos(heading),
                    min(py + 0.6 * step * np.sin(heading), 16),
                    pz + step * rng.normal(0, 0.45),
                    r * rng.uniform(0.8, 1.15),
                )
            )
        filling, level = "bowel_fluid", -999.0
        chance = rng.random()
        if oral and chance < 0.6:
            filling = "oral_contrast"
        elif chance > 0.88:
            level = float(np.mean([p[1] for p in line]) - r * rng.uniform(0.0, 0.5))
        wall = 2.0 if chance < 0.55 else r * 0.6  # many loops are collapsed
        parts.append(
            Hollow(
                tube(line), "small_bowel", "small_bowel", wall_mm=wall, filling=filling, level_y_mm=level, folds=True
            )
        )
    return parts


def _haustra(points: list[tuple[float, float, float, float]], rng: np.random.Generator) -> Tube:
    line = smooth_line(points, 7.0)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line[:, :3], axis=0), axis=1))])
    radius = line[:, 3] * (
        1 + 0.2 * np.sin(along * 2 * np.pi / 34 + rng.uniform(0, 6)) + 0.05 * rng.normal(size=len(line))
    )
    return Tube(line[:, :3], np.maximum(radius, 5))


def _colon(habitus: Habitus, rng: np.random.Generator, front: float) -> list[Part]:
    n = rng.normal
    top = -150 + 10 * n()
    sag = rng.uniform(0, 60)
    ax = habitus.hole(-240)[0] - 26
    pieces: dict[str, list[tuple[float, float, float, float]]] = {
        "caecum": [(-ax + 8, -22, -300, 20), (-ax + 2, -14, -272, 28), (-ax, -4, -240, 25)],
        "right": [(-ax, -4, -240, 24), (-ax - 2, 6, -205, 22), (-ax + 4, 2, -172, 22)],
        "across": [
            (-ax + 4, -8, -170, 21),
            (-70, -52 - front, top - 10, 20),
            (-20, -66 - front, top - sag, 20),
            (30, -66 - front, top - sag, 20),
            (72, -48 - front, top + 16, 19),
            (102, -12, -92, 19),
        ],
        "left": [
            (104, 2, -90, 17),
            (ax + 4, 20, -130, 15),
            (ax + 2, 18, -190, 14),
            (ax, 8, -240, 13),
            (ax - 8, -4, -280, 13),
        ],
        "sigmoid": [
            (ax - 8, -4, -280, 13),
            (68, -20, -312, 13),
            (34, -18 + 8 * n(), -322, 15),
            (-8, -6, -316 + 12 * n(), 16),
            (-22, 22, -326, 14),
            (-4, 40, -338, 15),
        ],
        "rectum": [(-4, 40, -338, 14), (0, 54, -358, 17), (0, 52, -384, 17), (0, 42, -410, 13), (0, 38, -440, 9)],
    }
    parts: list[Part] = []
    for name, points in pieces.items():
        jitter = [(x + 3 * n(), y + 3 * n(), z + 2 * n(), r * rng.uniform(0.85, 1.2)) for x, y, z, r in points]
        shape: Shape = _haustra(jitter, rng) if name != "rectum" else tube(jitter)
        gas = {"caecum": 0.5, "right": 0.45, "across": 0.85, "left": 0.35, "sigmoid": 0.4, "rectum": 0.35}[name]
        stool = {"caecum": 0.8, "right": 0.8, "across": 0.4, "left": 0.45, "sigmoid": 0.5, "rectum": 0.4}[name]
        filling = "bowel_content" if rng.random() < stool else "bowel_fluid"
        middle, r = float(np.mean([p[1] for p in jitter])), float(np.mean([p[3] for p in jitter]))
        level = middle + r * rng.uniform(-0.7, 0.6) if rng.random() < gas else -999.0
        label = "rectum" if name == "rectum" else "colon"
        wall = 2.0 if name not in ("left", "rectum") or rng.random() < 0.5 else 4.5
        parts.append(Hollow(shape, label, "colon", wall_mm=wall, filling=filling, level_y_mm=level))
    return parts


def _stomach(rng: np.random.Generator, oral: bool, front: float) -> list[Part]:
    n = rng.normal
    full = float(np.clip(rng.normal(1.0, 0.22), 0.6, 1.4))
    points = [
        (62, 10, -22, 20),
        (64, 2, -44, 32),
        (62, -20, -72, 31),
        (54, -44 - front / 2, -100, 27),
        (30, -58 - front, -124, 22),
        (2, -54 - front, -130, 17),
        (-22, -44, -122, 12),
    ]
    line = [(x + 3 * n(), y + 3 * n(), z + 3 * n(), r * full) for x, y, z, r in points]
    filling = "oral_contrast" if oral else "gastric_content"
    level = -50 - front + 30 * rng.random()
    food = Hollow(tube(line), "stomach", "stomach", wall_mm=4.0, filling=filling, level_y_mm=level, folds=True)
    duodenum = [
        (-22, -44, -122, 11),
        (-38, -34, -128, 12),
        (-44, -16, -150, 12),
        (-40, -8, -178, 12),
        (-20, -18, -192, 11),
        (6, -19, -190, 10),
        (32, -22, -176, 11),
        (38, -34, -164, 11),
    ]
    gas = -30.0 if rng.random() < 0.4 else -999.0
    return [
        Hollow(tube(duodenum), "duodenum", "duodenum", wall_mm=3.5, filling="bowel_fluid", level_y_mm=gas, folds=True),
        food,
    ]
