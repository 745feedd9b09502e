"""Phantoms for the question "which contrast phase is this": seconds drawn for a phase, studies and slices of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from abdominal_oncology.phantom.ct_slices import SliceBatch, training_slices
from abdominal_oncology.phantom.ct_study import ct_study
from abdominal_oncology.phantom.result import Phantom
from abdominal_oncology.phase.labels import SECONDS, Phase, phase_of
from abdominal_oncology.progress import Progress, silent

__all__ = ["SECONDS", "phase_of", "phase_slices", "phase_study", "sample_seconds"]

_BETWEEN = ((8.0, 20.0), (48.0, 60.0), (105.0, 150.0))


def sample_seconds(phase: Phase | str, rng: np.random.Generator) -> float | None:
    """A second of this phase: near its usual delay mostly, up to its borders sometimes."""
    wanted = Phase(phase)
    if wanted is Phase.NON_CONTRAST:
        return None
    if wanted is Phase.OTHERS:
        start, stop = _BETWEEN[rng.integers(len(_BETWEEN))]
        return float(rng.uniform(start, stop))
    start, stop = SECONDS[wanted]
    if wanted is Phase.DELAYED:  # 3 to 5 minutes are usual, 10 are rare: even in the logarithm
        return float(np.exp(rng.uniform(np.log(start), np.log(stop))))
    middle = {Phase.ARTERIAL: 35.0, Phase.VENOUS: 75.0}[wanted]
    drawn = float(rng.triangular(start, middle, stop))
    return min(drawn, float(np.nextafter(stop, start)))


def phase_study(
    seed: int,
    *,
    extent: str = "abdomen",
    matrix: int = 512,
    spacing_mm: tuple[float, float, float] | None = None,
    slices: int | None = None,
    progress: Progress = silent,
) -> Phantom:
    """One patient in all four phases at seconds drawn from the seed; roles are the phases' names."""
    rng = np.random.default_rng([seed, 41])
    phases = [phase for phase in Phase if phase is not Phase.OTHERS]
    return ct_study(
        seed,
        seconds={str(phase): sample_seconds(phase, rng) for phase in phases},
        spacing_mm=spacing_mm,
        matrix=matrix,
        slices=slices,
        extent=extent,
        progress=progress,
    )


def phase_slices(seed: int, n: int, *, size: int = 224) -> Iterator[SliceBatch]:
    """``n`` training slices, all phases equally often; ``seconds`` is NaN without contrast."""
    phases = list(Phase)

    def draw(rng: np.random.Generator) -> float | None:
        return sample_seconds(phases[rng.integers(len(phases))], rng)

    yield from training_slices(seed, n, seconds=draw, size=size)
