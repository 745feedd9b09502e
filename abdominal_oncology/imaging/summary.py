"""What an image is, in plain values that a person can read and a script can use."""

from __future__ import annotations

from typing import Any

from abdominal_oncology.imaging.image import Image


def summarise(image: Image) -> dict[str, Any]:
    """Facts by name; a name says its unit and the order of its numbers. ``header`` and ``warnings`` come last.

    >>> import numpy as np
    >>> from abdominal_oncology.imaging.geometry import Geometry
    >>> facts = summarise(Image(np.arange(8, dtype=np.int16).reshape(2, 2, 2), Geometry((2, 2, 2))))
    >>> facts["plane"], facts["lowest_value"], facts["highest_value"], facts["mean_value"]
    ('axial', 0, 7, 3.5)
    """
    geometry = image.geometry
    return {
        "path": image.source.path,
        "modality": str(image.modality),
        "shape_kji": geometry.shape,
        "spacing_mm_kji": geometry.spacing_mm,
        "size_mm_kji": geometry.size_mm,
        "origin_mm_lps": geometry.origin_mm,
        "direction_k_lps": geometry.directions[0],
        "direction_j_lps": geometry.directions[1],
        "direction_i_lps": geometry.directions[2],
        "plane": geometry.plane,
        "obliquity_degrees": geometry.obliquity_degrees,
        "value_type": str(image.voxels.dtype),
        "lowest_value": image.voxels.min().item(),
        "highest_value": image.voxels.max().item(),
        "mean_value": float(image.voxels.mean(dtype="float64")),
        "header": dict(image.source.header),
        "warnings": [{"code": warning.code, "message": warning.message} for warning in image.warnings],
    }
