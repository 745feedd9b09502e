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

_SMOOTH_MM = (5.0, 4.0, 4.0)
_NEAR_MM = 25.0
_EDGE_OF_TUMOUR = 0.5
_LEAST_TUMOUR = 0.15


@dataclass(frozen=True)
class Located:
    """``centre`` is the fractional (slice, row, column) of an axial stack, ``slices`` the range first … one past last.

    ``what`` is the tumour, or the rectum where no tumour stands out. ``confidence`` from 0 to 1 is how rectum-like and
    how much in one place the heat is; on phantoms it is below one half where the place is wrong.
    """

    centre: tuple[float, float, float]
    slices: tuple[int, int]
    confidence: float
    what: str


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
    peak = [int(at) for at in np.unravel_index(int(chosen.argmax()), chosen.shape)]
    near = np.where(_in_plane_mm(chosen.shape, peak) <= _NEAR_MM, chosen**2, 0)
    along = near.sum(axis=(1, 2))
    slices = _run_about(along, peak[0], _EDGE_OF_TUMOUR * float(along[peak[0]])) if found else (0, len(along))
    near = near[slices[0] : slices[1]]
    place = np.array(ndimage.center_of_mass(near))
    place[0] += slices[0]
    row, column = seen.to_image(float(place[1]), float(place[2]))
    return Located(
        (float(place[0]), row, column), slices, _confidence(rectum, place, slices), "tumour" if found else "rectum"
    )


def _confidence(rectum: Array, place: NDArray[np.floating], slices: tuple[int, int]) -> float:
    """How surely rectum is seen about the place, times how much of all rectum in these slices is there."""
    own = rectum[slices[0] : slices[1]]
    near = _in_plane_mm(own.shape, place) <= _NEAR_MM
    share = float((own**2 * near).sum() / max(float((own**2).sum()), 1e-6))
    peaks = np.where(near, own, 0).max(axis=(1, 2))
    return round(float(np.median(peaks)) * share, 3)


def _in_plane_mm(shape: tuple[int, ...], place: Sequence[float] | NDArray[np.floating]) -> Array:
    """Distances of coarse pixels (1, rows, columns) from the (slice, row, column) of a place, whatever the slice."""
    j, i = (np.arange(n, dtype=np.float32) - np.float32(at) for n, at in zip(shape[1:], place[1:], strict=True))
    distance: Array = np.hypot(j[:, None], i[None, :])[None] * np.float32(PIXEL_MM)
    return distance


def _run_about(values: Array, start: int, least: float) -> tuple[int, int]:
    """The unbroken run of values of at least ``least`` that holds ``start``."""
    first = last = start
    while first > 0 and values[first - 1] >= least:
        first -= 1
    while last + 1 < len(values) and values[last + 1] >= least:
        last += 1
    return first, last + 1
