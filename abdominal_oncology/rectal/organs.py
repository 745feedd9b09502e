"""What lies inside the pelvic ring beside the rectum: mesorectum and levator, bladder, prostate or uterus, bowel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.phantom.mr_canvas import Canvas, Floats, along_z, ellipse
from abdominal_oncology.rectal.tissue import Signals, Textures
from abdominal_oncology.rectal.wall import RectalWall

_KNOTS = (-45.0, -8.0, 0.0, 12.0, 25.0, 45.0, 65.0, 110.0)
_SIDE = (0.0, 0.5, 1.5, 6.0, 12.0, 19.0, 23.0, 24.0)
_FRONT = (0.0, 0.5, 1.0, 2.5, 4.5, 8.0, 12.0, 15.0)
_BACK = (0.0, 0.5, 2.0, 7.0, 15.0, 22.0, 25.0, 25.0)


@dataclass(frozen=True)
class Dot:
    """A small thing in the mesorectum: a vessel (a slanting tube) or a node (an oval); mm."""

    x: float
    y: float
    z: float
    slope_x: float
    slope_y: float
    radius: float
    half_length: float
    signal: float
    node: bool


@dataclass(frozen=True)
class Organs:
    """What differs between patients; lengths in mm."""

    female: bool
    size: float
    bladder_z: float
    bladder_size: float
    prostate_size: float
    uterus_tilt: float
    mesorectum: float
    dots: tuple[Dot, ...]
    loops: tuple[tuple[float, float, float, float, float], ...]
    phase: float

    @classmethod
    def draw(cls, rng: np.random.Generator, female: bool, wall: RectalWall) -> Organs:
        dots = []
        for n in range(int(rng.integers(14, 30))):
            angle, z = rng.uniform(-np.pi, np.pi), rng.uniform(10, 90)
            angle = angle if rng.random() < 0.4 else rng.normal(np.pi / 2, 0.9)
            reach = float(np.interp(z, _KNOTS, _SIDE))
            radius = float(np.interp(z, (-45, 40, 110), (15, 20, 16))) + rng.uniform(0.25, 0.9) * reach
            node = n < 4
            dots.append(
                Dot(
                    float(radius * np.cos(angle)),
                    float(radius * np.sin(angle)) + float(np.interp(z, _KNOTS, _BACK)) * 0.2,
                    float(z),
                    float(rng.normal(0, 0.15 if node else 0.5)),
                    float(rng.normal(0, 0.15 if node else 0.5)),
                    float(rng.uniform(1.2, 3.4) if node else rng.uniform(0.4, 1.2)),
                    float(rng.uniform(2, 5) if node else rng.uniform(6, 30)),
                    float(rng.uniform(1.6, 3.4) if node else rng.choice([0.6, 1.2, 1.8, 2.6])),
                    node,
                )
            )
        loops = tuple(
            (
                float(rng.uniform(-28, 28)),
                float(rng.uniform(-75, 5)),
                float(rng.uniform(70, 110)),
                float(rng.uniform(9, 17)),
                float(rng.choice([0.1, 3.0, 4.5, 7.0])),
            )
            for _ in range(int(rng.integers(3, 8)))
        )
        return cls(
            female,
            float(np.clip(rng.normal(1, 0.09), 0.8, 1.25)),
            float(rng.uniform(54, 68)) - (12 if female else 0),
            float(rng.uniform(0.65, 1.3)),
            float(rng.uniform(0.8, 1.3)),
            float(rng.normal(0, 12)),
            float(rng.uniform(0.75, 1.25)),
            tuple(dots),
            loops,
            float(rng.uniform(0, 6)),
        )

    def contour(self, canvas: Canvas, wall: RectalWall, wider_mm: Floats | float = 0.0) -> Floats:
        """Signed distance (mm) to the mesorectal fascia in every plane: an egg around the rectum, flat in front."""
        z = canvas.z
        radius = along_z(z, (-45, -20, 0, 20, 40, 60, 80, 110), np.asarray(wall.radius_mm))
        cx, cy = wall.centre(z)
        share = self.mesorectum
        side = radius + share * along_z(z, _KNOTS, _SIDE) + (0.8 + wider_mm)
        front = radius + share * along_z(z, _KNOTS, _FRONT) + (0.8 + wider_mm)
        back = radius + share * along_z(z, _KNOTS, _BACK) + (0.8 + wider_mm)
        u, v = canvas.x - cx * 0.8, canvas.y - cy
        height = np.where(v < 0, front, back)
        # narrower towards the coccyx
        narrow = 1 - 0.28 * np.clip(v / back, 0, 1)
        scaled = np.sqrt(np.square(u / (side * narrow)) + np.square(v / height))
        distance: Floats = ((scaled - 1) * np.minimum(side, height)).astype(np.float32, copy=False)
        return distance

    def paint(self, canvas: Canvas, signals: Signals, textures: Textures, wall: RectalWall) -> None:
        self._bowel(canvas, signals)
        self._bladder(canvas, signals, wall)
        if self.female:
            self._uterus(canvas, signals, textures, wall)
        else:
            self._prostate(canvas, signals, textures, wall)
        self._mesorectum(canvas, signals, textures, wall)

    def _front(self, z: Floats, wall: RectalWall) -> Floats:
        """Where the mesorectum ends in front (y, mm)."""
        radius = along_z(z, (-45, -20, 0, 20, 40, 60, 80, 110), np.asarray(wall.radius_mm))
        return wall.centre(z)[1] - radius - self.mesorectum * along_z(z, _KNOTS, _FRONT) - 1.5

    def _mesorectum(self, canvas: Canvas, signals: Signals, textures: Textures, wall: RectalWall) -> None:
        part = canvas.part((-70, 70), (-60, 75))
        if part is None:
            return
        contour = self.contour(part, wall)
        z = part.z
        # the levator: a funnel below, a thin sheet that leaves for the side wall higher up
        funnel = self.contour(part, wall, along_z(z, (-45, 0, 8, 30, 45), (2.6, 2.6, 3.0, 13.0, 20.0)))
        thick = along_z(z, (-45, -12, 0, 14, 34, 46), (1.6, 3.2, 3.2, 1.5, -0.2, -0.8))
        # above the sphincter it is open in front, where the prostate or the vagina passes
        _, cy = wall.centre(z)
        opening = np.where(z > -6, cy - 0.3 * along_z(z, (-45, 0, 110), (14.0, 16.0, 18.0)) - part.y, -99)
        part.fill(np.maximum(np.abs(funnel) - thick, opening), signals.muscle * 1.15, find("muscle").number)
        j0 = int(np.searchsorted(canvas.rows_mm, part.rows_mm[0]))
        i0 = int(np.searchsorted(canvas.columns_mm, part.columns_mm[0]))
        fine = textures.at("fine", z, j0, i0, part.signal.shape)
        coarse = textures.at("coarse", z, j0, i0, part.signal.shape)
        strands = np.clip(1 - np.abs(coarse + 0.4) * 7, 0, 1) * 0.2
        specks = np.clip((fine - 1.9) * 1.5, 0, 1) * 0.4  # small vessels
        fat = signals.mesorectal_fat * (1 + 0.035 * fine + 0.02 * coarse - strands - specks)
        part.fill(contour, fat, find("mesorectal_fat").number)
        part.fill(np.abs(contour) - 0.3, signals.fascia, find("mesorectal_fascia").number)
        for dot in self.dots:
            box = canvas.part(
                (dot.x - 24, dot.x + 24), (dot.y - 24, dot.y + 24), (dot.z - dot.half_length, dot.z + dot.half_length)
            )
            if box is None:
                continue
            rise = box.z - dot.z
            middle = (
                dot.x + rise * dot.slope_x,
                dot.y + rise * dot.slope_y,
            )
            taper = np.sqrt(np.clip(1 - np.square(rise / dot.half_length), 0.05, 1))
            radius = dot.radius * (taper if dot.node else 1.0)
            distance = ellipse(box, middle, (radius, radius * 0.8))
            # nothing of the mesorectum lies outside its fascia
            np.maximum(distance, self.contour(box, wall) + 1.0, out=distance)
            box.fill(distance, dot.signal, find("lymph_node" if dot.node else "pelvic_vessels").number)

    def _bladder(self, canvas: Canvas, signals: Signals, wall: RectalWall) -> None:
        s = self.bladder_size
        z0, height = self.bladder_z, 34 * s
        part = canvas.part((-60, 60), (-115, 0), (z0 - height, z0 + height + 60))
        if part is None:
            return
        rise = (part.z - (z0 + 8)) / (height + 8)
        round_end = np.sqrt(np.clip(1 - np.square(np.minimum(rise, 0.7)), 0.003, 1)).astype(np.float32)
        middle = -62.0 + part.z * 0.06
        boxy = 1 + 0.05 * np.cos(4 * np.arctan2(part.y - middle, part.x))
        distance = ellipse(part, (0.0, middle), (36 * s * round_end / boxy, 27 * s * round_end / boxy))
        slope = np.minimum(36 * s * np.abs(np.minimum(rise, 0.7)) / (round_end * (height + 8)), 8) * (rise < 0.7)
        # prostate, vesicles or vagina lie behind
        np.maximum(distance, part.y - self._front(part.z, wall) + (10.0 if self.female else 12.5), out=distance)
        part.fill(distance, signals.bowel_wall * 0.85, find("urinary_bladder").number, slope)
        part.fill(distance + (2.4 / s), signals.urine, find("urinary_bladder").number, slope)

    def _prostate(self, canvas: Canvas, signals: Signals, textures: Textures, wall: RectalWall) -> None:
        s = self.prostate_size
        bulb = canvas.part((-22, 22), (-80, 0), (-60, 2))
        if bulb is not None:  # root of the penis and the deep perineal muscles
            front = self._front(bulb.z, wall)
            bulb.fill(ellipse(bulb, (0.0, front - 13), (14.0, 13.0)),
                      (signals.muscle * 1.6), find("soft_tissue").number)  # fmt: skip
            bulb.fill(ellipse(bulb, (0.0, front - 14), (7.0, 6.5)),
                      signals.prostate, find("soft_tissue").number)  # fmt: skip
        height, z0 = 21 * s, 21 * s - 2
        part = canvas.part((-42, 42), (-110, 10), (z0 - height, z0 + height))
        if part is not None:
            label = find("prostate").number
            rise = (part.z - z0) / height
            round_end = np.sqrt(np.clip(1 - np.square(rise), 0.01, 1)).astype(np.float32)
            ry = (16.5 * s) * round_end
            slope = np.minimum(20 * s * np.abs(rise) / (round_end * height), 8)
            middle = self._front(part.z, wall) - ry - 0.5
            j0 = int(np.searchsorted(canvas.rows_mm, part.rows_mm[0]))
            i0 = int(np.searchsorted(canvas.columns_mm, part.columns_mm[0]))
            fine = textures.at("fine", part.z, j0, i0, part.signal.shape)
            coarse = textures.at("coarse", part.z, j0, i0, part.signal.shape)
            plexus = ellipse(part, (0.0, middle - 2), (24 * s * round_end + 6, ry + 4))
            part.fill(plexus, signals.vein * (1 + 0.15 * coarse), slope=slope)
            shape = ellipse(part, (0.0, middle), ((23 * s) * round_end, ry))
            part.fill(shape, signals.ligament * 1.6, label, slope)
            part.fill(shape + 1.1, signals.peripheral_zone * (1 + 0.1 * fine), label, slope)
            inner = ellipse(part, (0.0, middle - ry * 0.16), ((19 * s) * round_end, ry * 0.76))
            part.fill(inner, signals.muscle * 1.3, label, slope)
            nodules = signals.prostate * (1 + 0.2 * coarse + 0.12 * fine)
            part.fill(inner + 1.1, np.maximum(nodules, 1), label, slope)
        vesicles = canvas.part((-48, 48), (-70, 10), (2 * height - 8, 2 * height + 22))
        if vesicles is not None:
            label = find("seminal_vesicles").number
            z = vesicles.z
            middle = self._front(z, wall) - 6.0
            j0 = int(np.searchsorted(canvas.rows_mm, vesicles.rows_mm[0]))
            i0 = int(np.searchsorted(canvas.columns_mm, vesicles.columns_mm[0]))
            fine = textures.at("fine", z, j0, i0, vesicles.signal.shape)
            for side in (-1, 1):
                rise = side * (15.0 + (z - (2 * height)) * 0.5)
                shape = ellipse(vesicles, (rise, middle), (17.0, 5.5), -14.0 * side)
                vesicles.fill(shape, signals.muscle * 1.9, label)
                bright = signals.seminal_vesicle * np.clip(0.65 + fine * 0.45, 0.25, 1)
                vesicles.fill(shape + 1.0, bright, label)

    def _uterus(self, canvas: Canvas, signals: Signals, textures: Textures, wall: RectalWall) -> None:
        s = self.size
        low = canvas.part((-26, 26), (-70, 10), (-60, 48))
        if low is not None:
            front = self._front(low.z, wall)
            flat = np.square(low.x) * 0.006
            shape = ellipse(low, (0.0, front - 4.5 + flat), ((15 * s), 4.2))
            low.fill(shape, signals.vagina, find("vagina").number)
            low.fill(shape + 2.6, signals.endometrium * 0.75, find("vagina").number)
            urethra = ellipse(low, (0.0, front - 18), (7.0, 7.0))
            low.fill(urethra, signals.muscle * 1.3, find("soft_tissue").number)
            low.fill(urethra + 2.8, signals.prostate, find("soft_tissue").number)
        body = canvas.part((-50, 50), (-110, 20), (36, 110))
        if body is None:
            return
        label = find("uterus").number
        z = body.z
        rise = along_z(z, (36, 48, 75, 110), (0.42, 0.5, 1.0, 0.45))
        middle = self._front(z, wall) - 25 * s * rise - (z - 48.0) * 0.1
        tilt = self.uterus_tilt * np.clip((z - 48) / 40, 0, 1)
        j0 = int(np.searchsorted(canvas.rows_mm, body.rows_mm[0]))
        i0 = int(np.searchsorted(canvas.columns_mm, body.columns_mm[0]))
        fine = textures.at("fine", z, j0, i0, body.signal.shape)
        shape = ellipse(body, (tilt, middle), ((29 * s) * rise, (24 * s) * rise))
        bladder = find("urinary_bladder").number  # pressed in by the uterus, with its wall and a little fat between
        against = np.where(body.labels == bladder, shape, 99.0)
        body.fill(against - 3.6, signals.bowel_wall * 0.85, bladder)
        body.fill(against - 1.2, signals.fat, find("visceral_fat").number)
        body.fill(shape, signals.myometrium * (1 + 0.09 * fine), label)
        cavity = ellipse(body, (tilt, middle), ((11 * s) * rise, (5 * s) * rise))
        body.fill(cavity - 3.0, signals.muscle * 1.5, label)
        body.fill(cavity, signals.endometrium, label)

    def _bowel(self, canvas: Canvas, signals: Signals) -> None:
        """Loops of small bowel and sigmoid above."""
        for n, (x0, y0, z0, radius, content) in enumerate(self.loops):
            part = canvas.part((x0 - 34, x0 + 34), (y0 - 34, y0 + 34), (z0 - radius * 1.6, z0 + 60))
            if part is None:
                continue
            rise = part.z - z0
            wander = np.sin(rise * 0.09 + n) * 6.0
            round_end = np.sqrt(np.clip(1 - np.square(np.minimum(rise / (radius * 1.6), 0)), 0.01, 1)).astype(
                np.float32
            )
            angle = np.arctan2(part.y - y0, part.x - x0)
            folds = 1 + 0.07 * np.cos(5 * angle + rise * 0.2)
            size = radius * round_end * folds
            distance = ellipse(part, (x0 + wander, y0 - wander), (size * 1.25, size))
            part.fill(distance, signals.bowel_wall, find("small_bowel").number)
            part.fill(distance + 2.2, content, find("small_bowel").number)
