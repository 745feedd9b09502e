"""What an MR scanner does to a slice: coil sensitivity, finite k-space, motion, thermal noise, magnitude.

Everything happens in k-space, so noise has the spectrum of an interpolated image, edges ring as they do on a scanner
and a moving patient smears and repeats along the phase-encoding axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.phantom.mr_canvas import Floats


@dataclass(frozen=True)
class MrScan:
    """How a scan was taken.

    ``resolution_mm`` is the acquired in-plane voxel (rows, columns), usually coarser than the reconstructed one;
    ``noise`` the standard deviation of each complex channel in the units of the signal; ``phase_axis`` 1 (rows) or
    2 (columns) of (k, j, i); ``ghost`` the relative strength of ghosts from periodic motion and ``ghost_share`` their
    distance as a share of the field of view; ``shifts_mm`` in-plane displacements (row, column) of the patient during
    successive parts of the acquisition, empty for a patient who lay still.
    """

    resolution_mm: tuple[float, float] = (0.7, 0.7)
    noise: float = 0.2
    phase_axis: int = 2
    ghost: float = 0.0
    ghost_share: float = 0.3
    shifts_mm: Sequence[tuple[float, float]] = ()

    def __post_init__(self) -> None:
        if min(self.resolution_mm) <= 0:
            raise InvalidInputError(f"the acquired voxel must be positive mm, not {self.resolution_mm}")
        if self.noise < 0 or self.ghost < 0:
            raise InvalidInputError("noise and ghost strength cannot be negative")
        if self.phase_axis not in (1, 2):
            raise InvalidInputError(f"the phase axis is 1 (rows) or 2 (columns), not {self.phase_axis}")


def acquire(signal: Floats, spacing_mm: tuple[float, float], scan: MrScan, rng: np.random.Generator) -> Floats:
    """Magnitude image (k, j, i) of a true signal (k, j, i); ``spacing_mm`` in plane (j, i).

    >>> flat = np.zeros((2, 64, 64), np.float32)
    >>> noisy = acquire(flat, (0.5, 0.5), MrScan((0.5, 0.5), noise=1.0), np.random.default_rng(0))
    >>> bool(abs(noisy.mean() - np.sqrt(np.pi / 2)) < 0.05)  # Rayleigh, as Rician noise is without signal
    True
    """
    rows, columns = signal.shape[1:]
    frequency_j = fft.fftfreq(rows, spacing_mm[0]).astype(np.float32)
    frequency_i = fft.fftfreq(columns, spacing_mm[1]).astype(np.float32)
    window = _window(frequency_j, scan.resolution_mm[0])[:, None] * _window(frequency_i, scan.resolution_mm[1])[None, :]
    # white noise of unit power in k-space, scaled so that the image has ``noise`` per channel after the window
    power = float(np.sqrt(np.mean(np.square(window))))
    scale = np.float32(scan.noise * np.sqrt(rows * columns) / max(power, 1e-6))
    motion = _motion(frequency_j, frequency_i, scan)
    result = np.empty(signal.shape, np.float32)
    for k in range(signal.shape[0]):
        lines = fft.fft2(signal[k].astype(np.complex64))
        if motion is not None:
            lines *= motion
        if scan.noise > 0:
            thermal = rng.standard_normal((rows, 2 * columns), dtype=np.float32).view(np.complex64)
            lines += scale * thermal
        lines *= window
        np.abs(fft.ifft2(lines, overwrite_x=True), out=result[k])
    return result


def _window(frequency: Floats, resolution_mm: float) -> Floats:
    """The acquired band with a cosine roll-off over its last fifth, as reconstruction filters have."""
    edge = 0.5 / resolution_mm
    if edge >= float(np.abs(frequency).max()):
        edge = float(np.abs(frequency).max()) * 1.001
    roll = np.clip((np.abs(frequency) / edge - 0.8) / 0.2, 0, 1)
    window = np.where(np.abs(frequency) <= edge, 0.5 + 0.5 * np.cos(np.pi * roll) * 0.8 + 0.1, 0)
    return window.astype(np.float32)


def _motion(frequency_j: Floats, frequency_i: Floats, scan: MrScan) -> NDArray[np.complex64] | None:
    if scan.ghost == 0 and not scan.shifts_mm:
        return None
    phase_frequency = frequency_j if scan.phase_axis == 1 else frequency_i
    lines = np.arange(phase_frequency.size)
    factor = np.ones((frequency_j.size, frequency_i.size), np.complex64)
    if scan.ghost > 0:
        modulation = 1 + 2 * scan.ghost * np.cos(2 * np.pi * scan.ghost_share * lines)
        factor *= modulation[:, None] if scan.phase_axis == 1 else modulation[None, :]
    if scan.shifts_mm:
        # a fast spin echo fills bands of lines from shot to shot: every band saw the patient elsewhere
        band = np.abs(phase_frequency) / np.abs(phase_frequency).max() * len(scan.shifts_mm)
        which = np.minimum(band.astype(int), len(scan.shifts_mm) - 1)
        shifts = np.asarray(scan.shifts_mm, dtype=np.float32)[which]
        shifts = shifts - shifts[0]
        along_j = shifts[:, 0][:, None] if scan.phase_axis == 1 else shifts[:, 0][None, :]
        along_i = shifts[:, 1][:, None] if scan.phase_axis == 1 else shifts[:, 1][None, :]
        factor *= np.exp(-2j * np.pi * (frequency_j[:, None] * along_j + frequency_i[None, :] * along_i)).astype(
            np.complex64
        )
    return factor


def bias_field(shape: tuple[int, int, int], strength: float, rng: np.random.Generator) -> Floats:
    """Smooth multiplicative coil shading (k, j, i) of mean near 1; ``strength`` is about the SD of its logarithm.

    The field is quadratic in each axis plus one bright spot, as surface coils in front and behind leave it.
    """
    if strength < 0:
        raise InvalidInputError(f"the strength of a bias field cannot be negative: {strength}")
    k, j, i = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    j, i = j[:, None], i[None, :]
    a = rng.normal(size=7).astype(np.float32)
    centre = rng.uniform(-1.2, 1.2, 2).astype(np.float32)
    spot = np.exp(-(np.square(j - centre[0]) + np.square(i - centre[1])) / np.float32(0.8))
    bowl = 0.6 * np.abs(a[2]) * j * j + 0.3 * a[3] * i * i + 0.3 * a[4] * i * j
    plane = 0.5 * a[0] * j + 0.4 * a[1] * i + bowl + 0.8 * np.abs(a[5]) * spot
    slope = 0.4 * a[6] * k
    # the logarithm is a sum of a plane's part and a slice's part, so the field is a product
    scale = strength / max(float(np.hypot(plane.std(), slope.std())), 1e-6)
    in_plane, by_slice = np.exp(scale * (plane - plane.mean())), np.exp(scale * (slope - slope.mean()))
    shading: Floats = by_slice[:, None, None] * in_plane
    return shading
