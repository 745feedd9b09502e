"""The scanner: noise of the asked size and grain, thickness, whole HU."""

from __future__ import annotations

import numpy as np
import pytest

from abdominal_oncology.phantom.ct_scanner import Scanner, scan

SPACING_MM = (2.5, 0.75, 0.75)


def water(slices: int = 3, size: int = 160) -> np.ndarray:
    return np.zeros((slices, size, size), np.float32)


def noise_of(scanner: Scanner, seed: int = 1) -> np.ndarray:
    return scan(water(), SPACING_MM, scanner, np.random.default_rng(seed)).astype(float)


@pytest.mark.parametrize("noise_hu", [6.0, 12.0, 24.0])
def test_noise_grows_as_asked(noise_hu: float) -> None:
    measured = noise_of(Scanner(noise_hu=noise_hu, streaks_hu=0)).std()
    reference = noise_of(Scanner(noise_hu=12.0, streaks_hu=0)).std()
    assert measured == pytest.approx(reference * noise_hu / 12.0, rel=0.03)
    assert 0.7 * noise_hu < measured < 2.0 * noise_hu


def test_a_sharp_kernel_has_finer_grain() -> None:
    def neighbours(kernel_mm: float) -> float:
        noise = noise_of(Scanner(noise_hu=15, kernel_mm=kernel_mm, streaks_hu=0))
        return float((noise[:, :, 1:] * noise[:, :, :-1]).mean() / noise.var())

    assert neighbours(0.5) < neighbours(0.9) - 0.1 < neighbours(1.5) - 0.2


def test_noise_has_no_slow_drift() -> None:
    """Filtered back projection suppresses low frequencies: its spectrum rises from near zero."""
    noise = noise_of(Scanner(noise_hu=15, kernel_mm=0.75, streaks_hu=0))[0]
    power = np.abs(np.fft.fft2(noise - noise.mean())) ** 2
    f = np.hypot(*np.meshgrid(np.fft.fftfreq(160, 0.75), np.fft.fftfreq(160, 0.75)))
    slow, middle, fast = (power[(f > a) & (f < b)].mean() for a, b in ((0.01, 0.05), (0.2, 0.35), (0.6, 0.67)))
    assert slow < 0.5 * middle
    assert fast < 0.5 * middle


def test_slices_have_noise_of_their_own_and_seeds_repeat() -> None:
    noise = noise_of(Scanner(noise_hu=15, streaks_hu=0))
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.05
    assert (noise == noise_of(Scanner(noise_hu=15, streaks_hu=0))).all()
    assert (noise != noise_of(Scanner(noise_hu=15, streaks_hu=0), seed=2)).any()


def test_a_thick_slice_holds_some_of_its_neighbours() -> None:
    stack = water(5)
    stack[2] = 100
    seen = scan(stack, SPACING_MM, Scanner(noise_hu=0, streaks_hu=0, thickness=0.2), np.random.default_rng(0))
    assert [int(seen[k, 80, 80]) for k in range(5)] == [0, 20, 60, 20, 0]


def test_values_are_whole_and_in_range() -> None:
    stack = water(1)
    stack[0, :80], stack[0, 80:] = 9000, -1200
    seen = scan(stack, SPACING_MM, Scanner(noise_hu=0, streaks_hu=0), np.random.default_rng(0))
    assert seen.dtype == np.int16
    assert (seen.min(), seen.max()) == (-1024, 3071)
