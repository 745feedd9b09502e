"""Did the patient move between the two halves of an interleaved acquisition?

Scanners take every other slice first and the rest later. If the patient moves in between, all odd slices are displaced
against all even ones. Anatomy drifts from slice to slice too, but never to and fro, so the alternating part of the
displacements is the patient's. Motion within a slice (ghosts, blur) is not seen here.

Measured on six phantoms and a real series, at 0.9 mm per pixel: displacements of 1, 2 and 4 mm are found to within
0.05 mm; without any, at most 0.02 mm are found in phantoms and 0.06 mm in the real series.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.rectal.prepare import PreparedVolume

Floats = NDArray[np.float64]

_TOLD_MM = 1.0
"""Stages differ by millimetres; less than one is as good as lying still."""

_FEWEST_SLICES = 6
_LARGEST_PIXELS = 8
_CLEARLY, _SD_PER_MAD = 3.0, 1.4826
_FINE, _COARSE = 1.0, 6.0
_TINY = 1e-6


def motion_warnings(prepared: PreparedVolume) -> list[FindingWarning]:
    moved = alternating_displacement_mm(prepared)
    if moved < _TOLD_MM:
        return []
    text = (
        f"every other slice is displaced by {moved:.1f} mm: the patient seems to have moved between the two halves of "
        "the acquisition, and outlines jump from slice to slice"
    )
    return [FindingWarning("motion", text)]


def alternating_displacement_mm(prepared: PreparedVolume) -> float:
    """By how much odd slices lie beside even ones; 0 where slices are too few, or too unlike each other, to tell."""
    if len(prepared.pixels) < _FEWEST_SLICES:
        return 0.0
    steps = _displacements(prepared.pixels) * prepared.geometry.spacing_mm[1]
    signs = (-1.0) ** np.arange(len(steps) - 1)
    # what alternates counts twice in the difference of two steps, what drifts hardly at all
    to_and_fro = (steps[:-1] - steps[1:]) * signs[:, None] / 2
    middle = np.median(to_and_fro, axis=0)  # forgives a slice that matches nothing
    error = _SD_PER_MAD * np.median(np.abs(to_and_fro - middle), axis=0) / np.sqrt(len(to_and_fro) / 2)
    moved, doubt = float(np.hypot(*middle)), float(np.hypot(*error))
    return moved if moved > _CLEARLY * doubt else 0.0


def _displacements(pixels: NDArray[np.uint8]) -> Floats:
    """(N-1, 2) rows and columns from each slice to the next, by correlation of their edges."""
    rows, columns = pixels.shape[1:]
    grey = pixels.astype(np.float32)
    edges = ndimage.gaussian_filter(grey, (0, _FINE, _FINE)) - ndimage.gaussian_filter(grey, (0, _COARSE, _COARSE))
    window = np.outer(np.hanning(rows), np.hanning(columns)).astype(np.float32)
    spectra = fft.rfft2(edges * window)
    reach = np.arange(-_LARGEST_PIXELS, _LARGEST_PIXELS + 1)
    found = np.zeros((len(pixels) - 1, 2))
    for k in range(len(found)):
        cross = spectra[k + 1] * np.conj(spectra[k])
        whitened = cross / (np.sqrt(np.abs(cross)) + _TINY)  # half-way to phase correlation: sharp, yet calm in noise
        near = fft.irfft2(whitened, (rows, columns))[np.ix_(reach % rows, reach % columns)]
        j, i = np.unravel_index(int(near.argmax()), near.shape)
        found[k] = _summit(near[:, i], int(j)), _summit(near[j], int(i))
    return found - _LARGEST_PIXELS


def _summit(values: NDArray[np.floating], at: int) -> float:  # type: ignore[type-arg]
    """Where the parabola through the largest value and its neighbours is highest."""
    if not 0 < at < len(values) - 1:
        return float(at)
    before, top, after = (float(each) for each in values[at - 1 : at + 2])
    bend = before - 2 * top + after
    return at + (0.5 * (before - after) / bend if bend < 0 else 0.0)
