"""A rectal tumour on its wall: how far it reaches inwards and outwards at every angle and height.

T2 ends inside the muscularis propria, whose outer line stays whole; T3 passes it into the mesorectal fat, on a broad
base or in nodules. The two overlap on the picture: what is left of the muscularis may be hardly wider than a voxel,
spread may be thinner than one, and spicules of fibrosis may run out from a wall that is whole.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from abdominal_oncology.phantom.mr_canvas import Floats
from abdominal_oncology.rectal.wall import RectalWall, angle_grid

DEPTH_CLASSES_MM = ((0.0, 1.0), (1.0, 5.0), (5.0, 15.0), (15.0, 25.0))
"""Extramural spread: below 1, 1 to 5, 5 to 15, above 15 mm."""

_DEPTH_SHARES = (0.25, 0.42, 0.26, 0.07)
_VOLUME_ML = {"T2": (3.32, 5.21), "T3": (9.3, 10.49)}
_SMALLEST_ML, _LARGEST_ML = 0.5, 60.0


@dataclass(frozen=True)
class Bump:
    """One outward bulge: where it sits and how wide it is (radians, mm); ``height`` is its share of the depth."""

    angle: float
    z_mm: float
    half_angle: float
    half_length_mm: float
    height: float


@dataclass(frozen=True)
class Spicule:
    """A strand of fibrosis from the outer wall into the fat; ``bend`` turns it (radians per mm outwards)."""

    angle: float
    z_mm: float
    half_length_mm: float
    reach_mm: float
    half_width_mm: float
    bend: float
    strength: float


@dataclass(frozen=True)
class Tumour:
    """Everything that fixes a tumour's shape. Angles in radians, lengths in mm.

    ``bulge_mm`` is the growth into the lumen beyond the wall, ``rest_mm`` what T2 leaves of the muscularis (T3: 0),
    ``depth_mm`` how far T3 passes the outer surface (T2: 0).
    """

    stage: str
    angle: float
    half_angle: float
    z_mm: float
    half_length_mm: float
    bulge_mm: float
    ulcer: float
    rest_mm: float
    depth_mm: float
    nodular: bool
    bumps: tuple[Bump, ...]
    edge_noise: tuple[tuple[float, int, float, float], ...]
    spicules: tuple[Spicule, ...]

    def plateau(self, angle: Floats, z: Floats) -> Floats:
        """1 on the tumour's plateau, falling to 0 at its rolled edge."""
        turn = np.abs(_wrapped(angle - self.angle))
        extent = np.sqrt(np.square(turn / self.half_angle) + np.square((z - self.z_mm) / self.half_length_mm))
        for amplitude, order, phase, twist in self.edge_noise:
            extent += amplitude * np.cos(order * angle + phase + z * twist)
        return _smooth((1 - extent) / 0.4)

    def inner_depth(self, angle: Floats, z: Floats, plateau: Floats, wall: RectalWall) -> Floats:
        """Depth below the wall's outer surface (mm) at which the tumour ends towards the lumen; 0: no tumour."""
        turn = _wrapped(angle - self.angle) / (self.half_angle * 0.45)
        rise = (z - self.z_mm) / (self.half_length_mm * 0.45)
        crater = self.ulcer * np.exp(-(np.square(turn) + np.square(rise)))
        depth: Floats = np.where(plateau > 0, wall.thickness_mm + self.bulge_mm * plateau * (1 - crater), 0).astype(
            np.float32
        )
        return depth

    def outer_depth(self, angle: Floats, z: Floats, plateau: Floats, wall: RectalWall) -> Floats:
        """Depth below the wall's outer surface (mm) at which the tumour begins; negative in the fat."""
        full = wall.thickness_mm
        if self.stage == "T2":
            left: Floats = full - (full - self.rest_mm) * np.minimum(plateau * 1.25, 1)
            return left
        spread = np.zeros_like(plateau)
        for bump in self.bumps:
            distance = np.square(_wrapped(angle - bump.angle) / bump.half_angle) + np.square(
                (z - bump.z_mm) / bump.half_length_mm
            )
            np.maximum(spread, bump.height * _smooth(1.25 * (1 - distance)), out=spread)
        # outside its bumps the tumour stops in the muscularis, as T2 does
        rest = max(self.rest_mm, 0.35 * wall.muscularis_mm)
        within = full - (full - rest) * np.minimum(plateau * 1.25, 1)
        base = np.minimum(plateau * 4, 1)
        through = np.minimum(spread * 4, 1) * base
        outer: Floats = within * (1 - through) - self.depth_mm * spread * base
        return outer

    def spread(self, z: Floats, wall: RectalWall) -> Floats:
        """Deepest extramural spread (mm) in the planes ``z`` (n): 0 where the tumour stays inside the wall.

        Measured as a reader does: from the tumour's edge straight to the nearest point of the muscularis' outer line.
        """
        angle, planes = angle_grid()[None, :], np.asarray(z, np.float32).reshape(-1, 1)
        beyond = -self.outer_depth(angle, planes, self.plateau(angle, planes), wall)
        surface = wall.outer_radius(angle, planes)
        deepest = np.zeros(planes.shape[0], np.float32)
        unit = np.exp(1j * angle[0].astype(np.float64))
        for k in np.flatnonzero(beyond.max(axis=1) > 0):
            out = np.flatnonzero(beyond[k] > 0.6 * beyond[k].max())[::2]
            tumour = unit[out] * (surface[k, out] + beyond[k, out])
            deepest[k] = np.abs(tumour[:, None] - (unit * surface[k])[None, :]).min(axis=1).max()
        return deepest

    def areas(self, z: Floats, wall: RectalWall) -> Floats:
        """Cross-section (mm²) of the tumour in the planes ``z`` (n)."""
        angle, planes = angle_grid(180)[None, :], np.asarray(z, np.float32).reshape(-1, 1)
        plateau = self.plateau(angle, planes)
        surface = wall.outer_radius(angle, planes)
        outer = surface - self.outer_depth(angle, planes, plateau, wall)
        inner = np.maximum(surface - self.inner_depth(angle, planes, plateau, wall), 0)
        ring = np.where(plateau > 0, np.maximum(np.square(outer) - np.square(inner), 0), 0)
        total: Floats = ring.mean(axis=1) * np.pi
        return total

    def volume_ml(self, wall: RectalWall) -> float:
        """Volume of the tumour by integration (1 ml = 1000 mm³)."""
        reach = self.half_length_mm * 1.4
        planes = np.linspace(self.z_mm - reach, self.z_mm + reach, 41, dtype=np.float32)
        return float(np.trapezoid(self.areas(planes, wall), planes)) / 1000


