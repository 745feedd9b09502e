"""A plain liver study made in milliseconds: bodies of known HU, moved by known amounts."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.hcc.case import MultiphaseCase
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Source

LIVER_HU = {"arterial": 76.0, "portal": 108.0, "delayed": 86.0, "non-contrast": 57.0}


@dataclass
class LiverScene:
    """An ellipsoid liver under a dome of lung, fat around, a ball as lesion; ``shifts_mm`` by phase (upwards)."""

    spacing_mm: tuple[float, float, float] = (2.5, 2.0, 2.0)
    shape: tuple[int, int, int] = (60, 84, 92)
    lesion_mm: float = 20.0
    centre_mm: tuple[float, float, float] = (-20.0, 5.0, 5.0)
    lesion_hu: dict[str, float] = field(
        default_factory=lambda: {"arterial": 110.0, "portal": 90.0, "delayed": 65.0, "non-contrast": 45.0}
    )
    shifts_mm: dict[str, float] = field(default_factory=dict)
    noise_hu: float = 8.0
    half_axes_mm: tuple[float, float, float] = (75.0, 60.0, 50.0)
    patient: dict[str, str] = field(default_factory=dict)
    seed: int = 0

    @property
    def grid(self) -> Geometry:
        size = np.asarray(self.shape) * np.asarray(self.spacing_mm)
        k, j, i = (float(v) for v in -(size - np.asarray(self.spacing_mm)) / 2)
        return Geometry(self.shape, self.spacing_mm, (i, j, k))

    def points(self, grid: Geometry, shift_mm: float = 0.0) -> NDArray[np.float64]:
        index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1)
        moved: NDArray[np.float64] = grid.to_world(index) - np.array([0.0, 0.0, shift_mm])
        return moved

    def liver(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        egg = np.square(points / np.asarray(self.half_axes_mm)).sum(axis=-1) < 1
        # a flat left part and a notch, so that no shift looks like another
        inside: NDArray[np.bool_] = egg & ~((points[..., 0] > 15) & (points[..., 2] < -15))
        return inside

    def lesion(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        away = np.square(points - np.asarray(self.centre_mm)).sum(axis=-1)
        inside: NDArray[np.bool_] = away < (self.lesion_mm / 2) ** 2
        return inside

    def image(self, role: str, grid: Geometry | None = None) -> Image:
        grid = grid or self.grid
        points = self.points(grid, self.shifts_mm.get(role, 0.0))
        liver = self.liver(points)
        hu = np.where(points[..., 2] > 20 + 0.002 * np.square(points[..., 0]), -820.0, -100.0)
        hu[points[..., 1] > 62] = 60.0  # muscle behind
        hu[liver] = LIVER_HU[role]
        hu[self.lesion(points)] = self.lesion_hu[role]
        rng = np.random.default_rng([self.seed, sum(map(ord, role))])
        hu += rng.normal(0, self.noise_hu, hu.shape)
        source = Source(patient_id=self.patient.get(role, "p"), study_uid="1.2.3")
        return Image(hu.astype(np.int16), grid, "CT", source)

    def liver_mask(self, role: str = "portal", grid: Geometry | None = None) -> Image:
        grid = grid or self.grid
        return Image(self.liver(self.points(grid, self.shifts_mm.get(role, 0.0))).astype(np.uint8), grid, "MASK")

    def lesion_mask(self, grid: Geometry | None = None) -> Image:
        grid = grid or self.grid
        return Image(self.lesion(self.points(grid)).astype(np.uint8), grid, "MASK")

    def case(self, **changes: object) -> MultiphaseCase:
        parts: dict[str, object] = {role: self.image(role) for role in ("arterial", "portal", "delayed")}
        parts |= {"liver": self.liver_mask(), "lesions": self.lesion_mask()} | changes
        return MultiphaseCase.of(**parts)  # type: ignore[arg-type]
