"""A picture that sets real CT beside phantoms, phase by phase in the soft-tissue window, for people to judge."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError, MissingDependencyError
from abdominal_oncology.imaging.image import Image

WINDOW_HU = (-150.0, 250.0)
TILE, _GAP = 300, 6


def side_by_side(
    pairs: Mapping[str, tuple[tuple[Image, int] | None, tuple[Image, int]]],
    path: str | PathLike[str],
    *,
    field_mm: float = 400.0,
) -> Path:
    """Write a PNG: one column per phase, a real slice above (black where there is none), a phantom's below.

    ``pairs`` maps a caption to ((real CT, slice), (phantom, slice)); every tile shows ``field_mm`` around the body.
    """
    if not pairs:
        raise InvalidInputError("nothing to compare", remedy="give at least one real scan or phantom")
    try:
        from PIL import Image as Picture
        from PIL import ImageDraw
    except ImportError as missing:
        raise MissingDependencyError("writing a comparison picture needs the package pillow") from missing
    columns = []
    for real, phantom in pairs.values():
        above = np.zeros((TILE, TILE), np.uint8) if real is None else tile(*real, field_mm)
        gap = np.zeros((_GAP, TILE), np.uint8)
        columns.append(np.vstack([above, gap, tile(*phantom, field_mm)]))
    sheet = Picture.fromarray(np.hstack(columns))
    pen = ImageDraw.Draw(sheet)
    for number, caption in enumerate(pairs):
        pen.text((number * TILE + 6, 4), f"real, {caption}", fill=255)
        pen.text((number * TILE + 6, TILE + _GAP + 4), f"phantom, {caption}", fill=255)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(target)
    return target


def tile(image: Image, slice_: int, field_mm: float) -> NDArray[np.uint8]:
    """``field_mm`` of an axial slice around the body's middle, patient's right on the left, front up."""
    from scipy import ndimage

    plane = image.voxels[slice_].astype(np.float32)
    body = ndimage.binary_opening(plane > -300, iterations=3)
    rows, columns = (np.flatnonzero(body.any(axis=axis)) for axis in (1, 0))
    middle = [
        (edge[0] + edge[-1]) / 2 if len(edge) else n / 2 for edge, n in zip((rows, columns), plane.shape, strict=True)
    ]
    steps = [field_mm / TILE / mm for mm in image.geometry.spacing_mm[1:]]
    if image.geometry.directions[1][1] < 0:
        steps[0] = -steps[0]
    if image.geometry.directions[2][0] < 0:
        steps[1] = -steps[1]
    at = np.arange(TILE) - (TILE - 1) / 2
    grid = np.meshgrid(middle[0] + at * steps[0], middle[1] + at * steps[1], indexing="ij")
    sigma = max(abs(steps[0]) * 0.4 - 0.2, 0.0)  # a slice that shrinks must not alias
    seen = ndimage.map_coordinates(ndimage.gaussian_filter(plane, sigma), grid, order=1, cval=-1000.0)
    low, high = WINDOW_HU
    grey: NDArray[np.uint8] = (np.clip((seen - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    return grey
