"""What the voxels tell before a network sees them: is it MR, does it show a body, how uneven is the coil."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError, WrongModalityError
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.learning.finding import FindingWarning

BODY_STRIDE = 4
"""The body is looked for on every fourth row and column."""

_HU_AIR = -300.0
_BODY_SHARE_OF_BRIGHT = 0.08
_LEAST_BODY_SHARE = 0.02
_FEWEST_SLICES, _FEW_SLICES, _MANY_SLICES = 3, 10, 60
_SPACING_MM = (2.0, 5.0)
_MOST_OBLIQUE_DEGREES = 35.0
_HEAVY_SHADING = 3.0
_ROUNDS = 3
_TRIMMED = (5.0, 95.0)


def check_magnitude_image(image: Image) -> None:
    """Refuse what cannot be an MR picture of a body: CT, a mask, constant or not finite values, a single slice."""
    where = image.source.path
    remedy = "choose the axial T2-weighted MR series"
    if image.modality in (Modality.CT, Modality.MASK):
        raise WrongModalityError(f"an MR image is needed, not {image.modality}", where=where, remedy=remedy)
    low, high = float(image.voxels.min()), float(image.voxels.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InvalidInputError("the image holds NaN or infinity", where=where, remedy="export the series again")
    if low == high:
        raise InvalidInputError(f"every voxel is {low:g}: the image shows nothing", where=where, remedy=remedy)
    if image.modality is not Modality.MR and low < _HU_AIR:
        raise WrongModalityError(
            f"values down to {low:g} look like the Hounsfield units of CT, not like MR", where=where, remedy=remedy
        )


def stack_warnings(stack: Image) -> list[FindingWarning]:
    """About the slices of an axial stack: how many, how far apart, how oblique; too few are refused."""
    count, spacing = stack.geometry.shape[0], stack.geometry.spacing_mm[0]
    if count < _FEWEST_SLICES:
        raise InvalidInputError(
            f"the series has {count} slices: too few to follow the rectum",
            where=stack.source.path,
            remedy="choose the whole axial series",
        )
    found = []
    if stack.modality is not Modality.MR:
        found.append(
            FindingWarning("modality-unknown", "the file does not say that it is MR; it was taken as a T2-weighted one")
        )
    if count < _FEW_SLICES:
        found.append(
            FindingWarning("few-slices", f"only {count} slices: the tumour may reach beyond them, look at its ends")
        )
    if count > _MANY_SLICES:
        found.append(
            FindingWarning(
                "many-slices", f"{count} slices are more than a two-dimensional rectal series has (about 20 to 40)"
            )
        )
    if not _SPACING_MM[0] <= spacing <= _SPACING_MM[1]:
        found.append(
            FindingWarning(
                "slice-spacing",
                f"slices are {spacing:.2g} mm apart; the network knows {_SPACING_MM[0]:g} to {_SPACING_MM[1]:g} mm",
            )
        )
    tilt = stack.geometry.obliquity_degrees
    if tilt > _MOST_OBLIQUE_DEGREES:
        found.append(FindingWarning("oblique", f"the slices are tilted {tilt:.0f}° from axial"))
    return found


def body_voxels(stack: Image) -> tuple[NDArray[np.bool_], NDArray[Any]]:
    """Which voxels of every fourth row and column are body (brighter than air), and their values."""
    sampled = stack.voxels[:, ::BODY_STRIDE, ::BODY_STRIDE]
    # muscle has about an eighth of the signal of fat and urine, air next to none
    low, bright = np.percentile(sampled, (0.5, 99.5))
    body: NDArray[np.bool_] = sampled > low + _BODY_SHARE_OF_BRIGHT * (bright - low)
    if body.mean() < _LEAST_BODY_SHARE:
        raise InvalidInputError(
            "no body is to be seen: nearly all voxels are dark",
            where=stack.source.path,
            remedy="choose the axial T2-weighted MR series",
        )
    return body, sampled


def shading(sampled: NDArray[Any], body: NDArray[np.bool_]) -> float:
    """How many times brighter the coil makes one part of the body than another; 1 is even.

    A plane, bent in the slice, is fitted to the logarithm of the body's grey values and followed from its 5th to its
    95th percentile. Ordinary phantoms reach 1.3 to 2.6 (fat lies outside), a real series 2.0; a coil in the rectum 4.4.
    """
    low, high = np.percentile(_shade(sampled, body) @ _bend(np.argwhere(body), body.shape).T, _TRIMMED)
    return float(np.exp(high - low))


def take_out_heavy_shading(stack: Image) -> Image:
    """Divide by the bent plane of :func:`shading` where it is heavy, else the image as it is.

    N4 looks for the body by one threshold and misses its dark side under heavy shading (measured on a phantom made 11
    times as bright at one end: N4 alone left all of it, after this it left none). Three rounds, as each sees more body.
    """
    body, sampled = body_voxels(stack)
    if shading(sampled, body) < _HEAVY_SHADING:
        return stack
    for _ in range(_ROUNDS):
        body, sampled = body_voxels(stack)
        _, along, *in_plane = _shade(sampled, body)
        slices, rows, columns = (np.arange(n, dtype=np.float32) / n - 0.5 for n in stack.geometry.shape)
        j, i = rows[:, None], columns[None, :]
        bent = sum(weight * term for weight, term in zip(in_plane, (j, i, j**2, i**2, j * i), strict=True))
        field = np.exp(along * slices)[:, None, None] * np.exp(bent)[None]
        stack = stack.derive("take out heavy shading", voxels=(stack.voxels / field).astype(np.float32))
    return stack


def _shade(sampled: NDArray[Any], body: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Weights of the terms of :func:`_bend` in the logarithm of the body's grey values."""
    grey = sampled[body].astype(np.float64)
    values = np.log(np.maximum(grey - min(float(sampled.min()), 0.0), 1e-6))
    return np.asarray(np.linalg.lstsq(_bend(np.argwhere(body), body.shape), values, rcond=None)[0], dtype=np.float64)


def _bend(places: NDArray[np.intp], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """1, k, j, i, j², i², ji of voxels, as shares of the grid from its middle."""
    k, j, i = (places / np.asarray(shape) - 0.5).T
    return np.column_stack([np.ones_like(k), k, j, i, j**2, i**2, j * i])


def shading_warnings(sampled: NDArray[Any], body: NDArray[np.bool_]) -> list[FindingWarning]:
    ratio = shading(sampled, body)
    if ratio < _HEAVY_SHADING:
        return []
    return [
        FindingWarning(
            "heavy-bias", f"the coil makes one part {ratio:.1f} times as bright as another: switch bias correction on"
        )
    ]
