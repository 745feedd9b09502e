"""Image: voxels, where they lie, what they measure, where they came from and what was done to them. Immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import GeometryMismatchError, InvalidInputError
from abdominal_oncology.imaging.geometry import Geometry


class Modality(StrEnum):
    """What the numbers mean. ``CT`` is Hounsfield units, ``MASK`` a label map; strings are accepted everywhere."""

    CT = "CT"
    MR = "MR"
    MASK = "MASK"
    OTHER = "OTHER"

    @classmethod
    def _missing_(cls, value: object) -> Modality:
        """DICOM's other modality codes (PT, US, SC …) are OTHER; the header keeps the code."""
        known = {member.value: member for member in cls} | {"SEG": cls.MASK}
        return known.get(str(value).upper(), cls.OTHER)


@dataclass(frozen=True)
class ImageWarning:
    """Something a person should know before trusting the voxels. ``code`` is stable, ``message`` is for reading."""

    code: str
    message: str


@dataclass(frozen=True)
class Step:
    """One entry of an Image's history: an operation and everything needed to repeat it."""

    operation: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    def __reduce__(self) -> tuple[type[Step], tuple[str, dict[str, Any]]]:
        return (Step, (self.operation, dict(self.parameters)))  # a mappingproxy itself cannot be pickled


@dataclass(frozen=True)
class Source:
    """Where an image came from. ``header`` holds plain facts by DICOM keyword (``SeriesDescription`` …).

    ``instance_uids`` has one entry per slice, in the order of k, or none.
    """

    path: str = ""
    patient_id: str = ""
    study_uid: str = ""
    series_uid: str = ""
    frame_of_reference_uid: str = ""
    instance_uids: tuple[str, ...] = ()
    header: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "header", MappingProxyType(dict(self.header)))

    def called(self, otherwise: str) -> str:
        """What people call the series: its description, else its UID or path.

        >>> Source(header={"SeriesDescription": "portal"}).called("series"), Source().called("series")
        ('portal', 'series')
        """
        return str(self.header.get("SeriesDescription") or self.series_uid or self.path or otherwise)

    def __reduce__(self) -> tuple[type[Source], tuple[Any, ...]]:
        uids = (self.study_uid, self.series_uid, self.frame_of_reference_uid, self.instance_uids)
        return (Source, (self.path, self.patient_id, *uids, dict(self.header)))


@dataclass(frozen=True, eq=False)
class Image:
    """A volume. ``voxels`` is a read-only (k, j, i) view of the array given; who gives it must not change it later.

    >>> image = Image(np.zeros((4, 8, 8), np.int16), Geometry((4, 8, 8)), Modality.CT)
    >>> image.voxels[0, 0, 0] = 1
    Traceback (most recent call last):
        ...
    ValueError: assignment destination is read-only
    >>> image.derive("shift", {"by": 100}, voxels=image.voxels + 100).history[-1].operation
    'shift'
    """

    voxels: NDArray[Any]
    geometry: Geometry
    modality: Modality = Modality.OTHER
    source: Source = field(default_factory=Source)
    history: tuple[Step, ...] = ()
    warnings: tuple[ImageWarning, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.voxels, np.ndarray):
            raise InvalidInputError(f"voxels must be a numpy array, not {type(self.voxels).__name__}")
        if self.voxels.ndim != 3:
            raise InvalidInputError(
                f"voxels must have three axes (k, j, i), not {self.voxels.ndim}",
                remedy="split a time series or colour image into scalar volumes first",
            )
        if self.voxels.dtype.kind not in "biuf":
            raise InvalidInputError(f"voxels must be real numbers, not {self.voxels.dtype}")
        if self.voxels.shape != self.geometry.shape:
            raise GeometryMismatchError(
                f"the voxels are {self.voxels.shape} but the geometry says {self.geometry.shape} (k, j, i)"
            )
        modality = Modality(self.modality)
        if modality is Modality.MASK and self.voxels.dtype.kind == "f":
            raise InvalidInputError(
                "a mask needs whole-number labels", remedy="round it and convert to an integer type"
            )
        if self.source.instance_uids and len(self.source.instance_uids) != self.geometry.shape[0]:
            raise InvalidInputError(
                f"{len(self.source.instance_uids)} instance UIDs for {self.geometry.shape[0]} slices"
            )
        view = self.voxels.view()
        view.setflags(write=False)
        object.__setattr__(self, "voxels", view)
        object.__setattr__(self, "modality", modality)
        object.__setattr__(self, "history", tuple(self.history))
        object.__setattr__(self, "warnings", tuple(self.warnings))

    def __reduce__(self) -> tuple[type[Image], tuple[Any, ...]]:
        # through the constructor, so that the voxels are read-only on the other side too
        return (Image, (self.voxels, self.geometry, self.modality, self.source, self.history, self.warnings))

    def derive(
        self,
        operation: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        voxels: NDArray[Any] | None = None,
        geometry: Geometry | None = None,
        modality: Modality | None = None,
        warnings: tuple[ImageWarning, ...] = (),
    ) -> Image:
        """The result of an operation on this image: new voxels or grid, same origin, one more line of history.

        Instance UIDs stay only while slices are the same slices.
        """
        new_geometry = geometry or self.geometry
        first, last = ([0, 0, 0], [self.geometry.shape[0] - 1, 0, 0])
        same_slices = (
            new_geometry.shape[0] == self.geometry.shape[0]
            and np.allclose(new_geometry.normal, self.geometry.normal)
            and np.allclose(
                (new_geometry.to_world([first, last]) - self.geometry.to_world([first, last]))
                @ np.asarray(self.geometry.normal),
                0,
                atol=1e-3,
            )
        )
        return Image(
            self.voxels if voxels is None else voxels,
            new_geometry,
            modality or self.modality,
            self.source if same_slices else replace(self.source, instance_uids=()),
            (*self.history, Step(operation, parameters or {})),
            (*self.warnings, *warnings),
        )

    @property
    def is_mask(self) -> bool:
        return self.modality is Modality.MASK

    def has_warning(self, code: str) -> bool:
        return any(warning.code == code for warning in self.warnings)
