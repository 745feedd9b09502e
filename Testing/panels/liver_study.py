"""A small liver study in the scene: a ball of a liver with two balls as lesions, in three phases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality, Source

GRID = Geometry((22, 48, 52), (5.0, 3.5, 3.5), (-90.0, -84.0, 0.0))
CENTRES_MM = {"lesion one": (-20.0, 0.0, 55.0), "lesion two": (25.0, 5.0, 60.0)}
RADII_MM = {"lesion one": 14.0, "lesion two": 11.0}
HU = {"non-contrast": (52, 45), "arterial": (72, 115), "portal": (108, 88), "delayed": (88, 66)}
"""Liver and lesion: enhancing more than the liver first, less later."""


@dataclass(frozen=True)
class LiverStudy:
    """Images and masks; :meth:`put` makes nodes of them."""

    phases: dict[str, Image]
    masks: dict[str, Image]
    nodes: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def make(cls, grid: Geometry = GRID, roles: tuple[str, ...] = ("arterial", "portal", "delayed")) -> LiverStudy:
        liver = ball(grid, (0.0, 0.0, 55.0), 48.0)
        inside = {name: ball(grid, centre, RADII_MM[name]) for name, centre in CENTRES_MM.items()}
        phases = {}
        for role in roles:
            organ, lesion = HU[role]
            rng = np.random.default_rng(len(role))
            voxels = np.where(liver, organ, -100) + rng.normal(0, 8, grid.shape)
            for mask in inside.values():
                voxels[mask] += lesion - organ
            source = Source(f"liver/{role}", "P1", "1.2", f"1.2.{len(role)}")
            phases[role] = Image(voxels.astype(np.int16), grid, Modality.CT, source)
        masks = {name: as_mask(mask, grid) for name, mask in ({"liver": liver} | inside).items()}
        return cls(phases, masks)

    def put(self) -> LiverStudy:
        """The same with its volumes (by role) and its ``segmentation`` in the scene."""
        from abdominal_oncology.scene import put_study, segmentation_node_from_masks

        volumes = put_study(self.phases).volumes
        segmentation = segmentation_node_from_masks(self.masks, "outlines", beside=volumes["portal"])
        return LiverStudy(self.phases, self.masks, {**volumes, "segmentation": segmentation})

    def redrawn(self, name: str, mask: NDArray[np.bool_]) -> LiverStudy:
        """With another outline in the place of one of its."""
        return LiverStudy(self.phases, {**self.masks, name: as_mask(mask, GRID)})


def ball(grid: Geometry, centre_mm: tuple[float, float, float], radius_mm: float) -> NDArray[np.bool_]:
    points = grid.to_world(np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1))
    inside: NDArray[np.bool_] = np.square(points - centre_mm).sum(axis=-1) < radius_mm**2
    return inside


def as_mask(voxels: NDArray[np.bool_], grid: Geometry) -> Image:
    return Image(voxels.astype(np.uint8), grid, Modality.MASK)
