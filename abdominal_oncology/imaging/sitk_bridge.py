"""Image ↔ SimpleITK image, in the one place that knows ITK's axes: (i, j, k) there, (k, j, i) here; LPS mm both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality, Source

_TINY = 1e-15


def to_sitk(image: Image, *, pixel_type: Any = None) -> Any:
    """A SimpleITK image with the same voxels and place (a copy); ``pixel_type`` such as ``np.float32`` casts.

    >>> image = Image(np.zeros((2, 3, 4), np.int16), Geometry((2, 3, 4), (5.0, 0.7, 0.8), (1.0, 2.0, 3.0)))
    >>> to_sitk(image).GetSize()
    (4, 3, 2)
    """
    return array_to_sitk(image.voxels if pixel_type is None else image.voxels.astype(pixel_type), image.geometry)


def array_to_sitk(voxels: NDArray[Any], geometry: Geometry) -> Any:
    """Like :func:`to_sitk` for bare voxels (k, j, i)."""
    result = sitk.GetImageFromArray(_itk_type(voxels))
    place(result, geometry)
    return result


def place(sitk_image: Any, geometry: Geometry) -> None:
    """Put a SimpleITK image where ``geometry`` says."""
    sitk_image.SetSpacing(geometry.spacing_mm[::-1])
    sitk_image.SetOrigin(geometry.origin_mm)
    sitk_image.SetDirection(itk_direction(geometry))


def itk_direction(geometry: Geometry) -> tuple[float, ...]:
    """The nine direction cosines as ITK wants them: row by row, columns along i, j, k."""
    axes = np.asarray(geometry.directions)[::-1].T.ravel()
    # ITK's matrix inversion stumbles over denormal numbers such as 5e-306 and then sees every point outside
    return tuple(float(v) for v in np.where(np.abs(axes) < _TINY, 0.0, axes))


def geometry_from_itk(
    size: Sequence[int], spacing: Sequence[float], origin: Sequence[float], direction: Sequence[float]
) -> Geometry:
    """A Geometry from ITK's (i, j, k) facts; axes beyond the third (of length 1) are dropped.

    ITK accepts any invertible direction matrix: columns that are not unit vectors are refused by Geometry.
    """
    dimension = len(size)
    axes = np.asarray(direction, dtype=np.float64).reshape(dimension, dimension)[:3, :3].T[::-1]
    return Geometry(
        (int(size[2]), int(size[1]), int(size[0])),
        (float(spacing[2]), float(spacing[1]), float(spacing[0])),
        (float(origin[0]), float(origin[1]), float(origin[2])),
        tuple(tuple(float(v) for v in row) for row in axes),  # type: ignore[arg-type]
    )


def geometry_of(sitk_image: Any) -> Geometry:
    """Where a 3-D SimpleITK image lies."""
    if sitk_image.GetDimension() != 3:
        raise InvalidInputError(f"a volume has three axes, this SimpleITK image has {sitk_image.GetDimension()}")
    return geometry_from_itk(
        sitk_image.GetSize(), sitk_image.GetSpacing(), sitk_image.GetOrigin(), sitk_image.GetDirection()
    )


def from_sitk(sitk_image: Any, modality: Modality = Modality.OTHER, source: Source | None = None) -> Image:
    """An Image with a copy of the voxels of a scalar 3-D SimpleITK image."""
    if sitk_image.GetNumberOfComponentsPerPixel() != 1:
        raise InvalidInputError(
            f"each voxel has {sitk_image.GetNumberOfComponentsPerPixel()} numbers, a volume needs one",
            remedy="take one component of the colour or vector image first",
        )
    return Image(sitk.GetArrayFromImage(sitk_image), geometry_of(sitk_image), modality, source or Source())


def _itk_type(voxels: NDArray[Any]) -> NDArray[Any]:
    if voxels.dtype == np.bool_:
        return voxels.view(np.uint8)
    if voxels.dtype == np.float16:
        return voxels.astype(np.float32)
    if voxels.dtype.kind == "f" and voxels.dtype.itemsize > 8:
        return voxels.astype(np.float64)
    return voxels if voxels.dtype.isnative else voxels.astype(voxels.dtype.newbyteorder("="))
