"""The aorta before or beside the spine, and the inferior vena cava to its right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.phase.locate.stack import Stack
from abdominal_oncology.phase.locate.tubes import Candidate, TubeKind, candidates, likeliest_run

Floats = NDArray[np.float64]

_BLOOD_HU = (5.0, 720.0)


def _bell(value: Floats, middle: float, width: float) -> Floats:
    """1 within a width of the middle, falling off outside."""
    away = np.maximum(np.abs(value - middle) - width, 0) / (0.6 * width)
    bell: Floats = np.exp(-0.5 * away**2)
    return bell


def _aorta_place(behind: Floats, left: Floats) -> Floats:
    """Before the lumbar spine, a little to the left; beside the thoracic one."""
    lumbar = _bell(behind, -52.0, 12.0) * _bell(left, 11.0, 13.0)
    thoracic = _bell(behind, -36.0, 14.0) * _bell(left, 24.0, 10.0)
    return np.maximum(lumbar, thoracic)


def _cava_place(behind: Floats, left: Floats) -> Floats:
    return _bell(behind, -59.0, 15.0) * _bell(left, -27.0, 11.0)


AORTA = TubeKind((5.5, 17.0), 2.6, 27.0, _BLOOD_HU, _aorta_place, 0.45)
CAVA = TubeKind((6.5, 17.0), 4.5, 25.0, _BLOOD_HU, _cava_place, 0.62)
_CAVA_LEVELS_MM = (15.0, -165.0)
"""Below the kidneys' veins its blood is that of the legs, and enhances later."""
_LEAST_PRIOR = 0.2
_WINDOW_MM = ((-95.0, -12.0), (-50.0, 50.0))


def find_aorta(stack: Stack) -> list[Candidate | None]:
    """The aorta in every slice of the stack, or None where it is not seen."""
    return _follow(stack, AORTA, [None] * len(stack))


def find_cava(stack: Stack, aorta: list[Candidate | None]) -> list[Candidate | None]:
    """The inferior vena cava, once the aorta is known: it lies to the right of it and does not overlap."""
    run = _follow(stack, CAVA, aorta)
    high, low = _CAVA_LEVELS_MM
    away = np.isfinite(stack.level_mm) & ((stack.level_mm > high) | (stack.level_mm < low))
    return [None if gone else each for each, gone in zip(run, away, strict=True)]


def _follow(stack: Stack, kind: TubeKind, taken: list[Candidate | None]) -> list[Candidate | None]:
    found: list[list[Candidate]] = []
    for n in range(len(stack)):
        if not np.isfinite(stack.canal[n]).all():
            found.append([])
            continue
        behind, left = stack.from_canal_mm(n)
        rows = np.flatnonzero((behind[:, 0] >= _WINDOW_MM[0][0]) & (behind[:, 0] <= _WINDOW_MM[0][1]))
        columns = np.flatnonzero((left[0] >= _WINDOW_MM[1][0]) & (left[0] <= _WINDOW_MM[1][1]))
        prior = kind.prior(behind[rows], left[:, columns]) * stack.body[n][np.ix_(rows, columns)]
        likely = prior > _LEAST_PRIOR
        rows, columns = rows[likely.any(axis=1)], columns[likely.any(axis=0)]
        prior = prior[likely.any(axis=1)][:, likely.any(axis=0)]
        other = taken[n]
        if other is not None:
            apart = np.hypot(rows[:, None] - other.row, columns[None, :] - other.column) * stack.pixel_mm
            prior = prior * (apart > other.radius_mm + 4) * (columns[None, :] < other.column)
        found.append(candidates(stack.smooth[n], rows, columns, prior, kind, float(stack.noise_hu[n]), stack.pixel_mm))
    return likeliest_run(found, stack.seen.height_mm, stack.pixel_mm, kind.least_score)
