"""Smooth organs from a blocky label map: each label becomes a soft membership on a finer grid.

A label's mask is blurred by under a voxel, interpolated, and cut at the level that keeps its volume, so that thin
vessels do not vanish; where several labels claim a voxel the strongest wins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.errors import EmptyMaskError, GeometryMismatchError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.separable import linear_weights

Box = tuple[slice, slice, slice]
Field = NDArray[np.float32]

_FINER = 1.2
"""From this ratio of label voxel to painted voxel on, edges are blurred as wide as blocks would show."""


@dataclass(frozen=True)
class Part:
    """One label on the fine grid: ``score`` inside ``box`` is above 0 where the label is, and how strongly.

    ``soft`` is the change of score across one fine voxel at its edge: neighbours are mixed over this much.
    """

    label: int
    box: Box
    score: Field
    soft: float


class Edges:
    """The label map ``voxels`` on ``source``, ready to be seen on ``target`` (same axes).

    ``smooth_mm`` is the least blur (standard deviation) of edges, for maps that were blown up from coarser ones.
    """

    def __init__(self, voxels: NDArray[np.integer], source: Geometry, target: Geometry, smooth_mm: float = 0.0) -> None:
        if not np.allclose(source.directions, target.directions, atol=1e-4):
            raise GeometryMismatchError("edges are smoothed along the label map's own axes, the other grid is turned")
        self.voxels, self.source, self.target = voxels, source, target
        steps = np.asarray(target.spacing_mm) / np.asarray(source.spacing_mm)
        start = source.to_index(target.origin_mm)
        self.positions = [start[axis] + steps[axis] * np.arange(target.shape[axis]) for axis in range(3)]
        self.sigma = np.maximum(np.where(steps < 1 / _FINER, 0.85, 0.5), smooth_mm / np.asarray(source.spacing_mm))
        self.soft = float(np.mean(steps / (self.sigma * np.sqrt(2 * np.pi))))

    def spread(self, field: Field, stride: tuple[int, int, int], slices: slice) -> Field:
        """A field known at every ``stride``-th voxel of the label map, interpolated to some fine slices."""
        positions = [place / step for place, step in zip(self.positions, stride, strict=True)]
        return _interpolate(field, [positions[0][slices], *positions[1:]])

    def parts(self, labels: list[int]) -> Iterator[Part]:
        """The labels that have voxels, in the order given."""
        found = _boxes(self.voxels)
        for label in labels:
            if label in found:
                yield self._part(label, found[label])

    def _part(self, label: int, box: Box) -> Part:
        box = tuple(  # type: ignore[assignment]
            slice(max(s.start - margin, 0), min(s.stop + margin, n))
            for s, n, margin in zip(box, self.source.shape, np.ceil(3 * self.sigma).astype(int), strict=True)
        )
        mask = self.voxels[box] == label
        blurred = ndimage.gaussian_filter(mask.astype(np.float32), self.sigma, mode="nearest", truncate=3.0)
        fine = [_within(position, part) for position, part in zip(self.positions, box, strict=True)]
        score = _interpolate(blurred, [p[f] - b.start for p, f, b in zip(self.positions, fine, box, strict=True)])
        share = np.prod([(f.stop - f.start) / (s.stop - s.start) for f, s in zip(fine, box, strict=True)])
        sample = score[:: 1 + (score.size > 200_000), :: 1 + (score.size > 50_000)]
        keep = int(np.clip(np.count_nonzero(mask) * share * sample.size / score.size, 1, sample.size))
        kept = np.partition(sample, sample.size - keep, axis=None)[sample.size - keep]
        level = float(np.clip(kept - 1e-5, 0.12, 0.5))  # the last voxel kept lies inside
        score -= np.float32(level)
        # never wider than what lies between the edge and no membership at all
        return Part(label, (fine[0], fine[1], fine[2]), score, min(self.soft, 1.9 * level))


def smooth_labels(labels: Image, geometry: Geometry, smooth_mm: float = 0.0) -> Image:
    """The label map on another grid of the same axes, with smooth edges instead of blocks; see :class:`Edges`.

    >>> from abdominal_oncology.imaging.image import Modality
    >>> voxels = np.zeros((6, 6, 6), np.uint8); voxels[2:4, 2:4, 2:4] = 7
    >>> image = Image(voxels, Geometry((6, 6, 6)), Modality.MASK)
    >>> fine = smooth_labels(image, image.geometry.with_spacing((0.5, 0.5, 0.5)))
    >>> np.unique(fine.voxels).tolist(), bool(50 < (fine.voxels == 7).sum() < 78)
    ([0, 7], True)
    """
    numbers = [int(v) for v in np.unique(labels.voxels) if v]
    if not numbers:
        raise EmptyMaskError("the label map has no label", where=labels.source.path)
    edges = Edges(labels.voxels, labels.geometry, geometry, smooth_mm)
    best = np.zeros(geometry.shape, dtype=np.float32)
    owner = np.zeros(geometry.shape, dtype=labels.voxels.dtype)
    for part in edges.parts(numbers):
        wins = part.score > best[part.box]
        owner[part.box][wins] = part.label
        np.maximum(best[part.box], part.score, out=best[part.box])
    return labels.derive(
        "smooth_labels", {"spacing_mm": geometry.spacing_mm, "smooth_mm": smooth_mm}, voxels=owner, geometry=geometry
    )


def _interpolate(values: Field, positions: list[NDArray[np.float64]]) -> Field:
    """Linear, at fractional indices along each axis."""
    for axis, where in enumerate(positions):
        moved = np.moveaxis(values, axis, 0)
        flat = np.ascontiguousarray(moved).reshape(len(moved), -1)
        product = linear_weights(where, len(moved)) @ flat
        values = np.moveaxis(product.reshape(len(where), *moved.shape[1:]), 0, axis)
    return np.ascontiguousarray(values, dtype=np.float32)


def _within(positions: NDArray[np.float64], part: slice) -> slice:
    inside = np.flatnonzero((positions >= part.start - 0.5) & (positions <= part.stop - 0.5))
    if not len(inside):  # a fine grid coarser than the structure is thick
        nearest = int(np.abs(positions - (part.start + part.stop - 1) / 2).argmin())
        return slice(nearest, nearest + 1)
    return slice(int(inside[0]), int(inside[-1]) + 1)


def _boxes(voxels: NDArray[np.integer]) -> dict[int, Box]:
    """The bounding box of every label, in one look."""
    numbers, compact = np.unique(voxels, return_inverse=True)
    found = ndimage.find_objects(compact.reshape(voxels.shape).astype(np.int32) + 1)
    return {int(number): box for number, box in zip(numbers, found, strict=True)}
