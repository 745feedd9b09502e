"""Masks as the oriented label images that segments are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.scene.grids import oriented_image
from abdominal_oncology.scene.voxels import scalars_from

Box = tuple[list[int], list[int]]


def bounding_box(mask: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], Box]:
    """The voxels of a mask's bounding box as 0 and 1, and the box (start, stop); nothing for an empty mask."""
    axes = [np.flatnonzero(mask.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1))]
    if not axes[0].size:
        return np.zeros((0, 0, 0), np.uint8), ([0, 0, 0], [0, 0, 0])
    start, stop = [int(axis[0]) for axis in axes], [int(axis[-1]) + 1 for axis in axes]
    box = mask[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    return box.astype(np.uint8), (start, stop)


def labelmap_image(voxels: NDArray[Any], geometry: Geometry) -> Any:
    """A vtkOrientedImageData with a copy of the voxels; an empty one when there are none."""
    image = oriented_image(geometry)
    if voxels.size == 0:
        image.SetExtent(0, -1, 0, -1, 0, -1)
    else:
        image.GetPointData().SetScalars(scalars_from(voxels))
    return image
