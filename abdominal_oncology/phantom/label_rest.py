"""What a label map leaves out, filled in: body outline, skin, subcutaneous fat, muscle round bones, visceral fat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.phantom.label_edges import Edges, Field
from abdominal_oncology.phantom.label_structures import Inside, inside_of
from abdominal_oncology.phantom.label_textures import Box, Textures

_REACH_MM = 48.0
"""Gaps between labels narrower than twice this belong to the body."""
_COARSE_MM = 2.5
_WALL_MM = 10.0
_ARMS, _ARM_MM = ("humerus_", "arm"), 18.0
_OUTLINE_MM = 7.0
"""Skin does not follow every rib: the outline is blurred by this much."""
_SLAB = 24


@dataclass(frozen=True)
class Rest:
    """Distances on a coarse grid, from which every fine voxel's tissue follows.

    ``hull``: mm outside (> 0) the labels' closed outline; ``flesh``: mm outside the muscle that bones carry;
    ``wall``: thickness of the muscular wall over organs that touch the outline.
    """

    edges: Edges
    stride: tuple[int, int, int]
    hull: Field
    flesh: Field
    wall: Field
    fat_mm: float

    @classmethod
    def around(cls, edges: Edges, tissues: Mapping[int, str], fat_mm: float) -> Rest:
        stride = [max(1, round(_COARSE_MM / step)) for step in edges.source.spacing_mm]
        few = edges.voxels[:: stride[0], :: stride[1], :: stride[2]]
        spacing = tuple(step * n for step, n in zip(edges.source.spacing_mm, stride, strict=True))
        arms = np.isin(few, [label for label, tissue in tissues.items() if tissue.startswith(_ARMS)])
        hull, nearest = _hull(np.where(arms, 0, few), spacing, _axis(edges.source, 2))
        if arms.any():  # arms lie beside the body, what is between is air
            beside = ndimage.distance_transform_edt(~arms, sampling=spacing) - _ARM_MM
            hull = np.minimum(hull, beside.astype(np.float32))
        fleshy = [label for label, tissue in tissues.items() if inside_of(tissue) is Inside.MUSCLE]
        wall = np.where(np.isin(nearest, fleshy), 0.0, _WALL_MM)
        wall = ndimage.gaussian_filter(wall, [6.0 / step for step in spacing])
        return cls(
            edges,
            (stride[0], stride[1], stride[2]),
            hull,
            _flesh(few, spacing, tissues),
            wall.astype(np.float32),
            fat_mm,
        )

    def paint(self, hu: Field, textures: Textures, hu_of: Callable[[str], float], table: bool) -> None:
        """Fill all of ``hu``; labels are painted over it later."""
        tones = {name: np.float32(hu_of(name)) for name in ("muscle", "visceral_fat", "subcutaneous_fat", "skin")}
        vessel = np.float32(0.5 * hu_of("superior_mesenteric_vein"))
        outside = np.empty(hu.shape, dtype=np.bool_)
        for first in range(0, len(hu), _SLAB):
            part = slice(first, min(first + _SLAB, len(hu)))
            outside[part] = self._slab(hu, part, textures, tones, vessel) > 0
        if table and not outside.all():
            self._table(hu, outside, np.float32(hu_of("table") + 400))

    def _slab(
        self, hu: Field, part: slice, textures: Textures, tones: Mapping[str, np.float32], vessel: np.float32
    ) -> Field:
        """Paint some slices; returns mm outside the skin."""
        box: Box = (part, slice(0, hu.shape[1]), slice(0, hu.shape[2]))
        soft = np.float32(max(self.edges.target.spacing_mm))
        hull, wall, flesh = (
            self.edges.spread(field, self.stride, part) for field in (self.hull, self.wall, self.flesh)
        )
        cloud, wide = textures("cloud", box), textures("wide", box)
        hull += 1.5 * wide
        outside = hull - np.float32(self.fat_mm) - wall
        septa = np.maximum(0.15 - np.abs(cloud), 0) * 160
        under = tones["subcutaneous_fat"] + septa + 3 * textures("grain", box)
        inner = tones["visceral_fat"] + 4 * cloud + (vessel + 90) * textures.tubes(box, 0.7, fine=True)
        painted = inner + (under - inner) * _ramp(hull, soft)
        in_wall = np.minimum(_ramp(wall - hull, soft), _ramp(hull + 0.35 * wall - 1, soft)) * _ramp(wall - 4, 2)
        near_bone = np.minimum(_ramp(-flesh - 2 * np.abs(wide), soft), _ramp(wall + 6 - hull, soft))
        lean = np.maximum(in_wall, near_bone)
        streaks = 45 * np.maximum(textures("grain", box) + 0.5 * cloud - 1.5, 0)
        painted += lean * (tones["muscle"] + 3 * cloud - streaks - painted)
        painted += _ramp(outside + 1.8, soft) * (tones["skin"] - painted)
        painted += _ramp(outside, soft) * (-1000 - painted)
        hu[part] = painted
        return outside

    def _table(self, hu: Field, outside: NDArray[np.bool_], tone: np.float32) -> None:
        """A thin bowed board under the back."""
        target = self.edges.target
        back, across = _axis(target, 1), _axis(target, 0)
        step = target.directions[back][1] * target.spacing_mm[back]
        body = np.flatnonzero((~outside).any(axis=tuple(axis for axis in range(3) if axis != back)))
        depth = _column(np.arange(target.shape[back]) * step, back)
        side = _column((np.arange(target.shape[across]) - target.shape[across] / 2) * target.spacing_mm[across], across)
        board = np.abs(depth - (max(body * step) + 8) + side**2 / 1500) < max(1.5, abs(step) * 0.75)
        hu[np.broadcast_to(board, hu.shape) & outside] = tone


def _ramp(distance_mm: Field, soft_mm: np.float32 | float) -> Field:
    """0 … 1 across zero, over one voxel."""
    ramp: Field = np.clip(distance_mm / np.float32(soft_mm) + np.float32(0.5), 0, 1)
    return ramp


def _axis(geometry: Geometry, world: int) -> int:
    """The array axis that runs most along LPS x (0), y (1) or z (2)."""
    return int(np.argmax([abs(direction[world]) for direction in geometry.directions]))


def _column(values: NDArray[np.floating], axis: int) -> NDArray[np.floating]:
    shape = [1, 1, 1]
    shape[axis] = -1
    return values.reshape(shape)


def _hull(labels: NDArray[np.integer], spacing: tuple[float, ...], head: int) -> tuple[Field, NDArray[np.integer]]:
    """Signed mm outside the closed outline of all labels, and each voxel's nearest label.

    Beyond the picture's sides lies air; beyond its ends, along the axis ``head``, the body goes on.
    """
    width = [0 if axis == head else int(_REACH_MM / step) + 2 for axis, step in enumerate(spacing)]
    padded = np.pad(labels, [(w, w) for w in width])
    away, index = ndimage.distance_transform_edt(padded == 0, sampling=spacing, return_indices=True)
    inside = ndimage.distance_transform_edt(away <= _REACH_MM, sampling=spacing)
    crop = tuple(slice(w, w + n) for w, n in zip(width, labels.shape, strict=True))
    nearest = padded[tuple(index)]
    outline = ndimage.gaussian_filter(_REACH_MM - inside, [_OUTLINE_MM / step for step in spacing])
    # never so far in that a label sticks out
    return np.minimum(outline, away)[crop].astype(np.float32), nearest[crop]


def _flesh(labels: NDArray[np.integer], spacing: tuple[float, ...], tissues: Mapping[int, str]) -> Field:
    """Mm outside the muscle that lies on bones: thin between ribs, thick round spine and pelvis."""
    reach = {
        label: 6.0 if tissue.startswith(("rib_", "sternum", "clavicula")) else 15.0
        for label, tissue in tissues.items()
        if inside_of(tissue) is Inside.BONE
    }
    bones = np.isin(labels, list(reach))
    if not bones.any():
        return np.full(labels.shape, 99.0, dtype=np.float32)
    away, index = ndimage.distance_transform_edt(~bones, sampling=spacing, return_indices=True)
    nearest = labels[tuple(index)]
    mine = np.zeros(int(labels.max()) + 1, dtype=np.float32)
    for label, millimetres in reach.items():
        if label < len(mine):
            mine[label] = millimetres
    flesh: Field = (away - mine[nearest]).astype(np.float32)
    return flesh
