"""Where in the liver a lesion lies: right or left, cranial or caudal, and the Couinaud-like segment that this suggests.

True segments follow vessels. With the liver's outline alone their borders are guessed from how volume is usually shared
out, so every answer is a probability; outlines of the gallbladder and the vena cava make the main border surer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import EmptyMaskError
from abdominal_oncology.imaging.image import Image

RIGHT_SHARE = 0.62
"""Of the liver's volume, right of the plane through gallbladder and vena cava, on average."""
MEDIAL_SHARE = 0.45
"""Of the left liver's volume, medial of the falciform ligament (segment IV)."""

_GUESSED_MM = {"side": 15.0, "level": 13.0, "depth": 14.0, "lateral": 12.0}
_LANDMARK_MM = 7.0
_MOST_POINTS = 20_000


@dataclass(frozen=True)
class Location:
    """Words for the likelier half in each direction, their chances, and ``segments`` (II … VIII) with theirs.

    ``by`` is ``"landmarks"`` where the gallbladder and vena cava were outlined, else ``"liver outline"``.
    """

    side: str
    level: str
    chances: Mapping[str, float]
    segments: Mapping[str, float]
    by: str

    @property
    def segment(self) -> str:
        """The likeliest."""
        return max(self.segments, key=lambda name: self.segments[name])

    @property
    def sentence(self) -> str:
        """For a table: ``right liver, cranial; nearest to segment VII (58 %)``."""
        return f"{self.side} liver, {self.level}; nearest to segment {self.segment} ({self.segments[self.segment]:.0%})"


def locate(lesion: Image, liver: Image, organs: Mapping[str, Image] | None = None) -> Location:
    """Masks of any grid on one patient; ``organs`` may hold ``gallbladder`` and ``inferior_vena_cava``.

    >>> from abdominal_oncology.imaging.geometry import Geometry
    >>> grid = Geometry((20, 30, 40), (5.0, 5.0, 5.0))
    >>> liver, lesion = np.ones(grid.shape, np.uint8), np.zeros(grid.shape, np.uint8)
    >>> lesion[16, 25, 4] = 1
    >>> found = locate(Image(lesion, grid, "MASK"), Image(liver, grid, "MASK"))
    >>> found.side, found.level, found.segment
    ('right', 'cranial', 'VII')
    """
    points = _points(liver, "the liver")
    point = _points(lesion, "the lesion").mean(axis=0)
    landmarks = [organs[name] for name in ("gallbladder", "inferior_vena_cava") if organs and name in organs]
    if len(landmarks) == 2:
        by, spread = "landmarks", _LANDMARK_MM
        front, back = (_points(each, "a landmark").mean(axis=0) for each in landmarks)
        away = _beside(points, front, back)
        here = float(_beside(point[None], front, back)[0])
    else:
        by, spread = "liver outline", _GUESSED_MM["side"]
        border = float(np.quantile(points[:, 0], RIGHT_SHARE))
        away, here = points[:, 0] - border, float(point[0]) - border
    right, left = points[away < 0], points[away >= 0]
    if not len(right) or not len(left):  # landmarks beside the liver: they divide nothing
        right = left = points
    p_left = _chance(here, spread)
    p_cranial = _chance(float(point[2] - np.median(points[:, 2])), _GUESSED_MM["level"])
    p_posterior = _chance(float(point[1] - np.median(right[:, 1])), _GUESSED_MM["depth"])
    p_lateral = _chance(float(point[0] - np.quantile(left[:, 0], MEDIAL_SHARE)), _GUESSED_MM["lateral"])
    p_right, p_caudal = 1 - p_left, 1 - p_cranial
    segments = {
        "II": p_left * p_lateral * p_cranial,
        "III": p_left * p_lateral * p_caudal,
        "IV": p_left * (1 - p_lateral),
        "V": p_right * (1 - p_posterior) * p_caudal,
        "VI": p_right * p_posterior * p_caudal,
        "VII": p_right * p_posterior * p_cranial,
        "VIII": p_right * (1 - p_posterior) * p_cranial,
    }
    return Location(
        "left" if p_left > 0.5 else "right",
        "cranial" if p_cranial > 0.5 else "caudal",
        {"left": p_left, "right": p_right, "cranial": p_cranial, "caudal": p_caudal, "posterior": p_posterior},
        segments,
        by,
    )


def _beside(points: NDArray[np.float64], front: NDArray[np.float64], back: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance (mm, to the patient's left positive) from the upright plane through two points."""
    along = (front - back)[:2]
    normal = np.array([along[1], -along[0]]) / max(float(np.linalg.norm(along)), 1e-6)
    if normal[0] < 0:
        normal = -normal
    distance: NDArray[np.float64] = (points[:, :2] - back[:2]) @ normal
    return distance


def _points(mask: Image, what: str) -> NDArray[np.float64]:
    index = np.flatnonzero(mask.voxels)
    if not index.size:
        raise EmptyMaskError(f"the outline of {what} is empty", remedy="draw it, or choose another segment")
    chosen = index[:: max(1, index.size // _MOST_POINTS)]
    return mask.geometry.to_world(np.stack(np.unravel_index(chosen, mask.voxels.shape), axis=1))


def _chance(beyond_mm: float, spread_mm: float) -> float:
    return 0.5 * math.erfc(-beyond_mm / spread_mm / math.sqrt(2))
