"""A reader whose values can be trusted: shifted HU put right, what is no number made air, slices decoded once."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import ImageWarning, Modality, Source
from abdominal_oncology.imaging.reader import SliceReader, slice_indices
from abdominal_oncology.progress import Progress, silent

AIR_HU = -1024
_KEEP_BYTES = 128 << 20
"""Decoded slices that are kept: those looked at to find one's way are often among the slices that vote."""


class TrustedReader:
    """A CT SliceReader around another. Threads may share it: they read one after the other."""

    def __init__(self, reader: SliceReader, offset_hu: float = 0.0) -> None:
        self._reader, self._offset_hu = reader, offset_hu
        self._kept: dict[int, NDArray[Any]] = {}
        self._bytes = 0
        self._turn = Lock()  # whoever reads it; the inner reader need not know of threads
        self.read_once: set[int] = set()
        """Which slices were decoded so far."""

    @property
    def geometry(self) -> Geometry:
        return self._reader.geometry

    @property
    def modality(self) -> Modality:
        return Modality.CT

    @property
    def source(self) -> Source:
        return self._reader.source

    @property
    def warnings(self) -> tuple[ImageWarning, ...]:
        return self._reader.warnings

    def keep(self, slices: Sequence[int], voxels: NDArray[Any]) -> None:
        """Slices that somebody has decoded already, as the inner reader gave them."""
        right = self._put_right(voxels)
        self.read_once.update(slices)
        for k, plane in zip(slices, right, strict=True):
            if k not in self._kept and self._bytes + plane.nbytes <= _KEEP_BYTES:
                self._kept[k] = np.array(plane)  # of its own: a view would keep the whole batch alive
                self._bytes += plane.nbytes

    def read(self, slices: Sequence[int] | None = None, progress: Progress = silent) -> NDArray[Any]:
        wanted = [int(k) for k in slice_indices(slices, self.geometry.shape[0])]
        with self._turn:
            return self._read(wanted, progress)

    def _read(self, wanted: list[int], progress: Progress) -> NDArray[Any]:
        missing = sorted({k for k in wanted if k not in self._kept})
        if not missing:
            return np.stack([self._kept[k] for k in wanted])
        fresh = self._put_right(self._reader.read(missing, progress))
        place = {k: n for n, k in enumerate(missing)}
        self.read_once.update(missing)
        if missing == wanted:
            return fresh
        planes = [self._kept[k] if k in self._kept else fresh[place[k]] for k in wanted]
        return np.stack(planes)

    def _put_right(self, voxels: NDArray[Any]) -> NDArray[Any]:
        if voxels.dtype.kind == "f":
            right = np.asarray(voxels + np.float32(self._offset_hu), dtype=np.float32)
            blank = ~np.isfinite(right)
            if blank.any():
                right[blank] = AIR_HU
            return right
        if self._offset_hu:
            return np.clip(voxels.astype(np.int32) + int(self._offset_hu), -32768, 32767).astype(np.int16)
        return voxels
