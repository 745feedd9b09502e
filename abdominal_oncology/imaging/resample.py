"""Put an image on another grid: linear for measured values, nearest for labels.

Engines: ``"sparse"`` serves grids that differ by spacing, origin, flips and swapped axes only (two sparse products per
slice, the fastest); ``"simpleitk"`` and ``"torch"`` serve any grid; ``"auto"`` takes the first that fits.
They agree: edges hold up to the outer voxel edge, what lies beyond gets ``outside``, whole numbers are rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError, MissingDependencyError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.separable import (
    apply_in_plane,
    each,
    inside,
    linear_taps,
    linear_weights,
    nearest_taps,
)
from abdominal_oncology.imaging.sitk_bridge import array_to_sitk, itk_direction
from abdominal_oncology.progress import Progress, silent

Interpolation = Literal["linear", "nearest"]
Engine = Literal["auto", "sparse", "simpleitk", "torch"]

AIR_HU = -1024.0
_ALIGNED_TOLERANCE_VOXELS = 1e-4


def resample(
    image: Image,
    geometry: Geometry,
    interpolation: Interpolation | None = None,
    engine: Engine = "auto",
    outside: float | None = None,
    progress: Progress = silent,
) -> Image:
    """``image`` on the grid ``geometry``, same number type.

    ``interpolation``: linear, for masks nearest (linear on a mask is refused). ``outside``: what voxels beyond the
    image get; -1024 for signed CT, else 0. Nothing is smoothed first: a much coarser grid takes samples, not means.

    >>> image = Image(np.array([[[0, 10]]], np.int16), Geometry((1, 1, 2)))
    >>> resample(image, Geometry((1, 1, 3), (1.0, 1.0, 0.5))).voxels.tolist()
    [[[0, 5, 10]]]
    """
    chosen = interpolation or ("nearest" if image.is_mask else "linear")
    if chosen not in ("linear", "nearest"):
        raise InvalidInputError(f"unknown interpolation {chosen!r}", remedy='use "linear" or "nearest"')
    if image.is_mask and chosen == "linear":
        raise InvalidInputError("labels cannot be interpolated linearly", remedy='use interpolation="nearest"')
    fill = default_outside(image) if outside is None else float(outside)
    check_outside(fill, image.voxels.dtype)
    mapping = image.geometry.inverse_affine @ geometry.affine
    aligned = _axis_order(mapping, geometry.shape)
    if engine == "auto":
        engine = "sparse" if aligned is not None else "simpleitk"
    if engine == "sparse":
        if aligned is None:
            raise InvalidInputError(
                "the grids are turned against each other", remedy='use engine="simpleitk" or "torch"'
            )
        voxels = _sparse(image.voxels, mapping, aligned, geometry.shape, chosen, fill, progress)
    elif engine == "simpleitk":
        voxels = _simpleitk(image, geometry, chosen, fill)
    elif engine == "torch":
        voxels = _torch(image.voxels, mapping, geometry.shape, chosen, fill, progress)
    else:
        raise InvalidInputError(f"unknown engine {engine!r}", remedy='use "auto", "sparse", "simpleitk" or "torch"')
    facts = {"spacing_mm": geometry.spacing_mm, "shape": geometry.shape, "interpolation": chosen, "outside": fill}
    return image.derive("resample", {**facts, "engine": engine}, voxels=voxels, geometry=geometry)


def resample_to_spacing(
    image: Image,
    spacing_mm: Sequence[float],
    interpolation: Interpolation | None = None,
    engine: Engine = "auto",
    progress: Progress = silent,
) -> Image:
    """``image`` over the same outer extent with another (k, j, i) spacing in mm."""
    return resample(image, image.geometry.with_spacing(spacing_mm), interpolation, engine, progress=progress)


def default_outside(image: Image) -> float:
    """What lies beyond an image: air for CT in a type that can hold it, else 0."""
    return AIR_HU if image.modality is Modality.CT and image.voxels.dtype.kind in "if" else 0.0


def check_outside(fill: float, dtype: np.dtype[Any]) -> None:
    """Refuse a fill value that the voxel type cannot hold."""
    if dtype.kind == "b":
        fits = fill in (0, 1)
    elif dtype.kind in "iu":
        limits = np.iinfo(dtype)
        fits = bool(limits.min <= fill <= limits.max) and fill == int(fill)
    else:
        fits = True
    if not fits:
        raise InvalidInputError(f"the outside value {fill:g} does not fit into {dtype}")


def _axis_order(mapping: NDArray[np.float64], shape: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """For each new axis the old axis it runs along, or None when a new axis runs along several."""
    reach = np.abs(mapping[:3, :3]) * np.maximum(np.asarray(shape) - 1, 1)  # voxels walked along each old axis
    order = tuple(int(v) for v in np.argmax(np.abs(mapping[:3, :3]), axis=0))
    if sorted(order) != [0, 1, 2]:
        return None
    reach[list(order), [0, 1, 2]] = 0
    return (order[0], order[1], order[2]) if reach.max() < _ALIGNED_TOLERANCE_VOXELS else None


def _sparse(
    voxels: NDArray[Any],
    mapping: NDArray[np.float64],
    order: tuple[int, int, int],
    shape: tuple[int, int, int],
    interpolation: str,
    fill: float,
    progress: Progress,
) -> NDArray[Any]:
    old = voxels.transpose(order)
    at_k, at_j, at_i = (mapping[order[a], a] * np.arange(shape[a]) + mapping[order[a], 3] for a in range(3))
    is_in = [inside(p, n) for p, n in zip((at_k, at_j, at_i), old.shape, strict=True)]
    result = np.full(shape, fill, voxels.dtype)
    if not all(axis.any() for axis in is_in):
        return result
    # the inside of a straight grid is one block: work on that block only
    block = tuple(slice(int(np.argmax(axis)), int(len(axis) - np.argmax(axis[::-1]))) for axis in is_in)
    target = result[block]
    at_k, at_j, at_i = at_k[block[0]], at_j[block[1]], at_i[block[2]]
    if interpolation == "nearest":
        k, j, i = (nearest_taps(p, n) for p, n in zip((at_k, at_j, at_i), old.shape, strict=True))

        def pick(n: int) -> None:
            target[n] = old[k[n]].take(j, axis=0).take(i, axis=1)

        each(pick, len(k), progress, "resampling")
        return result
    kind = _working_type(voxels.dtype)
    rows, columns = linear_weights(at_j, old.shape[1], kind), linear_weights(at_i, old.shape[2], kind)
    low, high, fraction = linear_taps(at_k, old.shape[0])
    high = np.where(fraction == 0, low, high)
    needed = np.unique(np.concatenate([low, high]))
    weights = fraction.astype(kind)
    plane_shape = (len(at_j), len(at_i))
    if len(needed) <= len(low):  # fewer old slices than new ones: shrink those in plane first, then mix along k
        planes = np.empty((len(needed), *plane_shape), kind)

        def flatten(n: int) -> None:
            apply_in_plane(rows, columns, old[needed[n]].astype(kind, copy=False), planes[n])

        each(flatten, len(needed), progress, "resampling in plane")
        first, second = np.searchsorted(needed, low), np.searchsorted(needed, high)

        def mix(n: int) -> None:
            target[n] = _settle(_lerp(planes[first[n]], planes[second[n]], weights[n]), voxels.dtype)

        each(mix, len(low), progress, "resampling across slices")
        return result

    def whole(n: int) -> None:
        mixed = _lerp(old[low[n]].astype(kind, copy=False), old[high[n]], weights[n])
        plane = np.empty(plane_shape, kind)
        apply_in_plane(rows, columns, mixed, plane)
        target[n] = _settle(plane, voxels.dtype)

    each(whole, len(low), progress, "resampling")
    return result


def _lerp(a: NDArray[Any], b: NDArray[Any], weight: Any) -> NDArray[Any]:
    if weight == 0:
        return a
    mixed: NDArray[Any] = a * (1 - weight)
    mixed += b * weight
    return mixed


def _working_type(dtype: np.dtype[Any]) -> type[np.floating[Any]]:
    """float32 holds every whole number of 16 bits exactly; wider types need float64."""
    exact = dtype.itemsize <= 2 or dtype == np.float32
    return np.float32 if exact else np.float64


def _settle(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    settled: NDArray[Any] = (np.rint(values) if dtype.kind in "iub" else values).astype(dtype, copy=False)
    return settled


def _simpleitk(image: Image, geometry: Geometry, interpolation: str, fill: float) -> NDArray[Any]:
    import SimpleITK as sitk

    dtype = image.voxels.dtype
    linear = interpolation == "linear"
    moving = array_to_sitk(image.voxels, image.geometry)
    result = sitk.Resample(
        moving,
        geometry.shape[::-1],
        sitk.Transform(),
        sitk.sitkLinear if linear else sitk.sitkNearestNeighbor,
        geometry.origin_mm,
        geometry.spacing_mm[::-1],
        itk_direction(geometry),
        fill,
        # ITK truncates when it writes whole numbers, which darkens CT by half a HU: take floats and round
        (sitk.sitkFloat32 if _working_type(dtype) is np.float32 else sitk.sitkFloat64)
        if linear
        else moving.GetPixelID(),
    )
    return _settle(sitk.GetArrayFromImage(result), dtype)


def _torch(
    voxels: NDArray[Any],
    mapping: NDArray[np.float64],
    shape: tuple[int, int, int],
    interpolation: str,
    fill: float,
    progress: Progress,
) -> NDArray[Any]:
    try:
        import torch
    except ImportError as missing:
        raise MissingDependencyError(
            'resampling with engine="torch" needs torch', remedy='install torch, or use engine="auto"'
        ) from missing
    # grid_sample wants its coordinates in the type of the values; float64 keeps a long axis exact
    kind = np.float64 if _working_type(voxels.dtype) is np.float64 else np.float32
    source = torch.from_numpy(np.array(voxels, dtype=kind))[None, None]
    size = np.asarray(voxels.shape, np.float64)
    step, start = mapping[:3, :3], mapping[:3, 3]
    j, i = np.meshgrid(np.arange(shape[1]), np.arange(shape[2]), indexing="ij")
    in_plane = j[..., None] * step[:, 1] + i[..., None] * step[:, 2] + start
    result = np.empty(shape, voxels.dtype)
    for k in range(shape[0]):
        at = in_plane + k * step[:, 0]
        if interpolation == "nearest":
            at = np.floor(at + 0.5 + 1e-6)
            is_in = ((at >= 0) & (at < size)).all(axis=-1)
        else:
            is_in = np.stack([inside(at[..., a], voxels.shape[a]) for a in range(3)]).all(axis=0)
        unit = torch.from_numpy((((2 * at + 1) / size - 1)[..., ::-1]).astype(kind))
        sampled = torch.nn.functional.grid_sample(
            source,
            unit[None, None],
            mode="bilinear" if interpolation == "linear" else "nearest",
            padding_mode="border",
            align_corners=False,
        )
        result[k] = np.where(is_in, _settle(sampled[0, 0, 0].numpy(), voxels.dtype), voxels.dtype.type(fill))
        progress((k + 1) / shape[0], "resampling")
    return result
