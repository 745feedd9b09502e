"""Training patches: a lesion in a piece of liver in three phases, made in milliseconds.

A patch is what the pipeline cuts from a study: 24 × 96 × 96 voxels (k, j, i) of 2.00 × 0.76 × 0.76 mm around the
lesion. It has parenchyma, vessels, sometimes the liver's edge, noise, and phases that do not quite lie on each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.lesion_kinds import RECIPES, LesionKind, SizeSet
from abdominal_oncology.hcc.lesions import SMALLEST_MM, Lesion, draw_kind, draw_lesion, draw_size
from abdominal_oncology.hcc.phase_roles import PHASES
from abdominal_oncology.phantom.physiology import Patient

PATCH_SHAPE = (24, 96, 96)
PATCH_SPACING_MM = (2.0, 0.76, 0.76)

_SECONDS = {"arterial": (39.0, 4.0), "portal": (75.0, 6.0), "delayed": (185.0, 20.0)}
_MARGIN = (2, 4, 4)
# Median and spread (of the logarithm) of the spread inside a lesion. The kinds' own figures are of lesions of 50 mm;
# in small ones they would be the answer: with them the spread in the delayed phase alone had an AUC of 0.85 for HCC.
# Small lesions of every kind are more even than large ones: the median is that of 20 mm and grows with the size.
_GRAIN, _GRAIN_GROWTH, _MOST_GRAIN_HU = (8.0, 0.35), 0.8, 24.0
_CYST_GRAIN_HU = 2.0
_OUTSIDE = {"visceral_fat": 0.45, "lung": 0.2, "muscle": 0.2, "stomach": 0.15}
_FIXED_HU = {"lung": -820.0, "stomach": 40.0}

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LesionPatch:
    """``voxels_hu`` (phase, k, j, i) in the order of :data:`PHASES`; ``lesion`` and ``liver`` (k, j, i) masks on the
    portal phase (the liver includes the lesion); ``truth`` as of a lesion, with seed, seconds and shifts."""

    voxels_hu: Floats
    lesion: NDArray[np.bool_]
    liver: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]
    truth: Mapping[str, Any]


def lesion_patch(
    seed: int,
    *,
    kind: LesionKind | str | None = None,
    is_hcc: bool | None = None,
    size_mm: float | None = None,
    size_set: SizeSet | str = SizeSet.SMALL,
    shape: tuple[int, int, int] = PATCH_SHAPE,
    spacing_mm: tuple[float, float, float] = PATCH_SPACING_MM,
    noise_hu: float | None = None,
    misalignment: bool = True,
) -> LesionPatch:
    """A patch whose lesion is drawn: ``kind`` fixed, or HCC or another (``is_hcc``), or as in the source study.

    ``size_set`` says whose sizes (see :class:`SizeSet`) unless ``size_mm`` is given; ``noise_hu`` the noise's standard
    deviation (default: drawn, 8 to 17).

    >>> patch = lesion_patch(3, kind="hcc", size_mm=20.0)
    >>> patch.voxels_hu.shape, patch.truth["kind"], bool((patch.liver | ~patch.lesion).all())
    ((3, 24, 96, 96), 'hcc', True)
    """
    _check(seed, shape, spacing_mm, noise_hu)
    rng = np.random.default_rng(np.random.SeedSequence((seed, 0x4CC)))
    drawn = draw_kind(rng, is_hcc)
    chosen = drawn if kind is None else LesionKind.of(kind)
    cirrhotic = rng.random() < max(0.4, RECIPES[chosen].cirrhosis_share)
    patient = Patient.sample(rng, condition="cirrhosis" if cirrhotic else None)
    drawn_size = draw_size(rng, chosen is LesionKind.HCC, size_set)
    size = drawn_size if size_mm is None else size_mm
    lesion = draw_lesion(rng, patient, chosen, size_mm=size, grain_hu=_grain_hu(seed, chosen, size))
    scene = _Scene.draw(rng, patient, lesion, shape, spacing_mm)
    noise = float(rng.uniform(8, 17)) if noise_hu is None else noise_hu
    seconds = {phase: float(rng.normal(*_SECONDS[phase])) for phase in PHASES}
    voxels = np.empty((len(PHASES), *shape), np.float32)
    shifts = {}
    masks: dict[str, tuple[NDArray[np.bool_], NDArray[np.bool_]]] = {}
    for n, phase in enumerate(PHASES):
        move = (0, 0, 0)
        if misalignment and phase != "portal":
            steps = np.clip(np.rint(rng.normal(0, (0.5, 1.2, 1.2))), [-m for m in _MARGIN], _MARGIN)
            move = (int(steps[0]), int(steps[1]), int(steps[2]))
        shifts[phase] = move
        picture, masks[phase] = scene.at(seconds[phase], move)
        picture += np.float32(noise * float(rng.uniform(0.85, 1.15))) * _noise(rng, shape)
        voxels[n] = picture
    lesion_mask, liver_mask = masks["portal"]
    painted = float(lesion_mask.sum()) * float(np.prod(spacing_mm))
    truth = {
        "seed": seed,
        **lesion.truth,
        "seconds": seconds,
        "shifts_kji": shifts,
        "noise_hu": noise,
        "patient": patient.facts,
        "share_inside": min(1.0, painted / lesion.shape.volume_mm3),
    }
    return LesionPatch(voxels, lesion_mask, liver_mask, spacing_mm, truth)


@dataclass(frozen=True)
class _Scene:
    """A piece of liver on a grid a little larger than the patch, so that phases can be shifted."""

    patient: Patient
    lesion: Lesion
    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    texture_hu: Floats
    portal: Floats
    hepatic: Floats
    outside: Floats
    beyond: str

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        patient: Patient,
        lesion: Lesion,
        shape: tuple[int, int, int],
        spacing_mm: tuple[float, float, float],
    ) -> _Scene:
        padded = tuple(n + 2 * m for n, m in zip(shape, _MARGIN, strict=True))
        box = (padded[0], padded[1], padded[2])
        cirrhotic = patient.condition.value == "cirrhosis"
        texture = rng.normal(0, 1.4, [n // 4 + 2 for n in box]).astype(np.float32)
        for axis, n in enumerate(box):  # linear interpolation of a coarse grid, one axis after the other
            knots = np.linspace(0, texture.shape[axis] - 1, n)
            weights = np.maximum(1 - np.abs(knots[:, None] - np.arange(texture.shape[axis])), 0).astype(np.float32)
            texture = np.moveaxis(np.tensordot(weights, texture, axes=(1, axis)), 0, axis)
        return cls(
            patient,
            lesion,
            shape,
            spacing_mm,
            np.ascontiguousarray(texture) * np.float32(rng.uniform(3, 8) if cirrhotic else rng.uniform(0.5, 2.5)),
            _vessels(rng, box, spacing_mm, int(rng.integers(3, 8)), lesion.size_mm / 2),
            _vessels(rng, box, spacing_mm, int(rng.integers(2, 6)), lesion.size_mm / 2),
            _edge(rng, box, spacing_mm, lesion) if rng.random() < 0.4 else np.zeros(box, np.float32),
            str(rng.choice(list(_OUTSIDE), p=list(_OUTSIDE.values()))),
        )

    def at(
        self, seconds: float, move: tuple[int, int, int]
    ) -> tuple[Floats, tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
        """The noiseless picture with its lesion and liver masks, displaced by ``move`` voxels (k, j, i)."""
        crop = tuple(slice(m - s, m - s + n) for m, s, n in zip(_MARGIN, move, self.shape, strict=True))
        tissue = self.patient.hu_table(["liver", "portal_vein", "hepatic_veins", "visceral_fat", "muscle"], seconds)
        liver = tissue["liver"]
        picture = self.texture_hu[crop] + np.float32(liver)
        picture += self.portal[crop] * np.float32(tissue["portal_vein"] - liver)
        picture += self.hepatic[crop] * np.float32(tissue["hepatic_veins"] - liver)
        outside = self.outside[crop]
        beyond = _FIXED_HU[self.beyond] if self.beyond in _FIXED_HU else tissue[self.beyond]
        picture += outside * (np.float32(beyond) - picture)
        mask = np.zeros(self.shape, np.bool_)
        axes = [
            (np.arange(n, dtype=np.float32) - np.float32((n - 1) / 2) - s) * np.float32(mm)
            for n, s, mm in zip(self.shape, move, self.spacing_mm, strict=True)
        ]
        low, high = self.lesion.box_mm
        near = tuple(slice(*np.searchsorted(axis, (low[n], high[n]))) for axis, n in zip(axes, (2, 1, 0), strict=True))
        z, y, x = np.meshgrid(*(axis[part] for axis, part in zip(axes, near, strict=True)), indexing="ij")
        if z.size:
            points = np.stack([x, y, z], axis=-1)
            painted, mask[near] = self.lesion.paint(picture[near], points, seconds)
            picture[near] = painted
        return picture, (mask, (outside < 0.5) | mask)


def _grain_hu(seed: int, kind: LesionKind, size_mm: float) -> float:
    """As wide in every kind of solid lesion; drawn apart, so that it moves nothing else."""
    if kind is LesionKind.CYST:
        return _CYST_GRAIN_HU
    rng = np.random.default_rng(np.random.SeedSequence((seed, 0x6A4)))
    median = _GRAIN[0] * (max(size_mm, SMALLEST_MM) / 20.0) ** _GRAIN_GROWTH
    return float(min(_MOST_GRAIN_HU, median * np.exp(rng.normal(0, _GRAIN[1]))))


def _vessels(
    rng: np.random.Generator,
    box: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    count: int,
    clear_mm: float,
) -> Floats:
    """How much of each voxel is vessel: bent tubes that run anywhere but through the middle of the lesion."""
    spacing = np.asarray(spacing_mm)
    half = np.asarray(box) * spacing / 2
    filled = np.zeros(box, np.float32)
    for _ in range(count):
        radius = float(np.clip(rng.lognormal(0.45, 0.5), 0.7, 5.0))
        start, end = rng.uniform(-1, 1, (2, 3)) * half * 1.3
        bend = rng.normal(0, 9, 3)
        t = np.linspace(0, 1, int(np.linalg.norm(end - start) / max(0.6, 0.35 * radius)) + 2)[:, None]
        line = start + t * (end - start) + 4 * t * (1 - t) * bend
        clear = np.sqrt(np.square(line).sum(axis=1)) > clear_mm * 0.9 + radius
        line = line[clear & (np.abs(line) < half + radius).all(axis=1)]
        index = (line + half) / spacing - 0.5
        nearest = np.rint(index).astype(int)
        steps = [np.arange(-r, r + 1) for r in np.ceil((radius + 0.5) / spacing).astype(int)]
        places = [nearest[:, axis, None] + steps[axis] for axis in range(3)]
        squares = [
            np.square((places[axis] - index[:, axis, None]) * spacing[axis]).astype(np.float32) for axis in range(3)
        ]
        for axis in range(3):  # what lies outside the box is infinitely far
            squares[axis][(places[axis] < 0) | (places[axis] >= box[axis])] = np.inf
        distance = np.sqrt(squares[0][:, :, None, None] + squares[1][:, None, :, None] + squares[2][:, None, None, :])
        point, k, j, i = np.nonzero(distance < radius + 0.5)
        cover = np.minimum(np.float32(radius + 0.5) - distance[point, k, j, i], 1)
        np.maximum.at(filled, (places[0][point, k], places[1][point, j], places[2][point, i]), cover)
    return filled


def _edge(
    rng: np.random.Generator, box: tuple[int, int, int], spacing_mm: tuple[float, float, float], lesion: Lesion
) -> Floats:
    """How much of each voxel lies beyond the liver's surface, a bulging plane past the lesion."""
    normal = rng.normal(size=3)
    normal /= np.linalg.norm(normal)
    away = lesion.size_mm / 2 + float(rng.exponential(7)) + 1
    axes = [
        (np.arange(n, dtype=np.float32) - np.float32((n - 1) / 2)) * np.float32(mm)
        for n, mm in zip(box, spacing_mm, strict=True)
    ]
    along = axes[0][:, None, None] * normal[0] + axes[1][:, None] * normal[1] + axes[2] * normal[2]
    curve = 0.0035 * (axes[1][:, None] * normal[2] - axes[2] * normal[1]) ** 2
    edge: Floats = np.clip(along + curve - away + 0.5, 0, 1).astype(np.float32)
    return edge


