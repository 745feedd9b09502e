"""Single operations of augmentation against references: scipy, monai, and slow loops written here."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.ndimage
import torch
from numpy.typing import NDArray
from torch import Tensor

from abdominal_oncology.learning.augment import Drawn, Pipeline, apply
from abdominal_oncology.learning.augment.geometry import input_coordinates
from abdominal_oncology.learning.augment.pipeline import Choice

Floats = NDArray[np.float64]


def picture(n: int = 1, height: int = 40, width: int = 48) -> Tensor:
    """Three soft blobs off the centre, different in each item."""
    y, x = np.mgrid[:height, :width]
    items = []
    for k in range(n):
        blobs = ((12, 14 + k, 5, 1.0), (25, 30, 6, 0.7), (15 + k, 35, 4, 0.5))
        items.append(sum(a * np.exp(-((y - v) ** 2 + (x - u) ** 2) / 2 / s**2) for v, u, s, a in blobs))
    return torch.from_numpy(np.stack(items)[:, None].astype(np.float32))


def noise(n: int, *size: int) -> Tensor:
    return torch.rand((n, 1, *size), generator=torch.Generator().manual_seed(0))


def only(name: str, *numbers: dict[str, object], outside: str = "border") -> Drawn:
    return Drawn((name,), tuple({name: each} for each in numbers), outside)  # type: ignore[arg-type]


def test_flips_are_exact_involutions() -> None:
    batch = noise(2, 7, 10)
    assert torch.equal(apply(batch, only("horizontal_flip", {}, {})), batch.flip(-1))
    assert torch.equal(apply(batch, only("vertical_flip", {}, {})), batch.flip(-2))
    for name in ("horizontal_flip", "vertical_flip"):
        assert torch.equal(apply(apply(batch, only(name, {}, {})), only(name, {}, {})), batch)


@pytest.mark.parametrize(("degrees", "turns"), [(90.0, 1), (180.0, 2), (-90.0, 3)])
def test_quarter_turns_are_exact_and_counter_clockwise(degrees: float, turns: int) -> None:
    batch = noise(1, 9, 9)
    assert torch.equal(apply(batch, only("rotation", {"degrees": degrees})), batch.rot90(turns, (-2, -1)))
    mirrored = Drawn(("horizontal_flip", "rotation"), ({"horizontal_flip": {}, "rotation": {"degrees": degrees}},))
    assert torch.equal(apply(batch, mirrored), batch.flip(-1).rot90(turns, (-2, -1)))


@pytest.mark.parametrize("degrees", [17.0, -123.0])
def test_rotation_equals_scipy_and_monai(degrees: float) -> None:
    from monai.transforms import Rotate

    batch = picture()
    ours = apply(batch, only("rotation", {"degrees": degrees}))[0, 0]
    theirs = scipy.ndimage.rotate(batch[0, 0].numpy(), degrees, reshape=False, order=1, mode="nearest")
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-4)
    monai = Rotate(math.radians(-degrees), padding_mode="border", align_corners=False)(batch[0])
    np.testing.assert_allclose(ours.numpy(), np.asarray(monai)[0], atol=1e-4)


def test_affine_equals_monai() -> None:
    from monai.transforms import Affine

    batch = picture()
    deviation = [[0.1, -0.2], [0.15, -0.05]]
    ours = apply(batch, only("affine", {"deviation": deviation}))[0, 0]
    inverse = np.linalg.inv(np.eye(2) + deviation)
    full = np.eye(3)
    full[:2, :2] = inverse[::-1, ::-1]  # monai's axes are (row, column)
    moved, _ = Affine(affine=full, padding_mode="border", align_corners=False)(batch[0])
    np.testing.assert_allclose(ours.numpy(), np.asarray(moved)[0], atol=1e-4)


def test_shift_scale_and_crop_move_what_they_say() -> None:
    batch = noise(1, 20, 40)
    shifted = apply(batch, only("shift", {"right": 0.1, "down": -0.25}))
    assert torch.allclose(shifted[..., :15, 4:], batch[..., 5:, :-4], atol=1e-5)
    cropped = apply(batch, only("crop", {"side": 0.5, "left": 0.25, "top": 0.5}))
    window = batch[..., 10:20, 10:30]
    larger = torch.nn.functional.interpolate(window, size=(20, 40), mode="bilinear", align_corners=False)
    assert torch.allclose(cropped[..., 1:-1, 1:-1], larger[..., 1:-1, 1:-1], atol=1e-5)
    blobs = picture()
    bright = [(apply(blobs, only("scale", {"factor": f})) > 0.4).sum().item() for f in (0.8, 1.0, 1.25)]
    assert bright[1] / bright[0] == pytest.approx(1.25**2, rel=0.1)
    assert bright[2] / bright[1] == pytest.approx(1.25**2, rel=0.1)


def test_what_lies_outside() -> None:
    row = torch.arange(8.0).expand(1, 1, 4, 8)
    move = {"right": 0.5, "down": 0.0}
    assert apply(row, only("shift", move))[0, 0, 0].tolist() == [0, 0, 0, 0, 0, 1, 2, 3]
    reflected = apply(row, only("shift", move, outside="reflection"))
    assert reflected[0, 0, 0].tolist() == pytest.approx([3, 2, 1, 0, 0, 1, 2, 3], abs=1e-5)
    _, masks = apply(row, only("shift", move, outside="reflection"), row.long())
    assert masks[0, 0, 0].tolist() == [3, 2, 1, 0, 0, 1, 2, 3]


@pytest.mark.parametrize("name", ["elastic", "optical_distortion", "grid_distortion"])
def test_distortions_never_fold_even_at_their_strongest(name: str) -> None:
    from abdominal_oncology.learning.augment import OPERATIONS

    drawn = Pipeline((Choice(name, 1.0, OPERATIONS[name].highest),)).draw(16, seed=0)
    x, y = (each.expand(16, 60, 90) for each in input_coordinates(drawn.items, [name], 60, 90, torch.device("cpu")))
    right = (x.diff(dim=2)[:, :-1], y.diff(dim=2)[:, :-1])
    down = (x.diff(dim=1)[:, :, :-1], y.diff(dim=1)[:, :, :-1])
    area = right[0] * down[1] - right[1] * down[0]
    assert area.min() > 0
    assert area.std() > 0.02


def test_grid_distortion_puts_the_drawn_columns_where_even_ones_are() -> None:
    batch = torch.arange(50.0).expand(1, 1, 10, 50).contiguous()
    even = [0.2] * 5
    result = apply(batch, only("grid_distortion", {"columns": [0.3, 0.1, 0.2, 0.25, 0.15], "rows": even}))[0, 0, 0]
    edges = (result[9:49:10] + result[10:50:10]) / 2 + 0.5  # between pixels 9 and 10 lies the first edge
    assert edges.tolist() == pytest.approx([15, 20, 30, 42.5], abs=0.5)
    assert result[0] == pytest.approx(0.25, abs=0.3)
    assert result[-1] == pytest.approx(49, abs=0.3)


def test_elastic_displacement_is_a_cubic_spline_of_its_controls() -> None:
    controls = np.random.default_rng(0).uniform(-0.05, 0.05, (2, 8, 8)).round(6)
    item = {"elastic": {"right": controls[0].tolist(), "down": controls[1].tolist()}}
    x, y = input_coordinates([item], ["elastic"], 30, 50, torch.device("cpu"))
    j, i = np.mgrid[:30, :50]
    # scipy samples a spline at given coefficients when it need not filter them first
    at = [(j + 0.5) / 30 * 5 + 1, (i + 0.5) / 50 * 5 + 1]
    right, down = (
        scipy.ndimage.map_coordinates(each, at, order=3, prefilter=False, mode="constant") for each in controls
    )
    np.testing.assert_allclose(x[0].numpy(), i - 24.5 + 50 * right, atol=1e-4)
    np.testing.assert_allclose(y[0].numpy(), j - 14.5 + 30 * down, atol=1e-4)


@pytest.mark.parametrize(
    "order",
    [
        ("rotation", "shift", "scale", "horizontal_flip"),
        ("crop", "affine", "vertical_flip"),
        ("rotation", "elastic"),
        ("elastic", "rotation"),
        ("optical_distortion", "grid_distortion", "affine", "elastic", "shift"),
    ],
)
def test_one_resampling_equals_one_after_another(order: tuple[str, ...]) -> None:
    batch = picture(3, 96, 112)
    pipeline = Pipeline(tuple(Choice(name, 1.0) for name in order), "border")
    drawn = pipeline.draw(3, seed=11)
    at_once = apply(batch, drawn)
    in_turn = batch
    for name in order:
        in_turn = apply(in_turn, Drawn((name,), tuple({name: item[name]} for item in drawn.items)))
    inner = (..., slice(20, -20), slice(20, -20))
    assert (at_once - in_turn)[inner].abs().max() < 0.02
    assert (at_once - batch)[inner].abs().max() > 0.1


def test_brightness_and_contrast() -> None:
    batch = torch.cat((noise(2, 3, 8, 8), noise(2, 3, 8, 8) * 100 - 50), dim=1)
    brighter = apply(batch, only("brightness", {"offset": 0.1}, {"offset": -0.2}))
    for (n, share), c in itertools.product(((0, 0.1), (1, -0.2)), (0, 1)):
        span = batch[n, c].max() - batch[n, c].min()
        assert torch.allclose(brighter[n, c], batch[n, c] + share * span, atol=1e-4)
    contrast = apply(batch, only("contrast", {"factor": 1.2}, {"factor": 0.7}))
    for (n, factor), c in itertools.product(((0, 1.2), (1, 0.7)), (0, 1)):
        assert contrast[n, c].mean().item() == pytest.approx(batch[n, c].mean().item(), abs=1e-4)
        assert contrast[n, c].std().item() == pytest.approx(factor * batch[n, c].std().item(), rel=1e-4)


def test_gaussian_blur_equals_scipy_and_nearly_monai() -> None:
    from monai.transforms import GaussianSmooth

    batch = noise(3, 2, 24, 30)
    sigmas = (0.0, 0.7, 2.3)
    ours = apply(batch, only("gaussian_blur", *({"sigma_px": s} for s in sigmas)))
    assert torch.equal(ours[0], batch[0])
    for row, sigma in enumerate(sigmas[1:], 1):
        for k in range(2):
            reference = scipy.ndimage.gaussian_filter(batch[row, 0, k].numpy(), sigma, mode="nearest")
            np.testing.assert_allclose(ours[row, 0, k].numpy(), reference, atol=1e-5)
        # monai integrates the bell over each pixel and sees zeros outside
        smooth = GaussianSmooth(sigma, approx="sampled")(batch[row, 0, :1])
        margin = math.ceil(4 * sigma)
        inner = (slice(margin, -margin), slice(margin, -margin))
        np.testing.assert_allclose(ours[row, 0, 0][inner].numpy(), np.asarray(smooth)[0][inner], atol=2e-4)


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_median_blur_equals_scipy_and_monai(radius: int) -> None:
    from monai.transforms import MedianSmooth

    batch = noise(2, 3, 17, 13)
    batch[0, 0, 0, :5] = 0.5  # ties
    ours = apply(batch, only("median_blur", {"radius_px": radius}, {"radius_px": 0}))
    assert torch.equal(ours[1], batch[1])
    for k in range(3):
        reference = scipy.ndimage.median_filter(batch[0, 0, k].numpy(), 2 * radius + 1, mode="nearest")
        assert np.array_equal(ours[0, 0, k].numpy(), reference)
    inner = (slice(radius, -radius), slice(radius, -radius))
    smooth = np.asarray(MedianSmooth(radius)(batch[0, 0, :1]))[0]
    assert np.array_equal(ours[0, 0, 0].numpy()[inner], smooth[inner])


def test_motion_blur_along_rows_columns_and_between() -> None:
    batch = noise(3, 24, 24)
    numbers = ({"length_px": 6.0, "degrees": 0.0}, {"length_px": 6.0, "degrees": 90.0})
    ours = apply(batch, only("motion_blur", *numbers, {"length_px": 0.0, "degrees": 33.0}))
    assert torch.allclose(ours[2], batch[2], atol=1e-6)
    # a path of 6 pixels averages the picture as a straight line between pixels: a trapezoid rule of its own
    weights = np.zeros(7)
    for t in np.linspace(-3, 3, 65):
        weights += np.clip(1 - np.abs(np.arange(-3, 4) - t), 0, None) / 65
    for row, axis in ((0, 1), (1, 0)):
        reference = scipy.ndimage.correlate1d(batch[row, 0].double().numpy(), weights, axis=axis, mode="nearest")
        np.testing.assert_allclose(ours[row, 0].numpy(), reference, atol=1e-5)
    point = torch.zeros(1, 1, 21, 21)
    point[..., 10, 10] = 1
    trail = apply(point, only("motion_blur", {"length_px": 8.0, "degrees": 45.0}))[0, 0]
    y, x = np.mgrid[:21, :21] - 10
    assert trail.sum().item() == pytest.approx(1, abs=1e-5)
    assert (trail.numpy() * x * y).sum() < -2  # up to the right, as 45° looks on a picture
    assert (trail.numpy() * (x + y) ** 2).sum() < 0.5


def slow_clahe(image: Floats, clip: float, tiles: int = 8, bins: int = 256) -> Floats:
    """The method once more, pixel by pixel: clipped histogram per tile, four nearest tables per pixel."""
    height, width = image.shape
    low, high = image.min(), image.max()
    scaled = (image - low) / (high - low)
    tables = np.zeros((tiles, tiles, bins + 1))
    for v, u in itertools.product(range(tiles), repeat=2):
        rows = [y for y in range(height) if y * tiles // height == v]
        columns = [x for x in range(width) if x * tiles // width == u]
        values = scaled[np.ix_(rows, columns)].ravel()
        histogram = np.bincount(np.minimum((values * bins).astype(int), bins - 1), minlength=bins).astype(float)
        limit = math.ceil(clip * len(values) / bins)
        spare = np.maximum(histogram - limit, 0).sum()
        histogram = np.minimum(histogram, limit) + spare / bins
        tables[v, u, 1:] = np.cumsum(histogram) / len(values)
    result = np.zeros_like(image)
    edges = np.linspace(0, 1, bins + 1)
    for y, x in itertools.product(range(height), range(width)):
        v = min(max((y + 0.5) * tiles / height - 0.5, 0), tiles - 1)
        u = min(max((x + 0.5) * tiles / width - 0.5, 0), tiles - 1)
        v0, u0 = min(int(v), tiles - 2), min(int(u), tiles - 2)
        for dv, du in itertools.product((0, 1), repeat=2):
            weight = (1 - abs(v - v0 - dv)) * (1 - abs(u - u0 - du))
            result[y, x] += weight * np.interp(scaled[y, x], edges, tables[v0 + dv, u0 + du])
    return low + result * (high - low)


def test_clahe_equals_a_slow_one() -> None:
    batch = picture(2, 44, 52) + 0.1 * noise(2, 44, 52)
    ours = apply(batch, only("clahe", {"clip_limit": 1.5}, {"clip_limit": 4.0}))
    for row, clip in enumerate((1.5, 4.0)):
        np.testing.assert_allclose(ours[row, 0].numpy(), slow_clahe(batch[row, 0].double().numpy(), clip), atol=1e-5)
    dark = (1, 0, slice(36, 44), slice(0, 8))  # nothing but faint noise: spread, and more so without a limit
    assert ours[dark].std() > 3 * batch[dark].std()
    assert ours.amin().item() >= batch.amin().item() - 1e-6
    assert ours.amax().item() <= batch.amax().item() + 1e-6


def test_clahe_keeps_the_range_over_a_volume() -> None:
    volume = picture(1, 32, 32)[:, :, None].repeat(1, 1, 2, 1, 1)
    volume[:, :, 1] = volume[:, :, 1] * 0.25  # a darker slice must not be blown up to the brighter one's range
    ours = apply(volume, only("clahe", {"clip_limit": 2.0}))
    assert ours[0, 0, 1].max() < 0.8 * ours[0, 0, 0].max()