def draw_tumour(
    rng: np.random.Generator, stage: str, wall: RectalWall, slice_mm: float, pixel_mm: float, difficulty: float
) -> Tumour:
    """A tumour of ``stage`` whose volume is drawn from the source study's distribution, on a slice centre.

    ``pixel_mm`` bounds what T2 leaves of the muscularis from below, so that the label map can show it whole.
    """
    mean, sd = _VOLUME_ML[stage]
    # a gamma distribution has the study's mean and spread without parting the stages by volume as a lognormal would
    target = float(np.clip(rng.gamma((mean / sd) ** 2, sd**2 / mean), _SMALLEST_ML, _LARGEST_ML))
    annular = rng.random() < (0.25 if target < 6 else 0.5)
    z = float(rng.uniform(8, 55))
    angle = float(rng.uniform(-np.pi, np.pi))
    half_angle = float(rng.uniform(2.6, 4.2) if annular else rng.uniform(0.7, 1.7))
    half_length = float(rng.uniform(12, 24))
    depth = 0.0
    if stage == "T3":
        low, high = DEPTH_CLASSES_MM[int(rng.choice(4, p=_DEPTH_SHARES))]
        depth = float(rng.uniform(max(low, 0.3), high)) if high <= 5 else float(low + (high - low) * rng.beta(1, 2))
        depth = min(depth, 5.5 * float(np.cbrt(target)))  # a small tumour does not reach far
    thinnest = 1.35 * pixel_mm
    rest = float(rng.uniform(0.35, 0.35 + 1.2 * (1.2 - difficulty)) * wall.muscularis_mm / 2.2)
    rest = min(max(rest, thinnest), max(wall.muscularis_mm * 0.9, thinnest))
    tumour = Tumour(
        stage,
        angle,
        half_angle,
        z,
        half_length,
        float(rng.uniform(2.5, 8.0)),
        float(rng.choice([0.0, rng.uniform(0.3, 0.8)])),
        rest if stage == "T2" else 0.0,
        depth,
        bool(rng.random() < 0.45),
        (),
        tuple(
            (
                float(abs(rng.normal(0, 0.12)) / order**0.5),
                order,
                float(rng.uniform(0, 2 * np.pi)),
                float(rng.normal(0, 0.08)),
            )
            for order in range(1, 6)
        ),
        (),
    )
    tumour = _sized(tumour, wall, target)
    if stage == "T3":
        tumour = replace(tumour, bumps=_bumps(rng, tumour, wall, slice_mm))
        tumour = _sized(tumour, wall, target)
    return replace(tumour, spicules=_spicules(rng, tumour, wall, difficulty))