def _noise(rng: np.random.Generator, shape: tuple[int, int, int]) -> Floats:
    """Noise of unit variance whose grains are about two pixels wide in plane, as a soft kernel leaves it."""
    white = rng.standard_normal((shape[0], shape[1] + 1, shape[2] + 1), dtype=np.float32)
    rows = white[:, 1:] + white[:, :-1]
    grains: Floats = (rows[..., 1:] + rows[..., :-1]) * np.float32(0.5)
    return grains


def _check(
    seed: int, shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], noise_hu: float | None
) -> None:
    if seed < 0:
        raise InvalidInputError(f"a seed cannot be negative: {seed}", remedy="choose a whole number from 0 upwards")
    if len(shape) != 3 or min(shape) < 4:
        raise InvalidInputError(f"a patch of {shape} voxels cannot be made", remedy="give (k, j, i), each 4 or more")
    if len(spacing_mm) != 3 or not min(spacing_mm) > 0:
        raise InvalidInputError(
            f"voxel spacing must be positive mm (k, j, i), not {spacing_mm}", remedy="choose (2.0, 0.76, 0.76)"
        )
    if noise_hu is not None and not noise_hu >= 0:
        raise InvalidInputError(f"noise cannot be {noise_hu} HU", remedy="choose 0 or more, usually 8 to 17")
