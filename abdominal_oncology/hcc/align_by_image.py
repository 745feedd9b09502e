"""The shift between two phases where only one has a liver outline: slide the liver's surroundings over each other.

Contrast changes what is bright; it does not change where soft tissue ends and fat, lung or gas begins. HU are
therefore clipped so that everything from blood to bone looks the same, and only those borders are compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.errors import GeometryMismatchError
from abdominal_oncology.hcc.align import SEARCH_MM, AlignBy, Alignment, coarse_grid, peak, sampled, within
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.resample import resample

Floats = NDArray[np.float32]

_STEP_MM = 1.0
_IN_PLANE_MM = 4.0
_AROUND_MM = 12.0
_CLIP_HU = (-160.0, 10.0)
_REACH = round(SEARCH_MM / _STEP_MM)
_FEWEST, _MOST = 500, 150_000
_LEAST_SEEN = 0.3
_FLAT = 1e-6  # of the clipped range squared: nothing varies
# correlation of borders: one patient breathing differently reaches 0.9 and more, two patients 0.47 to 0.66
_STRANGER, _SAME = 0.66, 0.88


class Surroundings:
    """The liver as outlined on the portal phase and what lies around it, ready to be found again in other phases."""

    def __init__(self, portal: Image, liver: Image) -> None:
        """Both of any grid, the phase in HU."""
        self._normal = liver.geometry.normal
        still = coarse_grid(liver.geometry, (_STEP_MM, _IN_PLANE_MM, _IN_PLANE_MM), _AROUND_MM)
        self._wide = still.crop((-_REACH, 0, 0), (still.shape[0] + _REACH, still.shape[1], still.shape[2]))
        near = _around(sampled(liver, still)) & within(portal.geometry, still)
        count = int(np.count_nonzero(near))
        if count < _FEWEST:
            raise GeometryMismatchError(
                "the portal phase does not show the liver that is outlined", remedy="check that they belong together"
            )
        columns = np.flatnonzero(near.any(axis=0))
        self._columns = columns[:: count // _MOST + 1]  # a liver has a million such points; fewer say the same
        self._near = self._picked(near)
        self._fixed = self._near * self._picked(_borders(portal, still))

    def align(self, role: str, phase: Image) -> Alignment:
        """The shift of ``phase`` (HU, any grid)."""
        seen = self._picked(within(phase.geometry, self._wide))
        moving = seen * self._picked(_borders(phase, self._wide))
        best, agreement = peak(_sliding_correlation(self._near, self._fixed, seen, moving))
        confidence = float(np.clip((agreement - _STRANGER) / (_SAME - _STRANGER), 0, 1))
        return Alignment.along(role, AlignBy.IMAGE, self._normal, (best - _REACH) * _STEP_MM, confidence, agreement)

    def _picked(self, values: NDArray[Any]) -> Floats:
        """(k, columns): values (k, j, i) of the columns that are compared."""
        picked: Floats = values.reshape(len(values), -1).take(self._columns, axis=1).astype(np.float32, copy=False)
        return picked


def align_image(role: str, portal: Image, portal_liver: Image, phase: Image) -> Alignment:
    """The shift of ``phase`` against ``portal``, both in HU (any grid), around the liver outlined on ``portal``."""
    return Surroundings(portal, portal_liver).align(role, phase)


def _sliding_correlation(near: Floats, fixed: Floats, seen: Floats, moving: Floats) -> NDArray[np.float64]:
    """Correlation of ``fixed`` (k, c) with ``moving`` (k + shifts, c) at every shift along k, over the places that are
    ``near`` and ``seen`` (1 there, 0 elsewhere; so are the values). -1 where too few are seen.

    One row times all others of a matrix product holds every shift: its diagonals are summed, so that all sums of all
    shifts come from six products instead of a gather per shift.
    """
    shifts = len(moving) - len(fixed) + 1

    def sums(still: Floats, sliding: Floats) -> NDArray[np.float64]:
        product = np.ascontiguousarray(still @ sliding.T)
        row, step = product.strides
        diagonals = np.lib.stride_tricks.as_strided(product, (len(still), shifts), (row + step, step), writeable=False)
        total: NDArray[np.float64] = diagonals.sum(axis=0, dtype=np.float64)
        return total

    count = np.maximum(sums(near, seen), 1.0)
    mean_fixed, mean_moving = sums(fixed, seen) / count, sums(near, moving) / count
    both = sums(fixed, moving) / count - mean_fixed * mean_moving
    spread_fixed = sums(fixed * fixed, seen) / count - mean_fixed**2
    spread_moving = sums(near, moving * moving) / count - mean_moving**2
    norm = np.sqrt(np.maximum(spread_fixed, 0) * np.maximum(spread_moving, 0))
    correlation = np.where(norm > _FLAT, both / np.maximum(norm, _FLAT), 0.0)
    enough = count > _LEAST_SEEN * float(near.sum())
    return np.where(enough, correlation, -1.0)


def _borders(image: Image, grid: Geometry) -> Floats:
    """HU clipped and scaled to -1 … 1, on a coarse grid: in plane means of what a coarse voxel covers, along the slices
    interpolated."""
    steps = [max(1, round(_IN_PLANE_MM / mm / 2)) for mm in image.geometry.spacing_mm[1:]]
    thin = image.voxels[:, :: steps[0], :: steps[1]]  # two samples per coarse voxel are enough for borders
    start = image.geometry
    shrunk = Geometry(
        (thin.shape[0], thin.shape[1], thin.shape[2]),
        (start.spacing_mm[0], start.spacing_mm[1] * steps[0], start.spacing_mm[2] * steps[1]),
        start.origin_mm,
        start.directions,
    )
    low, high = _CLIP_HU
    clipped = (np.clip(thin, low, high).astype(np.float32) - (low + high) / 2) * (2 / (high - low))
    soft = ndimage.uniform_filter(clipped, (1, 2, 2), mode="nearest", origin=(0, -1, -1))
    moved = Geometry(
        shrunk.shape,
        shrunk.spacing_mm,
        tuple(float(v) for v in shrunk.to_world((0.0, 0.5, 0.5))),  # type: ignore[arg-type]
        shrunk.directions,
    )
    result: Floats = resample(Image(soft, moved), grid, "linear", outside=-1.0).voxels
    return result


def _around(liver: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The liver and its surroundings; along the slices a box, so that the search stays a slide."""
    wide = round(_AROUND_MM / _IN_PLANE_MM)
    tall = round(_AROUND_MM / _STEP_MM)
    grown = ndimage.maximum_filter(liver.astype(np.uint8), (2 * tall + 1, 2 * wide + 1, 2 * wide + 1), mode="constant")
    around: NDArray[np.bool_] = grown > 0
    return around
