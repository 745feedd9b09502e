"""Implicit shapes in anatomy millimetres and the slice on which they are painted.

A shape answers with an approximate signed distance (mm, negative inside). A slice paints back to front: coverage of a
voxel is ``clip(0.5 − f / edge, 0, 1)``, so that borders are anti-aliased at full resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Window = tuple[slice, slice]
FAR_MM = np.float32(99.0)
_WARP_MM = 6.0
"""How far a patient's own warp moves a height at most."""


class Shape(Protocol):
    """Anything that can be drawn on a slice."""

    def on(self, canvas: SliceCanvas) -> tuple[Window, Field] | None:
        """The window it touches on this slice and its signed distance there, or None."""
        ...


@dataclass
class SliceCanvas:
    """One slice being painted. ``x``, ``y``, ``z`` are anatomy coordinates (mm, warped) of every pixel, ``z`` for what
    breathes and ``z_bone`` for what does not; ``level_mm`` and ``bone_level_mm`` their unwarped heights."""

    columns_mm: Field
    rows_mm: Field
    x: Field
    y: Field
    z: Field
    z_bone: Field
    level_mm: float
    bone_level_mm: float
    hu: Field
    labels: NDArray[np.uint16]
    textures: dict[str, Field]
    fields: dict[str, Field]
    edge_mm: float
    pixel_mm: float
    slack_mm: float = 9.0

    def window(self, low: Sequence[float], high: Sequence[float]) -> Window | None:
        """Pixels that may lie inside an (x, y) box in anatomy mm; None when there are none."""
        step, rows, columns = self.pixel_mm, len(self.rows_mm), len(self.columns_mm)
        left, front = self.columns_mm.item(0), self.rows_mm.item(0)
        x, y = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2
        # the warp is slow, so its displacement at the middle tells where the box really is
        i = min(max(int((x - left) / step), 0), columns - 1)
        j = min(max(int((y - front) / step), 0), rows - 1)
        x -= self.x.item(j, i) - (left + i * step)
        y -= self.y.item(j, i) - (front + j * step)
        half_x, half_y = (high[0] - low[0]) / 2, (high[1] - low[1]) / 2
        margin = min(1.5 + 0.16 * max(half_x, half_y, 6.0), self.slack_mm)
        i0 = max(int((x - half_x - margin - left) / step), 0)
        i1 = min(int((x + half_x + margin - left) / step) + 2, columns)
        j0 = max(int((y - half_y - margin - front) / step), 0)
        j1 = min(int((y + half_y + margin - front) / step) + 2, rows)
        return (slice(j0, j1), slice(i0, i1)) if i1 > i0 and j1 > j0 else None

    def paint(
        self,
        drawn: tuple[Window, Field] | None,
        hu: float,
        label: int | None,
        *,
        texture: str = "",
        amount_hu: float = 0.0,
        within: Field | None = None,
    ) -> None:
        """Mix ``hu`` in by coverage. ``within`` is a full-slice field that clips; ``label`` None keeps labels."""
        if drawn is None:
            return
        window, f = drawn
        if within is not None:
            f = np.maximum(f, within[window])
        cover = f * np.float32(-1 / self.edge_mm)
        cover += np.float32(0.5)
        inside = None if label is None else cover >= 0.5
        np.maximum(cover, np.float32(0), out=cover)
        np.minimum(cover, np.float32(1), out=cover)
        part = self.hu[window]
        value: Field | np.float32 = np.float32(hu)
        if texture and amount_hu:
            value = value + np.float32(amount_hu) * self.textures[texture][window]
        cover *= value - part
        part += cover
        if label is not None:
            self.labels[window][inside] = label


