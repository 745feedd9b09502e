"""Robust HU of named structures: from a label map, or around points that a person placed.

A structure is measured in its core, away from its wall, on at most :data:`SLICES_EACH` slices spread over it; only
those are read. What stands out (calcium, metal, a bile duct) is cut off before the median is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt, find_objects

from abdominal_oncology.errors import EmptyMaskError, GeometryMismatchError, InvalidInputError, WrongModalityError
from abdominal_oncology.imaging.anatomy import lookup, with_snomed
from abdominal_oncology.imaging.geometry import Geometry, Vector
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import ArrayReader, SliceReader
from abdominal_oncology.imaging.resample import resample
from abdominal_oncology.phase.region_hu import RegionHU, RegionSource
from abdominal_oncology.phase.words import MEASURED
from abdominal_oncology.progress import Progress, silent

Floats = NDArray[np.float64]

SLICES_EACH = 16

_CORE_MM = 3.0  # from the wall: beyond partial volume and the blur of a soft kernel
_RIM_MM = (1.5, 5.0)  # this deep below a kidney's surface there is cortex and nothing else
# what no median takes away: unmixed blood at the renal veins, fat between lobules and in the sinus, vessels in an organ
_PLACEMENT_HU: Mapping[str, float] = {
    **dict.fromkeys(("inferior_vena_cava", "hepatic_veins", "pancreas"), 10.0),
    **dict.fromkeys(("kidney_left", "kidney_right", "renal_cortex", "renal_medulla"), 8.0),
    **dict.fromkeys(("iliac_vena_left", "iliac_vena_right"), 8.0),
    "portal_vein_and_splenic_vein": 5.0,
}
_FEWEST = 12
_GRAIN_VOXELS = 10.0  # neighbouring voxels share their noise
_FLOOR_HU = 3.0  # scanner calibration and everything not thought of
_EDGE_HU = 12.0  # where no voxel is further than half the core's depth from the wall
_KIDNEYS = ("kidney_left", "kidney_right")
_TISSUE_HU = (-30.0, 3200.0)
_LARGEST_SCATTER_HU, _FAT_HU = 110.0, -50.0


def measure_regions(
    image: Image | SliceReader,
    labels: Image,
    names: Mapping[int, str | int] | None = None,
    progress: Progress = silent,
) -> tuple[RegionHU, ...]:
    """Every structure of :data:`MEASURED` that the label map holds.

    ``names`` says what its values mean: our or TotalSegmentator's names or numbers, SNOMED CT codes, or aliases; None:
    the values are TotalSegmentator's own. Unknown names are passed over. The label map may lie on another grid.
    """
    reader = _ct(image)
    meaning = _meaning(labels, names)
    if not meaning:
        raise EmptyMaskError(
            "the label map names no structure that says anything about contrast",
            where=labels.source.path,
            remedy=f"name at least one of {', '.join(MEASURED[:6])} …",
        )
    label_map = _on_grid(labels, reader)
    present = np.isin(label_map, list(meaning)).any(axis=(1, 2))
    if not present.any():
        raise GeometryMismatchError(
            "the named structures lie outside the image",
            where=labels.source.path,
            remedy="check that both belong together",
        )
    jobs = _jobs(label_map, meaning)
    wanted = sorted({k for job in jobs for k in job.slices})
    voxels = reader.read(wanted, progress)
    place = {k: index for index, k in enumerate(wanted)}
    found = []
    for job in jobs:
        region = _measure(job, label_map, voxels, place, reader.geometry)
        if region is not None:
            found.append(region)
    return tuple(found)


def measure_points(
    image: Image | SliceReader,
    points_lps_mm: Mapping[str, Sequence[ArrayLike]],
    radius_mm: float = 5.0,
    progress: Progress = silent,
) -> tuple[RegionHU, ...]:
    """Spheres around points (x, y, z) in LPS mm, several per structure allowed.

    A sphere that leaves the volume, or that lies in air or across an edge, is an error that names its structure.
    """
    reader = _ct(image)
    if not radius_mm > 0:
        raise InvalidInputError(f"a sphere needs a positive radius, not {radius_mm} mm")
    found = []
    for structure, points in points_lps_mm.items():
        values, slices = [], set()
        for point in points:
            inside, at = _sphere(reader, structure, np.asarray(point, dtype=np.float64), radius_mm, progress)
            values.append(inside)
            slices.update(at)
        if not values:
            continue
        known = lookup(structure)
        x, y, z = (float(part) for part in np.asarray(points[0], dtype=np.float64))
        name = known.name if known else structure
        found.append(_summary(name, values, "points", tuple(sorted(slices)), 4.0, place_mm=(x, y, z)))
    return tuple(found)


@dataclass(frozen=True)
class _Job:
    """A structure to measure: the label values that make it up, where to look, and how deep below its surface."""

    structure: str
    values: tuple[int, ...]
    slices: tuple[int, ...]
    depth_mm: tuple[float, float]


def _ct(image: Image | SliceReader) -> SliceReader:
    reader = ArrayReader(image) if isinstance(image, Image) else image
    if reader.modality in (Modality.MR, Modality.MASK):
        raise WrongModalityError(
            f"contrast in HU needs CT, not {reader.modality}", where=reader.source.path, remedy="choose a CT series"
        )
    return reader


def _meaning(labels: Image, names: Mapping[int, str | int] | None) -> dict[int, str]:
    """Label value → canonical name, of those we measure."""
    given = names if names is not None else {int(v): int(v) for v in _values(labels) if v > 0}
    result = {}
    for value, key in given.items():
        known = lookup(key)
        if known is None and isinstance(key, str):
            # one code may name two sides; a kidney is a kidney
            known = next(iter(with_snomed(key)), None)
        if known is not None and known.name in MEASURED:
            result[int(value)] = known.name
    return result


def _values(labels: Image) -> NDArray[np.int64]:
    voxels = labels.voxels
    if voxels.dtype.kind in "bu" and voxels.dtype.itemsize == 1:
        return np.flatnonzero(np.bincount(voxels.ravel().astype(np.uint8, copy=False)))
    rounded = np.unique(voxels)
    if voxels.dtype.kind == "f" and not np.array_equal(rounded, np.round(rounded)):
        raise InvalidInputError(
            "the label map holds fractions", where=labels.source.path, remedy="give whole numbers, one per structure"
        )
    return rounded.astype(np.int64)


def _on_grid(labels: Image, reader: SliceReader) -> NDArray[np.int64]:
    if labels.geometry.same_grid(reader.geometry):
        return np.asarray(labels.voxels)
    return np.asarray(resample(labels, reader.geometry, "nearest", outside=0).voxels)


def _jobs(label_map: NDArray[np.int64], meaning: Mapping[int, str]) -> list[_Job]:
    by_name: dict[str, list[int]] = {}
    for value, name in meaning.items():
        by_name.setdefault(name, []).append(value)
    jobs = [_job(label_map, name, values, (_CORE_MM, np.inf)) for name, values in by_name.items()]
    kidneys = [value for name in _KIDNEYS for value in by_name.get(name, ())]
    if kidneys and "renal_cortex" not in by_name:
        jobs.append(_job(label_map, "renal_cortex", kidneys, _RIM_MM))
    return [job for job in jobs if job.slices]


def _job(label_map: NDArray[np.int64], name: str, values: Sequence[int], depth_mm: tuple[float, float]) -> _Job:
    area = np.isin(label_map, values).sum(axis=(1, 2))
    there = np.flatnonzero(area)
    if len(there) > 4:  # the first and last slice are half something else
        there = there[1:-1]
    there = there[area[there] >= 0.2 * np.median(area[there])] if len(there) else there
    chosen = there[np.unique(np.linspace(0, len(there) - 1, min(SLICES_EACH, len(there))).round().astype(int))]
    if name in _KIDNEYS:
        depth_mm = (1.0, np.inf)  # a mean over cortex and medulla, as the curves have it
    return _Job(name, tuple(values), tuple(int(k) for k in chosen), depth_mm)


def _measure(
    job: _Job,
    label_map: NDArray[np.int64],
    voxels: NDArray[np.float64],
    place: Mapping[int, int],
    grid: Geometry,
) -> RegionHU | None:
    depths, values, areas = [], [], []
    for k in job.slices:
        mask = np.isin(label_map[k], job.values)
        box = find_objects(mask.astype(np.uint8))[0]
        inside = np.pad(mask[box], 1)  # the image's border is no wall, but what lies beyond is not seen either
        depth = distance_transform_edt(inside, sampling=grid.spacing_mm[1:])[1:-1, 1:-1]
        chosen = mask[box]
        areas.append((k, depth, box))
        depths.append(depth[chosen])
        values.append(np.asarray(voxels[place[k]][box][chosen], dtype=np.float64))
    deepest = float(np.percentile(np.concatenate(depths), 99))
    least = min(job.depth_mm[0], 0.6 * deepest)
    kept = [v[(d >= least) & (d <= job.depth_mm[1])] for d, v in zip(depths, values, strict=True)]
    kept = [v[np.isfinite(v) & (v > _TISSUE_HU[0]) & (v < _TISSUE_HU[1])] if _is_kidney(job) else v for v in kept]
    if sum(len(v) for v in kept) < _FEWEST:
        return None
    thin = _EDGE_HU if least < 0.5 * _CORE_MM and not _is_kidney(job) else 0.0
    return _summary(
        job.structure,
        kept,
        "segmentation",
        job.slices,
        np.hypot(thin, _PLACEMENT_HU.get(job.structure, 0.0)),
        mean=job.structure in _KIDNEYS,
        place_mm=_place(*areas[len(areas) // 2], (least, job.depth_mm[1]), grid),
    )


def _place(
    k: int, depth: Floats, box: tuple[slice, slice], within_mm: tuple[float, float], grid: Geometry
) -> Vector | None:
    """Where slice ``k``, of which ``depth`` is a part, lies deepest in what was measured, if it does at all."""
    measured = np.where((depth >= within_mm[0]) & (depth <= within_mm[1]), depth, 0.0)
    j, i = divmod(int(measured.argmax()), measured.shape[1])
    if not measured[j, i]:
        return None
    x, y, z = grid.to_world((k, box[0].start + j, box[1].start + i))
    return float(x), float(y), float(z)


def _is_kidney(job: _Job) -> bool:
    return job.structure in _KIDNEYS or job.depth_mm == _RIM_MM


def _summary(
    structure: str,
    parts: Sequence[Floats],
    source: RegionSource,
    slices: tuple[int, ...],
    extra_hu: float,
    *,
    mean: bool = False,
    place_mm: Vector | None = None,
) -> RegionHU:
    """One value of several samples; their disagreement is part of the error."""
    everything = np.concatenate(parts)
    everything = everything[np.isfinite(everything)]
    if not len(everything):
        raise InvalidInputError("there is not a single valid voxel in it", where=structure)
    middle = float(np.median(everything))
    spread = max(1.4826 * float(np.median(np.abs(everything - middle))), 1.0)
    kept = everything[np.abs(everything - middle) <= 3.5 * spread]
    hu = float(kept.mean() if mean else np.median(kept))
    centres = [float(np.median(part)) for part in parts if len(part) >= 5 and np.isfinite(part).all()]
    between = float(np.std(centres)) / np.sqrt(len(centres) - 1) if len(centres) > 2 else spread / 3
    noise = spread / np.sqrt(max(len(kept) / _GRAIN_VOXELS, 1.0))
    error = float(np.sqrt(_FLOOR_HU**2 + between**2 + noise**2 + extra_hu**2))
    return RegionHU(structure, hu, error, len(kept), source, slices, place_mm)


def _sphere(
    reader: SliceReader, structure: str, centre_mm: Floats, radius_mm: float, progress: Progress
) -> tuple[Floats, list[int]]:
    geometry = reader.geometry
    if centre_mm.shape != (3,) or not np.isfinite(centre_mm).all():
        raise InvalidInputError(f"a point needs three finite numbers, not {centre_mm.tolist()}", where=structure)
    centre = geometry.to_index(centre_mm)
    reach = radius_mm / np.asarray(geometry.spacing_mm)
    low, high = np.ceil(centre - reach).astype(int), np.floor(centre + reach).astype(int)
    nearest = np.round(centre).astype(int)
    low, high = np.minimum(low, nearest), np.maximum(high, nearest)  # thin spheres still see the voxel they lie in
    if (low < 0).any() or (high >= geometry.shape).any():
        raise InvalidInputError(
            "the sphere leaves the volume", where=structure, remedy="move the point inwards or take a smaller radius"
        )
    k, j, i = (np.arange(a, b + 1) for a, b in zip(low, high, strict=True))
    off = np.meshgrid(k - centre[0], j - centre[1], i - centre[2], indexing="ij")
    distance = sum((axis * step) ** 2 for axis, step in zip(off, geometry.spacing_mm, strict=True))
    within = distance <= radius_mm**2
    within[tuple(nearest - low)] = True
    block = reader.read(k.tolist(), progress)[:, low[1] : high[1] + 1, low[2] : high[2] + 1]
    values = np.asarray(block[within], dtype=np.float64)
    middle = np.median(values)
    if 1.4826 * np.median(np.abs(values - middle)) > _LARGEST_SCATTER_HU or (values < _FAT_HU).mean() > 0.25:
        raise InvalidInputError(
            "the sphere lies across an edge, in bone, fat or air", where=structure, remedy="move it into the structure"
        )
    return values, k.tolist()
