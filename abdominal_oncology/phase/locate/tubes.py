"""Round things that run through the slices: from a centre, walk outward in all directions until the tissue changes.

It need not be bright, nor have an edge all around: darker, brighter and no neighbour at all are told by how far the
walk gets. Candidates of all slices are then joined into the likeliest run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ANGLES = 24
_STEP_MM = 1.5
_CORE_MM = 3.2
_REACH_MM = 21.0
_MEMBERS = 25
_SAME_MM = 5.0
_SKIP_COST = 0.35
_LEAST_SEEN = 0.25
_BONY = 0.65
"""What is brighter all around is the inside of a bone."""


@dataclass(frozen=True)
class TubeKind:
    """What is looked for: radii (mm, smallest and largest; ``span`` of radii within one outline, for ovals), how much
    another HU than the core's counts as an edge at least, which cores are blood, and a prior (0 … 1) for the centre's
    place in mm behind and to the left of the canal."""

    radius_mm: tuple[float, float]
    span_mm: float
    edge_hu: float
    core_hu: tuple[float, float]
    prior: Callable[[Floats, Floats], Floats]
    least_score: float


@dataclass(frozen=True)
class Candidate:
    """A centre in one slice (row, column), how far it reaches (mm) in each direction, its HU and its score 0 … 1."""

    row: float
    column: float
    radius_mm: float
    reach_mm: tuple[float, ...]
    hu: float
    score: float

    def outline(self, pixel_mm: float) -> Floats:
        """Points (n, 2) row, column around it."""
        angles = np.arange(ANGLES) * (2 * np.pi / ANGLES)
        radii = np.asarray(self.reach_mm) / pixel_mm
        return np.stack([self.row + radii * np.sin(angles), self.column + radii * np.cos(angles)], axis=1)


def candidates(
    hu: NDArray[np.float32],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    prior: Floats,
    kind: TubeKind,
    noise_hu: float,
    pixel_mm: float,
) -> list[Candidate]:
    """The best centres among the pixels ``rows`` × ``columns`` of one smoothed slice; ``prior`` has one entry each."""
    likely = prior >= _LEAST_SEEN  # no score is above its prior
    if not likely.any():
        return []
    r, c = np.nonzero(likely)
    window, r_in, c_in = _around(hu, rows, columns, int(np.ceil(_REACH_MM / pixel_mm)) + 1)
    steps, offsets = _walk(pixel_mm, window.shape[1])
    values, at = window.ravel(), r_in[r] * window.shape[1] + c_in[c]
    core = values.take(at + offsets[:, steps <= _CORE_MM, None]).mean(axis=(0, 1))
    blood = (core >= kind.core_hu[0]) & (core <= kind.core_hu[1])
    r, c, at, core = r[blood], c[blood], at[blood], core[blood]
    walks = values.take(at + offsets[..., None])  # (angles, steps, pixels)
    edge = np.maximum(kind.edge_hu, 2.2 * min(noise_hu, 12.0)) + 0.16 * np.maximum(core - 100, 0)
    other = np.abs(walks - core) > edge.astype(np.float32)
    other[:, steps <= _CORE_MM / 2] = False
    # steps are counted in bytes: of so many small numbers the least and the middle are found in no time
    count = len(steps)
    first = np.where(other, np.arange(count, dtype=np.uint8)[:, None], np.uint8(count)).min(axis=1)
    met = first < count
    last = np.minimum(first, count - 1)
    reach = steps[last] - _STEP_MM / 2
    smallest, largest = kind.radius_mm
    radius = _middle(first, np.append(steps - _STEP_MM / 2, _REACH_MM))
    fits = met & (np.abs(reach - radius) <= np.maximum(kind.span_mm, 0.25 * radius)) & (reach >= smallest * 0.55)
    score = fits.mean(axis=0)
    at_edge = values.take(at + offsets[np.arange(ANGLES)[:, None], last])
    brighter = (met & (at_edge > core)).mean(axis=0)
    score *= np.clip((_BONY - brighter) / 0.2, 0, 1)
    # a centre is where opposite walks are equally long
    half = ANGLES // 2
    uneven = np.abs(reach[:half] - reach[half:])
    both = met[:half] & met[half:]
    lean = np.where(both, uneven, 0).sum(axis=0) / np.maximum(both.sum(axis=0), 1)
    score = score - 0.03 * lean
    score = np.where((radius >= smallest) & (radius <= largest), score, 0) * prior[r, c]
    return _best(score, radius, np.where(met, reach, radius), core, rows[r], columns[c], pixel_mm)


def _around(
    hu: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp], margin: int
) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.intp]]:
    """The part of a slice around the pixels ``rows`` × ``columns``, and where they lie in it. Edges go on outside."""
    around = [np.arange(each[0] - margin, each[-1] + margin + 1) for each in (rows, columns)]
    inside = [np.clip(each, 0, size - 1) for each, size in zip(around, hu.shape, strict=True)]
    return hu[np.ix_(*inside)], rows - around[0][0], columns - around[1][0]


def _middle(first: NDArray[np.uint8], reach_mm: Floats) -> Floats:
    """The median over an even number of angles of how far the walks get; where half of them meet nothing, the most."""
    half = len(first) // 2
    low, high = np.sort(first, axis=0)[half - 1 : half + 1]
    middle: Floats = (reach_mm[low] + reach_mm[high]) / 2
    return np.where(high < len(reach_mm) - 1, middle, reach_mm[-1])


@lru_cache(maxsize=64)
def _walk(pixel_mm: float, width: int) -> tuple[Floats, NDArray[np.intp]]:
    """Steps (mm) outward, and how far on in a picture of that width each lies: (angles, steps)."""
    steps = np.arange(0.0, _REACH_MM + 0.01, _STEP_MM)
    angles = np.arange(ANGLES) * (2 * np.pi / ANGLES)
    down, across = (np.rint(steps * way(angles)[:, None] / pixel_mm).astype(np.intp) for way in (np.sin, np.cos))
    return steps, down * width + across


def _best(
    score: Floats,
    radius: Floats,
    reach: Floats,
    core: NDArray[np.float32],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    pixel_mm: float,
) -> list[Candidate]:
    """Peaks of the pixels' scores, none within 5 mm of a better one."""
    left = np.where(score >= _LEAST_SEEN, score, 0)
    found: list[Candidate] = []
    near = max(1, round(_SAME_MM / pixel_mm))
    while left.any() and len(found) < _MEMBERS:
        n = int(left.argmax())
        walk = np.minimum(reach[:, n], 1.35 * radius[n])
        found.append(
            Candidate(
                float(rows[n]),
                float(columns[n]),
                float(radius[n]),
                tuple(float(v) for v in walk),
                float(core[n]),
                float(score[n]),
            )
        )
        left[(np.abs(rows - rows[n]) <= near) & (np.abs(columns - columns[n]) <= near)] = 0
    return found


