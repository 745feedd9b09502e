"""From the heat of rectum and tumour to one place, the slices about it, and how far to trust it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.imaging.image import Image
from abdominal_oncology.rectal.localise.coarse import PIXEL_MM, Array, coarse
from abdominal_oncology.rectal.localise.heat import RECTUM, TUMOUR, HeatModel, bundled_model
from abdominal_oncology.rectal.localise.height import REACH_MM, Height, believed_height

_SMOOTH_MM = (5.0, 4.0, 4.0)
_NEAR_MM = 25.0
_LEAST_TUMOUR = 0.15


@dataclass(frozen=True)
class Located:
    """``centre`` is the fractional (slice, row, column) of an axial stack, ``slices`` the range first … one past last.

    ``what`` is the tumour, or the rectum where no tumour stands out; its slices are then all. ``in_plane`` from 0 to 1
    is how rectum-like and how much in one place the heat of these slices is; ``height`` is the share of belief within
    20 mm of the slice, 0 for the rectum, which has no height.
    """

    centre: tuple[float, float, float]
    slices: tuple[int, int]
    in_plane: float
    height: float
    what: str

    @property
    def confidence(self) -> float:
        """That the tumour lies here, in plane and along the body."""
        return round(self.in_plane * self.height, 3)


def locate(stack: Image, model: HeatModel | None = None) -> Located:
    """On an axial stack, feet first and rows towards the back (``plane.as_axial_stack``)."""
    seen = coarse(stack)
    heat = (model or bundled_model()).probabilities(seen.inputs)
    thick_mm = seen.spacing_mm[0]
    sigma = [mm / step for mm, step in zip(_SMOOTH_MM, (thick_mm, PIXEL_MM, PIXEL_MM), strict=True)]
    rectum, tumour = (ndimage.gaussian_filter(heat[:, n], sigma, mode="nearest") for n in (RECTUM, TUMOUR))
    # a tumour lies on the rectum: heat elsewhere is something else
    tumour = tumour * rectum
    found = float(tumour.max()) >= _LEAST_TUMOUR
    chosen = tumour if found else rectum
    height = believed_height(tumour, thick_mm) if found else Height((len(chosen) - 1) / 2, 0.0)
    slices = _about(height.slice, thick_mm, len(chosen)) if found else (0, len(chosen))
    within = chosen[slices[0] : slices[1]]
    peak = [int(at) for at in np.unravel_index(int(within.argmax()), within.shape)]
    near = np.where(_in_plane_mm(within.shape, peak) <= _NEAR_MM, within**2, 0)
    place = np.array([height.slice, *ndimage.center_of_mass(near)[1:]])
    row, column = seen.to_image(float(place[1]), float(place[2]))
    return Located(
        (height.slice, row, column),
        slices,
        _in_plane(rectum[slices[0] : slices[1]], place),
        height.confidence,
        "tumour" if found else "rectum",
    )


def _in_plane(own: Array, place: NDArray[np.floating]) -> float:
    """How surely rectum is seen about the place, times how much of all rectum in these slices is there."""
    near = _in_plane_mm(own.shape, place) <= _NEAR_MM
    share = float((own**2 * near).sum() / max(float((own**2).sum()), 1e-6))
    peaks = np.where(near, own, 0).max(axis=(1, 2))
    return round(float(np.median(peaks)) * share, 3)


def _in_plane_mm(shape: tuple[int, ...], place: Sequence[float] | NDArray[np.floating]) -> Array:
    """Distances of coarse pixels (1, rows, columns) from the (slice, row, column) of a place, whatever the slice."""
    j, i = (np.arange(n, dtype=np.float32) - np.float32(at) for n, at in zip(shape[1:], place[1:], strict=True))
    distance: Array = np.hypot(j[:, None], i[None, :])[None] * np.float32(PIXEL_MM)
    return distance


def _about(middle: float, thick_mm: float, count: int) -> tuple[int, int]:
    """The slices within reach of a height."""
    reach = REACH_MM / thick_mm
    return max(round(middle - reach), 0), min(round(middle + reach) + 1, count)
