"""The outline of a lesion, and random fields inside it that are the same on every grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class RandomField:
    """A smooth random field of unit variance in space: a sum of waves, so any point can be asked at any time.

    >>> field = RandomField.draw(np.random.default_rng(0), length_mm=3.0)
    >>> points = np.random.default_rng(1).uniform(-50, 50, (4000, 3)).astype(np.float32)
    >>> bool(0.8 < field(points).std() < 1.2)
    True
    """

    waves: Floats
    phases: Floats

    @classmethod
    def draw(cls, rng: np.random.Generator, length_mm: float, count: int = 20) -> RandomField:
        """A field whose grains are about ``length_mm`` wide."""
        directions = rng.normal(size=(count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        number = rng.gamma(6.0, 1 / 6.0, (count, 1)) * (np.pi / (1.6 * length_mm))
        return cls((directions * number).astype(np.float32), rng.uniform(0, 2 * np.pi, count).astype(np.float32))

    def __call__(self, points_mm: Floats) -> Floats:
        total: Floats = np.zeros(points_mm.shape[:-1], np.float32)
        for wave, phase in zip(self.waves, self.phases, strict=True):  # one by one: a large lesion has many points
            total += np.cos(points_mm @ wave + phase)
        total *= np.float32(np.sqrt(2 / len(self.phases)))
        return total


@dataclass(frozen=True, eq=False)
class LesionShape:
    """A blob around ``centre_mm``: an ellipsoid in any position with a lumpy surface.

    ``axes_mm`` (3, 3) holds the half-axes as rows; ``lumps`` (n, 3) wave vectors on the unit sphere with amplitudes
    and phases (n). ``size_mm`` is the largest distance between two points of the surface.
    """

    centre_mm: tuple[float, float, float]
    size_mm: float
    axes_mm: Floats
    lumps: Floats
    amplitudes: Floats
    phases: Floats

    @classmethod
    def draw(
        cls, rng: np.random.Generator, centre_mm: tuple[float, float, float], size_mm: float, irregularity: float
    ) -> LesionShape:
        rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        lengths = np.array([1.0, rng.uniform(0.8, 1.0), rng.uniform(0.74, 1.0)])
        count = 7
        shape = cls(
            centre_mm,
            size_mm,
            (rotation * lengths[:, None]).astype(np.float32),
            (rng.normal(size=(count, 3)) * rng.uniform(1.5, 4.0, (count, 1))).astype(np.float32),
            (irregularity * rng.uniform(0.3, 1.0, count) / np.sqrt(count / 3)).astype(np.float32),
            rng.uniform(0, 2 * np.pi, count).astype(np.float32),
        )
        surface = shape.surface_mm()
        extent = surface @ _sphere(200).T
        scale = size_mm / float((extent.max(axis=0) - extent.min(axis=0)).max())
        return cls(centre_mm, size_mm, shape.axes_mm * np.float32(scale), shape.lumps, shape.amplitudes, shape.phases)

    def depth(self, points_mm: Floats) -> tuple[Floats, Floats]:
        """Depth below the surface (mm, approximate, negative outside) and relative radius (0 centre, 1 surface)."""
        offset = points_mm - np.asarray(self.centre_mm, np.float32)
        distance = np.sqrt(np.square(offset).sum(axis=-1))
        unit = offset / np.maximum(distance, 1e-3)[..., None]
        reach = self._reach(unit)
        return reach - distance, distance / reach

    def surface_mm(self, count: int = 500) -> Floats:
        """Points on the surface (n, 3), relative to the centre."""
        unit = _sphere(count)
        return unit * self._reach(unit)[:, None]

    @property
    def volume_mm3(self) -> float:
        """Volume inside the surface."""
        return float(np.mean(self._reach(_sphere(2000)) ** 3) * 4 / 3 * np.pi)

    def inside(self, rng: np.random.Generator, count: int) -> Floats:
        """``count`` points (n, 3) in mm spread evenly over the volume, in anatomy coordinates."""
        unit = rng.normal(size=(4 * count, 3)).astype(np.float32)
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        reach = self._reach(unit)
        share = reach.astype(np.float64) ** 3  # a direction counts by the volume that lies along it
        chosen = rng.choice(4 * count, count, p=share / share.sum())
        radius = np.cbrt(rng.random(count, dtype=np.float32)) * reach[chosen]
        points: Floats = unit[chosen] * radius[:, None] + np.asarray(self.centre_mm, np.float32)
        return points

    def _reach(self, unit: Floats) -> Floats:
        inverse = np.linalg.inv(self.axes_mm).astype(np.float32)
        # at the very centre there is no direction; any finite reach will do
        ellipsoid = 1 / np.sqrt(np.maximum(np.square(unit @ inverse).sum(axis=-1), 1e-9))
        lumpy = np.exp(np.cos(unit @ self.lumps.T + self.phases) @ self.amplitudes)
        reach: Floats = ellipsoid * lumpy
        return reach


def _sphere(count: int) -> Floats:
    """Unit vectors (n, 3) spread evenly over the sphere."""
    n = np.arange(count) + 0.5
    height = 1 - 2 * n / count
    turn = np.pi * (1 + 5**0.5) * n
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), height], axis=1).astype(np.float32)
