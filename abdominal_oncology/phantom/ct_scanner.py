"""What a CT scanner does to a painted slice: blur, thickness, noise with a kernel's grain, streaks, whole HU."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from abdominal_oncology.phantom.ct_artefacts import Artefacts


@dataclass(frozen=True)
class Scanner:
    """``blur_mm`` in-plane Gaussian sigma, ``noise_hu`` standard deviation in soft tissue, ``kernel_mm`` the grain of
    the noise (small: sharp kernel), ``streaks_hu`` horizontal streaks through wide bone, ``thickness`` share of a
    neighbouring slice that leaks in."""

    blur_mm: float = 0.5
    noise_hu: float = 10.0
    kernel_mm: float = 0.75
    streaks_hu: float = 2.0
    thickness: float = 0.12


def scan(
    painted: NDArray[np.float32],
    spacing_mm: tuple[float, float, float],
    scanner: Scanner,
    rng: np.random.Generator,
    artefacts: Artefacts | None = None,
) -> NDArray[np.int16]:
    """HU (k, j, i) as the scanner gives them, int16 and never below −1024."""
    result = np.empty(painted.shape, dtype=np.int16)
    one = slice_scanner(painted, result, spacing_mm, scanner, rng, artefacts)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, range(len(painted))))
    return result


def slice_scanner(
    painted: NDArray[np.float32],
    result: NDArray[np.int16],
    spacing_mm: tuple[float, float, float],
    scanner: Scanner,
    rng: np.random.Generator,
    artefacts: Artefacts | None = None,
) -> Callable[[int], None]:
    """A function that scans slice k of ``painted`` into ``result`` once it and its neighbours are painted."""
    count = len(painted)
    streams = rng.spawn(count)
    shape = painted.shape[1:]
    filter_ = _noise_filter(shape, spacing_mm[1], scanner.kernel_mm)
    sigma = scanner.blur_mm / spacing_mm[1]

    def one(k: int) -> None:
        low, high = max(k - 1, 0), min(k + 1, count - 1)
        hu = painted[k] * np.float32(1 - 2 * scanner.thickness) + np.float32(scanner.thickness) * (
            painted[low] + painted[high]
        )
        wrong = None if artefacts is None else artefacts.error(hu, spacing_mm[1], streams[k])
        hu = ndimage.gaussian_filter(hu, sigma, truncate=3.0)
        white = streams[k].standard_normal(shape, dtype=np.float32)
        grain = fft.irfft2(fft.rfft2(white) * filter_, s=shape)
        # photons are rarest behind the most material: noise grows towards the middle of wide rows
        dense = np.clip(hu + 1000, 0, 1600)
        path = ndimage.uniform_filter1d(dense.mean(axis=1), 9) * 0.9
        loud = 0.62 + 0.5 * path / 500
        middle = loud[path > 0.4 * path.max()].mean()
        loud = (loud / max(float(middle), 0.1))[:, None].astype(np.float32)
        hu += grain * np.float32(scanner.noise_hu) * loud
        if scanner.streaks_hu:
            bone = np.clip(hu - 250, 0, 900).sum(axis=1) / 9000
            wave = ndimage.gaussian_filter1d(streams[k].standard_normal(shape[0]), 1.2) * 2.0
            hu += (scanner.streaks_hu * bone * wave).astype(np.float32)[:, None]
        if wrong is not None:
            hu += wrong
        np.clip(np.rint(hu), -1024, 3071, out=hu)
        result[k] = hu

    return one


def _noise_filter(shape: tuple[int, ...], pixel_mm: float, kernel_mm: float) -> NDArray[np.float32]:
    """Filtered back projection's noise spectrum: rises like a ramp, then the kernel cuts it; unit variance."""
    fy = np.fft.fftfreq(shape[0], pixel_mm)[:, None]
    fx = np.fft.rfftfreq(shape[1], pixel_mm)[None, :]
    f = np.hypot(fx, fy)
    spectrum = np.sqrt(f + 0.02) * np.exp(-((f * kernel_mm * 2.2) ** 2))
    full = np.concatenate([spectrum, spectrum[:, 1 : (shape[1] + 1) // 2]], axis=1)
    result: NDArray[np.float32] = (spectrum / np.sqrt((full**2).mean())).astype(np.float32)
    return result
