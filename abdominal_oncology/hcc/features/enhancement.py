"""Numbers behind APHE and washout: how far core, shell and the liveliest part of a lesion stand above the liver."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.hcc.features.region import Floats
from abdominal_oncology.hcc.features.samples import Samples

LIVELY_PERCENT = 85.0
"""A lesion is called hyperenhancing for its livelier part, not for its average: real ones are heterogeneous."""


def enhancement(samples: Samples) -> dict[str, float]:
    """By phase: ``median``, ``core``, ``shell``, ``shell_minus_core`` and ``lively`` (85th percentile; of the parts
    ``lively_core`` and ``lively_shell``) in HU above the liver, and ``grain`` (the lesion's own spread beyond the
    liver's), as ``arterial_core`` and so on. ``delayed_filling`` is how much the core rises from the portal to the
    delayed phase, ``delayed_rise`` from the arterial.
    """
    inside, core, shell = samples.depth_mm > 0, samples.core(), samples.shell()
    result: dict[str, float] = {}
    for role, above in samples.above_hu.items():
        spread = samples.spread_hu[role]
        parts = {"median": inside, "core": core, "shell": shell}
        values = {name: _median(above[part]) for name, part in parts.items()}
        values["shell_minus_core"] = values["shell"] - values["core"]
        values["lively"] = lively(above[inside], spread)
        values["lively_core"] = lively(above[core], spread)
        values["lively_shell"] = lively(above[shell], spread)
        values["grain"] = own_spread(above[inside], spread)
        result |= {f"{role}_{name}": value for name, value in values.items()}
    if "portal" in samples.above_hu and "delayed" in samples.above_hu:
        result["delayed_filling"] = result["delayed_core"] - result["portal_core"]
    if "arterial" in samples.above_hu and "delayed" in samples.above_hu:
        result["delayed_rise"] = result["delayed_core"] - result["arterial_core"]
    return result


def noise_error(samples: Samples, role: str, part: NDArray[np.bool_]) -> float:
    """Standard error of a median over ``part`` from noise and grain."""
    count = np.count_nonzero(part) * samples.independent
    return float(1.2533 * samples.spread_hu[role] / np.sqrt(max(count, 1.0)))


def lively(above: Floats, noise_hu: float) -> float:
    """The 85th percentile as it would be without noise: noise widens a distribution around its median.

    >>> rng = np.random.default_rng(0)
    >>> bright = np.where(rng.random(4000) < 0.4, 40.0, 0.0)
    >>> noisy = (bright + rng.normal(0, 12, 4000)).astype(np.float32)
    >>> 30 < lively(noisy, 12.0) < 46, abs(lively(rng.normal(0, 12, 4000).astype(np.float32), 12.0)) < 4
    (True, True)
    """
    known = above[np.isfinite(above)]
    if not known.size:
        return float("nan")
    middle, high = np.percentile(known, (50, LIVELY_PERCENT))
    total = float(known.var())
    own = max(0.0, 1 - noise_hu**2 / total) if total > 0 else 0.0
    return float(middle + (high - middle) * np.sqrt(own))


def own_spread(above: Floats, noise_hu: float) -> float:
    """How much more a lesion varies than the liver around it: heterogeneity, HU."""
    known = above[np.isfinite(above)]
    if not known.size:
        return float("nan")
    return float(np.sqrt(max(0.0, float(known.var()) - noise_hu**2)))


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")
