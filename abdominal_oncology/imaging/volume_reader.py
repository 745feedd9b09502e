"""The SliceReader of a volume in one file: what every format shares once it can fetch slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import ImageWarning, Modality, Source
from abdominal_oncology.imaging.reader import slice_indices
from abdominal_oncology.progress import Progress, silent

Fetch = Callable[[NDArray[np.intp], Progress], NDArray[Any]]
"""Voxels (n, j, i) of the slices named, with the file's scaling applied."""

_CT_HAS_AIR_BELOW = -500


class VolumeFileReader:
    """A SliceReader over one file. Made by :func:`open_volume_file`."""

    def __init__(
        self,
        geometry: Geometry,
        source: Source,
        fetch: Fetch,
        modality: Modality | None,
        warnings: tuple[ImageWarning, ...],
    ) -> None:
        self._geometry = geometry
        self._source = source
        self._fetch = fetch
        self._modality = modality
        self._warnings = warnings

    @property
    def geometry(self) -> Geometry:
        return self._geometry

    @property
    def source(self) -> Source:
        return self._source

    @property
    def stated_modality(self) -> Modality | None:
        """What the file, or who opened it, says it measures; None where nobody has said (and nobody guessed yet)."""
        return self._modality

    @property
    def modality(self) -> Modality:
        if self._modality is None:
            middle = self._geometry.shape[0] // 2
            self._guess(self._fetch(np.array([middle]), silent)[0])
        return self._modality or Modality.OTHER

    @property
    def warnings(self) -> tuple[ImageWarning, ...]:
        _ = self.modality  # a guess is a warning too
        return self._warnings

    def read(self, slices: Sequence[int] | None = None, progress: Progress = silent) -> NDArray[Any]:
        voxels = self._fetch(slice_indices(slices, self._geometry.shape[0]), progress)
        if slices is None and self._modality is None:
            self._guess(voxels[len(voxels) // 2])
        if voxels.dtype.kind == "f":
            self._count_non_finite(voxels)
            if self._modality is Modality.MASK:
                return self._as_labels(voxels)
        return voxels

    def _guess(self, plane: NDArray[Any]) -> None:
        is_ct = bool(plane.min() <= _CT_HAS_AIR_BELOW)
        self._modality = Modality.CT if is_ct else Modality.OTHER
        seen = "CT, because it holds values as low as air" if is_ct else "neither CT nor a mask"
        self._warn("modality-guessed", f"the file does not say what it measures; it was taken as {seen}")

    def _count_non_finite(self, voxels: NDArray[Any]) -> None:
        count = sum(int(plane.size - np.isfinite(plane).sum()) for plane in voxels)
        if count:
            self._warn("non-finite-voxels", f"{count} of {voxels.size} voxels read are not numbers or are infinite")

    def _as_labels(self, voxels: NDArray[Any]) -> NDArray[Any]:
        if not np.isfinite(voxels).all() or (voxels != np.rint(voxels)).any():
            raise InvalidInputError(
                "a mask was asked for, but the file holds fractions",
                where=self._source.path,
                remedy="choose the label map, or read it as an image",
            )
        return voxels.astype(np.int32)

    def _warn(self, code: str, message: str) -> None:
        if not any(warning.code == code for warning in self._warnings):
            self._warnings = (*self._warnings, ImageWarning(code, message))
