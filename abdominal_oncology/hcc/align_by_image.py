"""The shift between two phases where only one has a liver outline: slide the liver's surroundings over each other.

Contrast changes what is bright; it does not change where soft tissue ends and fat, lung or gas begins. HU are
therefore clipped so that everything from blood to bone looks the same, and only those borders are compared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.errors import GeometryMismatchError
from abdominal_oncology.hcc.align import SEARCH_MM, AlignBy, Alignment, coarse_grid, peak, sampled, within
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.resample import resample

_STEP_MM = 1.0
_IN_PLANE_MM = 4.0
_AROUND_MM = 12.0
_CLIP_HU = (-160.0, 10.0)
_FEWEST, _MOST = 500, 60_000
# correlation of borders: one patient breathing differently reaches 0.9 and more, two patients 0.47 to 0.66
_STRANGER, _SAME = 0.66, 0.88


def align_image(role: str, portal: Image, portal_liver: Image, phase: Image) -> Alignment:
    """The shift of ``phase`` against ``portal``, both in HU (any grid), around the liver outlined on ``portal``."""
    still = coarse_grid(portal_liver.geometry, (_STEP_MM, _IN_PLANE_MM, _IN_PLANE_MM), _AROUND_MM)
    reach = round(SEARCH_MM / _STEP_MM)
    wide = still.crop((-reach, 0, 0), (still.shape[0] + reach, still.shape[1], still.shape[2]))
    near = _around(sampled(portal_liver, still)) & within(portal.geometry, still)
    k, j, i = np.nonzero(near)
    if len(k) < _FEWEST:
        raise GeometryMismatchError(
            "the portal phase does not show the liver that is outlined", remedy="check that they belong together"
        )
    stride = len(k) // _MOST + 1  # a liver has a million such points; a tenth of them say the same
    k, j, i = k[::stride], j[::stride], i[::stride]
    fixed = _borders(portal, still)[k, j, i]
    moving = _borders(phase, wide)
    seen = within(phase.geometry, wide)
    scores = np.full(2 * reach + 1, -1.0)
    for n in range(len(scores)):
        known = seen[k + n, j, i]
        if np.count_nonzero(known) > 0.3 * len(k):
            scores[n] = _correlation(fixed[known], moving[k + n, j, i][known])
    best, agreement = peak(scores)
    confidence = float(np.clip((agreement - _STRANGER) / (_SAME - _STRANGER), 0, 1))
    shift = (best - reach) * _STEP_MM
    return Alignment.along(role, AlignBy.IMAGE, portal_liver.geometry.normal, shift, confidence, agreement)


def _borders(image: Image, grid: Geometry) -> NDArray[np.float32]:
    """Clipped HU on a coarse grid: in plane means of what a coarse voxel covers, along the slices interpolated."""
    steps = [max(1, round(_IN_PLANE_MM / mm / 2)) for mm in image.geometry.spacing_mm[1:]]
    thin = image.voxels[:, :: steps[0], :: steps[1]]  # two samples per coarse voxel are enough for borders
    start = image.geometry
    shrunk = Geometry(
        (thin.shape[0], thin.shape[1], thin.shape[2]),
        (start.spacing_mm[0], start.spacing_mm[1] * steps[0], start.spacing_mm[2] * steps[1]),
        start.origin_mm,
        start.directions,
    )
    clipped = np.clip(thin, *_CLIP_HU).astype(np.float32)
    soft = ndimage.uniform_filter(clipped, (1, 2, 2), mode="nearest", origin=(0, -1, -1))
    moved = Geometry(
        shrunk.shape,
        shrunk.spacing_mm,
        tuple(float(v) for v in shrunk.to_world((0.0, 0.5, 0.5))),  # type: ignore[arg-type]
        shrunk.directions,
    )
    result: NDArray[np.float32] = resample(Image(soft, moved), grid, "linear", outside=_CLIP_HU[0]).voxels
    return result


def _around(liver: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The liver and its surroundings; along the slices a box, so that the search stays a slide."""
    wide = round(_AROUND_MM / _IN_PLANE_MM)
    tall = round(_AROUND_MM / _STEP_MM)
    grown = ndimage.maximum_filter(liver.astype(np.uint8), (2 * tall + 1, 2 * wide + 1, 2 * wide + 1), mode="constant")
    around: NDArray[np.bool_] = grown > 0
    return around


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt(np.dot(a, a) * np.dot(b, b)))
    return float(np.dot(a, b)) / norm if norm > 0 else 0.0
