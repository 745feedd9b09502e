"""A canvas of relative MR signal on which smooth shapes are painted, from back to front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Range = tuple[float, float]


@dataclass(frozen=True)
class Canvas:
    """A stack of planes. ``x`` and ``y`` (k, j, i) are each voxel's anatomy coordinates in mm (left and back positive,
    already warped), ``z`` (k, 1, 1) rises to the head. ``signal`` and ``labels`` are painted in place.

    ``edge_mm`` is the width over which an outline fades: about one pixel, so that thin lines keep their weight.
    ``reach_mm`` is how far the warp may have moved a point; boxes are widened by it. ``plane_mm`` is the distance of
    planes that will be averaged to one slice: surfaces that run flat are faded over it, or the average shows steps.

    >>> axis = np.arange(-10, 11, dtype=np.float32)
    >>> canvas = Canvas.blank(axis, axis, np.zeros(1, np.float32), edge_mm=1.0)
    >>> canvas.fill(np.hypot(canvas.x, canvas.y) - 5, 2.0, 7)
    >>> float(canvas.signal[0, 10, 10]), int(canvas.labels[0, 10, 10]), int(canvas.labels[0, 0, 0])
    (2.0, 7, 0)
    """

    x: Floats
    y: Floats
    z: Floats
    signal: Floats
    labels: NDArray[np.uint16]
    edge_mm: float
    columns_mm: Floats
    rows_mm: Floats
    reach_mm: float = 0.0
    plane_mm: float = 0.0

    @classmethod
    def blank(
        cls, columns_mm: Floats, rows_mm: Floats, planes_mm: Floats, edge_mm: float, plane_mm: float = 0.0
    ) -> Canvas:
        """An empty canvas on straight axes (mm, ascending)."""
        shape = (planes_mm.size, rows_mm.size, columns_mm.size)
        return cls(
            np.broadcast_to(columns_mm[None, None, :], shape),
            np.broadcast_to(rows_mm[None, :, None], shape),
            planes_mm[:, None, None],
            np.zeros(shape, np.float32),
            np.zeros(shape, np.uint16),
            edge_mm,
            columns_mm,
            rows_mm,
            plane_mm=plane_mm,
        )

    def warped(self, dx: Floats, dy: Floats) -> Canvas:
        """The same canvas with anatomy coordinates displaced by ``dx``, ``dy`` (broadcastable to (k, j, i), mm)."""
        reach = float(max(np.abs(dx).max(), np.abs(dy).max()))
        return Canvas(
            self.x + dx,
            self.y + dy,
            self.z,
            self.signal,
            self.labels,
            self.edge_mm,
            self.columns_mm,
            self.rows_mm,
            self.reach_mm + reach,
            self.plane_mm,
        )

    def part(self, x: Range, y: Range, z: Range | None = None) -> Canvas | None:
        """The part of the canvas that covers a box of anatomy coordinates (mm), or None when it lies outside."""
        margin = self.reach_mm + self.edge_mm
        i0, i1 = np.searchsorted(self.columns_mm, (x[0] - margin, x[1] + margin))
        j0, j1 = np.searchsorted(self.rows_mm, (y[0] - margin, y[1] + margin))
        planes = self.z[:, 0, 0]
        k0, k1 = (0, planes.size) if z is None else np.searchsorted(planes, (z[0], z[1]))
        if i0 == i1 or j0 == j1 or k0 == k1:
            return None
        box = (slice(k0, k1), slice(j0, j1), slice(i0, i1))
        return Canvas(
            self.x[box],
            self.y[box],
            self.z[k0:k1],
            self.signal[box],
            self.labels[box],
            self.edge_mm,
            self.columns_mm[i0:i1],
            self.rows_mm[j0:j1],
            self.reach_mm,
            self.plane_mm,
        )

    def fill(
        self, distance_mm: Floats, signal: Floats | float, label: int | None = None, slope: Floats | None = None
    ) -> None:
        """Paint where ``distance_mm`` is negative, fading over the edge; ``signal`` may vary by voxel.

        ``slope`` is how far (mm) the outline moves per mm of height; None for one that stands upright.
        """
        edge = self.edge_mm if slope is None else self.edge_mm + self.plane_mm * np.abs(slope)
        inside = np.clip(0.5 - distance_mm / edge, 0, 1)
        target = self.signal
        target += inside * (signal - target)
        if label is not None:
            np.copyto(self.labels, label, where=distance_mm < 0)

    def scale(self, weight: Floats, factor: float) -> None:
        """Multiply the signal by 1 … ``factor`` as ``weight`` goes from 0 to 1."""
        target = self.signal
        target *= 1 + weight * (factor - 1)


def ellipse(
    canvas: Canvas,
    centre: tuple[Floats | float, Floats | float],
    radii: tuple[Floats | float, Floats | float],
    degrees: float = 0.0,
) -> Floats:
    """Approximate signed distance (mm) to an ellipse in every plane; centre and radii may change along z."""
    u, v = canvas.x - centre[0], canvas.y - centre[1]
    if degrees:
        c, s = float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
        u, v = c * u + s * v, c * v - s * u
    squared = np.square(u / radii[0]) + np.square(v / radii[1])
    distance: Floats = ((np.sqrt(squared) - 1) * np.minimum(radii[0], radii[1])).astype(np.float32, copy=False)
    return distance


def bar(canvas: Canvas, start: tuple[float, float], end: tuple[float, float], half_mm: Floats | float,
        bow_mm: float = 0.0) -> Floats:  # fmt: skip
    """Approximate signed distance (mm) to a thick, possibly bowed line from ``start`` to ``end`` in every plane."""
    length = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    c, s = ((end[0] - start[0]) / length), ((end[1] - start[1]) / length)
    dx, dy = canvas.x - (start[0]), canvas.y - (start[1])
    along, across = c * dx + s * dy, c * dy - s * dx
    if bow_mm:
        across = across - (bow_mm * 4 / length**2) * along * (length - along)
    beyond = np.maximum(np.maximum(-along, along - length), 0)
    distance: Floats = (np.hypot(across, beyond) - half_mm).astype(np.float32, copy=False)
    return distance


def along_z(z: Floats, knots_mm: tuple[float, ...], values: tuple[float, ...] | NDArray[np.float64]) -> Floats:
    """A quantity that changes along z, linearly between knots; shape of ``z``."""
    result: Floats = np.interp(z, knots_mm, values).astype(np.float32)
    return result