@dataclass(frozen=True)
class Blob:
    """An ellipsoid, rotated about z and tilted, whose surface waves a little. ``power`` > 2 makes it boxy."""

    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    turn_degrees: float = 0.0
    lean: tuple[float, float] = (0.0, 0.0)
    """Shift of (x, y) per mm of z."""
    bumps: tuple[tuple[float, ...], ...] = ()
    """Waves: amplitude mm, wave numbers (1/mm) along x, y, z, phase."""
    power: float = 2.0
    bone: bool = False

    def on(self, canvas: SliceCanvas) -> tuple[Window, Field] | None:
        level = canvas.bone_level_mm if self.bone else canvas.level_mm
        dz = level - self.centre[2]
        reach = sum(abs(b[0]) for b in self.bumps)
        if abs(dz) > self.radii[2] + reach + 8:
            return None
        cx, cy = self.centre[0] + self.lean[0] * dz, self.centre[1] + self.lean[1] * dz
        a = np.deg2rad(self.turn_degrees)
        rx = np.hypot(self.radii[0] * np.cos(a), self.radii[1] * np.sin(a)) + reach
        ry = np.hypot(self.radii[0] * np.sin(a), self.radii[1] * np.cos(a)) + reach
        window = canvas.window((cx - rx, cy - ry), (cx + rx, cy + ry))
        if window is None:
            return None
        z = (canvas.z_bone if self.bone else canvas.z)[window]
        return window, self.at(canvas.x[window], canvas.y[window], z)

    def at(self, x: Field, y: Field, z: Field) -> Field:
        f32 = np.float32
        dz = z - f32(self.centre[2])
        dx = x - f32(self.centre[0]) - f32(self.lean[0]) * dz
        dy = y - f32(self.centre[1]) - f32(self.lean[1]) * dz
        a = np.deg2rad(self.turn_degrees)
        c, s = f32(np.cos(a)), f32(np.sin(a))
        u = (c * dx + s * dy) / f32(self.radii[0])
        v = (c * dy - s * dx) / f32(self.radii[1])
        w = dz / f32(self.radii[2])
        if self.power == 2.0:
            r = np.sqrt(u * u + v * v + w * w)
        else:
            r = (np.abs(u) ** f32(self.power) + np.abs(v) ** f32(self.power) + w * w) ** f32(1 / self.power)
        f: Field = (r - 1) * f32(min(self.radii))
        for amount, kx, ky, kz, phase in self.bumps:
            f += f32(amount) * np.sin(f32(kx) * x + f32(ky) * y + f32(kz) * z + f32(phase))
        return f


@dataclass(frozen=True)
class Above:
    """The part of a shape in front of (above, for a supine patient) the level surface of what has settled in it."""

    whole: Shape
    surface_y_mm: float

    def on(self, canvas: SliceCanvas) -> tuple[Window, Field] | None:
        drawn = self.whole.on(canvas)
        if drawn is None:
            return None
        window, f = drawn
        return window, np.maximum(f, canvas.y[window] - np.float32(self.surface_y_mm))


