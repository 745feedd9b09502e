"""Where a point of the portal phase lies in the other phases: a shift along the slices' normal, found from the livers.

As published, phases are moved vertically until the livers cover each other. A shift is a rigid transform from portal
to phase world coordinates, so any patch can be cut from every phase in one step and no volume is ever resampled.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.imaging.geometry import Geometry, Matrix, Vector
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.resample import resample

SEARCH_MM = 40.0
"""How far livers of one examination may lie apart: a deep breath."""

_STEP_MM = 1.0
_IN_PLANE_MM = 4.0
# two outlines of one liver overlap (Dice) by 0.94 and more; livers of two people, slid over each other, by 0.73 to 0.83
_STRANGER_DICE, _SAME_DICE = 0.84, 0.94
# less than this share of the liver in the other phase's field of view is no ground for a shift
_SHOWN = 0.3
_NO_MOVE = 1e-6


class AlignBy(StrEnum):
    """How a phase was laid onto the portal phase."""

    REFERENCE = "reference"
    LIVERS = "livers"
    IMAGE = "image"
    RIGID = "rigid"
    GIVEN = "given"


@dataclass(frozen=True, eq=False)
class Alignment:
    """``shift_mm`` is how far along the portal phase's slice normal (upwards in k) the phase's liver lies from the
    portal one. ``confidence`` 0 … 1; ``agreement`` the overlap or correlation that it rests on. ``turn`` (3, 3) and
    ``move_mm`` take portal LPS points to the phase: ``turn @ x + move_mm``.
    """

    role: str
    by: AlignBy
    shift_mm: float
    confidence: float
    agreement: float
    turn: NDArray[np.float64]
    move_mm: NDArray[np.float64]

    @classmethod
    def along(
        cls, role: str, by: AlignBy, normal: Vector, shift_mm: float, confidence: float, agreement: float
    ) -> Alignment:
        """A pure shift along ``normal``.

        >>> Alignment.along("arterial", AlignBy.GIVEN, (0, 0, 1), 7.5, 1.0, 1.0).to_phase([[1, 2, 3]]).tolist()
        [[1.0, 2.0, 10.5]]
        """
        return cls(role, by, float(shift_mm), confidence, agreement, np.eye(3), np.asarray(normal) * float(shift_mm))

    def to_phase(self, xyz_mm: object) -> NDArray[np.float64]:
        """Phase LPS points (…, 3) of portal LPS points."""
        moved: NDArray[np.float64] = np.asarray(xyz_mm, dtype=np.float64) @ self.turn.T + self.move_mm
        return moved

    def grid(self, geometry: Geometry) -> Geometry:
        """The grid in the phase's world that shows what ``geometry`` shows in the portal one."""
        axes = np.asarray(geometry.directions) @ self.turn.T
        directions: Matrix = (_vector(axes[0]), _vector(axes[1]), _vector(axes[2]))
        return Geometry(geometry.shape, geometry.spacing_mm, _vector(self.to_phase(geometry.origin_mm)), directions)


def align_livers(role: str, portal_liver: Image, liver: Image, field: Geometry) -> Alignment:
    """From the liver as outlined on both phases (masks of any grid). ``field`` is the grid of the phase: beyond it
    nothing is known and nothing counts.
    """
    still = coarse_grid(portal_liver.geometry, (_STEP_MM, _IN_PLANE_MM, _IN_PLANE_MM), 0.0)
    reach = round(SEARCH_MM / _STEP_MM)
    wide = still.crop((-reach, 0, 0), (still.shape[0] + reach, still.shape[1], still.shape[2]))
    fixed = _soft(portal_liver, still)
    moving = _soft(liver, wide)
    seen = within(field, wide)
    shifts = np.arange(-reach, reach + 1)
    whole, seen_weight = float(fixed.sum()), np.einsum("kji,kji->k", moving, moving)
    dice = np.zeros(len(shifts))
    for n in range(len(shifts)):
        part = slice(n, n + still.shape[0])
        known = np.where(seen[part], fixed, 0)
        if float(known.sum()) > _SHOWN * whole:
            both = float(np.vdot(known, moving[part]))
            dice[n] = 2 * both / (float(np.vdot(known, known)) + float(seen_weight[part].sum()))
    best, agreement = peak(dice)
    shift = float(np.interp(best, np.arange(len(shifts)), shifts * _STEP_MM))
    confidence = float(np.clip((agreement - _STRANGER_DICE) / (_SAME_DICE - _STRANGER_DICE), 0, 1))
    return Alignment.along(role, AlignBy.LIVERS, portal_liver.geometry.normal, shift, confidence, agreement)


def coarse_grid(box: Geometry, spacing_mm: tuple[float, float, float], margin_mm: float) -> Geometry:
    """A coarse grid over a box with a margin, turned as the box is."""
    extra = np.ceil(margin_mm / np.asarray(box.spacing_mm)).astype(int)
    grown = box.crop((-extra).tolist(), (np.asarray(box.shape) + extra).tolist())
    return grown.with_spacing(spacing_mm)


def sampled(mask: Image, grid: Geometry) -> NDArray[np.bool_]:
    """A mask, cut out however closely, on a grid; outside it nothing is set."""
    inside: NDArray[np.bool_] = resample(mask, grid, "nearest", outside=0).voxels != 0
    return inside


def _soft(mask: Image, grid: Geometry) -> NDArray[np.float32]:
    """A mask between its slices, 0 … 1, so that a shift is not found in whole slices only."""
    image = Image(mask.voxels.astype(np.float32), mask.geometry)
    part: NDArray[np.float32] = resample(image, grid, "linear", outside=0).voxels
    return part


def within(field: Geometry, grid: Geometry) -> NDArray[np.bool_]:
    """Which voxels of ``grid`` (k, j, i) lie inside the field of view ``field``."""
    affine = field.inverse_affine @ grid.affine
    axes = np.ix_(*(np.arange(n, dtype=np.float64) for n in grid.shape))
    result = np.ones(grid.shape, np.bool_)
    for row, size in zip(affine[:3], field.shape, strict=True):
        # an axis that does not move this index is left out: on parallel grids each test is one line of numbers
        steps = [step * axis for step, axis in zip(row[:3], axes, strict=True) if abs(step) * axis.size > _NO_MOVE]
        at = sum(steps, np.float64(row[3]))
        result &= (at >= -0.5) & (at < size - 0.5)
    return result


def peak(values: NDArray[np.float64]) -> tuple[float, float]:
    """Place (fractional index) and height of the highest value, by a parabola through its neighbours.

    >>> peak(np.array([0.0, 1.0, 1.0, 0.0]))
    (1.5, 1.125)
    """
    n = int(np.argmax(values))
    if n in (0, len(values) - 1):
        return float(n), float(values[n])
    before, here, after = (float(v) for v in values[n - 1 : n + 2])
    bend = before - 2 * here + after
    if bend >= 0:
        return float(n), here
    offset = 0.5 * (before - after) / bend
    return n + offset, here - 0.25 * (before - after) * offset


def _vector(values: NDArray[np.float64]) -> Vector:
    return (float(values[0]), float(values[1]), float(values[2]))
