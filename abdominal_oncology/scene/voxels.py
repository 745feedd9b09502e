"""numpy arrays ↔ VTK images: views where possible, and never a view that can outlive its memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import vtk
from numpy.typing import NDArray
from vtk.util import numpy_support

from abdominal_oncology.errors import SceneError


def voxels_of(image: Any, where: str = "") -> NDArray[Any]:
    """A (k, j, i) view of a one-component vtkImageData.

    The view holds the VTK array, so it stays readable when the node is deleted or the scene closed. It shows later
    edits of the same voxels.
    """
    scalars = image.GetPointData().GetScalars()
    if scalars is None or scalars.GetNumberOfTuples() == 0:
        raise SceneError("the volume has no voxels", where=where, remedy="load or paste an image into it first")
    if scalars.GetNumberOfComponents() != 1:
        raise SceneError(
            f"each voxel has {scalars.GetNumberOfComponents()} components; one number per voxel is needed",
            where=where,
            remedy="choose a scalar volume (the module Vector to Scalar Volume makes one from a colour image)",
        )
    if scalars.GetDataType() == vtk.VTK_BIT:
        raise SceneError("voxels are packed bits", where=where, remedy="convert the volume to unsigned char first")
    columns, rows, slices = image.GetDimensions()
    view: NDArray[Any] = numpy_support.vtk_to_numpy(scalars).reshape(slices, rows, columns)
    return view


def scalars_from(voxels: NDArray[Any]) -> Any:
    """A VTK array with a copy of the voxels, in the nearest type that Slicer's file formats can hold."""
    array = np.ascontiguousarray(voxels, dtype=_storable(voxels))
    return numpy_support.numpy_to_vtk(array.ravel(), deep=True, array_type=_vtk_type(array.dtype))


def image_from(voxels: NDArray[Any]) -> Any:
    """A vtkImageData with a copy of the voxels (k, j, i)."""
    image = vtk.vtkImageData()
    image.SetDimensions(voxels.shape[2], voxels.shape[1], voxels.shape[0])
    image.GetPointData().SetScalars(scalars_from(voxels))
    return image


def _storable(voxels: NDArray[Any]) -> np.dtype[Any]:
    kind, size = voxels.dtype.kind, voxels.dtype.itemsize
    if kind == "b":
        return np.dtype(np.uint8)
    if kind == "f":
        return np.dtype(np.float32 if size <= 4 else np.float64)
    if size < 8:
        return voxels.dtype.newbyteorder("=")
    # 64-bit integers cannot be written by Slicer's volume writers; 32 bits hold every label and HU there is
    low, high = (int(voxels.min()), int(voxels.max())) if voxels.size else (0, 0)
    if np.iinfo(np.int32).min <= low and high <= np.iinfo(np.int32).max:
        return np.dtype(np.int32)
    return np.dtype(np.float64)


def _vtk_type(dtype: np.dtype[Any]) -> int:
    types = {
        "uint8": vtk.VTK_UNSIGNED_CHAR,
        "int8": vtk.VTK_SIGNED_CHAR,
        "uint16": vtk.VTK_UNSIGNED_SHORT,
        "int16": vtk.VTK_SHORT,
        "uint32": vtk.VTK_UNSIGNED_INT,
        "int32": vtk.VTK_INT,
        "float32": vtk.VTK_FLOAT,
        "float64": vtk.VTK_DOUBLE,
    }
    return int(types[dtype.name])
