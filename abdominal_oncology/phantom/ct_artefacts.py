"""What a real beam does that an ideal one would not: hardening, starved detectors, metal, a round field of view.

The errors are made where they arise, in the projections of a coarse copy of each slice, and are reconstructed to an
image of what is wrong, which is then added: dark bands between dense bones, cupping, streaks along the longest paths
(shoulders, hips, arms at the sides) and spokes around metal all come out of one model.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft, sparse

from abdominal_oncology.phantom.abdomen_shapes import Field

_SIDE = 96
_ANGLES = 100
_WATER_PER_MM = 0.0195
"""Attenuation of water at the mean energy of a 120 kV beam."""


@dataclass(frozen=True)
class Artefacts:
    """How much goes wrong; all zero is the ideal beam.

    ``hardening`` 1 makes the dark bands of an ordinary scanner, ``cupping_hu`` is how much darker the middle of 350 mm
    of water is, ``starvation`` 1 the streaks of an ordinary dose, ``round_field`` cuts the picture to a circle and pads
    it with −1024.
    """

    hardening: float = 0.0
    cupping_hu: float = 0.0
    starvation: float = 0.0
    round_field: bool = False

    def error(self, hu: Field, pixel_mm: float, rng: np.random.Generator) -> Field:
        """HU to add to a square slice."""
        matrix = len(hu)
        step = matrix * pixel_mm / _SIDE
        coarse = _shrunk(_shrunk(np.maximum(hu, np.float32(-1000))).T).T
        project, back = _projectors()
        water = np.minimum(coarse + 1000, 1100) * np.float32(step / 1000)
        dense = np.clip(coarse - 130, 0, 1500) * np.float32(step / 1000)
        metal = np.maximum(coarse - 2200, 0) * np.float32(step / 1000)
        through_water, through_bone = (project @ part.ravel() for part in (water, dense))
        wrong = (
            -np.float32(self.hardening)
            * through_bone
            * (np.float32(6e-4) * through_bone + np.float32(1.1e-4) * through_water)
        )
        wrong -= np.float32(self.cupping_hu * 3.4e-6) * through_water * through_water
        path = through_water + through_bone
        if metal.any():
            through_metal = project @ metal.ravel()
            path = path + np.float32(1.6) * through_metal
            longest = np.float32(5.6 / _WATER_PER_MM)
            wrong -= np.minimum(np.maximum(path - longest, 0) * np.float32(0.35), np.float32(22)) * (through_metal > 0)
        # a detector behind 400 mm of water counts few photons: noise grows as exp(path / 2) until it is filtered
        loud = np.exp(np.minimum(path * np.float32(_WATER_PER_MM / 2), np.float32(4.6))) - np.float32(12.0)
        noise = rng.standard_normal(len(path), dtype=np.float32)
        wrong += np.float32(0.028 * self.starvation) * np.maximum(loud, 0) * noise
        sinogram = wrong.reshape(_ANGLES, -1)
        filtered = fft.irfft(fft.rfft(sinogram, 512, axis=1) * _ramp(512), 512, axis=1)[:, : sinogram.shape[1]]
        image = (back @ filtered.astype(np.float32).ravel()).reshape(_SIDE, _SIDE)
        image *= np.float32(1000 * np.pi / _ANGLES / step)
        body = coarse > -300
        if body.any():  # scanners are calibrated: soft tissue keeps its HU on average
            image -= np.median(image[body])
        image *= coarse > -950
        return _enlarged(_enlarged(image, matrix).T, matrix).T


def round_mask(matrix: int) -> NDArray[np.bool_]:
    """Pixels (j, i) inside the circle that a square picture holds."""
    side = np.arange(matrix) - (matrix - 1) / 2
    inside: NDArray[np.bool_] = np.hypot(side[:, None], side[None, :]) <= matrix / 2
    return inside


def _shrunk(image: Field) -> Field:
    """Rows averaged to _SIDE, each whole row in the bin of its middle; coarser pictures are enlarged."""
    count = len(image)
    if count < 2 * _SIDE:
        return _enlarged(image, _SIDE)
    starts = np.round(np.linspace(0, count, _SIDE + 1)).astype(np.intp)
    sums: Field = np.add.reduceat(image, starts[:-1], axis=0)
    sums /= np.diff(starts).astype(np.float32)[:, None]
    return sums


def _enlarged(image: Field, count: int) -> Field:
    """Rows interpolated linearly to ``count``."""
    at = np.clip((np.arange(count) + 0.5) * len(image) / count - 0.5, 0, len(image) - 1)
    low = np.minimum(at.astype(np.intp), len(image) - 2)
    share = (at - low).astype(np.float32)[:, None]
    result: Field = image[low + 1].astype(np.float32)
    result -= image[low]
    result *= share
    result += image[low]
    return result


@cache
def _projectors() -> tuple[sparse.csr_array, sparse.csr_array]:
    """Parallel beams through _SIDE² pixels at _ANGLES angles, and back."""
    at = (np.arange(_SIDE) - (_SIDE - 1) / 2).astype(np.float32)
    bins = int(np.ceil(_SIDE * 1.45))
    pixels = np.arange(_SIDE * _SIDE)
    rows, columns, shares = [], [], []
    for n in range(_ANGLES):
        angle = np.pi * n / _ANGLES
        place = (np.cos(angle) * at[None, :] + np.sin(angle) * at[:, None]).ravel() + (bins - 1) / 2
        left = np.floor(place).astype(np.int64)
        right = place - left
        for bin_, share in ((left, 1 - right), (left + 1, right)):
            rows.append(bin_ + n * bins)
            columns.append(pixels)
            shares.append(share.astype(np.float32))
    both = (np.concatenate(rows), np.concatenate(columns))
    project = sparse.csr_array((np.concatenate(shares), both), shape=(_ANGLES * bins, _SIDE * _SIDE))
    return project, sparse.csr_array(project.T)


def _ramp(count: int) -> Field:
    """Filtered back projection's ramp, softened at its end."""
    f = np.fft.rfftfreq(count)
    ramp: Field = (np.abs(f) * np.cos(np.pi * f) ** 2).astype(np.float32)
    return ramp
