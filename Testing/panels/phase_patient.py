"""A cylinder of soft tissue with an aorta, a portal vein and a liver in it, in two contrast phases."""

from __future__ import annotations

from typing import Any

import numpy as np

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality, Source

GRID = Geometry((20, 64, 64), (5.0, 4.0, 4.0), (-126.0, -126.0, 0.0))
ORGANS = {"aorta": (slice(2, 18), slice(36, 44), slice(28, 36)), "liver": (slice(6, 16), slice(16, 40), slice(6, 26))}
ORGANS["portal_vein"] = (slice(8, 14), slice(24, 30), slice(26, 28))
HU = {
    "arterial": {"aorta": 320, "liver": 62, "portal_vein": 75},
    "venous": {"aorta": 145, "liver": 108, "portal_vein": 160},
}


def body(phase: str, **header: Any) -> Image:
    """A cylinder of soft tissue with an aorta, a portal vein and a liver in it, made of blocks."""
    noise = np.random.default_rng(3).normal(0, 8, GRID.shape)
    j, i = np.mgrid[:64, :64]
    voxels = np.where(((j - 32) ** 2 + (i - 32) ** 2 < 30**2)[None], 40 + noise, -1000)
    for name, where in ORGANS.items():
        voxels[where] = HU[phase][name] + noise[where]
    source = Source("", "P1", "1.2", "", f"1.2.{len(phase)}", (), {"Modality": "CT"} | header)
    return Image(voxels.astype(np.int16), GRID, Modality.CT, source)


def masks(*names: str, grid: Geometry = GRID) -> dict[str, Image]:
    made = {}
    for name in names:
        mask = np.zeros(GRID.shape, np.uint8)
        mask[ORGANS[name]] = 1
        made[name] = Image(mask, grid, Modality.MASK)
    return made
