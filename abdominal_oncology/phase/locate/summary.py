"""From slices to one value per structure: what most slices agree on, how sure that is, and whether it can be true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from abdominal_oncology.imaging.image import ImageWarning
from abdominal_oncology.phase.region_hu import RegionHU


@dataclass(frozen=True)
class SliceValue:
    """One structure in one slice ``k``."""

    k: int
    hu: float
    area_mm2: float
    voxels: int
    noise_hu: float


@dataclass(frozen=True)
class Trust:
    """How much one structure's finder is to be trusted: ``slices`` needed at least (fewer where fewer were read would
    be luck), ``floor_hu`` the least error, ``agree_hu`` what slices of one structure may differ by, ``share`` of the
    slices found that must agree."""

    slices: int
    floor_hu: float
    agree_hu: float
    share: float


_TRUST: Mapping[str, Trust] = {
    "aorta": Trust(1, 3.0, 14.0, 0.5),
    "inferior_vena_cava": Trust(3, 6.0, 14.0, 0.55),
    "liver": Trust(1, 3.0, 10.0, 0.5),
    "spleen": Trust(2, 4.0, 12.0, 0.55),
    "kidney_left": Trust(2, 6.0, 18.0, 0.5),
    "kidney_right": Trust(2, 6.0, 18.0, 0.5),
}
_RELATIVE = 0.08
"""Bright structures differ more from slice to slice."""


def summarise(structure: str, values: Sequence[SliceValue]) -> RegionHU | None:
    """The value that most of the area agrees on; None where too few slices do."""
    trust = _TRUST[structure]
    if len(values) < trust.slices:
        return None
    hu = np.array([each.hu for each in values])
    weight = np.sqrt([each.area_mm2 for each in values])
    centre = densest(hu, weight, trust.agree_hu)
    reach = trust.agree_hu + _RELATIVE * max(centre - 60, 0.0)
    agreeing = np.abs(hu - centre) <= reach
    if agreeing.sum() < trust.slices or weight[agreeing].sum() < trust.share * weight.sum():
        return None
    inner = hu[agreeing]
    value = float(np.median(inner))
    spread = float(1.4826 * np.median(np.abs(inner - value)))
    alone = float(np.median([each.noise_hu / np.sqrt(max(each.voxels / 4, 1)) for each in values]))
    lost = 1 - float(weight[agreeing].sum() / weight.sum())
    few = 1 + 1.5 / len(inner)
    error = few * float(np.hypot(trust.floor_hu, 1.25 * max(spread, alone) / np.sqrt(len(inner)))) + 8 * lost
    kept = [each for each, fits in zip(values, agreeing, strict=True) if fits]
    voxels = sum(each.voxels for each in kept)
    return RegionHU(structure, round(value, 1), round(error, 1), voxels, "automatic", tuple(each.k for each in kept))


def densest(hu: np.ndarray, weight: np.ndarray, width_hu: float) -> float:
    """The value around which most weight lies within about a width.

    >>> densest(np.array([10.0, 48.0, 50.0, 52.0]), np.ones(4), 10.0)
    50.0
    """
    support = np.exp(-0.5 * ((hu[:, None] - hu[None, :]) / (0.6 * width_hu)) ** 2) @ weight
    return float(hu[int(support.argmax())])


def plausible(found: Mapping[str, RegionHU]) -> tuple[dict[str, RegionHU], list[ImageWarning]]:
    """Leaves out what cannot be what it is called: tissue is never much brighter than the blood that feeds it."""
    kept = dict(found)
    doubts: list[ImageWarning] = []
    aorta = kept.get("aorta")
    limits = {"liver": 50.0, "spleen": 35.0, "inferior_vena_cava": 60.0}
    for name, more in limits.items():
        own = kept.get(name)
        if aorta is not None and own is not None and own.hu > aorta.hu + more:
            doubts.append(_doubt(name, own.hu, f"brighter than the aorta ({aorta.hu:.0f} HU)"))
            del kept[name]
    return kept, doubts


def _doubt(name: str, hu: float, reason: str) -> ImageWarning:
    return ImageWarning("region-doubted", f"what looked like the {name.replace('_', ' ')} ({hu:.0f} HU) is {reason}")