class _Capsule(NamedTuple):
    """One piece of a tube. Plain floats: numpy rounds them to the field's float32, and a scalar of its own is slower.

    ``low`` and ``high`` bound it, in z with the warp's reach; ``per_square`` is one by the squared length.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    start: tuple[float, float, float]
    along: tuple[float, float, float]
    per_square: float
    radius: float
    widening: float

    def at(self, x: Field, y: Field, z: Field, flat: float) -> Field:
        """Signed distance (mm). In place wherever it can be: thousands of these small fields make a slice."""
        dx, dy, dz = self.along
        px, py, pz = x - self.start[0], y - self.start[1], z - self.start[2]
        t, part = px * dx, py * dy
        t += part
        t += np.multiply(pz, dz, out=part)
        t *= self.per_square
        np.maximum(t, 0, out=t)
        np.minimum(t, 1, out=t)
        px -= np.multiply(t, dx, out=part)
        py -= np.multiply(t, dy, out=part)
        pz -= np.multiply(t, dz, out=part)
        if flat != 1.0:
            py *= 1 / flat
        for each in (px, py, pz):
            each *= each
        px += py
        px += pz
        np.sqrt(px, out=px)
        t *= self.widening
        t += self.radius
        px -= t
        return px


@dataclass(frozen=True)
class Tube:
    """Capsules chained along a centre line: ``points`` (n, 3) mm, ``radii`` (n,) mm; ``flat`` < 1 flattens it in y."""

    points: NDArray[np.float64]
    radii: NDArray[np.float64]
    flat: float = 1.0
    bone: bool = False
    _capsules: tuple[_Capsule, ...] = field(init=False, repr=False, compare=False)
    _span: tuple[float, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        p, r = self.points, self.radii
        reach = (np.maximum(r[:-1], r[1:]) + 2.0)[:, None]
        low, high = np.minimum(p[:-1], p[1:]) - reach, np.maximum(p[:-1], p[1:]) + reach
        low[:, 2] -= _WARP_MM
        high[:, 2] += _WARP_MM
        along = np.diff(p, axis=0)
        per_square = 1 / np.maximum(np.square(along).sum(axis=1), 1e-6)
        columns = (low, high, p[:-1], along, per_square, r[:-1], np.diff(r))
        capsules = tuple(_Capsule(*each) for each in zip(*(column.tolist() for column in columns), strict=True))
        object.__setattr__(self, "_capsules", capsules)
        object.__setattr__(self, "_span", (float(low[:, 2].min()), float(high[:, 2].max())))

    def on(self, canvas: SliceCanvas) -> tuple[Window, Field] | None:
        level = canvas.bone_level_mm if self.bone else canvas.level_mm
        if not self._span[0] < level < self._span[1]:
            return None
        z = canvas.z_bone if self.bone else canvas.z
        kept = []
        for each in self._capsules:
            if not each.low[2] < level < each.high[2]:
                continue
            window = canvas.window(each.low, each.high)
            # the warp moves heights by millimetres but slowly: what the middle misses by much, all of it misses
            if window is not None and _reaches(window, z, canvas.pixel_mm, each.low[2], each.high[2]):
                kept.append((each, window))
        if not kept:
            return None
        if len(kept) == 1:
            each, window = kept[0]
            f = each.at(canvas.x[window], canvas.y[window], z[window], self.flat)
            return window, np.minimum(f, FAR_MM, out=f)
        whole = (
            slice(min(w[0].start for _, w in kept), max(w[0].stop for _, w in kept)),
            slice(min(w[1].start for _, w in kept), max(w[1].stop for _, w in kept)),
        )
        f = np.full((whole[0].stop - whole[0].start, whole[1].stop - whole[1].start), FAR_MM, dtype=np.float32)
        for each, window in kept:
            one = each.at(canvas.x[window], canvas.y[window], z[window], self.flat)
            place = f[
                window[0].start - whole[0].start : window[0].stop - whole[0].start,
                window[1].start - whole[1].start : window[1].stop - whole[1].start,
            ]
            np.minimum(place, one, out=place)
        return whole, f

    def at(self, x: Field, y: Field, z: Field) -> Field:
        """Signed distance (mm) from all of the tube, at most ``FAR_MM``."""
        f = np.full(x.shape, FAR_MM, dtype=np.float32)
        for each in self._capsules:
            np.minimum(f, each.at(x, y, z, self.flat), out=f)
        return f


def _reaches(window: Window, z: Field, pixel_mm: float, low_mm: float, high_mm: float) -> bool:
    """Whether heights from ``low_mm`` to ``high_mm``, which include the warp's reach, may come up in a window."""
    rows, columns = window
    middle = z.item((rows.start + rows.stop) // 2, (columns.start + columns.stop) // 2)
    half_mm = max(rows.stop - rows.start, columns.stop - columns.start) * pixel_mm / 2
    slack = max(_WARP_MM - 0.5 - 0.3 * half_mm, 0.0)
    return bool(low_mm + slack < middle < high_mm - slack)


def smooth_line(points: Sequence[Sequence[float]] | NDArray[np.float64], step_mm: float = 9.0) -> NDArray[np.float64]:
    """A Catmull-Rom curve through control points (n, 3) or (n, 4), resampled about every ``step_mm``."""
    p = np.asarray(points, dtype=np.float64)
    around = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    result = []
    for n in range(len(p) - 1):
        a, b, c, d = around[n : n + 4]
        count = max(1, int(np.ceil(np.linalg.norm((c - b)[:3]) / step_mm)))
        t = (np.arange(count) / count)[:, None]
        result.append(0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3))
    return np.vstack([*result, p[-1:]])


def tube(points: Sequence[Sequence[float]], *, flat: float = 1.0, bone: bool = False, step_mm: float = 9.0) -> Tube:
    """A tube through (x, y, z, radius) control points."""
    line = smooth_line(points, step_mm)
    return Tube(line[:, :3], np.maximum(line[:, 3], 0.4), flat, bone)


def waves(
    rng: np.random.Generator, amount_mm: float, length_mm: float, count: int = 3
) -> tuple[tuple[float, ...], ...]:
    """Random surface waves for a :class:`Blob`."""
    result = []
    for _ in range(count):
        k = rng.normal(size=3)
        k *= 2 * np.pi / length_mm / np.linalg.norm(k)
        result.append((amount_mm * rng.uniform(0.4, 1.0), *map(float, k), float(rng.uniform(0, 6.3))))
    return tuple(result)


def soft_max(a: Field, b: Field, width_mm: float) -> Field:
    """Intersection of two fields whose common edge is rounded over about ``width_mm``."""
    gap = np.clip(0.5 + (a - b) / np.float32(2 * width_mm), 0, 1)
    result: Field = b + (a - b) * gap + np.float32(width_mm) * gap * (1 - gap)
    return result
