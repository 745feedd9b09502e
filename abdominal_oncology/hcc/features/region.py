"""A lesion and the liver around it in every phase, on one small grid: what all measurements start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.errors import EmptyMaskError
from abdominal_oncology.hcc.features.uncertain import UNKNOWN, Uncertain, median_error, quantiles
from abdominal_oncology.imaging.geometry import Geometry

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

RIM_MM = 5.0
"""Liver this near to any lesion is not parenchyma: it may be compressed, fibrotic or outlined wrongly."""
EDGE_MM = 3.0
"""Nor is liver this near to its own surface, where fat, lung and ribs blur into it."""

DEEPEST_OUTSIDE_MM = 8.0
"""Farther from the lesion nobody asks how far."""

GRAIN_MM3 = 4.5
"""The size of a grain of noise: neighbouring voxels within one are not independent."""

_VESSEL_SPREADS = 2.5
_FEWEST = 60


@dataclass(frozen=True)
class Background:
    """The liver's parenchyma in one phase: its median, and the spread of its voxels (noise and texture)."""

    hu: Uncertain
    spread_hu: float


@dataclass(frozen=True, eq=False)
class LesionRegion:
    """``hu`` (k, j, i) by phase, NaN where a phase does not reach; ``depth_mm`` below the lesion's surface, negative
    outside down to -8; ``parenchyma`` the voxels that stand for the liver; ``vessels`` what was left out as vessel.
    """

    grid: Geometry
    hu: Mapping[str, Floats]
    depth_mm: Floats
    parenchyma: Mask
    vessels: Mask
    background: Mapping[str, Background]

    @classmethod
    def of(
        cls,
        grid: Geometry,
        hu: Mapping[str, Floats],
        lesion: Mask,
        liver: Mask,
        others: Mask | None = None,
        whole_liver: Mapping[str, Background] | None = None,
    ) -> LesionRegion:
        """``liver`` with or without the lesions; ``others`` are further lesions, which count as neither.

        ``whole_liver`` stands in where there is too little parenchyma around the lesion.
        """
        if not lesion.any():
            raise EmptyMaskError("the lesion has no voxel", remedy="draw it, or leave it out")
        depth = np.full(lesion.shape, -DEEPEST_OUTSIDE_MM, np.float32)
        near = _around(lesion, DEEPEST_OUTSIDE_MM, grid.spacing_mm)
        depth[near] = np.maximum(depth_below(lesion[near], grid.spacing_mm), -DEEPEST_OUTSIDE_MM)
        parenchyma, vessels = parenchyma_of(grid, hu, liver | lesion, lesion if others is None else lesion | others)
        background = {role: background_of(values[parenchyma], grid) for role, values in hu.items()}
        if whole_liver is not None and np.count_nonzero(parenchyma) < _FEWEST:
            background = {role: whole_liver[role] for role in hu}
        return cls(grid, hu, depth, parenchyma, vessels, background)

    @property
    def lesion(self) -> Mask:
        inside: Mask = self.depth_mm > 0
        return inside


def parenchyma_of(grid: Geometry, hu: Mapping[str, Floats], liver: Mask, lesions: Mask) -> tuple[Mask, Mask]:
    """Liver without lesions and their rim, without its own edge, without vessels; and those vessels.

    Vessels are what stands out from the liver in any phase once the noise is averaged away, brighter or darker.
    """
    far = np.ones(grid.shape, np.bool_)
    if lesions.any():
        near = _around(lesions, RIM_MM, grid.spacing_mm)
        far[near] = ndimage.distance_transform_edt(~lesions[near], sampling=grid.spacing_mm) > RIM_MM
    edge = _eroded(liver, EDGE_MM, grid.spacing_mm)
    candidates = far & edge
    if np.count_nonzero(candidates) < _FEWEST:
        candidates = liver & ~lesions  # a small or crowded liver: take what there is
    seen = candidates.copy()
    vessels = np.zeros_like(candidates)
    for values in hu.values():
        known = candidates & np.isfinite(values)
        if np.count_nonzero(known) < _FEWEST:
            continue
        seen &= known
        filled = np.where(np.isfinite(values), values, 0).astype(np.float32)
        smooth = ndimage.uniform_filter(filled, (1, 3, 3))
        middle, spread = _robust(smooth[known])
        vessels |= known & (np.abs(smooth - middle) > _VESSEL_SPREADS * max(spread, 3.0))
    clean = seen & ~vessels
    return (clean if np.count_nonzero(clean) >= _FEWEST else candidates), vessels


def depth_below(mask: Mask, spacing_mm: tuple[float, float, float]) -> Floats:
    """Signed distance (mm) of voxel centres to the mask's surface, which runs between voxels; positive inside.

    >>> box = np.zeros((1, 1, 6), bool)
    >>> box[..., 2:4] = True
    >>> depth_below(box, (1.0, 1.0, 1.0))[0, 0].tolist()
    [-1.5, -0.5, 0.5, 0.5, -0.5, -1.5]
    """
    spacing = np.asarray(spacing_mm, np.float32)
    depth = np.zeros(mask.shape, np.float32)
    for inside, sign in ((mask, 1), (~mask, -1)):
        if not inside.any() or inside.all():
            continue
        places = ndimage.distance_transform_edt(
            inside, sampling=spacing_mm, return_distances=False, return_indices=True
        )
        at = np.nonzero(inside)
        away = np.stack([np.abs(places[axis][at] - at[axis]) * spacing[axis] for axis in range(3)])
        length = np.sqrt(np.square(away).sum(axis=0))
        half = (away * (spacing[:, None] / 2)).max(axis=0) / length  # half a voxel along the way mostly gone
        depth[at] = sign * (length - half)
    return depth


def effective_count(voxels: int, grid: Geometry) -> float:
    """How many of so many neighbouring voxels are independent: noise has grains of a few mm³."""
    return voxels * min(1.0, grid.voxel_volume_mm3 / GRAIN_MM3)


def background_of(values: Floats, grid: Geometry) -> Background:
    """From the HU (n) of parenchyma sampled on ``grid``."""
    known = values[np.isfinite(values)]
    if known.size < _FEWEST // 2:
        return Background(UNKNOWN, float("nan"))
    middle, spread = _robust(known)
    return Background(Uncertain(middle, median_error(known, effective_count(known.size, grid))), spread)


def _around(mask: Mask, by_mm: float, spacing_mm: tuple[float, float, float]) -> tuple[slice, ...]:
    """The box of a mask with a margin, as far as the grid goes: what lies farther needs no distance."""
    sides = []
    for axis, mm in enumerate(spacing_mm):
        filled = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
        margin = int(np.ceil(by_mm / mm)) + 1
        sides.append(slice(max(0, int(filled[0]) - margin), int(filled[-1]) + margin + 1))
    return tuple(sides)


def _robust(values: Floats) -> tuple[float, float]:
    low, middle, high = quantiles(values, 0.25, 0.5, 0.75)
    return middle, (high - low) / 1.349


def _eroded(mask: Mask, by_mm: float, spacing_mm: tuple[float, float, float]) -> Mask:
    """Without what lies nearer than ``by_mm`` to the outside; the end of the grid is no outside."""
    steps = [max(0, round(by_mm / mm)) for mm in spacing_mm]
    size = tuple(2 * step + 1 for step in steps)
    inner: Mask = ndimage.minimum_filter(mask.view(np.uint8), size, mode="nearest") > 0
    return inner
