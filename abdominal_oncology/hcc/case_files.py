"""A liver case from files: volumes of any format, outlines as label maps, some of whose labels may be meant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.hcc.case import MultiphaseCase
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.phase_roles import PLAIN
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, ImageWarning, Modality, Source
from abdominal_oncology.imaging.open import open_reader
from abdominal_oncology.imaging.reader import ArrayReader, SliceReader, read_image
from abdominal_oncology.progress import Progress, silent

AnyPath = str | PathLike[str]


@dataclass(frozen=True)
class CaseFiles:
    """``phases`` by role (a file, or a folder of DICOM); ``lesions`` one label map or several. ``liver_label`` and
    ``lesion_labels`` say which labels are meant (None, or none: every label).

    ``priors`` are earlier sizes by lesion; under the name ``""`` one that goes to the only lesion there is.
    """

    phases: Mapping[str, AnyPath]
    liver: AnyPath
    lesions: Sequence[AnyPath]
    liver_label: int | None = None
    lesion_labels: tuple[int, ...] = ()
    split_parts: bool = False
    priors: Mapping[str, PriorSize] = field(default_factory=dict)
    name: str = ""

    def open(self, progress: Progress = silent) -> MultiphaseCase:
        """Headers of the volumes are read now, and the outlines wholly."""
        readers = {role: open_reader(path, modality=Modality.CT) for role, path in self.phases.items()}
        progress(0.2, "reading the outlines")
        liver = _liver(self.liver, self.liver_label)
        case = MultiphaseCase.of(
            arterial=readers.get("arterial"),
            portal=readers.get("portal"),
            delayed=readers.get("delayed"),
            non_contrast=readers.get(PLAIN),
            liver=liver,
            lesions=self._lesions(),
            split_parts=self.split_parts,
            name=self.name,
        )
        progress(1.0, "outlines read")
        return case.with_priors(self._priors(case)) if self.priors else case

    def _lesions(self) -> SliceReader | dict[str, SliceReader]:
        if not self.lesions:
            raise MissingInputError("no outline of a lesion was given", remedy="name at least one label map")
        chosen = [LabelReader(_mask(path), self.lesion_labels) for path in self.lesions]
        if len(chosen) == 1:
            return chosen[0]
        return {f"lesion {n}": reader for n, reader in enumerate(chosen, start=1)}

    def _priors(self, case: MultiphaseCase) -> dict[str, PriorSize]:
        names = [lesion.name for lesion in case.lesions]
        if "" in self.priors and len(names) > 1:
            raise InvalidInputError(
                f"a prior size is given, but there are {len(names)} lesions",
                where="prior",
                remedy=f"say which it is of: {', '.join(names)}",
            )
        return {name or names[0]: prior for name, prior in self.priors.items()}


class LabelReader:
    """A label map with only some of its labels; none named: all of them.

    >>> labels = Image(np.array([[[0, 1, 2, 3]]], np.uint8), Geometry((1, 1, 4)), "MASK")
    >>> LabelReader(ArrayReader(labels), (2, 3)).read().tolist()
    [[[0, 0, 2, 3]]]
    """

    def __init__(self, reader: SliceReader, labels: Sequence[int] = ()) -> None:
        self._reader = reader
        self._labels = tuple(labels)

    @property
    def geometry(self) -> Geometry:
        return self._reader.geometry

    @property
    def modality(self) -> Modality:
        return self._reader.modality

    @property
    def source(self) -> Source:
        return self._reader.source

    @property
    def warnings(self) -> tuple[ImageWarning, ...]:
        return self._reader.warnings

    def read(self, slices: Sequence[int] | None = None, progress: Progress = silent) -> NDArray[Any]:
        voxels = self._reader.read(slices, progress)
        if not self._labels:
            return voxels
        chosen: NDArray[Any] = np.where(np.isin(voxels, self._labels), voxels, 0).astype(voxels.dtype, copy=False)
        if slices is None and not chosen.any():
            there = ", ".join(str(label) for label in np.unique(voxels[voxels != 0])[:20].tolist())
            raise MissingInputError(
                f"the label map has no label {' or '.join(map(str, self._labels))}",
                where=self.source.path,
                remedy=f"name one of its labels: {there or 'it is empty'}",
            )
        return chosen


def _mask(path: AnyPath) -> SliceReader:
    return open_reader(path, modality=Modality.MASK)


def _liver(path: AnyPath, label: int | None) -> SliceReader:
    """The liver alone; a map of several organs must say which label it is."""
    image = read_image(LabelReader(_mask(path), () if label is None else (label,)))
    labels = np.unique(image.voxels)
    labels = labels[labels != 0]
    if len(labels) > 1:
        raise InvalidInputError(
            f"the liver's label map holds {len(labels)} labels ({', '.join(map(str, labels[:8].tolist()))} …)",
            where=image.source.path,
            remedy="say which label the liver is",
        )
    return ArrayReader(Image((image.voxels != 0).astype(np.uint8), image.geometry, Modality.MASK, image.source))
