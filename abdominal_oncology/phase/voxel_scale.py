"""Whether voxel values are Hounsfield units, by what air, fat and soft tissue must show, and the usual mistakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.learning.finding import FindingWarning

_THIN_TO = 128
_OFFSET_HU = 1024.0
_MOSTLY_BLANK = 0.5


@dataclass(frozen=True)
class ValueCheck:
    """``offset_hu`` is to be added to every voxel. ``fault`` says why the values cannot be used (empty: they can), and
    ``code`` names it."""

    offset_hu: float = 0.0
    fault: str = ""
    code: str = ""
    warnings: tuple[FindingWarning, ...] = ()


def judge_values(voxels: NDArray[Any], is_ct: bool = True) -> ValueCheck:
    """Of some slices (n, j, i). ``is_ct``: the header says that they are HU; otherwise fat or air must show it.

    A shift by 1024 either way is undone only where air, fat and tissue leave no other reading.

    >>> judge_values(np.linspace(0, 255, 4096).reshape(1, 64, 64)).code
    'windowed'
    """
    step = max(1, min(voxels.shape[1:]) // _THIN_TO)
    thin = np.asarray(voxels[:, ::step, ::step], dtype=np.float32)
    values = thin[np.isfinite(thin)]
    blank = 1 - values.size / max(thin.size, 1)
    warnings: list[FindingWarning] = []
    if blank > _MOSTLY_BLANK:
        return ValueCheck(fault=f"{blank:.0%} of the voxels are no number", code="not-a-number")
    if blank > 0:
        warnings.append(FindingWarning("not-a-number", f"{blank:.1%} of the voxels are no number: taken as air"))
    low, high = float(values.min()), float(values.max())
    offset = _shift_of(values)
    if offset:
        way = "too high: the rescale intercept is missing" if offset < 0 else "too low: the intercept is applied twice"
        text = f"all values lie 1024 HU {way}; air, fat and tissue leave no doubt, so it was corrected"
        return ValueCheck(offset, warnings=(*warnings, FindingWarning("hu-shifted", text)))
    fault, code = _fault(values, low, high, is_ct)
    if not fault and _is_clipped(values, low, high):
        text = f"values are cut off at {low:.0f} and {high:.0f} HU; brighter vessels cannot be told from each other"
        warnings.append(FindingWarning("hu-clipped", text))
    return ValueCheck(0.0, fault, code, tuple(warnings))


def _fault(values: NDArray[np.float32], low: float, high: float, is_ct: bool) -> tuple[str, str]:
    if float(np.percentile(values, 99.8)) < -300:
        return "there is nothing but air in the slices", "all-air"
    if low == high:
        return f"every voxel is {low:g}", "empty"
    if low >= -10 and high <= 256:
        text = f"values from {low:g} to {high:g} are an already windowed picture, not HU"
        return f"{text}; what the window cut off cannot be restored", "windowed"
    has_fat_or_air = _share(values, -3100, -50) >= 0.005
    if _share(values, -150, 150) < 0.05 or not (is_ct or has_fat_or_air):
        text = f"values from {low:g} to {high:g} are no HU: soft tissue near 0, or fat and air below it, are missing"
        return text, "not-hu"
    if is_ct and low > -10 and not has_fat_or_air and _share(values, -150, 150) < 0.5:
        return f"values from {low:g} to {high:g} hold neither fat nor air: they are no HU", "not-hu"
    return "", ""


def _shift_of(values: NDArray[np.float32]) -> float:
    """What to add, where a shift by 1024 is certain; else 0."""
    high = values > 300
    # beyond a round field of view many scanners write one constant, which says nothing
    seen = values[values > values.min()]
    if seen.size and _share(seen, -1500, -200) < 0.005 and high.any():
        tissue = _share(values, _OFFSET_HU - 200, _OFFSET_HU + 300)
        air = _share(values, -100, 224)
        # MR has no reason to hold most of its brighter voxels within a narrow band around 1024
        if tissue / float(high.mean()) >= 0.6 and tissue >= 0.05 and (air >= 0.02 or tissue >= 0.6):
            return -_OFFSET_HU
    outside = _share(values, -3200, -1500)
    fat, tissue = _share(values, -1164, -1074), _share(values, -1024, -864)
    if min(outside, fat, tissue) >= 0.02 and _share(values, -150, 150) < 0.01 and float(values.max()) > -900:
        return _OFFSET_HU
    return 0.0


def _is_clipped(values: NDArray[np.float32], low: float, high: float) -> bool:
    cut_low, cut_high = float((values == low).mean()), float((values == high).mean())
    return low >= -500 and high <= 700 and cut_low >= 0.1 and cut_high >= 0.002


def _share(values: NDArray[np.float32], low: float, high: float) -> float:
    return float(((values >= low) & (values <= high)).mean())
