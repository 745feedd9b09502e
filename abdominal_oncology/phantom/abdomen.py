"""One CT patient's anatomy: made once from random numbers, painted slice by slice for any contrast."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.imaging.anatomy import all_structures
from abdominal_oncology.phantom.abdomen_gut import gut_parts
from abdominal_oncology.phantom.abdomen_implants import Implants
from abdominal_oncology.phantom.abdomen_organs import Organs
from abdominal_oncology.phantom.abdomen_parts import Tones
from abdominal_oncology.phantom.abdomen_shapes import Field, SliceCanvas, tube
from abdominal_oncology.phantom.abdomen_thorax import thorax_parts
from abdominal_oncology.phantom.abdomen_trunk import Habitus, Trunk, outline_fields
from abdominal_oncology.phantom.result import Insert


class Abdomen:
    """Anatomy of one patient; :meth:`paint` gives HU and labels on a grid of slices."""

    def __init__(self, habitus: Habitus, rng: np.random.Generator) -> None:
        self.habitus = habitus
        self.trunk = Trunk(habitus, rng)
        self.organs = Organs(habitus, rng)
        self.organs.thorax = thorax_parts(habitus, rng)
        self.gut = gut_parts(habitus, rng)
        self.warp = rng.normal(size=(3, 3, 4)) * (1, 1, 1, 0)
        self.warp[..., 3] = rng.uniform(0, 2 * np.pi, (3, 3))
        self.table_y = rng.uniform(14, 30)
        self.arms = rng.random() < 0.12
        self.texture_seed = int(rng.integers(2**31))
        self.implants = Implants(habitus, rng.spawn(1)[0])

    def textures(self, pixel_mm: float, step_mm: float) -> dict[str, Field]:
        """Periodic noise (32, 256, 256), unit variance, by name; grain sizes are in millimetres."""
        rng = np.random.default_rng(self.texture_seed)
        white = rng.standard_normal((24, 256, 256), dtype=np.float32)
        result: dict[str, Field] = {}
        for name, grain in (("marrow", 0.75), ("soft", 5.0), ("lobules", 1.7), ("coarse", 3.2)):
            sigma = (grain / step_mm, grain / pixel_mm, grain / pixel_mm)
            field = ndimage.gaussian_filter(np.roll(white, len(result) * 7, axis=1), sigma, mode="wrap", truncate=3)
            result[name] = (field / field.std()).astype(np.float32)
        result["moire"] = (np.sin(2.6 * result["soft"]) * 1.35).astype(np.float32)
        coarse, fine = result.pop("coarse"), result["lobules"]
        streak_mm = (8 / step_mm, 1.1 / pixel_mm, 2.8 / pixel_mm)
        streaks = ndimage.gaussian_filter(np.roll(white, 91, axis=2), streak_mm, mode="wrap", truncate=3)
        streaks = streaks / streaks.std() + 0.5 * coarse
        result["muscle"] = (0.15 - np.maximum(streaks - 1.2, 0) * 1.3).astype(np.float32)
        result["fat"] = (np.maximum(0.22 - np.abs(coarse), 0) * 8).astype(np.float32)
        result["visceral"] = (np.maximum(fine - 1.2, 0) * 2.2 + 0.4 * coarse).astype(np.float32)
        result["stool"] = (0.6 * fine + 0.6 * result["marrow"]).astype(np.float32)
        return result

    def paint(
        self,
        levels_mm: NDArray[np.floating],
        matrix: int,
        pixel_mm: float,
        centre_mm: tuple[float, float],
        tones: Tones,
        shift_mm: float,
        textures: dict[str, Field],
        inserts: Sequence[Insert] = (),
        seconds: float | None = None,
        *,
        into: NDArray[np.float32] | None = None,
        painted: Callable[[int], None] | None = None,
    ) -> tuple[NDArray[np.float32], NDArray[np.uint16]]:
        """HU and labels (k, j, i) at the given heights (world mm).

        ``into`` takes the HU if given; ``painted(k)`` is called when slice k is, in order. One thread paints: the many
        small steps of a slice hold the interpreter, and a second painter would only wait for it.
        """
        numbers = {each.name: each.number for each in all_structures()}
        hu = np.empty((len(levels_mm), matrix, matrix), dtype=np.float32) if into is None else into
        labels = np.zeros(hu.shape, dtype=np.uint16)
        side = (np.arange(matrix) - (matrix - 1) / 2) * pixel_mm
        columns = ((side + centre_mm[0]) / self.habitus.scale).astype(np.float32)
        rows = ((side + centre_mm[1]) / self.habitus.scale).astype(np.float32)

        for k in range(len(levels_mm)):
            canvas = self.canvas(k, levels_mm, columns, rows, shift_mm, hu[k], labels[k], textures)
            self.paint_slice(canvas, tones, numbers)
            for number, insert in enumerate(inserts):
                _insert(canvas, insert, numbers, number, seconds)
            if painted is not None:
                painted(k)
        return hu, labels

    def canvas(
        self,
        k: int,
        levels_mm: NDArray[np.floating],
        columns: Field,
        rows: Field,
        shift_mm: float,
        hu: Field,
        labels: NDArray[np.uint16],
        textures: dict[str, Field],
    ) -> SliceCanvas:
        """Slice ``k`` of the given heights (world mm), empty; ``columns`` and ``rows`` in anatomy mm."""
        level = float(levels_mm[k]) / self.habitus.scale
        breath = shift_mm * float(np.interp(level, (-340, -200, -60, 60, 200), (0.0, 0.75, 1.0, 0.7, 0.0)))
        dx, dy, dz = (self._warp(axis, columns, rows, level) for axis in range(3))
        x, y = columns[None, :] + dx, rows[:, None] + dy
        size = hu.shape[0]
        tiles = {}
        for name, tile in textures.items():
            reps = -(-size // tile.shape[1])
            tiles[name] = np.tile(tile[k % len(tile)], (reps, reps))[:size, :size]
        hu[...] = -1000
        bone = np.float32(level) + dz * np.float32(0.5)
        spacing = float(columns[1] - columns[0])
        return SliceCanvas(
            columns,
            rows,
            x,
            y,
            np.float32(level - breath) + dz,
            bone,
            level - breath,
            level,
            hu,
            labels,
            tiles,
            {},
            max(spacing * 1.15, 0.6),
            spacing,
        )

    def _warp(self, axis: int, columns: Field, rows: Field, level: float) -> Field:
        """A smooth displacement (mm) of up to about 6 mm, made of three slow waves."""
        result = np.zeros((len(rows), len(columns)), dtype=np.float32)
        for a, b, c, phase in self.warp[axis]:
            k = np.array([a, b, c])
            k *= 2 * np.pi / 240 / np.linalg.norm(k)
            u = k[0] * columns + phase + k[2] * level
            v = k[1] * rows
            result += np.float32(2.0) * (
                np.sin(u)[None, :].astype(np.float32) * np.cos(v)[:, None].astype(np.float32)
                + np.cos(u)[None, :].astype(np.float32) * np.sin(v)[:, None].astype(np.float32)
            )
        return result

    def paint_slice(self, canvas: SliceCanvas, tones: Tones, numbers: dict[str, int]) -> None:
        """Everything but inserts, back to front."""
        outline_fields(canvas, self.habitus)
        self.trunk.paint_soft(canvas, tones, numbers)
        self.trunk.paint_muscles(canvas, tones, numbers)
        self.organs.paint(canvas, tones, numbers, self.gut)
        self.trunk.paint_bones(canvas, tones, numbers)
        self.implants.paint(canvas, numbers)
        self._paint_table(canvas, tones, numbers)

    def _paint_table(self, canvas: SliceCanvas, tones: Tones, numbers: dict[str, int]) -> None:
        under = self.habitus.lean(-100)[1] + self.habitus.lean(-100)[2] + self.habitus.fat_mm * 1.35
        x = canvas.columns_mm[None, :]
        y = canvas.rows_mm[:, None]
        bow = np.float32(under + self.table_y) - x * x / np.float32(1500)
        for offset, thick in ((0.0, 1.1), (22.0, 1.1)):
            f = np.maximum(
                np.abs(y - bow - np.float32(offset)) - np.float32(thick), np.abs(x) - np.float32(205 - offset)
            )
            f = np.maximum(f, -canvas.fields["body"] + np.float32(0.0)) if offset == 0 else f
            drawn = ((slice(None), slice(None)), np.maximum(f, -canvas.fields["body"]))
            canvas.paint(drawn, tones["table"] + 420, numbers["table"])
        if self.arms:
            for s in (-1, 1):
                at = (s * (self.habitus.lean(-100)[0] + self.habitus.fat_mm + 52), 30, canvas.level_mm)
                for r, tone, label in (
                    (42, "subcutaneous_fat", "arm"),
                    (35, "muscle", "arm"),
                    (11, "bone", "arm"),
                    (6, "marrow_fat", "arm"),
                ):
                    shape = tube([(at[0], at[1], at[2] - 20, r), (at[0], at[1], at[2] + 20, r)])
                    canvas.paint(shape.on(canvas), tones[tone], numbers[label])


def _insert(canvas: SliceCanvas, insert: Insert, numbers: dict[str, int], order: int, seconds: float | None) -> None:
    from abdominal_oncology.imaging.anatomy import find

    low, high = insert.box_mm
    if not low[2] - 8 < canvas.level_mm < high[2] + 8:
        return
    window = canvas.window(low[:2], high[:2])
    if window is None:
        return
    points = np.stack([canvas.x[window], canvas.y[window], canvas.z[window]], axis=-1)
    new, mask = insert.paint(canvas.hu[window], points, seconds)
    canvas.hu[window] = new
    canvas.labels[window][mask] = find(insert.name).number
