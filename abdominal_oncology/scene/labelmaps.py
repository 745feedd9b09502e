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
    box, start, stop = mask, [0, 0, 0], [0, 0, 0]
    for axis, others in enumerate(((1, 2), (0, 2), (0, 1))):  # each pass looks only at what the last one left
        used = np.flatnonzero(box.any(axis=others))
        if not used.size:
            return np.zeros((0, 0, 0), np.uint8), ([0, 0, 0], [0, 0, 0])
        start[axis], stop[axis] = int(used[0]), int(used[-1]) + 1
        box = box[(slice(None),) * axis + (slice(start[axis], stop[axis]),)]
    return box.astype(np.uint8), (start, stop)


def labelmap_image(voxels: NDArray[Any], geometry: Geometry) -> Any:
    """A vtkOrientedImageData with a copy of the voxels; an empty one when there are none."""
    image = oriented_image(geometry)
    if voxels.size == 0:
        image.SetExtent(0, -1, 0, -1, 0, -1)
    else:
        image.GetPointData().SetScalars(scalars_from(voxels))
    return image
