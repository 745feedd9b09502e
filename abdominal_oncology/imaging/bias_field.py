"""N4 bias correction of MR: fitted on a grid made coarser in plane, applied at full resolution.

Slices are never merged: they are few and thick. Measured on a synthetic 512×512×30 volume on two cores: a fit on every
4th row and column 43 s; on every 8th 9.6 s, the field 0.2 % away in the mean (1.2 % at most); with 20 rounds a level
6.2 s and as near (1.6 % at most); on every 16th 2.8 s, 0.4 % (2.3 % at most). On a real rectal T2 series every 8th
lies 0.8 % (at most 11 %) and every 16th 1.6 % (15 %) from every 4th; taking means instead of samples for the coarse
grid changes the field by as much (0.9 %) and brings it no nearer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk

from abdominal_oncology.errors import Cancelled, InvalidInputError, WrongModalityError
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.sitk_bridge import to_sitk
from abdominal_oncology.progress import Progress, silent

_LEVELS = 4
_FEWEST_VOXELS = 4
"""The spline needs this many voxels along an axis of the coarse grid."""


@dataclass(frozen=True)
class BiasCorrection:
    """``image`` is float32 and corrected; ``field`` is what it was divided by, 1 in the mean over the body."""

    image: Image
    field: Image


def correct_bias_field(
    image: Image,
    in_plane_shrink: int = 8,
    rounds_per_level: int = 20,
    progress: Progress = silent,
) -> BiasCorrection:
    """Divide out the slow brightness drift of MR coils; CT and masks are refused.

    ``in_plane_shrink`` takes every n-th row and column for the fit (less where the image is small). The body is what
    Otsu's threshold finds brighter than air. Negative and not finite values are refused: N4 works on logarithms.
    """
    if image.modality in (Modality.CT, Modality.MASK):
        raise WrongModalityError(
            f"{image.modality} has no coil shading to correct", where=image.source.path, remedy="choose an MR image"
        )
    if in_plane_shrink < 1 or rounds_per_level < 1:
        raise InvalidInputError("in_plane_shrink and rounds_per_level must be 1 or more")
    low, high = float(image.voxels.min()), float(image.voxels.max())
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0 or low == high:
        raise InvalidInputError(
            f"bias correction needs finite, varying values of 0 or more, not {low:g} … {high:g}",
            where=image.source.path,
            remedy="choose the magnitude image of an MR series",
        )
    if min(image.geometry.shape) < 2:
        raise InvalidInputError(
            f"bias correction needs two voxels or more along each axis, not {image.geometry.shape}",
            where=image.source.path,
        )
    full = to_sitk(image, pixel_type=np.float32)
    j, i = image.geometry.shape[1:]
    factors = [max(1, min(in_plane_shrink, n // _FEWEST_VOXELS)) for n in (i, j)]
    coarse = sitk.Shrink(full, [*factors, 1])
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.SetInsideValue(0)
    otsu.SetOutsideValue(1)
    body = otsu.Execute(coarse)
    n4 = sitk.N4BiasFieldCorrectionImageFilter()
    n4.SetMaximumNumberOfIterations([rounds_per_level] * _LEVELS)
    _fit(n4, coarse, body, rounds_per_level * _LEVELS, image.source.path, progress)
    progress(0.9, "applying the bias field")
    field = np.exp(sitk.GetArrayFromImage(n4.GetLogBiasFieldAsImage(full)))
    field /= field[image.voxels > otsu.GetThreshold()].mean()  # brightness of the body stays what it was
    if not np.isfinite(field).all():
        raise InvalidInputError(
            "N4 found no finite field", where=image.source.path, remedy="check that it shows a body"
        )
    facts = {"in_plane_shrink": tuple(factors[::-1]), "rounds_per_level": rounds_per_level}
    corrected = image.voxels.astype(np.float32) / field
    return BiasCorrection(
        image.derive("correct bias field", facts, voxels=corrected),
        image.derive("bias field", facts, voxels=field, modality=Modality.OTHER),
    )


def _fit(n4: Any, coarse: Any, body: Any, rounds: int, where: str, progress: Progress) -> None:
    seen = 0
    stopped: list[Cancelled | KeyboardInterrupt] = []

    def tick() -> None:
        nonlocal seen
        seen += 1
        try:
            progress(0.9 * min(1.0, seen / rounds), "fitting the bias field")
        except (Cancelled, KeyboardInterrupt) as wish:
            stopped.append(wish)
            raise  # N4 ignores Abort(); an error in its listener ends it as a RuntimeError

    n4.AddCommand(sitk.sitkIterationEvent, tick)
    try:
        n4.Execute(coarse, body)
    except RuntimeError as failed:
        if not stopped:
            raise InvalidInputError(
                f"N4 found no fit: {str(failed).strip().splitlines()[-1]}",
                where=where,
                remedy="check that the image shows a body; a volume of very few rows cannot be fitted",
            ) from failed
    if stopped:
        raise stopped[0]
