"""Evidence: what each slice and each place said for T3 or against it. Plain arrays; ``attribution`` computes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.finding import Cell
from abdominal_oncology.rectal.marks import Placed
from abdominal_oncology.rectal.prepare import PreparedVolume

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Of n slices that a network was given, feet first.

    ``probability`` of T3 if a slice were the whole volume; ``influence``: by how much the volume's T3 probability would
    fall without the slice; ``share``: what the slice adds to the volume's log-odds, which are ``constant`` plus all
    shares, exactly. ``maps`` (n, h, w) divide each share among the places of its slice.
    """

    probability: Floats
    influence: Floats
    share: Floats
    maps: NDArray[np.float32]
    constant: float

    def __post_init__(self) -> None:
        if {len(each) for each in (self.probability, self.influence, self.share)} != {len(self.maps)}:
            raise InvalidInputError("evidence needs one probability, influence, share and map per slice")

    @property
    def log_odds(self) -> float:
        """Of T3 for the whole volume, as the network alone gives them (not calibrated)."""
        return self.constant + float(self.share.sum())


def mean_evidence(several: Sequence[Evidence]) -> Evidence:
    """Of several networks on the same slices: their means."""
    if not several:
        raise InvalidInputError("there is no evidence to take the mean of")
    return Evidence(
        np.mean([each.probability for each in several], axis=0),
        np.mean([each.influence for each in several], axis=0),
        np.mean([each.share for each in several], axis=0),
        np.mean([each.maps for each in several], axis=0),
        float(np.mean([each.constant for each in several])),
    )


def slice_rows(prepared: PreparedVolume, placed: Placed, evidence: Evidence) -> tuple[Mapping[str, Cell], ...]:
    """One row per slice in the order in which the image stores them: its number there, and its middle's LPS z in mm."""
    if len(evidence.share) != placed.count:
        raise InvalidInputError(f"evidence of {len(evidence.share)} slices for {placed.count}")
    count, rows, columns = prepared.geometry.shape
    middles = [[placed.first + n, (rows - 1) / 2, (columns - 1) / 2] for n in range(placed.count)]
    heights = prepared.geometry.to_world(middles)[:, 2]
    table: list[dict[str, Cell]] = [
        {
            "slice": prepared.plane.stored_slice(placed.first + n, count),
            "z_mm": round(float(heights[n]), 2),
            "probability": round(float(evidence.probability[n]), 4),
            "influence": round(float(evidence.influence[n]), 4),
            "share": round(float(evidence.share[n]), 4),
        }
        for n in range(placed.count)
    ]
    return tuple(sorted(table, key=_stored))


def _stored(row: Mapping[str, Cell]) -> int:
    return int(row["slice"] or 0)
