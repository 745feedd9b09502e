"""Real values → stored whole numbers with slope and intercept, for the writer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.valuerep import format_number_as_ds

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.image import Modality


@dataclass(frozen=True)
class StoredValues:
    """real = stored × ``slope`` + ``intercept``; one choice for the whole series."""

    slope: float
    intercept: float
    bits_stored: int
    signed: bool

    def values(self, real: NDArray[Any]) -> NDArray[Any]:
        """Stored values of (rows, columns) real ones, contiguous int16 or uint16."""
        dtype = np.int16 if self.signed else np.uint16
        if self.slope == 1 and real.dtype.kind in "biu":
            return np.ascontiguousarray(real.astype(np.int32) - int(self.intercept)).astype(dtype)
        return np.ascontiguousarray(np.rint((real.astype(np.float64) - self.intercept) / self.slope).astype(dtype))


def to_stored(voxels: NDArray[Any], modality: Modality) -> StoredValues:
    """The narrowest usual storage that keeps ``voxels`` exactly, or as near as the module's text says.

    >>> to_stored(np.array([[[-1024, 3071]]], np.int16), Modality.CT)
    StoredValues(slope=1.0, intercept=-1024.0, bits_stored=12, signed=False)
    """
    if voxels.dtype.kind == "f" and not np.isfinite(voxels).all():
        raise InvalidInputError("DICOM cannot hold NaN or infinite values", remedy="replace them first")
    low, high = float(voxels.min()), float(voxels.max())
    whole = voxels.dtype.kind in "biu" or bool((voxels == np.rint(voxels)).all())
    if modality is Modality.CT or whole:
        low, high = np.rint(low), np.rint(high)
        intercept = -1024.0 if modality is Modality.CT else 0.0
        if low >= intercept and high <= intercept + 4095:
            return StoredValues(1.0, intercept, 12, signed=False)
        if low >= -32768 and high <= 32767:
            return StoredValues(1.0, 0.0, 16, signed=True)
        if low >= 0 and high <= 65535:
            return StoredValues(1.0, 0.0, 16, signed=False)
        if modality is Modality.CT or whole:
            raise InvalidInputError(
                f"values from {low:.0f} to {high:.0f} do not fit the 16 bits of a DICOM {modality} image",
                remedy="clip or rescale them first",
            )
    slope, intercept = max((high - low) / 65535, 1e-30), low
    # the file holds 16 characters of each; use what a reader will see, rounded up so that the top still fits
    slope = float(format_number_as_ds(slope * (1 + 1e-9)))
    return StoredValues(slope, float(format_number_as_ds(intercept)), 16, signed=False)
