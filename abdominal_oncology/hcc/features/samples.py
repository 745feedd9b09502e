"""The voxels in and just around a lesion as flat lists, as outlined and as it might also have been outlined.

An outline drawn by another hand lies a little further in or out or to the side, and phases never lie quite on each
other. Every measurement is repeated under such changes; how much it moves is the part of its error that they explain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.hcc.features.region import GRAIN_MM3, Floats, LesionRegion

OUTSIDE_MM = 7.0
GROW_MM = 0.7
"""How far outlines by two people lie apart, as one standard deviation."""
SHIFT_MM = (1.0, 0.8, 0.8)
"""What remains of a misalignment after the phases are laid on each other (k, j, i), as one standard deviation."""
SECTORS = 24


@dataclass(frozen=True, eq=False)
class Samples:
    """``depth_mm`` (n) below the surface, ascending, so that each part by depth is a slice of the lists; ``sector`` (n)
    the direction from the middle; ``above_hu`` (n) by phase, HU above the parenchyma, NaN where unseen; ``spread_hu``
    the parenchyma's by phase; ``independent`` the share of voxels that count as independent.
    """

    depth_mm: Floats
    sector: NDArray[np.intp]
    above_hu: Mapping[str, Floats]
    spread_hu: Mapping[str, float]
    liver_hu: Mapping[str, float]
    independent: float
    size_mm: float

    @property
    def shell_mm(self) -> float:
        """Thickness of the outer shell that is held against the core."""
        return float(np.clip(0.12 * self.size_mm, 1.6, 4.0))

    def inside(self) -> slice:
        return self.deeper_than(0.0)

    def shell(self) -> slice:
        """The outer part, without the half millimetre that blurs into the liver."""
        part = slice(self.deeper_than(0.5).start, self.deeper_than(self.shell_mm).start)
        return part if part.stop > part.start else self.inside()

    def core(self) -> slice:
        """What lies deeper than the shell; of the smallest lesions the deepest third."""
        deep, inside = self.deeper_than(self.shell_mm), self.inside()
        if deep.stop - deep.start < max(12, 0.1 * (inside.stop - inside.start)):
            third = float(np.percentile(self.depth_mm[inside], 67))
            return slice(int(np.searchsorted(self.depth_mm, third, "left")), deep.stop)
        return deep

    def deeper_than(self, depth_mm: float) -> slice:
        return slice(int(np.searchsorted(self.depth_mm, depth_mm, "right")), len(self.depth_mm))


def seen_only(values: Floats) -> Floats:
    """Without what no phase shows (NaN)."""
    known = np.isfinite(values)
    return values if known.all() else values[known]


Measure = Callable[[Samples], dict[str, float]]


def with_border_errors(
    region: LesionRegion, size_mm: float, measure: Measure
) -> tuple[Samples, dict[str, tuple[float, float]]]:
    """The samples as outlined; and each number of ``measure`` on them with its standard deviation under changed
    outlines and alignment.
    """
    variations = _variations(region, size_mm)
    outlined, _ = next(variations)
    nominal = measure(outlined)
    changed: list[dict[str, float]] = []
    scale: list[float] = []
    for each, weight in variations:
        changed.append(measure(each))
        scale.append(weight)
    result: dict[str, tuple[float, float]] = {}
    for name, value in nominal.items():
        moved = np.square((np.array([each[name] for each in changed]) - value) * scale).reshape(-1, 2)
        known = np.isfinite(moved)
        pairs = np.where(known, moved, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        result[name] = (value, float(np.sqrt(pairs.sum())))
    return outlined, result


def _variations(region: LesionRegion, size_mm: float) -> Iterator[tuple[Samples, float]]:
    """As outlined first, then pairs: smaller and larger, and moved both ways along each axis by whole voxels.

    The number beside each is what its effect must be multiplied by to be that of one standard deviation.
    """
    k, j, i = np.nonzero(region.depth_mm > -OUTSIDE_MM)
    order = np.argsort(region.depth_mm[k, j, i])
    k, j, i = k[order], j[order], i[order]
    depth = region.depth_mm[k, j, i]
    spacing = np.asarray(region.grid.spacing_mm)
    shape = region.depth_mm.shape
    sector = _sector(np.stack([k, j, i], axis=1) * spacing, depth)
    above = {
        role: (values - np.float32(region.background[role].hu.value)).ravel() for role, values in region.hu.items()
    }
    spread = {role: each.spread_hu for role, each in region.background.items()}
    liver = {role: each.hu.value for role, each in region.background.items()}
    independent = min(1.0, region.grid.voxel_volume_mm3 / GRAIN_MM3)

    def picked(step: tuple[int, int, int]) -> dict[str, Floats]:
        kk, jj, ii = (np.clip(x + s, 0, n - 1) for x, s, n in zip((k, j, i), step, shape, strict=True))
        at = (kk * shape[1] + jj) * shape[2] + ii
        return {role: values.take(at) for role, values in above.items()}

    outlined = picked((0, 0, 0))

    def at(grow_mm: float, hu: dict[str, Floats]) -> Samples:
        grown = depth + np.float32(grow_mm)
        return Samples(grown, sector, hu, spread, liver, independent, size_mm)

    yield at(0.0, outlined), 1.0
    # a lesion must keep an inside when its outline shrinks
    shrink = min(GROW_MM, 0.4 * float(depth.max()))
    yield at(GROW_MM, outlined), 1.0
    yield at(-shrink, outlined), GROW_MM / shrink
    for axis in range(3):
        step = max(1, round(SHIFT_MM[axis] / spacing[axis]))
        for sign in (-step, step):
            move = [0, 0, 0]
            move[axis] = sign
            yield at(0.0, picked((move[0], move[1], move[2]))), SHIFT_MM[axis] / (step * float(spacing[axis]))


def _sector(points_mm: NDArray[np.float64], depth: Floats) -> NDArray[np.intp]:
    n = np.arange(SECTORS) + 0.5
    height = 1 - 2 * n / SECTORS
    turn = np.pi * (1 + 5**0.5) * n
    ring = np.sqrt(1 - height**2)
    directions = np.stack([height, ring * np.cos(turn), ring * np.sin(turn)], axis=1)
    offset = points_mm - points_mm[depth > 0].mean(axis=0)
    nearest: NDArray[np.intp] = np.argmax(offset @ directions.T, axis=1)
    return nearest
