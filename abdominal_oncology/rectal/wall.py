"""The rectum of a phantom: a curved tube of layers, described in polar coordinates around its centre line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.phantom.mr_canvas import Floats, along_z

KNOTS_MM = (-45.0, -20.0, 0.0, 20.0, 40.0, 60.0, 80.0, 110.0)
"""Heights above the anorectal junction at which the tube is described."""

_RADIUS_MM = (13.0, 14.5, 15.5, 18.0, 20.0, 19.0, 17.0, 15.0)
_BACK_MM = (6.0, 3.0, 0.0, -1.0, 0.0, 2.0, 4.0, 0.0)


class Polar(NamedTuple):
    """Where voxels lie with respect to the tube: ``radius_mm`` from its centre line, ``angle`` (0 left, π/2 back), and
    ``depth_mm`` inwards from the outer surface of the wall (negative: outside)."""

    radius_mm: Floats
    angle: Floats
    depth_mm: Floats


@dataclass(frozen=True)
class RectalWall:
    """A tube with its layers, from outside: muscularis propria (outer and inner coat), submucosa, mucosa, lumen.

    Thicknesses in mm; ``fold_mm`` is how far the folds of a collapsed rectum reach inwards. ``ripples`` are the
    amplitude (share of the radius), angular order, phase and turn per mm of the outline's irregularities.
    """

    centre_x_mm: tuple[float, ...]
    centre_y_mm: tuple[float, ...]
    radius_mm: tuple[float, ...]
    outer_coat_mm: float
    inner_coat_mm: float
    submucosa_mm: float
    mucosa_mm: float
    fold_mm: float
    folds: int
    fold_phase: float
    ripples: tuple[tuple[float, int, float, float], ...]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> RectalWall:
        size = float(np.clip(rng.normal(1.0, 0.11), 0.78, 1.3))
        steps = len(KNOTS_MM)
        curve = rng.normal(0, 2.2, steps)
        curve[:3] *= 0.3
        coat = float(np.clip(rng.normal(2.2, 0.4), 1.4, 3.2))
        collapsed = rng.random() < 0.6
        orders = (2, 3, 4)
        return cls(
            tuple(np.cumsum(curve) * 0.8),
            tuple(np.asarray(_BACK_MM) + rng.normal(0, 1.5, steps)),
            tuple(np.asarray(_RADIUS_MM) * size * (1 + rng.normal(0, 0.05, steps))),
            coat * 0.45,
            coat * 0.55,
            float(np.clip(rng.normal(1.9, 0.5), 0.9, 3.2)),
            float(np.clip(rng.normal(1.0, 0.15), 0.7, 1.4)),
            float(rng.uniform(4.0, 12.0)) if collapsed else float(rng.uniform(0.0, 1.5)),
            int(rng.integers(3, 7)),
            float(rng.uniform(0, 2 * np.pi)),
            tuple(
                (
                    float(abs(rng.normal(0, 0.11 / (order - 1) ** 1.3))),
                    order,
                    float(rng.uniform(0, 2 * np.pi)),
                    float(rng.normal(0, 0.02)),
                )
                for order in orders
            ),
        )

    @property
    def muscularis_mm(self) -> float:
        return self.outer_coat_mm + self.inner_coat_mm

    @property
    def thickness_mm(self) -> float:
        """From the outer surface to the lumen, between folds."""
        return self.muscularis_mm + self.submucosa_mm + self.mucosa_mm

    def centre(self, z: Floats) -> tuple[Floats, Floats]:
        """Centre line (x, y) in mm at heights ``z``."""
        return along_z(z, KNOTS_MM, self.centre_x_mm), along_z(z, KNOTS_MM, self.centre_y_mm)

    def outer_radius(self, angle: Floats, z: Floats) -> Floats:
        """Distance (mm) of the wall's outer surface from the centre line."""
        ripple = np.zeros(np.broadcast_shapes(angle.shape, z.shape), np.float32)
        for amplitude, order, phase, turn in self.ripples:
            ripple += amplitude * np.cos(order * angle + phase + z * turn)
        radius: Floats = along_z(z, KNOTS_MM, self.radius_mm) * (1 + ripple)
        return radius

    def lumen_depth(self, angle: Floats, z: Floats) -> Floats:
        """Depth (mm) below the outer surface at which the lumen begins, folds included."""
        # flattened as a whole, and pleated
        flat = np.square(np.cos(angle + (self.fold_phase + 1.3) + z * 0.012))
        pleats = np.square(np.cos((self.folds / 2) * angle + self.fold_phase + z * 0.05))
        depth: Floats = self.thickness_mm + self.fold_mm * (0.65 * flat + 0.35 * pleats * (0.4 + 0.6 * flat))
        return depth

    def polar(self, x: Floats, y: Floats, z: Floats) -> Polar:
        cx, cy = self.centre(z)
        u, v = x - cx, y - cy
        radius = np.hypot(u, v)
        angle = np.arctan2(v, u)
        return Polar(radius, angle, self.outer_radius(angle, z) - radius)


def angle_grid(count: int = 720) -> NDArray[np.float32]:
    """Angles around the tube, for measuring on it."""
    return np.linspace(-np.pi, np.pi, count, endpoint=False, dtype=np.float32)