def likeliest_run(
    found: list[list[Candidate]], height_mm: Floats, pixel_mm: float, least_score: float
) -> list[Candidate | None]:
    """One candidate or none per slice: high scores, small jumps, like HU; slices in any order."""
    order = np.argsort(height_mm)
    layers = [[None, *found[int(n)]] for n in order]
    best: list[Floats] = []
    back: list[NDArray[np.intp]] = []
    for at, layer in enumerate(layers):
        gains = np.array([0.0 if each is None else each.score - _SKIP_COST for each in layer])
        if at == 0:
            best.append(gains)
            back.append(np.full(len(layer), -1))
            continue
        apart_mm = abs(float(height_mm[order[at]] - height_mm[order[at - 1]]))
        cost = np.array([[_jump(old, new, apart_mm, pixel_mm) for old in layers[at - 1]] for new in layer])
        total = best[-1][None, :] - cost
        back.append(total.argmax(axis=1))
        best.append(gains + total.max(axis=1))
    chosen: list[Candidate | None] = [None] * len(found)
    index = int(best[-1].argmax())
    for at in range(len(layers) - 1, -1, -1):
        each = layers[at][index]
        if each is not None and each.score >= least_score:
            chosen[int(order[at])] = each
        index = int(back[at][index])
    return chosen


def _jump(old: Candidate | None, new: Candidate | None, apart_mm: float, pixel_mm: float) -> float:
    """What it costs to go from one slice's choice to the next one's."""
    if old is None or new is None:
        return 0.1 if (old is None) != (new is None) else 0.0
    moved_mm = float(np.hypot(new.row - old.row, new.column - old.column)) * pixel_mm
    free_mm = 3.0 + 0.5 * apart_mm
    wider = abs(np.log(new.radius_mm / old.radius_mm))
    brighter = abs(new.hu - old.hu) / (25 + 0.12 * max(new.hu, old.hu, 0.0))
    return float(0.04 * max(moved_mm - free_mm, 0) + 0.02 * moved_mm + 0.25 * min(wider, 2) + 0.1 * min(brighter, 4))
