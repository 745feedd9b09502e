"""A liver study with lesions: the CT phantom of one patient in several phases, lesions painted into its liver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.lesion_kinds import RECIPES, LesionKind, SizeSet
from abdominal_oncology.hcc.lesions import Lesion, check_size, draw_kind, draw_lesion, draw_size
from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.phantom.ct_study import ct_study
from abdominal_oncology.phantom.physiology import LiverCondition, Patient
from abdominal_oncology.phantom.result import Phantom
from abdominal_oncology.progress import Progress, part, silent

LIVER_PHASES: Mapping[str, float | None] = {"non-contrast": None, "arterial": 38.0, "portal": 75.0, "delayed": 180.0}

_SCOUT_SPACING_MM = (10.0, 6.0, 6.0)
_SCOUT_MATRIX = 80
_GAP_MM = 6.0
_SAME_PLACE_MM = 30.0


def hcc_study(
    seed: int,
    *,
    lesions: Sequence[LesionKind | str] | None = None,
    sizes_mm: Sequence[float] | None = None,
    size_set: SizeSet | str = SizeSet.SMALL,
    condition: LiverCondition | str | None = None,
    seconds: Mapping[str, float | None] = LIVER_PHASES,
    spacing_mm: tuple[float, float, float] = (2.5, 0.75, 0.75),
    matrix: int = 512,
    slices: int | None = None,
    extent: str = "upper",
    noise_hu: float | None = None,
    progress: Progress = silent,
) -> Phantom:
    """One patient with focal liver lesions, scanned at ``seconds`` after injection by role (None: no contrast).

    ``lesions`` names their kinds (None: one to three are drawn as often as in the source study), ``sizes_mm`` their
    largest diameters (None: drawn from ``size_set``), ``condition`` the liver's (None: cirrhosis as often as the kinds
    suggest). The other arguments are those of :func:`~abdominal_oncology.phantom.ct_study.ct_study`.

    ``truth["lesions"]`` lists each lesion: kind, ``is_hcc``, ``size_mm``, LI-RADS ``features``, and by role its voxel
    count and ``centre_mm`` (LPS). In the label maps all lesions are ``liver_lesion``; they do not touch each other.
    """
    rng = np.random.default_rng(np.random.SeedSequence((_checked(seed), 0x11CC)))
    drawn_kinds = [draw_kind(rng) for _ in range(int(rng.integers(1, 4)))]
    kinds = drawn_kinds if lesions is None else [LesionKind.of(kind) for kind in lesions]
    if sizes_mm is not None and len(sizes_mm) != len(kinds):
        raise InvalidInputError(
            f"{len(sizes_mm)} sizes for {len(kinds)} lesions", remedy="give one size per lesion, with their kinds"
        )
    drawn_sizes = [draw_size(rng, kind is LesionKind.HCC, size_set) for kind in kinds]
    sizes = drawn_sizes if sizes_mm is None else [float(size) for size in sizes_mm]
    for size in sizes:
        check_size(size)
    share = max((RECIPES[kind].cirrhosis_share for kind in kinds), default=0.1)
    drawn_condition = LiverCondition.CIRRHOSIS if rng.random() < share else None
    patient = Patient.sample(rng, condition=drawn_condition if condition is None else LiverCondition(condition))

    probe = _Probe()
    scout = ct_study(
        seed,
        seconds={"scout": 75.0},
        spacing_mm=_SCOUT_SPACING_MM,
        matrix=_SCOUT_MATRIX,
        extent=extent,
        inserts=[probe],
        noise_hu=0.0,
        patient=patient,
        progress=part(progress, 0.0, 0.1),
    )
    scale = float(scout.truth["patient"]["scale"])
    spots = _spots(rng, scout, probe.points(), sizes)
    made = [
        draw_lesion(rng, patient, kind, size_mm=size / scale, centre_mm=spot.anatomy_mm, name=f"lesion_{n}")
        for n, (kind, size, spot) in enumerate(zip(kinds, sizes, spots, strict=True), start=1)
    ]
    study = ct_study(
        seed,
        seconds=seconds,
        spacing_mm=spacing_mm,
        matrix=matrix,
        slices=slices,
        extent=extent,
        inserts=made,
        noise_hu=noise_hu,
        patient=patient,
        progress=part(progress, 0.1, 1.0),
    )
    found = {role: _lesion_parts(image.voxels) for role, image in study.labels.items()}
    rows = [_row(lesion, size, spot, study, found) for lesion, size, spot in zip(made, sizes, spots, strict=True)]
    return replace(study, truth={**study.truth, "lesions": rows})


def liver_mask(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """The liver of a label map (k, j, i) with its lesions and the vessels inside it, as a person would outline it."""
    liver = np.isin(labels, [find("liver").number, find("liver_lesion").number])
    vessels = np.isin(labels, [find(name).number for name in ("portal_vein", "hepatic_veins", "hepatic_artery")])
    inside = ndimage.binary_closing(liver, ndimage.generate_binary_structure(3, 1), iterations=3)
    mask: NDArray[np.bool_] = liver | (vessels & inside)
    return mask


@dataclass
class _Probe:
    """An insert that changes nothing and remembers which anatomy point each voxel of a study shows."""

    seen: list[NDArray[np.float32]] = field(default_factory=list)
    name: str = "liver_lesion"
    box_mm: tuple[tuple[float, float, float], tuple[float, float, float]] = ((-1e4,) * 3, (1e4,) * 3)

    def paint(
        self, hu: NDArray[np.float32], points_mm: NDArray[np.float32], seconds: float | None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        self.seen.append(points_mm)
        return hu, np.zeros(hu.shape, np.bool_)

    def points(self) -> NDArray[np.float32]:
        """Anatomy coordinates (k, j, i, 3); slices are painted in any order, so they are sorted by height."""
        heights = [float(np.mean(plane[..., 2])) for plane in self.seen]
        return np.stack([self.seen[n] for n in np.argsort(heights)])


@dataclass(frozen=True)
class _Spot:
    """A place in the liver: in anatomy coordinates and where the scout shows it (LPS), mm."""

    anatomy_mm: tuple[float, float, float]
    world_mm: NDArray[np.float64]


def _spots(
    rng: np.random.Generator, scout: Phantom, points: NDArray[np.float32], sizes: Sequence[float]
) -> list[_Spot]:
    """A place for each lesion, the largest first: inside the liver and apart from each other."""
    labels = scout.labels["scout"]
    liver = liver_mask(labels.voxels)
    if not liver.any():
        raise InvalidInputError("the scan shows no liver", remedy="choose another extent, for example 'upper'")
    depth = ndimage.distance_transform_edt(np.pad(liver, 1), sampling=_SCOUT_SPACING_MM)[1:-1, 1:-1, 1:-1]
    index = np.argwhere(liver)
    world = labels.geometry.to_world(index)
    deep = depth[liver]
    spots: dict[int, _Spot] = {}
    for n in sorted(range(len(sizes)), key=lambda n: -sizes[n]):
        room = deep - sizes[n] / 2
        for other, spot in spots.items():
            away = np.linalg.norm(world - spot.world_mm, axis=1) - (sizes[n] + sizes[other]) / 2 - _GAP_MM
            room = np.minimum(room, away)
        # deep in the liver where there is room, else where it bulges least
        good = np.flatnonzero(room > 2.0)
        chosen = int(rng.choice(good)) if good.size else int(np.argmax(room))
        if room[chosen] < -0.2 * sizes[n]:
            raise InvalidInputError(
                f"{len(sizes)} lesions with one of {sizes[n]:.0f} mm do not fit into this liver",
                remedy="ask for fewer or smaller lesions, or another seed",
            )
        k, j, i = index[chosen]
        x, y, z = (float(value) for value in points[k, j, i])
        spots[n] = _Spot((x, y, z), world[chosen])
    return [spots[n] for n in range(len(sizes))]


def _lesion_parts(labels: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Centres (n, 3; k, j, i) and voxel counts (n) of the connected lesions of a label map."""
    parts, count = ndimage.label(labels == find("liver_lesion").number)
    if count == 0:
        return np.zeros((0, 3)), np.zeros(0, np.int64)
    boxes = ndimage.find_objects(parts)
    centres = [
        np.argwhere(parts[box] == n).mean(axis=0) + [side.start for side in box] for n, box in enumerate(boxes, start=1)
    ]
    return np.asarray(centres), np.bincount(parts.ravel(), minlength=count + 1)[1:]


def _row(
    lesion: Lesion,
    size_mm: float,
    spot: _Spot,
    study: Phantom,
    found: Mapping[str, tuple[NDArray[np.float64], NDArray[np.int64]]],
) -> dict[str, Any]:
    """A lesion's line in the truth, with where it was painted in each role."""
    centres: dict[str, list[float] | None] = {}
    volumes: dict[str, float] = {}
    for role, (middles, counts) in found.items():
        geometry = study.labels[role].geometry
        world = geometry.to_world(middles) if len(middles) else np.zeros((0, 3))
        distance = np.linalg.norm(world - spot.world_mm, axis=1)
        near = int(np.argmin(distance)) if len(distance) else -1
        shown = near >= 0 and distance[near] < _SAME_PLACE_MM
        centres[role] = [float(value) for value in world[near]] if shown else None
        volumes[role] = float(counts[near]) * geometry.voxel_volume_mm3 / 1000 if shown else 0.0
    return {**lesion.truth, "size_mm": size_mm, "centre_mm": centres, "volume_ml": volumes}


def _checked(seed: int) -> int:
    if seed < 0:
        raise InvalidInputError(f"a seed cannot be negative: {seed}", remedy="choose a whole number from 0 upwards")
    return seed
