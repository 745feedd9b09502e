"""From slices to one value per structure: what most slices agree on, how sure that is, and whether it can be true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    be luck), ``floor_hu`` the least error, ``agree_hu`` what slices of one structure may differ by (and
    ``relative`` to how bright it is), ``share`` of the slices found that must agree, ``quantile`` of those that do
    is the value: above the middle where a slice can only be too dark, for an edge reached in."""

    slices: int
    floor_hu: float
    agree_hu: float
    share: float
    relative: float = 0.08
    quantile: float = 0.5


_TRUST: Mapping[str, Trust] = {
    "aorta": Trust(1, 3.0, 14.0, 0.45, 0.2),
    "inferior_vena_cava": Trust(3, 9.0, 14.0, 0.55),
    "portal_vein": Trust(2, 9.0, 16.0, 0.5, 0.08, 0.75),
    "liver": Trust(1, 3.0, 10.0, 0.5),
    "spleen": Trust(2, 4.0, 12.0, 0.55),
    "kidney_left": Trust(2, 8.0, 16.0, 0.55),
    "kidney_right": Trust(2, 8.0, 16.0, 0.55),
}


def summarise(structure: str, values: Sequence[SliceValue]) -> RegionHU | None:
    """The value that most of the area agrees on; None where too few slices do."""
    trust = _TRUST[structure]
    if len(values) < trust.slices:
        return None
    hu = np.array([each.hu for each in values])
    weight = np.sqrt([each.area_mm2 for each in values])
    centre = densest(hu, weight, trust.agree_hu + trust.relative * np.maximum(hu - 60, 0))
    reach = trust.agree_hu + trust.relative * max(centre - 60, 0.0)
    agreeing = np.abs(hu - centre) <= reach
    if agreeing.sum() < trust.slices or weight[agreeing].sum() < trust.share * weight.sum():
        return None
    inner = hu[agreeing]
    value = float(np.quantile(inner, trust.quantile))
    spread = float(1.4826 * np.median(np.abs(inner - value)))
    alone = float(np.median([each.noise_hu / np.sqrt(max(each.voxels / 4, 1)) for each in values]))
    lost = 1 - float(weight[agreeing].sum() / weight.sum())
    few = 1 + 1.5 / len(inner)
    error = few * float(np.hypot(trust.floor_hu, 1.25 * max(spread, alone) / np.sqrt(len(inner)))) + lost * (
        8 + 0.2 * max(value - 60, 0.0)
    )
    kept = [each for each, fits in zip(values, agreeing, strict=True) if fits]
    voxels = sum(each.voxels for each in kept)
    return RegionHU(structure, round(value, 1), round(error, 1), voxels, "automatic", tuple(each.k for each in kept))


def densest(hu: NDArray[np.float64], weight: NDArray[np.float64], width_hu: NDArray[np.float64]) -> float:
    """The value around which most weight lies within about its width.

    >>> densest(np.array([10.0, 48.0, 50.0, 52.0]), np.ones(4), np.full(4, 10.0))
    50.0
    """
    support = np.exp(-0.5 * ((hu[:, None] - hu[None, :]) / (0.6 * width_hu[:, None])) ** 2) @ weight
    return float(hu[int(support.argmax())])


_BRIGHTER_HU = {"liver": 50.0, "spleen": 35.0, "inferior_vena_cava": 60.0}
"""By how much tissue may be brighter than the aorta: fat-free livers and iron are a little."""

_KIDNEY_ABOVE_HU = 125.0
"""Kidneys hold contrast longer than blood, but oral contrast in the gut is brighter still."""


def plausible(found: Mapping[str, RegionHU]) -> tuple[dict[str, RegionHU], list[ImageWarning]]:
    """Leaves out what cannot be what it is called: tissue is never much brighter than the blood that feeds it."""
    kept = dict(found)
    doubts: list[ImageWarning] = []

    def leave_out(name: str, reason: str) -> None:
        own = kept.pop(name)
        text = f"what looked like the {name.replace('_', ' ')} ({own.hu:.0f} HU) is {reason}; it was left out"
        doubts.append(ImageWarning("region-doubted", text))

    aorta = kept.get("aorta")
    if aorta is None:
        for name in set(kept) & {"spleen", "inferior_vena_cava", "kidney_left", "kidney_right"}:
            leave_out(name, "without an aorta to compare it with")
    else:
        for name, more in _BRIGHTER_HU.items():
            if name in kept and kept[name].hu > aorta.hu + more:
                leave_out(name, f"brighter than the aorta ({aorta.hu:.0f} HU)")
        if "spleen" in kept and kept["spleen"].hu < 0.6 * min(aorta.hu, 110.0):
            leave_out("spleen", f"too dark beside the aorta ({aorta.hu:.0f} HU)")
        for name in ("kidney_left", "kidney_right"):
            if name in kept and kept[name].hu > aorta.hu + _KIDNEY_ABOVE_HU:
                leave_out(name, f"too bright beside the aorta ({aorta.hu:.0f} HU)")
            elif name in kept and aorta.hu < 58 and kept[name].hu > 50:
                leave_out(name, f"too bright for a scan without contrast (aorta {aorta.hu:.0f} HU)")
            elif name in kept and aorta.hu > 100 and kept[name].hu < 70:
                leave_out(name, f"too dark beside the aorta ({aorta.hu:.0f} HU)")
    left, right = kept.get("kidney_left"), kept.get("kidney_right")
    if left is not None and right is not None and abs(left.hu - right.hu) > 30 + 0.15 * max(left.hu, right.hu):
        for name in ("kidney_left", "kidney_right"):
            leave_out(name, "unlike the other kidney")
    return kept, doubts
