"""What the MR scanner adds: noise, blur, shading, ghosts; each measured."""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.phantom.mr_canvas import Canvas, bar, ellipse
from abdominal_oncology.phantom.mr_scanner import MrScan, acquire, bias_field
from abdominal_oncology.phantom.mr_warp import Warp

_PIXEL = (0.5, 0.5)


def _disc(size: int = 128) -> np.ndarray:
    axis = np.arange(size) - size / 2
    return (4.0 * (np.hypot(axis[:, None], axis[None, :]) < size / 5)).astype(np.float32)[None]


def test_perfect_scan_gives_the_signal_back() -> None:
    disc = _disc()
    image = acquire(disc, _PIXEL, MrScan((0.5, 0.5), noise=0.0), np.random.default_rng(0))
    assert np.abs(image - disc).mean() < 0.05
    assert image[0, 64, 64] == pytest.approx(4.0, abs=0.1)


def test_noise_is_gaussian_on_tissue_and_rayleigh_in_air() -> None:
    signal = np.zeros((1, 256, 256), np.float32)
    signal[:, :128] = 20.0
    image = acquire(signal, _PIXEL, MrScan((0.5, 0.5), noise=1.0), np.random.default_rng(1))
    tissue, air = image[0, 20:108], image[0, 148:236]
    assert tissue.std() == pytest.approx(1.0, rel=0.1)
    assert air.mean() == pytest.approx(np.sqrt(np.pi / 2), rel=0.1)
    assert air.std() == pytest.approx(np.sqrt(2 - np.pi / 2), rel=0.1)


def test_coarser_acquisition_blurs_and_keeps_the_mean() -> None:
    disc = _disc()
    fine, coarse = (acquire(disc, _PIXEL, MrScan((mm, mm), noise=0.0), np.random.default_rng(0)) for mm in (0.5, 2.0))
    assert np.abs(np.diff(coarse[0], axis=0)).max() < 0.6 * np.abs(np.diff(fine[0], axis=0)).max()
    assert coarse.mean() == pytest.approx(fine.mean(), rel=0.05)


@pytest.mark.parametrize("axis", [1, 2])
def test_ghosts_lie_along_the_phase_axis(axis: int) -> None:
    signal = np.zeros((1, 128, 128), np.float32)
    signal[0, 60:68, 60:68] = 10.0
    scan = MrScan((0.5, 0.5), noise=0.0, phase_axis=axis, ghost=0.1, ghost_share=0.25)
    image = acquire(signal, _PIXEL, scan, np.random.default_rng(0))[0]
    image = image if axis == 1 else image.T
    assert image[28:36, 60:68].mean() == pytest.approx(1.0, rel=0.2)  # a quarter of the field of view away
    assert image[60:68, 28:36].mean() < 0.1


def test_a_patient_who_moves_smears() -> None:
    disc = _disc()
    still = acquire(disc, _PIXEL, MrScan((0.5, 0.5), noise=0.0), np.random.default_rng(0))
    moved_scan = MrScan((0.5, 0.5), noise=0.0, shifts_mm=((0.0, 0.0), (0.5, 1.0), (-0.5, 2.0)))
    moved = acquire(disc, _PIXEL, moved_scan, np.random.default_rng(0))
    assert np.abs(moved - still).mean() > 0.05
    constant = MrScan((0.5, 0.5), noise=0.0, shifts_mm=((3.0, 3.0), (3.0, 3.0)))
    assert acquire(disc, _PIXEL, constant, np.random.default_rng(0)) == pytest.approx(still, abs=1e-3)


@settings(max_examples=20, deadline=None)
@given(strength=st.floats(0.01, 0.3), seed=st.integers(0, 1000))
def test_bias_field_is_smooth_positive_and_as_strong_as_asked(strength: float, seed: int) -> None:
    field = bias_field((6, 32, 32), strength, np.random.default_rng(seed))
    assert field.shape == (6, 32, 32)
    assert field.min() > 0
    assert np.log(field).std() == pytest.approx(strength, rel=0.05)
    assert np.abs(np.diff(np.log(field), axis=1)).max() < _steepest_of_any_mix(32) * strength


@cache
def _steepest_of_any_mix(size: int) -> float:
    """The largest step between rows that a sum w·f of the field's shapes f can have where its SD is 1.

    The SD is √(wᵀCw) with C the covariance of the shapes, a step w·d: by Cauchy-Schwarz at most √(dᵀC⁻¹d).
    """
    j, i = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size), indexing="ij")
    largest = 0.0
    for centre_j, centre_i in product(np.linspace(0, 1.2, 25), repeat=2):  # the rest by symmetry
        spot = np.exp(-((j - centre_j) ** 2 + (i - centre_i) ** 2) / 0.8)
        shapes = np.stack([j, i, j * j, i * i, i * j, spot])
        steps = np.diff(shapes, axis=1).reshape(len(shapes), -1)
        inverse = np.linalg.inv(np.cov(shapes.reshape(len(shapes), -1), bias=True))
        largest = max(largest, float(np.einsum("ap,ab,bp->p", steps, inverse, steps, optimize=True).max()))
    return 1.01 * np.sqrt(largest)  # a hundredth for spots between those tried


def test_warp_is_smooth_and_as_large_as_asked() -> None:
    axis = np.arange(-60, 60, 1.0, dtype=np.float32)
    warp = Warp.draw(np.random.default_rng(0), ((-5, 5), (-60, 60), (-60, 60)), (10, 12, 12), sd_mm=2.0)
    dx, dy = warp.at(np.zeros(1, np.float32), axis, axis)
    for move in (dx, dy):
        assert 0.8 < move.std() < 4.0
        assert np.abs(np.diff(move, axis=1)).max() < 1.0


def test_shapes_have_their_size_and_parts_stay_inside() -> None:
    axis = np.arange(-30, 30.1, 0.25, dtype=np.float32)
    canvas = Canvas.blank(axis, axis, np.zeros(1, np.float32), edge_mm=0.25)
    canvas.fill(ellipse(canvas, (0.0, 0.0), (12.0, 6.0), 30.0), 3.0, 1)
    area = float((canvas.labels == 1).sum()) * 0.25**2
    assert area == pytest.approx(np.pi * 12 * 6, rel=0.03)
    assert canvas.signal.sum() * 0.25**2 == pytest.approx(3 * area, rel=0.03)
    line = Canvas.blank(axis, axis, np.zeros(1, np.float32), edge_mm=0.25)
    line.fill(bar(line, (-10.0, 0.0), (10.0, 0.0), 2.1), 1.0, 2)
    assert (line.labels == 2).sum() * 0.25**2 == pytest.approx(84 + np.pi * 2.1**2, rel=0.03)
    corner = canvas.part((20.0, 60.0), (-5.0, 5.0))
    assert corner is not None
    corner.fill(np.full(corner.signal.shape, -1.0, np.float32), 9.0)
    assert (canvas.signal[..., axis > 20.5] == 9.0).any()
    assert (canvas.signal[..., axis < 19.5] < 9.0).all()
    assert canvas.part((100.0, 110.0), (0.0, 1.0)) is None


@pytest.mark.parametrize("wrong", [{"resolution_mm": (0.0, 1.0)}, {"noise": -1.0}, {"ghost": -0.1}, {"phase_axis": 0}])
def test_impossible_scans_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        MrScan(**wrong)  # type: ignore[arg-type]


def test_negative_bias_is_refused() -> None:
    with pytest.raises(InvalidInputError):
        bias_field((2, 4, 4), -0.1, np.random.default_rng(0))
