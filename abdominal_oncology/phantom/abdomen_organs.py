"""Solid organs and vessels of a CT phantom, in anatomy mm (LPS); drawn back to front by :meth:`Organs.paint`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.phantom.abdomen_parts import Numbers, Part, Tones
from abdominal_oncology.phantom.abdomen_shapes import Field, SliceCanvas, Tube, Window, soft_max, tube, waves
from abdominal_oncology.phantom.abdomen_solid import deep, heart, kidneys, pelvis, upper
from abdominal_oncology.phantom.abdomen_trunk import Habitus
from abdominal_oncology.phantom.abdomen_vessels import vessels


def tree(
    rng: np.random.Generator,
    start: Sequence[float] | NDArray[np.float64],
    direction: Sequence[float] | NDArray[np.float64],
    radius: float,
    length: float,
    least: float = 0.9,
    spread: float = 0.75,
) -> list[Tube]:
    """A branching vessel tree from a start point (mm)."""
    d = np.asarray(direction, dtype=np.float64)
    d /= np.linalg.norm(d)
    p0 = np.asarray(start, dtype=np.float64)
    bend = rng.normal(size=3) * 0.18
    p1 = p0 + (d + bend) * length * 0.5
    p2 = p0 + d * length
    end = radius * 0.82
    result = [tube([(*p0, radius), (*p1, (radius + end) / 2), (*p2, end)], step_mm=7.0)]
    if end <= least:
        return result
    side = np.cross(d, rng.normal(size=3))
    side /= np.linalg.norm(side)
    for sign, share in ((1, rng.uniform(0.72, 0.9)), (-1, rng.uniform(0.55, 0.8))):
        turn = d + sign * side * spread * rng.uniform(0.5, 1.1)
        result += tree(rng, p2, turn, end * share, length * rng.uniform(0.7, 0.95), least, spread)
    return result


class Diaphragm:
    """Two domes over the abdomen; lungs above, organs below, heart between."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.left_drop = rng.uniform(4, 20)
        self.flatness = rng.uniform(0.9, 1.15)

    def height(self, x: Field, y: Field) -> Field:
        f32 = np.float32

        def dome(cx: float, cy: float, rx: float, ry: float, top: float) -> Field:
            q = ((x - f32(cx)) / f32(rx)) ** 2 + ((y - f32(cy)) / f32(ry)) ** 2
            result: Field = f32(top) - f32(105 * self.flatness) * q * np.sqrt(q)
            return result

        right = dome(-62, -8, 78, 92, 0.0)
        left = dome(68, -2, 74, 88, -self.left_drop)
        middle = dome(6, -30, 96, 80, -13.0)
        result: Field = np.maximum(np.maximum(right, left), middle)
        return result


