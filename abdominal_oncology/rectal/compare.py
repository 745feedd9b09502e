"""A picture that sets a real rectal MR beside a phantom, slice by slice and close up, for people to judge."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError, MissingDependencyError
from abdominal_oncology.imaging.image import Image

_BRIGHTEST = 0.99
_ZOOM_MM = 100.0


def side_by_side(
    real: Image,
    phantom: Image,
    path: str | PathLike[str],
    *,
    slices: int = 4,
    real_centre_mm: tuple[float, float, float] | None = None,
    phantom_centre_mm: tuple[float, float, float] | None = None,
) -> Path:
    """Write a PNG: upper row real, lower row phantom; ``slices`` whole slices from foot to head, then a close-up of
    10 cm around ``real_centre_mm`` and ``phantom_centre_mm`` (LPS, the tumours' centres; default: the volumes').
    """
    if slices < 1:
        raise InvalidInputError(f"at least one slice is needed, not {slices}", remedy="ask for 1 slice or more")
    try:
        from PIL import Image as Picture
    except ImportError as missing:
        raise MissingDependencyError("writing a comparison picture needs the package pillow") from missing
    size = max(real.geometry.shape[1], phantom.geometry.shape[1])
    rows = [
        _row(real, slices, real_centre_mm or real.geometry.centre_mm, size),
        _row(phantom, slices, phantom_centre_mm or phantom.geometry.centre_mm, size),
    ]
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    Picture.fromarray(np.vstack(rows)).save(target)
    return target


def _row(image: Image, slices: int, centre_mm: tuple[float, float, float], size: int) -> NDArray[np.uint8]:
    grey = np.clip(image.voxels / max(float(np.quantile(image.voxels, _BRIGHTEST)), 1e-6), 0, 1)
    tiles = [_tile(grey[k], size) for k in np.linspace(0, grey.shape[0] - 1, slices + 2).round().astype(int)[1:-1]]
    k, j, i = np.rint(image.geometry.to_index(centre_mm)).astype(int)
    half = max(2, int(_ZOOM_MM / 2 / image.geometry.spacing_mm[1]))
    j, i = (
        int(np.clip(at, half, n - half)) if n > 2 * half else n // 2
        for at, n in zip((j, i), grey.shape[1:], strict=True)
    )
    close = grey[int(np.clip(k, 0, grey.shape[0] - 1)), max(j - half, 0) : j + half, max(i - half, 0) : i + half]
    return np.hstack([*tiles, _tile(close, size)])


def _tile(plane: NDArray[np.floating], size: int) -> NDArray[np.uint8]:  # type: ignore[type-arg]
    """A plane as a grey picture of ``size`` × ``size``."""
    from scipy import ndimage

    zoom = (size / plane.shape[0], size / plane.shape[1])
    scaled = ndimage.zoom(plane.astype(np.float32), zoom, order=1, grid_mode=True, mode="nearest")
    tile = np.zeros((size, size), np.uint8)
    shape = (min(size, scaled.shape[0]), min(size, scaled.shape[1]))
    tile[: shape[0], : shape[1]] = np.clip(scaled[: shape[0], : shape[1]] * 255, 0, 255).astype(np.uint8)
    return tile
