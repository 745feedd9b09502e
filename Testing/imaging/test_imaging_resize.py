"""Window and slice resize against numbers worked out by hand or by brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.resize import resize_slices
from abdominal_oncology.imaging.window import window

HU = [-1000, -150, -135, 0, 40, 50, 100, 215, 250, 1000]
VECTORS = {
    (50, 400): [0.0, 0.0, 0.0375, 0.375, 0.475, 0.5, 0.625, 0.9125, 1.0, 1.0],
    (40, 350): [0.0, 0.0, 0.0, 0.38571428571428573, 0.5, 0.5285714285714286, 0.6714285714285714, 1.0, 1.0, 1.0],
}


def brute_area(plane: Any, rows: int, columns: int) -> Any:
    """Every old pixel cut into rows × columns equal pieces, then plain block means: slow and obviously right."""
    fine = np.kron(plane.astype(np.float64), np.ones((rows, columns)))
    return fine.reshape(rows, plane.shape[0], columns, plane.shape[1]).mean(axis=(1, 3))


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize(("center_width", "expected"), VECTORS.items())
def test_window_vectors(center_width: tuple[int, int], expected: list[float], dtype: Any) -> None:
    hu = np.array(HU, dtype)
    result = window(hu, *center_width)
    np.testing.assert_allclose(result, expected, atol=1e-6)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(hu, HU)  # the input is left alone
    np.testing.assert_array_equal(np.rint(window(hu, 50, 400) * 255)[[2, 3, 4, 6]], [10, 96, 121, 159])


@pytest.mark.parametrize("kind", ["int16", "float32", "float64"])
def test_window_on_tensors_equals_arrays(kind: str) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    hu = torch.tensor(HU, dtype=getattr(torch, kind))
    result = window(hu, 50, 400)
    assert result.dtype == torch.float32
    np.testing.assert_allclose(result.numpy(), window(np.array(HU, np.float32), 50, 400), atol=1e-6)
    assert hu.tolist() == HU


def test_window_keeps_nan_and_clips_infinity() -> None:
    result = window(np.array([np.nan, np.inf, -np.inf], np.float32), 50, 400)
    assert np.isnan(result[0])
    assert result[1:].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(("center", "width"), [(50, 0), (50, -1), (np.nan, 400), (50, np.inf)])
def test_impossible_windows_are_refused(center: float, width: float) -> None:
    with pytest.raises(InvalidInputError, match="positive width"):
        window(np.zeros(3), center, width)


@given(st.integers(1, 13), st.integers(1, 13), st.integers(1, 13), st.integers(1, 13), st.integers(0, 2**32 - 1))
def test_area_is_exact_for_any_sizes(j: int, i: int, rows: int, columns: int, seed: int) -> None:
    slices = np.random.default_rng(seed).integers(-1000, 1000, (2, j, i)).astype(np.int16)
    result = resize_slices(slices, (rows, columns))
    assert result.dtype == np.float32
    for plane, small in zip(slices, result, strict=True):
        np.testing.assert_allclose(small, brute_area(plane, rows, columns), atol=2e-3)


def test_area_is_exact_at_512_to_224_where_torch_is_not() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    slices = np.random.default_rng(0).random((1, 512, 512), np.float32)
    exact = brute_area(slices[0, :, :64], 7, 28)  # 512 → 224 is 16 → 7; a strip of columns is enough
    exact = np.stack([brute_area(slices[0, a : a + 16, :64], 7, 28) for a in range(0, 512, 16)]).reshape(224, 28)
    np.testing.assert_allclose(resize_slices(slices, 224)[0, :, :28], exact, atol=1e-6)
    theirs = torch.nn.functional.interpolate(torch.from_numpy(slices)[None], (224, 224), mode="area")[0, 0].numpy()
    assert np.abs(theirs[:, :28] - exact).max() > 0.05


@pytest.mark.parametrize(("old", "new"), [((512, 512), 224), ((100, 80), (224, 224)), ((7, 9), (3, 4)), ((5, 5), 5)])
def test_bilinear_is_torch_bilinear(old: tuple[int, int], new: Any) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    slices = np.random.default_rng(0).random((2, *old), np.float32)
    size = (new, new) if isinstance(new, int) else new
    theirs = torch.nn.functional.interpolate(torch.from_numpy(slices)[None], size, mode="bilinear")[0]
    np.testing.assert_allclose(resize_slices(slices, new, "bilinear"), theirs.numpy(), atol=1e-4)
    np.testing.assert_allclose(
        resize_slices(torch.from_numpy(slices), new, "bilinear").numpy(), theirs.numpy(), atol=1e-4
    )


@settings(max_examples=30)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.0, 1.0))
def test_a_flat_slice_stays_flat_and_the_mean_is_kept(old: int, new: int, value: float) -> None:
    for method in ("area", "bilinear"):
        flat = resize_slices(np.full((1, old, old), value, np.float32), new, method)
        np.testing.assert_allclose(flat, value, atol=1e-6)
    slices = np.random.default_rng(old).random((1, old, old))
    np.testing.assert_allclose(resize_slices(slices, new).mean(), slices.mean(), atol=1e-5)


@pytest.mark.parametrize("method", ["area", "bilinear"])
def test_the_fused_window_is_window_then_resize(method: Any) -> None:
    slices = np.random.default_rng(0).integers(-1000, 1000, (3, 50, 60)).astype(np.int16)
    fused = resize_slices(slices, 24, method, (50, 400))
    np.testing.assert_allclose(fused, resize_slices(window(slices, 50, 400), 24, method), atol=1e-6)
    assert (fused.min() >= 0, fused.max() <= 1) == (True, True)
    torch = pytest.importorskip("torch", reason="torch is not installed")
    tensor = resize_slices(torch.from_numpy(slices), 24, method, (50, 400))
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_allclose(tensor.numpy(), fused, atol=1e-4)


def test_a_gpu_tensor_stays_there_and_agrees() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    slices = np.random.default_rng(0).integers(-1000, 1000, (3, 512, 512)).astype(np.int16)
    for method in ("area", "bilinear"):
        there = resize_slices(torch.from_numpy(slices).cuda(), 224, method, (50, 400))
        assert there.device.type == "cuda"
        np.testing.assert_allclose(there.cpu().numpy(), resize_slices(slices, 224, method, (50, 400)), atol=2e-3)


def test_no_slices_and_nonsense() -> None:
    assert resize_slices(np.zeros((0, 8, 8)), 4).shape == (0, 4, 4)
    for bad, size in ((np.zeros((8, 8)), 4), (np.zeros((1, 0, 8)), 4), (np.zeros((1, 8, 8)), 0)):
        with pytest.raises(InvalidInputError):
            resize_slices(bad, size)
    with pytest.raises(InvalidInputError, match="unknown resize method"):
        resize_slices(np.zeros((1, 8, 8)), 4, "cubic")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="positive width"):
        resize_slices(np.zeros((1, 8, 8)), 4, window_hu=(50, 0))