class Organs:
    """Everything between the diaphragm and the pelvic floor except the gut."""

    def __init__(self, habitus: Habitus, rng: np.random.Generator) -> None:
        self.habitus, self.diaphragm = habitus, Diaphragm(rng)
        n = rng.normal
        self.liver_tip = float(np.clip(-158 + 14 * n(), -190, -130))
        self.liver_slope = float(np.clip(0.60 + 0.07 * n(), 0.45, 0.75))
        self.left_reach = float(np.clip(48 + 18 * n(), 5, 88))
        self.liver_waves = waves(rng, 3.0, 95, 3)
        self.portal_tree = [
            *tree(rng, (-30, -8, -102), (-1, 0.35, 0.15), 5.6, 34),
            *tree(rng, (-30, -8, -102), (-0.7, -0.7, 0.35), 4.8, 34),
            *tree(rng, (-28, -10, -101), (0.45, -0.85, 0.4), 4.6, 36),
            *tree(rng, (-48, 0, -100), (-0.8, 0.2, -0.8), 4.2, 34),
        ]
        self.hepatic_tree = [
            *tree(rng, (-20, 12, -32), (-1, -0.1, -0.35), 4.8, 38),
            *tree(rng, (-17, 6, -34), (-0.5, -1.0, -0.5), 4.4, 38),
            *tree(rng, (-10, 4, -32), (0.6, -1.0, -0.25), 4.2, 36),
            *tree(rng, (-24, 14, -70), (-1, 0.2, -0.2), 3.2, 30),
        ]
        self.lung_tree = [
            each
            for s in (-1, 1)
            for z, dz in ((45, -1.1), (60, -0.5), (75, 0.2), (70, 0.9), (40, -1.6), (12, -0.7), (5, -0.3), (20, -1.2))
            for each in tree(rng, (s * 45, 20 + 15 * n(), z), (s * 1.0, 0.8 * n(), dz), 4.4, 30, 0.7, 0.9)
        ]
        self.parts = [*deep(habitus, rng), *kidneys(habitus, rng), *vessels(habitus, rng), *upper(habitus, rng)]
        self.heart = heart(habitus, rng)
        self.thorax: list[Part] = []
        self.pleura_waves = waves(rng.spawn(1)[0], 2.6, 46, 4)
        self.pelvis = pelvis(habitus, rng)

    # the liver and what is moulded to the wall

    def liver(self, canvas: SliceCanvas) -> Field | None:
        """Signed distance of the liver over the whole slice, or None."""
        if not self.liver_tip - 12 < canvas.level_mm < 6:
            return None
        f32 = np.float32
        x, y, z = canvas.x, canvas.y, canvas.z
        f = np.maximum(canvas.fields["hole"] + f32(1.5), (z + f32(3) - canvas.fields["dome"]) * f32(0.8))
        across = np.clip(x + f32(112), 0, 58) + np.maximum(x + f32(54), 0) * f32(0.35)
        lowest = f32(self.liver_tip) + across * f32(self.liver_slope)
        lowest = lowest + np.clip(y + f32(45), -40, 100) * f32(0.32)
        f = soft_max(f, (lowest - z) * f32(0.8), 6)
        # behind, the left lobe ends in front of the stomach, the right lobe reaches the wall
        side = np.clip((x + f32(34)) / f32(26), 0, 1)
        side = side * side * (3 - 2 * side)
        back = f32(75) - side * f32(72) - np.maximum(x, 0) * f32(0.78) - np.clip(-z - 80, 0, 60) * side * f32(0.5)
        f = soft_max(f, (y - back) * f32(0.75), 7)
        edge = (x - f32(self.left_reach + 12)) * f32(0.75) + (y + 78) * f32(0.55)  # a wedge along the front wall
        f = soft_max(f, edge - np.clip(z + 60, -40, 40) * f32(0.25), 8)
        # the hollow for kidney and spine on the medial side behind
        deep = f32(np.interp(canvas.level_mm, (-120, -85, -50), (1.0, 0.75, 0.45)))
        hollow = f32(34) * deep - np.hypot((x + f32(24)) * f32(0.8), y - f32(46))
        f = soft_max(f, hollow, 6)
        for amount, kx, ky, kz, phase in self.liver_waves:
            f = f + f32(amount) * np.sin(f32(kx) * x + f32(ky) * y + f32(kz) * z + f32(phase))
        # the falciform ligament's fissure: a winding, tapering cleft with fat
        depth = np.clip((-y - 6) / f32(44), 0, 1)
        winding = f32(2.2) * np.sin(y * f32(0.13) + z * f32(0.06) + f32(self.liver_waves[0][4]))
        across = np.abs((x - f32(8)) + (y + 30) * f32(0.15) + winding)
        open_mm = f32(0.4) + f32(3.2) * depth * depth + f32(0.5) * canvas.textures["soft"]
        fissure = np.maximum(across, np.maximum(np.abs(y + f32(24)) - 20, 0)) - open_mm
        if canvas.level_mm < -62:
            f = np.maximum(f, -fissure)
        result: Field = f
        return result

    def mediastinum(self, canvas: SliceCanvas) -> Field:
        """Negative between the lungs: narrow behind the sternum, with a bulging, uneven border."""
        f32 = np.float32
        y = canvas.y
        wide = f32(np.interp(canvas.level_mm, (-60, 0, 40), (32, 26, 24))) + np.clip(y, -75, 20) * f32(0.16)
        # fat fills the angles between heart and diaphragm, more of it near the diaphragm
        pads = f32(np.interp(canvas.level_mm, (-50, -5, 40), (14, 9, 1)))
        wide = wide - f32(7) * np.clip((-y - 52) / f32(30), 0, 1) + pads * np.exp(-(((y + 48) / f32(17)) ** 2))
        for amount, _, ky, kz, phase in self.pleura_waves:
            flip = f32(0.4) * np.sign(canvas.x) + f32(1)
            wide = wide + f32(amount) * np.sin((f32(ky) * y + f32(kz) * canvas.z) * flip + f32(phase))
        result: Field = wide - np.abs(canvas.x - 6)
        return result

    def paint(self, canvas: SliceCanvas, tone: Tones, number: Numbers, gut: Sequence[Part]) -> None:
        all_: Window = (slice(None), slice(None))
        lung = None
        if canvas.level_mm > -210:
            canvas.fields["dome"] = self.diaphragm.height(canvas.x, canvas.y)
            under = (canvas.fields["dome"] - canvas.z) * np.float32(0.8)
            mediastinum = self.mediastinum(canvas)
            lung = soft_max(canvas.fields["free"], under, 3)
            if canvas.level_mm > 80:
                aside = np.abs(canvas.x) - np.float32(58)
                apex = canvas.z - np.float32(188) + np.float32(0.011) * (aside * aside + canvas.y * canvas.y)
                lung = np.maximum(lung, apex * np.float32(0.7))
            lung = np.maximum(lung, mediastinum)
            canvas.fields["lung"] = lung
        canvas.fields["wall"] = canvas.fields["free"]
        if lung is not None:
            canvas.fields["under_lung"] = np.maximum(canvas.fields["wall"], -lung + np.float32(2.5))
        else:
            canvas.fields["under_lung"] = canvas.fields["wall"]
        for part in gut:
            part.paint(canvas, tone, number)
        liver = self.liver(canvas)
        if liver is not None:
            canvas.fields["in_liver"] = liver + np.float32(4)
            fat = (all_, liver - np.float32(1.0))
            canvas.paint(fat, tone["visceral_fat"], None)
            canvas.paint((all_, liver), tone["liver"], number["liver"], texture="soft", amount_hu=2.5)
            for shape in self.portal_tree:
                canvas.paint(shape.on(canvas), tone["portal_vein"], None, within=canvas.fields["in_liver"])
            for shape in self.hepatic_tree:
                canvas.paint(shape.on(canvas), tone["hepatic_veins"], None, within=canvas.fields["in_liver"])
        for part in self.parts:
            part.paint(canvas, tone, number)
        if lung is not None and (canvas.level_mm > 30 or lung.min() < 2):
            self._paint_chest(canvas, tone, number, lung)
        if canvas.level_mm < -300:
            for part in self.pelvis:
                part.paint(canvas, tone, number)

    def _paint_chest(self, canvas: SliceCanvas, tone: Tones, number: Numbers, lung: Field) -> None:
        all_: Window = (slice(None), slice(None))
        canvas.paint((all_, lung - np.float32(0.8)), tone["muscle"], number["muscle"])
        canvas.paint((all_, lung), tone["lung"], None, texture="visceral", amount_hu=14)
        upper = canvas.z + canvas.y * np.float32(0.8) > 45
        lobes = ("lung_lower_lobe_right", "lung_upper_lobe_right", "lung_lower_lobe_left", "lung_upper_lobe_left")
        lobe = np.array([number[name] for name in lobes], dtype=np.uint16)
        air = lung <= 0
        right, left = np.where(upper, lobe[1], lobe[0]), np.where(upper, lobe[3], lobe[2])
        np.copyto(canvas.labels, np.where(canvas.x > 0, left, right), where=air)
        inside = lung + np.float32(1)
        for shape in self.lung_tree:
            canvas.paint(shape.on(canvas), tone["right_heart"], None, within=inside)
        chest = [*self.heart, *self.thorax] if canvas.level_mm > 30 else self.heart
        for part in chest:
            part.paint(canvas, tone, number)
