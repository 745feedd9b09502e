"""Which measured regions can be evidence at all."""

from __future__ import annotations

from collections.abc import Sequence

from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.phantom.tissues import recipe
from abdominal_oncology.phase.region_hu import RegionHU, called

LOWEST_HU, HIGHEST_HU = -100.0, 1000.0
"""No living organ or blood vessel lies outside, contrast or not; urine may be brighter."""

_URINE = frozenset({"renal_pelvis", "ureters", "bladder", "urinary_bladder"})
_BRIGHTEST_URINE_HU = 3200.0
_OFFSET_HU = 1024.0


def usable(regions: Sequence[RegionHU]) -> tuple[list[RegionHU], tuple[FindingWarning, ...], str]:
    """Regions that count, a warning for each that does not, and, where none is left, what is wrong with them.

    A structure that nobody knows is an error (:class:`~abdominal_oncology.errors.MissingInputError`).
    """
    kept: list[RegionHU] = []
    warnings: list[FindingWarning] = []
    impossible: list[float] = []
    for region in regions:
        urine = region.structure in _URINE
        if not (urine or recipe(region.structure).uptake):
            warnings.append(FindingWarning("no_contrast", f"{called(region.structure)} takes up no contrast; left out"))
        elif not LOWEST_HU <= region.hu <= (_BRIGHTEST_URINE_HU if urine else HIGHEST_HU):
            warnings.append(
                FindingWarning("impossible_hu", f"{called(region.structure)} cannot have {region.hu:.0f} HU; left out")
            )
            impossible.append(region.hu)
        else:
            kept.append(region)
    if kept:
        return kept, tuple(warnings), ""
    if not regions:
        return kept, (), "no region was measured"
    if impossible and all(LOWEST_HU <= hu + _OFFSET_HU <= 700 for hu in impossible):
        trouble = "all values lie 1024 HU too low: the rescale intercept was applied twice, or the regions lie in air"
    elif impossible and all(LOWEST_HU <= hu - _OFFSET_HU <= 700 for hu in impossible):
        trouble = "all values lie 1024 HU too high: the rescale intercept seems to be missing"
    else:
        trouble = "no measured value is one that blood or an organ can have"
    return kept, tuple(warnings), trouble