def _sized(tumour: Tumour, wall: RectalWall, target_ml: float) -> Tumour:
    """The same tumour grown or shrunk (length, width, bulge) until its volume is ``target_ml`` or a bound is met."""
    room = 0.8 * min(wall.radius_mm[2:6]) - wall.thickness_mm
    for _ in range(7):
        ratio = target_ml / max(tumour.volume_ml(wall), 1e-3)
        grow = float(np.clip(ratio, 0.3, 3.0))
        tumour = replace(
            tumour,
            half_length_mm=float(np.clip(tumour.half_length_mm * grow**0.45, 4.0, 42.0)),
            half_angle=float(np.clip(tumour.half_angle * grow**0.35, 0.3, 5.5)),
            bulge_mm=float(np.clip(tumour.bulge_mm * grow**0.25, 1.0, max(room, 1.5))),
            bumps=tuple(
                replace(bump, half_length_mm=bump.half_length_mm * grow**0.2) if not tumour.nodular else bump
                for bump in tumour.bumps
            ),
        )
    return tumour


def _bumps(rng: np.random.Generator, tumour: Tumour, wall: RectalWall, slice_mm: float) -> tuple[Bump, ...]:
    radius = float(np.mean(wall.radius_mm[2:6]))
    count = int(rng.integers(1, 4)) if tumour.nodular else 1
    bumps = []
    for n in range(count):
        # the deepest bump sits on the slice at the tumour's centre, the others anywhere on it
        angle = tumour.angle + float(rng.uniform(-0.3, 0.3)) * min(tumour.half_angle, np.pi)
        z = tumour.z_mm + (0.0 if n == 0 else float(rng.uniform(-0.4, 0.4)) * tumour.half_length_mm)
        if tumour.nodular:
            width = (2.0 + 0.45 * tumour.depth_mm) * float(rng.uniform(0.8, 1.5))
            half_angle, half_length = width / radius, max(width * float(rng.uniform(0.8, 1.4)), 0.8 * slice_mm)
        else:
            half_angle = max(
                min(tumour.half_angle, np.pi) * float(rng.uniform(0.4, 0.8)), (2 + 0.4 * tumour.depth_mm) / radius
            )
            half_length = max(tumour.half_length_mm * float(rng.uniform(0.35, 0.7)), 0.8 * slice_mm)
        bumps.append(Bump(angle, z, half_angle, half_length, 1.0 if n == 0 else float(rng.uniform(0.3, 0.9))))
    return tuple(bumps)


def _spicules(rng: np.random.Generator, tumour: Tumour, wall: RectalWall, difficulty: float) -> tuple[Spicule, ...]:
    """Strands beyond the wall: often in T3, sometimes in T2, where they are the classic false T3."""
    chance = 0.3 + 0.35 * difficulty if tumour.stage == "T2" else 0.55
    if rng.random() >= chance:
        return ()
    spicules = []
    for _ in range(int(rng.integers(3, 12))):
        reach = float(rng.uniform(1.5, 8.0))
        spicules.append(
            Spicule(
                tumour.angle + float(rng.uniform(-0.8, 0.8)) * min(tumour.half_angle, np.pi),
                tumour.z_mm + float(rng.uniform(-0.6, 0.6)) * tumour.half_length_mm,
                float(rng.uniform(1.0, 4.5)),
                reach,
                float(rng.uniform(0.2, 0.8)),
                float(rng.normal(0, 0.02)),
                float(rng.uniform(0.35, 1.0)),
            )
        )
    return tuple(spicules)


def _wrapped(angle: Floats) -> Floats:
    """Angles brought into -π … π."""
    turns: Floats = np.round(angle * (0.5 / np.pi))
    wrapped: Floats = angle - turns * (2 * np.pi)
    return wrapped


def _smooth(t: Floats) -> Floats:
    """0 below 0, 1 above 1, with level ends."""
    t = np.clip(t, 0, 1)
    result: Floats = t * t * (3 - 2 * t)
    return result
