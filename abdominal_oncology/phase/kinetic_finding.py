"""The kinetic estimate as a Finding: evidence per region, seconds with their interval, early or late arterial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from abdominal_oncology import __version__
from abdominal_oncology.imaging.geometry import Vector
from abdominal_oncology.learning.finding import Cell, Finding, FindingWarning, Measurement, Provenance
from abdominal_oncology.phase.kinetics import KineticEstimate
from abdominal_oncology.phase.labels import ArterialTiming, Phase
from abdominal_oncology.phase.region_hu import RegionHU
from abdominal_oncology.phase.words import PLACE_MM, REGIONS, SECONDS

EARLY, LATE = "probability of early arterial", "probability of late arterial"
_CLEARLY = 0.8


def kinetic_finding(
    subject: str,
    found: KineticEstimate,
    regions: Sequence[RegionHU],
    *,
    threshold: float = 0.0,
    seconds: float = 0.0,
    settings: Mapping[str, Any] | None = None,
) -> Finding:
    """``threshold``: the least probability that is answered; the estimate has its own reasons to withhold, too."""
    decision, reason = found.phase, found.reason
    if decision is not None and found.probabilities[decision] < threshold:
        reason = f"no phase is likely enough: {decision} {found.probabilities[decision]:.2f}, below {threshold:.2f}"
        decision = None
    sources = ", ".join(sorted({region.source for region in regions}))
    return Finding(
        "phase",
        subject,
        None if decision is None else str(decision),
        {str(phase): p for phase, p in found.probabilities.items()},
        Provenance(
            f"kinetics of regions ({sources or 'none'})",
            software=f"AbdominalOncology {__version__}",
            device="cpu",
            seconds=round(seconds, 4),
            settings=dict(settings or {}),
        ),
        reason,
        _measurements(found),
        {REGIONS: _rows(found, regions)},
        tuple(FindingWarning(each.code.replace("_", "-"), each.message) for each in found.warnings),
    )


def fits_patients(found: KineticEstimate) -> bool:
    """Whether the estimate is evidence at all: its values may fit patients at no time."""
    return bool(found.probabilities) and not (found.phase is None and max(found.probabilities.values()) > 0.5)


def timing_of(found: KineticEstimate) -> tuple[ArterialTiming, float] | None:
    """Early or late within an arterial phase, with its share of the arterial probability, where that is clear."""
    both = found.early_arterial + found.late_arterial
    if both <= 0:
        return None
    timing = ArterialTiming.EARLY if found.early_arterial > found.late_arterial else ArterialTiming.LATE
    share = max(found.early_arterial, found.late_arterial) / both
    return (timing, share) if share >= _CLEARLY else None


def _measurements(found: KineticEstimate) -> tuple[Measurement, ...]:
    if found.seconds is None or found.seconds_90 is None:
        return ()
    low, high = found.seconds_90
    timed = Measurement(SECONDS, round(found.seconds, 1), "s", round(low, 1), round(high, 1), "by kinetics")
    if found.probabilities[Phase.ARTERIAL] < 0.05:
        return (timed,)
    early, late = round(found.early_arterial, 4), round(found.late_arterial, 4)
    return timed, Measurement(EARLY, early), Measurement(LATE, late)


def _rows(found: KineticEstimate, regions: Sequence[RegionHU]) -> tuple[Mapping[str, Cell], ...]:
    evidence = {(each.structure, each.hu): each for each in found.evidence}
    rows: list[Mapping[str, Cell]] = []
    for region in regions:
        row: dict[str, Cell] = {
            "structure": region.structure,
            "hu": round(region.hu, 1),
            "error_hu": round(region.error_hu, 1),
        }
        each = evidence.get((region.structure, region.hu))
        row["expected_hu"] = round(each.expected_hu, 1) if each else None
        row["spread_hu"] = round(each.spread_hu, 1) if each else None
        row["unusual"] = round(each.unusual, 2) if each else None
        row["mistaken"] = round(each.mistaken, 3) if each else None
        row |= {"voxels": region.voxels, "source": region.source, "slices": " ".join(map(str, region.slices))}
        row |= dict(zip(PLACE_MM, _rounded(region.place_mm), strict=True))
        rows.append(row)
    return tuple(rows)


def _rounded(place_mm: Vector | None) -> tuple[Cell, Cell, Cell]:
    if place_mm is None:
        return None, None, None
    x, y, z = place_mm
    return round(x, 1), round(y, 1), round(z, 1)
