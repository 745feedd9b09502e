"""The class-activation map as an overlay: what each place said, on the image's own grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.separable import apply_in_plane, inside, linear_weights
from abdominal_oncology.rectal.marks import Placed
from abdominal_oncology.rectal.prepare import PreparedVolume

STRIDE = 16
"""Pixels of an encoder's input from one pixel of its last map to the next: stem and three stages halve."""


def class_map(maps: NDArray[np.float32], prepared: PreparedVolume, placed: Placed, image: Image) -> Image:
    """``maps`` (n, h, w) of the slices that a network was given, laid over ``image``: 1 is the strongest word for T3,
    negative speaks for T2, 0 is what the network was not given. No slice is mixed with another.

    The maps are coarse. Their first pixel lies on the input's first, because each strided convolution is centred on the
    first pixel that it reads.
    """
    strongest = float(np.abs(maps).max())
    scaled = maps / np.float32(strongest) if strongest > 0 else maps
    _, height, width = prepared.geometry.shape
    stack = prepared.plane.geometry(image.geometry)
    rows = _weights(prepared.geometry, stack, 1, maps.shape[1], height)
    columns = _weights(prepared.geometry, stack, 2, maps.shape[2], width)
    overlay = np.zeros(stack.shape, np.float32)
    for n, each in enumerate(scaled):
        apply_in_plane(rows, columns, each, overlay[placed.first + n])
    return image.derive(
        "class activation map of T3",
        {"strongest_log_odds": strongest, "map": list(maps.shape)},
        voxels=np.ascontiguousarray(prepared.plane.undo(overlay)),
        modality=Modality.OTHER,
    )


def _weights(cut: Geometry, stack: Geometry, axis: int, count: int, size: int) -> object:
    """Linear interpolation from ``count`` map pixels along an axis to all pixels of the stack; 0 outside of the cut."""
    steps = np.zeros((stack.shape[axis], 3))
    steps[:, axis] = np.arange(stack.shape[axis])
    positions = cut.to_index(stack.to_world(steps))[:, axis]
    return linear_weights(positions / STRIDE, count).multiply(inside(positions, size)[:, None]).tocsr()
