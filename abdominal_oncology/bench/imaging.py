"""Imaging: our resampling, resizing, reading, bias correction and measuring beside the usual ways to do the same."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from abdominal_oncology.bench.measure import Contender, Timing, compare
from abdominal_oncology.errors import MissingDependencyError
from abdominal_oncology.imaging.bias_field import correct_bias_field
from abdominal_oncology.imaging.diameter import diameter_3d, in_plane_diameter
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.resample import resample, resample_to_spacing
from abdominal_oncology.imaging.resize import resize_slices
from abdominal_oncology.imaging.sitk_bridge import to_sitk
from abdominal_oncology.imaging.volume_file import open_volume_file, write_volume_file
from abdominal_oncology.progress import Progress, part

_CT_GRID = Geometry((100, 512, 512), (2.5, 0.8, 0.8))
_TARGETS_MM = ((1.5, 1.5, 1.5), (5.0, 0.8, 0.8))
_SLICES, _SIZE = 32, 224
_WANTED = tuple(range(0, 100, 7))


def run(only: str, progress: Progress) -> list[Timing]:
    """All imaging tasks whose name contains ``only``."""
    tasks: dict[str, Callable[[str, Progress], list[Timing]]] = {
        **{_resample_name(target): _resample_task(target) for target in _TARGETS_MM},
        "CT 512×512×100 onto a turned 1.5 mm grid": _turned,
        "labels 512×512×100 to 1.5 mm": _labels,
        "slice 512 to 224 (per slice)": _resize,
        "15 of 100 slices from a file": _streaming,
        "largest diameter of a 512×512×100 mask": _diameters,
        "bias field 512×512×30": _bias,
    }
    chosen = {name: task for name, task in tasks.items() if only in name}
    timings: list[Timing] = []
    for number, (name, task) in enumerate(chosen.items()):
        timings += task(name, part(progress, number / len(chosen), (number + 1) / len(chosen)))
        gc.collect()  # one task's volumes should not weigh on the next
    return timings


def _ct() -> Image:
    values = np.random.default_rng(0).integers(-1000, 1000, _CT_GRID.shape, dtype=np.int16)
    return Image(values, _CT_GRID, Modality.CT)


def _resample_name(target: tuple[float, float, float]) -> str:
    return "CT 512×512×100 to " + "×".join(f"{mm:g}" for mm in target[::-1]) + " mm"


def _resample_task(target: tuple[float, float, float]) -> Callable[[str, Progress], list[Timing]]:
    def task(name: str, progress: Progress) -> list[Timing]:
        image = _ct()
        theirs = to_sitk(image)
        grid = image.geometry.with_spacing(target)
        zoom = np.divide(grid.shape, image.geometry.shape)

        def scipy_zoom() -> Any:
            from scipy import ndimage

            return ndimage.zoom(image.voxels, zoom, order=1, mode="nearest", grid_mode=True)

        return compare(
            name,
            [
                Contender("resample (sparse)", lambda: resample_to_spacing(image, target), ours=True, goal_seconds=0.5),
                Contender("resample (SimpleITK)", lambda: resample_to_spacing(image, target, engine="simpleitk")),
                Contender("SimpleITK linear", lambda: _sitk_resample(theirs, grid, sitk.sitkLinear)),
                Contender("MONAI Spacing", _monai_spacing(image, target)),
                Contender("scipy zoom, order 1", scipy_zoom, repeats=2),
            ],
            progress,
        )

    return task


def _sitk_resample(volume: Any, grid: Geometry, interpolator: int) -> Any:
    return sitk.GetArrayViewFromImage(
        sitk.Resample(
            volume,
            grid.shape[::-1],
            sitk.Transform(),
            interpolator,
            grid.origin_mm,
            grid.spacing_mm[::-1],
            volume.GetDirection(),
            -1024.0,
        )
    )


def _monai_spacing(image: Image, target: tuple[float, float, float]) -> Callable[[], Any]:
    def call() -> Any:
        torch, monai = _torch_and_monai()
        volume = monai.data.MetaTensor(
            torch.from_numpy(image.voxels.astype(np.float32))[None], affine=np.diag([*image.geometry.spacing_mm, 1.0])
        )
        return monai.transforms.Spacing(target, mode="bilinear", dtype=torch.float32)(volume)

    return call


def _torch_and_monai() -> tuple[Any, Any]:
    try:
        import monai.data
        import monai.transforms
        import torch
    except ImportError as missing:
        raise MissingDependencyError("this comparison needs torch and monai") from missing
    return torch, monai


def _turned(name: str, progress: Progress) -> list[Timing]:
    image = _ct()
    cosine, sine = np.cos(0.2), np.sin(0.2)
    turned = Geometry((167, 273, 273), (1.5, 1.5, 1.5), directions=((0, -sine, cosine), (0, cosine, sine), (1, 0, 0)))
    grid = replace(turned, origin_mm=tuple(np.subtract(image.geometry.centre_mm, turned.centre_mm)))

    def on_torch() -> Any:
        _torch_and_monai()
        return resample(image, grid, engine="torch")

    return compare(
        name,
        [
            Contender("resample (SimpleITK, rounded)", lambda: resample(image, grid), ours=True),
            Contender("resample (torch)", on_torch, ours=True, repeats=2),
        ],
        progress,
    )


def _labels(name: str, progress: Progress) -> list[Timing]:
    mask = _ellipsoid(_CT_GRID)
    theirs = to_sitk(mask)
    grid = mask.geometry.with_spacing((1.5, 1.5, 1.5))
    return compare(
        name,
        [
            Contender(
                "resample (sparse)", lambda: resample_to_spacing(mask, (1.5, 1.5, 1.5)), ours=True, goal_seconds=0.25
            ),
            Contender("SimpleITK nearest", lambda: _sitk_resample(theirs, grid, sitk.sitkNearestNeighbor)),
        ],
        progress,
    )


def _resize(name: str, progress: Progress) -> list[Timing]:
    slices = _ct().voxels[:_SLICES]

    def torch_resize(mode: str) -> Any:
        torch, _ = _torch_and_monai()
        batch = torch.from_numpy(slices.astype(np.float32))[None]
        return torch.nn.functional.interpolate(batch, (_SIZE, _SIZE), mode=mode)

    def monai_each() -> Any:
        torch, monai = _torch_and_monai()
        resize = monai.transforms.Resize((_SIZE, _SIZE), mode="area")
        return [resize(torch.from_numpy(plane.astype(np.float32))[None]) for plane in slices]

    windowed = (50.0, 400.0)
    return compare(
        name,
        [
            Contender("area, exact", lambda: resize_slices(slices, _SIZE), True, _SLICES, goal_seconds=0.0017),
            Contender(
                "area, exact, with window", lambda: resize_slices(slices, _SIZE, "area", windowed), True, _SLICES
            ),
            Contender(
                "bilinear", lambda: resize_slices(slices, _SIZE, "bilinear"), True, _SLICES, goal_seconds=0.00065
            ),
            Contender("torch bilinear", lambda: torch_resize("bilinear"), per=_SLICES),
            Contender("torch area (not exact)", lambda: torch_resize("area"), per=_SLICES),
            Contender("MONAI area, slice by slice", monai_each, per=_SLICES),
        ],
        progress,
    )


def _streaming(name: str, progress: Progress) -> list[Timing]:
    image = _ct()
    with tempfile.TemporaryDirectory() as folder:
        contenders = []
        for ending in (".nii", ".nii.gz", ".nrrd", ".mha"):
            # one folder each: beside volume.nii, ITK reads that file when asked for volume.nii.gz
            place = Path(folder) / ending.strip(".")
            place.mkdir()
            path = write_volume_file(image, place / f"volume{ending}")
            contenders += [
                Contender(f"open_volume_file {ending}", _ours_streaming(path), ours=True),
                Contender(f"SimpleITK whole {ending}", _whole_file(path)),
            ]
        return compare(name, contenders, progress)


def _ours_streaming(path: Path) -> Callable[[], Any]:
    return lambda: open_volume_file(path, Modality.CT).read(_WANTED)


def _whole_file(path: Path) -> Callable[[], Any]:
    return lambda: sitk.GetArrayFromImage(sitk.ReadImage(str(path)))[list(_WANTED)]


def _diameters(name: str, progress: Progress) -> list[Timing]:
    mask, lesion = _ellipsoid(_CT_GRID), _ellipsoid(_CT_GRID, (8, 25, 30))
    theirs = to_sitk(lesion)

    def feret() -> Any:
        statistics = sitk.LabelShapeStatisticsImageFilter()
        statistics.ComputeFeretDiameterOn()
        statistics.Execute(theirs)
        return statistics.GetFeretDiameter(1)

    return compare(
        name,
        [
            Contender("in plane, liver", lambda: in_plane_diameter(mask), ours=True, repeats=5),
            Contender("3-D, liver", lambda: diameter_3d(mask), ours=True, repeats=5),
            Contender("in plane, lesion of 48 mm", lambda: in_plane_diameter(lesion), ours=True, repeats=5),
            Contender("3-D, lesion of 48 mm", lambda: diameter_3d(lesion), ours=True, repeats=5),
            Contender("SimpleITK Feret (3-D, voxel centres), lesion", feret, repeats=2),
        ],
        progress,
    )


def _bias(name: str, progress: Progress) -> list[Timing]:
    image = biased_mr()
    return compare(
        name,
        [
            Contender(
                "every 8th row and column", lambda: correct_bias_field(image), True, repeats=1, goal_seconds=12.0
            ),
            Contender("every 16th", lambda: correct_bias_field(image, in_plane_shrink=16), True, repeats=1),
            Contender("SimpleITK N4, every 8th", lambda: _plain_n4(image, 8), repeats=1),
            Contender("SimpleITK N4, every 4th", lambda: _plain_n4(image, 4), repeats=1),
        ],
        progress,
    )


def _plain_n4(image: Image, shrink: int) -> NDArray[Any]:
    full = to_sitk(image)
    coarse = sitk.Shrink(full, [shrink, shrink, 1])
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.Execute(coarse, sitk.OtsuThreshold(coarse, 0, 1, 200))
    field: NDArray[Any] = np.exp(sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(full)))
    return field


def _ellipsoid(grid: Geometry, radii: tuple[int, int, int] = (40, 100, 150)) -> Image:
    k, j, i = np.ogrid[: grid.shape[0], : grid.shape[1], : grid.shape[2]]
    inside = ((k - 50) / radii[0]) ** 2 + ((j - 256) / radii[1]) ** 2 + ((i - 200) / radii[2]) ** 2 < 1
    return Image(inside.astype(np.uint8), grid, Modality.MASK)


def biased_mr(shape: tuple[int, int, int] = (30, 512, 512)) -> Image:
    """A body of a few tissues under a smooth drift of about ±40 %, with Rician noise."""
    rng = np.random.default_rng(0)
    z, y, x = (np.linspace(-1, 1, n, dtype=np.float32).reshape(np.roll((n, 1, 1), a)) for a, n in enumerate(shape))
    body = (x / 0.85) ** 2 + (y / 0.65) ** 2 + 0 * z < 1
    signal = np.where(body, np.float32(600), np.float32(10))
    for value in rng.choice([250, 400, 800, 1000], 25):
        centre, radius = rng.uniform(-0.6, 0.6, 3), rng.uniform(0.08, 0.25, 3)
        reach = ((x - centre[0]) / radius[0]) ** 2 + ((y - 0.7 * centre[1]) / radius[1]) ** 2
        signal[(reach + ((z - centre[2]) / (3 * radius[2])) ** 2 < 1) & body] = value
    signal = signal * np.exp(0.35 * x * y + 0.3 * np.cos(2 * y + 0.5) - 0.25 * x**2 + 0.1 * z).astype(np.float32)
    noise = rng.normal(0, 15, (2, *shape)).astype(np.float32)
    grid = Geometry(shape, (3.0, 220 / shape[1], 220 / shape[2]))
    return Image(np.hypot(signal + noise[0], noise[1]), grid, Modality.MR)
