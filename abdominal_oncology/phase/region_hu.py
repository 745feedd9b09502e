"""What was measured in one structure: the evidence that the kinetic estimate works on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.geometry import Vector

RegionSource = Literal["given", "segmentation", "points", "automatic"]


@dataclass(frozen=True)
class RegionHU:
    """The enhancement of one structure: its robust centre in HU and how far that may be off.

    ``structure`` is a name of :mod:`~abdominal_oncology.imaging.anatomy`. ``error_hu`` is the standard error of ``hu``
    as an estimate of the structure's own value (noise, partial volume, a region that is a little off); it is not the
    spread between patients. ``slices`` are the indices along k that were looked at; ``place_mm`` is a point (x, y, z)
    in it, LPS mm, for who wants to see it.

    >>> RegionHU("aorta", 151.0).error_hu
    5.0
    """

    structure: str
    hu: float
    error_hu: float = 5.0
    voxels: int = 0
    source: RegionSource = "given"
    slices: tuple[int, ...] = ()
    place_mm: Vector | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.hu):
            raise InvalidInputError(f"{self.structure} has no finite value: {self.hu}", remedy="leave the region out")
        if not (math.isfinite(self.error_hu) and self.error_hu > 0):
            raise InvalidInputError(f"{self.structure}: the error must be positive and finite, not {self.error_hu}")


def called(structure: str) -> str:
    """A structure's name in a sentence.

    >>> called("portal_vein")
    'portal vein'
    """
    return structure.replace("_", " ")
