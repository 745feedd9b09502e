"""Phantoms made harder for the locator: a rectum blown up by gas, a pale tumour, other contrast, a stack cut elsewhere.

The plain phantoms are planned as a radiographer plans, on the tumour, and their rectum is a slender tube. Patients add
what misleads most: an upper rectum full of gas, whose wall is as grey as a tumour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.progress import Progress, silent
from abdominal_oncology.rectal.phantom import rectal_phantom

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_MATRIX = 112
_FIELD_MM = (120.0, 260.0)
_THICK_MM = (2.5, 5.0)
_GAS_SHARE = 0.5
_GAS_HALF_MM, _GAS_GROWTH_MM, _GAS_WALL_MM = (15.0, 45.0), (0.0, 12.0), (1.5, 6.0)
_GAS_WALL_GREY = (0.8, 1.8)
"""Of the muscularis: a stretched wall with its partial volume is greyer."""
_PALE, _GAMMA, _SHADING = 0.7, 0.25, 0.2
_GAS = 0.03


@dataclass(frozen=True, eq=False)
class Stack:
    """A stack, and where its rectum (with the tumour) and its tumour are."""

    image: Image
    rectum: Mask
    tumour: Mask


def pelvises(
    seed: int,
    count: int,
    *,
    slices: int = 16,
    shortest: int | None = None,
    hard: float = 1.0,
    progress: Progress = silent,
) -> Iterator[Stack]:
    """Wide and narrow fields of view, thin and thick slices; a share ``hard`` of them made harder.

    ``shortest`` cuts a run of that many slices or more out, anywhere: the tumour may then lie at its end or beyond.
    """
    rng = np.random.default_rng([seed, 31])
    for n in range(count):
        progress(n / count, f"pelvis {n + 1} of {count}")
        pixel_mm = float(rng.uniform(*_FIELD_MM)) / _MATRIX
        spacing_mm = (float(rng.uniform(*_THICK_MM)), pixel_mm, pixel_mm)
        difficulty = float(rng.uniform(0, 1))
        patient = rectal_phantom(
            seed * 1_000_003 + n, matrix=_MATRIX, slices=slices, spacing_mm=spacing_mm, difficulty=difficulty
        )
        labels = patient.labels["t2"].voxels
        tumour = labels == find("tumour").number
        rectum = (patient.labels["rectum"].voxels > 0) | tumour
        pelvis = Stack(patient.images["t2"], rectum, tumour)
        if rng.random() < hard:
            pelvis = _harder(pelvis, labels, rng)
        yield pelvis if shortest is None else _cut(pelvis, shortest, rng)


def _harder(stack: Stack, labels: NDArray[np.uint8], rng: np.random.Generator) -> Stack:
    voxels = stack.image.voxels.astype(np.float32)
    coat = labels == find("rectal_muscularis_propria").number
    wall = float(np.median(voxels[coat])) if coat.any() else float(np.median(voxels))
    paleness = float(rng.uniform(0, _PALE))
    voxels[stack.tumour] += paleness * (wall - voxels[stack.tumour])
    rectum = stack.rectum
    if rng.random() < _GAS_SHARE:
        rectum = _blow_up(voxels, stack, wall, rng)
    bright = float(np.percentile(voxels, 99.5))
    voxels = np.clip(voxels / bright, 0, None) ** float(np.exp(rng.normal(0, _GAMMA))) * bright
    along = np.linspace(-1, 1, len(voxels), dtype=np.float32)[:, None, None]
    voxels *= np.exp(float(rng.normal(0, _SHADING)) * along)
    return Stack(stack.image.derive("harder", voxels=voxels.astype(np.float32)), rectum, stack.tumour)


def _blow_up(voxels: Floats, stack: Stack, wall: float, rng: np.random.Generator) -> Mask:
    """Gas over a stretch of the rectum, which widens there; the tumour stays. Gives the wider rectum."""
    spacing = stack.image.geometry.spacing_mm
    heights = np.arange(len(voxels)) * spacing[0]
    middle, half = float(rng.uniform(heights[0], heights[-1])), float(rng.uniform(*_GAS_HALF_MM))
    growth, thick = float(rng.uniform(*_GAS_GROWTH_MM)), float(rng.uniform(*_GAS_WALL_MM))
    grey = wall * float(rng.uniform(*_GAS_WALL_GREY))
    wide = stack.rectum.copy()
    for k in np.flatnonzero((np.abs(heights - middle) < half) & stack.rectum.any(axis=(1, 2))):
        share = float(np.sqrt(1 - ((heights[k] - middle) / half) ** 2))
        inside, tumour = stack.rectum[k], stack.tumour[k]
        out_mm = ndimage.distance_transform_edt(~inside, spacing[1:]) - ndimage.distance_transform_edt(
            inside, spacing[1:]
        )
        wide[k] = (out_mm < growth * share) | tumour
        voxels[k][wide[k] & ~tumour] = grey
        voxels[k][(out_mm < growth * share - thick) & ~tumour] = _GAS * float(np.percentile(voxels, 99))
    return wide


def _cut(stack: Stack, shortest: int, rng: np.random.Generator) -> Stack:
    slices, rows, columns = stack.image.geometry.shape
    count = int(rng.integers(shortest, slices + 1))
    first = int(rng.integers(0, slices - count + 1))
    part = slice(first, first + count)
    grid = stack.image.geometry.crop((first, 0, 0), (first + count, rows, columns))
    image = stack.image.derive("cut", voxels=np.ascontiguousarray(stack.image.voxels[part]), geometry=grid)
    return Stack(image, stack.rectum[part], stack.tumour[part])
