"""How often the locator is right at each confidence, on phantoms that no training saw and that are made harder.

``python -m abdominal_oncology.rectal.localise.reliability --phantoms 60 --seed 63``
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from abdominal_oncology.progress import Progress, silent
from abdominal_oncology.rectal.localise.find import Located, locate
from abdominal_oncology.rectal.localise.harder import Stack, pelvises
from abdominal_oncology.rectal.localise.height import REACH_MM

EDGES = (0.0, 0.4, 0.5, 0.6, 0.7, 1.0)
IN_PLANE_MM = 25.0

_SLICES, _SHORTEST = 44, 14


@dataclass(frozen=True)
class Try:
    """What the locator said of a stack and by how much it missed the tumour's middle (infinite: no tumour in it)."""

    found: Located
    in_plane_mm: float
    along_mm: float

    @classmethod
    def of(cls, stack: Stack) -> Try:
        found = locate(stack.image)
        if not stack.tumour.any():
            return cls(found, float("inf"), float("inf"))
        away = (np.array(found.centre) - np.argwhere(stack.tumour).mean(axis=0)) * stack.image.geometry.spacing_mm
        return cls(found, float(np.hypot(*away[1:])), float(abs(away[0])))

    @property
    def is_right(self) -> bool:
        return self.in_plane_mm <= IN_PLANE_MM and self.along_mm <= REACH_MM


@dataclass(frozen=True)
class Bin:
    """Tries of a confidence from ``low`` to ``high``."""

    low: float
    high: float
    count: int
    said: float
    right: float


def tries(seed: int, count: int, progress: Progress = silent) -> list[Try]:
    """On stacks of 14 to 44 slices that are planned anywhere; about one in ten does not hold the tumour."""
    stacks = pelvises(seed, count, slices=_SLICES, shortest=_SHORTEST, progress=progress)
    return [Try.of(stack) for stack in stacks]


def reliability(made: Sequence[Try], edges: Sequence[float] = EDGES) -> list[Bin]:
    """Mean confidence and share of right places, bin by bin; empty bins are left out."""
    bins = []
    for low, high in pairwise(edges):
        last = high == edges[-1]
        own = [each for each in made if low <= each.found.confidence < high or (last and each.found.confidence == high)]
        if own:
            said = float(np.mean([each.found.confidence for each in own]))
            bins.append(Bin(low, high, len(own), said, float(np.mean([each.is_right for each in own]))))
    return bins


def main(arguments: Sequence[str] | None = None, progress: Progress = silent) -> None:
    parser = argparse.ArgumentParser(prog="reliability", description="how often the rectum locator is right")
    parser.add_argument("--seed", type=int, default=63)
    parser.add_argument("--phantoms", type=int, default=60)
    options = parser.parse_args(arguments)
    made = tries(options.seed, options.phantoms, progress)
    lines = [f"{each.low:.1f} to {each.high:.1f}: {each.count} tries, said {each.said:.2f}, right {each.right:.2f}"
             for each in reliability(made)]  # fmt: skip
    missed = [(each.in_plane_mm, each.along_mm) for each in made if np.isfinite(each.along_mm)]
    middle, most = (np.percentile(missed, share, axis=0) for share in (50, 90))
    lines.append(f"misses in plane {middle[0]:.0f} mm (90 %: {most[0]:.0f}), along {middle[1]:.0f} mm ({most[1]:.0f})")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
