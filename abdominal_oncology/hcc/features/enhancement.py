"""Numbers behind APHE and washout: how far core, shell and the liveliest part of a lesion stand above the liver."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from abdominal_oncology.hcc.features.region import Floats
from abdominal_oncology.hcc.features.samples import Samples, seen_only
from abdominal_oncology.hcc.features.uncertain import quantiles

LIVELY_PERCENT = 85.0
"""A lesion is called hyperenhancing for its livelier part, not for its average: real ones are heterogeneous."""


def enhancement(samples: Samples) -> dict[str, float]:
    """By phase: ``median``, ``core``, ``shell``, ``shell_minus_core`` and ``lively`` (85th percentile; of the parts
    ``lively_core`` and ``lively_shell``) in HU above the liver, and ``grain`` (the lesion's own spread beyond the
    liver's), as ``arterial_core`` and so on. ``delayed_filling`` is how much the core rises from the portal to the
    delayed phase, ``delayed_rise`` from the arterial.
    """
    parts = {"": samples.inside(), "core": samples.core(), "shell": samples.shell()}
    result: dict[str, float] = {}
    for role, above in samples.above_hu.items():
        noise = samples.spread_hu[role]
        taken = {name: _taken(above[part]) for name, part in parts.items()}
        values = {name or "median": each.median for name, each in taken.items()}
        values["shell_minus_core"] = values["shell"] - values["core"]
        values |= {f"lively_{name}" if name else "lively": each.lively(noise) for name, each in taken.items()}
        values["grain"] = taken[""].grain(noise)
        result |= {f"{role}_{name}": value for name, value in values.items()}
    if "portal" in samples.above_hu and "delayed" in samples.above_hu:
        result["delayed_filling"] = result["delayed_core"] - result["portal_core"]
    if "arterial" in samples.above_hu and "delayed" in samples.above_hu:
        result["delayed_rise"] = result["delayed_core"] - result["arterial_core"]
    return result


def noise_error(samples: Samples, role: str, part: slice) -> float:
    """Standard error of a median over ``part`` from noise and grain."""
    count = (part.stop - part.start) * samples.independent
    return float(1.2533 * samples.spread_hu[role] / np.sqrt(max(count, 1.0)))


def lively(above: Floats, noise_hu: float) -> float:
    """The 85th percentile as it would be without noise: noise widens a distribution around its median.

    >>> rng = np.random.default_rng(0)
    >>> bright = np.where(rng.random(4000) < 0.4, 40.0, 0.0)
    >>> noisy = (bright + rng.normal(0, 12, 4000)).astype(np.float32)
    >>> 30 < lively(noisy, 12.0) < 46, abs(lively(rng.normal(0, 12, 4000).astype(np.float32), 12.0)) < 4
    (True, True)
    """
    return _taken(above).lively(noise_hu)


def own_spread(above: Floats, noise_hu: float) -> float:
    """How much more a lesion varies than the liver around it: heterogeneity, HU."""
    return _taken(above).grain(noise_hu)


@dataclass(frozen=True)
class _Taken:
    """What is asked of the values of a part, taken in one go: median, 85th percentile, variance."""

    median: float
    high: float
    variance: float

    def lively(self, noise_hu: float) -> float:
        own = max(0.0, 1 - noise_hu**2 / self.variance) if self.variance > 0 else 0.0
        return self.median + (self.high - self.median) * float(np.sqrt(own))

    def grain(self, noise_hu: float) -> float:
        return float(np.sqrt(np.maximum(0.0, self.variance - noise_hu**2)))  # nothing known stays unknown


def _taken(values: Floats) -> _Taken:
    known = seen_only(values)
    if not known.size:
        return _Taken(math.nan, math.nan, math.nan)
    middle, high = quantiles(known, 0.5, LIVELY_PERCENT / 100)
    return _Taken(middle, high, float(known.var()))
