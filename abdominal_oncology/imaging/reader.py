"""SliceReader: any subset of a series' slices, without reading the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, ImageWarning, Modality, Source
from abdominal_oncology.progress import Progress, silent


@runtime_checkable
class SliceReader(Protocol):
    """What every reader offers. Opening one reads headers only; ``read`` decodes just the slices named."""

    @property
    def geometry(self) -> Geometry: ...

    @property
    def modality(self) -> Modality: ...

    @property
    def source(self) -> Source: ...

    @property
    def warnings(self) -> tuple[ImageWarning, ...]:
        """What was found while opening; reading may add to what :func:`read_image` returns."""
        ...

    def read(self, slices: Sequence[int] | None = None, progress: Progress = silent) -> NDArray[Any]:
        """Voxels (n, j, i) of the slices ``slices`` (indices along k, any order, repeats allowed; None: all).

        CT is in HU. The result is a fresh array or a read-only view.
        """
        ...


def read_image(reader: SliceReader, progress: Progress = silent) -> Image:
    """The whole volume behind a reader."""
    voxels = reader.read(None, progress)
    return Image(voxels, reader.geometry, reader.modality, reader.source, (), reader.warnings)


def slice_indices(slices: Sequence[int] | None, count: int) -> NDArray[np.intp]:
    """The slices asked for as indices 0 … count-1; negative or too large ones are refused, not wrapped.

    >>> slice_indices(None, 3).tolist()
    [0, 1, 2]
    """
    if slices is None:
        return np.arange(count)
    indices = np.asarray(slices, dtype=np.intp).reshape(-1)
    if indices.size and (indices.min() < 0 or indices.max() >= count):
        raise InvalidInputError(f"slices must lie in 0 … {count - 1}, got {indices.min()} … {indices.max()}")
    return indices


class ArrayReader:
    """An Image already in memory, seen as a SliceReader."""

    def __init__(self, image: Image) -> None:
        self._image = image

    @property
    def geometry(self) -> Geometry:
        return self._image.geometry

    @property
    def modality(self) -> Modality:
        return self._image.modality

    @property
    def source(self) -> Source:
        return self._image.source

    @property
    def warnings(self) -> tuple[ImageWarning, ...]:
        return self._image.warnings

    def read(self, slices: Sequence[int] | None = None, progress: Progress = silent) -> NDArray[Any]:
        if slices is None:
            return self._image.voxels
        indices = slice_indices(slices, self.geometry.shape[0])
        if isinstance(slices, range) and slices.step == 1:
            return self._image.voxels[slices.start : slices.stop]  # neighbours need no copy
        return self._image.voxels[indices]
