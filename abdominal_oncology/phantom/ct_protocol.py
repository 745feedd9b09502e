"""What is chosen at the scanner's desk: field of view, slice thickness, dose and kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.phantom.abdomen_trunk import Habitus
from abdominal_oncology.phantom.ct_artefacts import Artefacts
from abdominal_oncology.phantom.ct_scanner import Scanner

THICKNESS_MM = (0.5, 5.0)
_SINGLE_MM = 2.6
"""Up to this thickness one painted level stands for the whole slice."""
_REFERENCE_MM = 2.5
_WIDEST_MM = 500.0
_CUT_SHARE, _ROUND_SHARE = 0.1, 0.3


@dataclass(frozen=True)
class Levels:
    """Heights (mm) to be painted for slices of a thickness: its middle and, when thick, its two faces. Faces that two
    slices share are painted once.

    >>> Levels.of(np.array([0.0, 5.0]), 5.0, None).painted_mm.tolist()
    [-2.5, 0.0, 2.5, 5.0, 7.5]
    """

    painted_mm: NDArray[np.floating]
    middles: NDArray[np.intp]
    faces: tuple[NDArray[np.intp], NDArray[np.intp]] | None
    spacing_mm: float
    thickness_mm: float

    @classmethod
    def of(cls, slices_mm: NDArray[np.floating], spacing_mm: float, thickness_mm: float | None) -> Levels:
        """``thickness_mm`` None: the spacing, or 2.5 mm for slices further apart than 5 mm."""
        low, high = THICKNESS_MM
        if thickness_mm is None:
            thickness = max(spacing_mm, low) if spacing_mm <= high else _REFERENCE_MM
        elif low <= thickness_mm <= high:
            thickness = float(thickness_mm)
        else:
            raise InvalidInputError(
                f"slices of {thickness_mm} mm are not made", remedy=f"choose a thickness of {low} to {high} mm"
            )
        if thickness <= _SINGLE_MM:
            return cls(slices_mm, np.arange(len(slices_mm)), None, spacing_mm, thickness)
        wanted = np.round(np.concatenate([slices_mm, slices_mm - thickness / 2, slices_mm + thickness / 2]), 4)
        painted, places = np.unique(wanted, return_inverse=True)
        middles, lower, upper = np.split(places, 3)
        return cls(painted, middles, (lower, upper), spacing_mm, thickness)

    @property
    def step_mm(self) -> float:
        """Usual distance between painted levels."""
        return float(np.median(np.diff(self.painted_mm))) if len(self.painted_mm) > 1 else self.spacing_mm

    def thick(self, fine: NDArray[np.float32]) -> NDArray[np.float32]:
        """Slices from painted levels: half the middle, a quarter of each face."""
        if self.faces is None:
            return fine
        result = np.empty((len(self.middles), *fine.shape[1:]), dtype=np.float32)
        for k, (middle, lower, upper) in enumerate(zip(self.middles, *self.faces, strict=True)):
            np.add(fine[lower], fine[upper], out=result[k])
            result[k] *= np.float32(0.5)
            result[k] += fine[middle]
            result[k] *= np.float32(0.5)
        return result

    def middle(self, labels: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """Labels of the slices' middles."""
        return labels if self.faces is None else labels[self.middles]

    @property
    def leak(self) -> float:
        """Share of a neighbour that a slice's sensitivity profile reaches; none where there are gaps."""
        return 0.12 * float(np.clip(2 - self.spacing_mm / self.thickness_mm, 0, 1))


def field_of_view_mm(habitus: Habitus, extent_mm: tuple[float, float], rng: np.random.Generator) -> float:
    """As wide as the patient and some air; now and then too narrow, never wider than the gantry's 500 mm."""
    width = max(habitus.width_mm(level) for level in np.linspace(*extent_mm, 24)) * habitus.scale
    generous, cut = float(rng.uniform(1.04, 1.16)), float(rng.uniform(0.84, 0.96))
    return float(min(width * (cut if rng.random() < _CUT_SHARE else generous), _WIDEST_MM))


def draw_scanner(
    rng: np.random.Generator, habitus: Habitus, noise_hu: float | None, levels: Levels, difficulty: float
) -> tuple[Scanner, Artefacts]:
    """One scanner on one day. Stout patients are noisier, for the tube's current has an end."""
    stout = float(np.clip(habitus.width_mm(-200) * habitus.scale / 350, 0.8, 1.5))
    drawn = float(rng.uniform(7, 15)) * stout * (0.5 + difficulty)
    noise = (drawn if noise_hu is None else noise_hu) * float(np.sqrt(_REFERENCE_MM / levels.thickness_mm))
    blur, kernel = float(rng.uniform(0.4, 0.65)), float(rng.uniform(0.6, 1.0))
    strength = 2 * difficulty
    artefacts = Artefacts(
        hardening=float(rng.uniform(0.4, 1.6)) * strength,
        cupping_hu=float(rng.normal(0, 3)) * strength,
        starvation=float(rng.uniform(0.5, 1.5)) * strength * noise / 11,
        round_field=bool(rng.random() < _ROUND_SHARE),
    )
    return Scanner(blur, noise, kernel, 0.0, levels.leak), artefacts
