"""Pictures of why: where the lesion enhances, where it washes out, what counted as its shell."""

from __future__ import annotations

import numpy as np

from abdominal_oncology.hcc.features.capsule import THIN_MM
from abdominal_oncology.hcc.features.region import LesionRegion
from abdominal_oncology.imaging.image import Image, Modality

CORE, SHELL, PARENCHYMA = 1, 2, 3
"""Labels of the ``regions`` map."""


def feature_maps(region: LesionRegion, capsule_place_mm: float | None = None) -> dict[str, Image]:
    """Images on the region's grid: ``enhancement`` (arterial HU above parenchyma), ``washout`` (HU below parenchyma in
    the darker of the late phases, 0 where not darker), ``regions`` (labels) and, where a place is given, ``shell``:
    the thin layer at that depth that was looked at for a capsule. Beyond the lesion and its rim maps are 0.
    """
    near = region.depth_mm > -3.0
    above = {
        role: np.where(np.isfinite(values), values - region.background[role].hu.value, 0)
        for role, values in region.hu.items()
    }
    late = [above[role] for role in ("portal", "delayed") if role in above]
    result: dict[str, Image] = {}
    if "arterial" in above:
        result["enhancement"] = _picture(region, np.where(near, above["arterial"], 0))
    if late:
        result["washout"] = _picture(region, np.where(near, np.maximum(0, -np.minimum.reduce(late)), 0))
    regions = np.where(region.parenchyma, PARENCHYMA, 0).astype(np.uint8)
    regions[region.depth_mm > 0] = SHELL
    regions[region.depth_mm > THIN_MM] = CORE
    result["regions"] = Image(regions, region.grid, Modality.MASK)
    if capsule_place_mm is not None and np.isfinite(capsule_place_mm):
        layer = np.abs(region.depth_mm - capsule_place_mm) <= THIN_MM / 2
        result["shell"] = Image(layer.astype(np.uint8), region.grid, Modality.MASK)
    return result


def _picture(region: LesionRegion, values: np.ndarray) -> Image:  # type: ignore[type-arg]
    return Image(values.astype(np.float32), region.grid, Modality.OTHER)
