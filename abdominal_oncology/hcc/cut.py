"""The patch that networks look at: 24 × 96 × 96 voxels of 2.00 × 0.76 × 0.76 mm around a lesion, in every phase.

One transform leads from the patch to each phase; only the patch is ever resampled. A lesion that does not fit keeps its
scale: the patch then shows the part where most of it lies, ``share_inside`` says how much, and a warning tells.
Training patches (:mod:`abdominal_oncology.hcc.patch`) treat large lesions the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.hcc.case import LesionMask
from abdominal_oncology.hcc.features.region import Floats, Mask
from abdominal_oncology.hcc.patch import PATCH_SHAPE, PATCH_SPACING_MM
from abdominal_oncology.hcc.phase_roles import PHASES
from abdominal_oncology.hcc.prepare import PreparedCase
from abdominal_oncology.imaging.geometry import Geometry, Vector
from abdominal_oncology.learning.finding import FindingWarning

ENOUGH_INSIDE = 0.95


@dataclass(frozen=True, eq=False)
class CutPatch:
    """``hu`` (phase, k, j, i) in the order of ``roles``, NaN beyond a phase's field of view; masks (k, j, i)."""

    roles: tuple[str, ...]
    hu: Floats
    lesion: Mask
    liver: Mask
    grid: Geometry
    share_inside: float
    warnings: tuple[FindingWarning, ...] = ()


def cut_patch(prepared: PreparedCase, lesion: LesionMask) -> CutPatch:
    """The patch of one lesion; phases that are missing are left out of ``roles``."""
    grid, share = patch_grid(lesion, prepared.frame)
    roles = tuple(role for role in PHASES if role in prepared.blocks)
    hu = np.stack([prepared.hu(role, grid) for role in roles])
    warnings: tuple[FindingWarning, ...] = ()
    if share < ENOUGH_INSIDE:
        told = f"{lesion.name} is larger than the patch: {share:.0%} of it is seen by the networks"
        warnings = (FindingWarning("lesion_larger_than_patch", told),)
    return CutPatch(
        roles, hu, prepared.mask(lesion.mask, grid), prepared.mask(prepared.liver, grid), grid, share, warnings
    )


def patch_grid(lesion: LesionMask, frame: Geometry) -> tuple[Geometry, float]:
    """Where the patch lies, along the axes of ``frame``, and the share of the lesion inside it."""
    axes = np.asarray(frame.directions)
    points = lesion.mask.geometry.to_world(np.argwhere(lesion.mask.voxels)) @ axes.T
    half = np.asarray(PATCH_SHAPE) * np.asarray(PATCH_SPACING_MM) / 2
    middle = np.array([_best_middle(points[:, axis], half[axis]) for axis in range(3)])
    inside = (np.abs(points - middle) <= half).all(axis=1)
    first = middle - half + np.asarray(PATCH_SPACING_MM) / 2
    origin = first @ axes
    return Geometry(PATCH_SHAPE, PATCH_SPACING_MM, _vector(origin), frame.directions), float(inside.mean())


def along(frame: Geometry, corners_mm: NDArray[np.float64], margin_mm: float, spacing_mm: Vector) -> Geometry:
    """A grid along the axes of ``frame`` over points with a margin."""
    axes = np.asarray(frame.directions)
    places = corners_mm @ axes.T
    low, high = places.min(axis=0) - margin_mm, places.max(axis=0) + margin_mm
    spacing = np.asarray(spacing_mm)
    shape = np.maximum(1, np.ceil((high - low) / spacing)).astype(int)
    first = (low + high) / 2 - (shape - 1) / 2 * spacing
    return Geometry((int(shape[0]), int(shape[1]), int(shape[2])), spacing_mm, _vector(first @ axes), frame.directions)


def _best_middle(places: NDArray[np.float64], half: float) -> float:
    """The middle of the lesion where it fits; else of the stretch that holds most of it."""
    low, high = float(places.min()), float(places.max())
    if high - low <= 2 * half:
        return (low + high) / 2
    ordered = np.sort(places)
    ends = np.searchsorted(ordered, ordered + 2 * half, side="right")
    start = int(np.argmax(ends - np.arange(len(ordered))))
    return float(ordered[start]) + half


def _vector(values: NDArray[np.float64]) -> Vector:
    return (float(values[0]), float(values[1]), float(values[2]))
