"""The images and outlines of one liver examination: phases, liver, lesions; opened, checked by their headers, not read.

Everything lies in the world (LPS mm): masks may have grids of their own and are never forced onto another one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from abdominal_oncology.errors import (
    DifferentPatientsError,
    EmptyMaskError,
    GeometryMismatchError,
    InvalidInputError,
    MissingInputError,
    WrongModalityError,
)
from abdominal_oncology.hcc.lirads.growth import PriorSize
from abdominal_oncology.hcc.phase_roles import PHASES, PLAIN
from abdominal_oncology.imaging.crop import crop_to_index, mask_box
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality, Source
from abdominal_oncology.imaging.reader import ArrayReader, SliceReader, read_image
from abdominal_oncology.learning.finding import FindingWarning

MOST_LESIONS = 50
"""A label map with more labels than this is one of organs, or no label map."""

Volume = Image | SliceReader

_THICK_MM = 3.5
_OBLIQUE_DEGREES = 1.0
_MARGIN_VOXELS = 1
_SPECK_SHARE = 0.1


@dataclass(frozen=True, eq=False)
class LesionMask:
    """One lesion: ``mask`` is cut out closely and keeps its own grid; 1 inside. ``parts`` counts connected pieces."""

    name: str
    mask: Image
    parts: int = 1
    warnings: tuple[FindingWarning, ...] = ()

    @property
    def voxels(self) -> int:
        return int(np.count_nonzero(self.mask.voxels))

    @property
    def volume_mm3(self) -> float:
        return self.voxels * self.mask.geometry.voxel_volume_mm3

    @property
    def corners_mm(self) -> NDArray[np.float64]:
        """The eight outer corners (8, 3) of its box in LPS mm."""
        start, stop = mask_box(self.mask)
        return self.mask.geometry.crop(start, stop).corners_mm()


@dataclass(frozen=True, eq=False)
class MultiphaseCase:
    """Make one with :meth:`of`. ``livers`` holds the liver as outlined on single phases (always ``portal``);
    ``organs`` further outlines drawn on the portal phase (``aorta``, ``spleen`` …); ``priors`` earlier sizes by lesion.
    """

    name: str
    phases: Mapping[str, SliceReader]
    livers: Mapping[str, SliceReader]
    lesions: tuple[LesionMask, ...]
    organs: Mapping[str, SliceReader] = field(default_factory=dict)
    priors: Mapping[str, PriorSize] = field(default_factory=dict)
    warnings: tuple[FindingWarning, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        arterial: Volume | None,
        portal: Volume | None,
        delayed: Volume | None = None,
        non_contrast: Volume | None = None,
        liver: Volume | None,
        lesions: Volume | Mapping[str, Volume] | Sequence[Volume],
        livers: Mapping[str, Volume] | None = None,
        organs: Mapping[str, Volume] | None = None,
        priors: Mapping[str, PriorSize] | None = None,
        split_parts: bool = False,
        name: str = "",
    ) -> MultiphaseCase:
        """Images or readers of any grid. ``liver`` and ``lesions`` are outlined on the portal phase; every label of
        ``lesions`` is a lesion, or every connected part of it with ``split_parts``. ``livers`` may add the liver as
        outlined on other phases, which makes their alignment surer.

        >>> from abdominal_oncology.imaging.geometry import Geometry
        >>> grid = Geometry((6, 40, 40), (3.0, 5.0, 5.0))
        >>> ct = Image(np.full(grid.shape, 90, np.int16), grid, "CT")
        >>> liver, lesion = (np.zeros(grid.shape, np.uint8) for _ in range(2))
        >>> liver[1:5, 5:35, 5:35], lesion[2:4, 18:22, 18:22] = 1, 1
        >>> masks = [Image(mask, grid, "MASK") for mask in (liver, lesion)]
        >>> case = MultiphaseCase.of(arterial=ct, portal=ct, liver=masks[0], lesions=masks[1])
        >>> [each.name for each in case.lesions], [warning.code for warning in case.warnings]
        (['lesion 1'], ['delayed_missing'])
        """
        given = {"arterial": arterial, "portal": portal, "delayed": delayed, PLAIN: non_contrast}
        phases = {role: _reader(volume) for role, volume in given.items() if volume is not None}
        for role in ("arterial", "portal"):
            if role not in phases:
                raise MissingInputError(
                    f"the {role} phase is missing", where=name, remedy=f"choose the {role} phase of this study"
                )
        if liver is None:
            raise MissingInputError(
                "the liver's outline is missing",
                where=name,
                remedy="segment the liver on the portal phase",
            )
        outlines = {"portal": _reader(liver), **{role: _reader(each) for role, each in (livers or {}).items()}}
        found = tuple(lesions_of(lesions, phases["portal"].geometry, split_parts))
        if not found:
            raise EmptyMaskError("no lesion is outlined", where=name, remedy="draw or choose at least one lesion")
        _same_patient(phases)
        for role, reader in phases.items():
            _check_modality(role, reader)
        others = {key: _reader(organ) for key, organ in (organs or {}).items()}
        warnings = tuple(_header_warnings(phases, outlines["portal"], found))
        return cls(name, phases, outlines, found, others, {}, warnings).with_priors(priors or {})

    def with_priors(self, priors: Mapping[str, PriorSize]) -> MultiphaseCase:
        """With earlier sizes by lesion."""
        names = [lesion.name for lesion in self.lesions]
        unknown = sorted(set(priors) - set(names))
        if unknown:
            raise InvalidInputError(
                f"a prior size is given for {', '.join(unknown)}, but no lesion has that name",
                remedy=f"use one of {', '.join(names)}",
            )
        return replace(self, priors=dict(priors))

    def with_warnings(self, warnings: Sequence[FindingWarning]) -> MultiphaseCase:
        return replace(self, warnings=(*self.warnings, *warnings))

    @property
    def portal(self) -> SliceReader:
        return self.phases["portal"]

    @property
    def roles(self) -> tuple[str, ...]:
        """The phases that are there, those of the published method first."""
        return tuple(role for role in (*PHASES, PLAIN) if role in self.phases)


def read_block(reader: SliceReader, corners_mm: NDArray[np.float64], where: str) -> Image:
    """The voxels of a reader around points (n, 3) in LPS mm; only those slices are read."""
    geometry = reader.geometry
    index = geometry.to_index(corners_mm)
    size = np.asarray(geometry.shape)
    low = np.clip(np.floor(index.min(axis=0)).astype(int), 0, size)
    high = np.clip(np.ceil(index.max(axis=0)).astype(int) + 1, 0, size)
    if (high <= low).any():
        raise GeometryMismatchError(
            f"the {where} does not reach the liver", where=reader.source.path, remedy="check that it is the same study"
        )
    voxels = reader.read(range(int(low[0]), int(high[0])))[:, low[1] : high[1], low[2] : high[2]]
    source = Source(reader.source.path, reader.source.patient_id, reader.source.study_uid, reader.source.series_uid)
    grid = geometry.crop(low.tolist(), high.tolist())
    return Image(np.ascontiguousarray(voxels), grid, reader.modality, source)


def crop_mask(reader: SliceReader, what: str) -> Image:
    """A whole mask read and cut down to its box with a voxel around it; an empty one is refused."""
    mask = read_image(reader)
    if not mask.is_mask or (mask.voxels.dtype.kind == "i" and mask.voxels.min() < 0):  # HU pass for labels otherwise
        raise WrongModalityError(
            f"the outline of {what} is an image, not a mask", where=mask.source.path, remedy="give a label map"
        )
    try:
        start, stop = mask_box(mask)
    except EmptyMaskError as error:
        raise EmptyMaskError(
            f"the outline of {what} is empty", where=mask.source.path, remedy="draw it, or choose another segment"
        ) from error
    return _cut(mask, start, stop)


def _cut(mask: Image, start: Sequence[int], stop: Sequence[int]) -> Image:
    low = [max(0, a - _MARGIN_VOXELS) for a in start]
    high = [min(n, b + _MARGIN_VOXELS) for n, b in zip(mask.geometry.shape, stop, strict=True)]
    return crop_to_index(mask, low, high)


def _reader(volume: Volume) -> SliceReader:
    return ArrayReader(volume) if isinstance(volume, Image) else volume


def lesions_of(
    given: Volume | Mapping[str, Volume] | Sequence[Volume], portal: Geometry | None = None, split: bool = False
) -> Iterator[LesionMask]:
    """Every lesion of one or several label maps. ``portal`` is the grid that they must reach (None: their own)."""
    if isinstance(given, Mapping):
        named = {name: _reader(volume) for name, volume in given.items()}
    elif isinstance(given, Sequence):
        named = {f"lesion {n}": _reader(volume) for n, volume in enumerate(given, start=1)}
    else:
        named = {"": _reader(given)}
    for name, reader in named.items():
        mask = crop_mask(reader, name or "the lesions")
        boxes = ndimage.find_objects(mask.voxels.astype(np.int32, copy=False))
        labels = [n for n, box in enumerate(boxes, start=1) if box is not None]
        if len(labels) > MOST_LESIONS:
            raise InvalidInputError(
                f"{len(labels)} lesions are outlined; a liver with more than {MOST_LESIONS} is another question",
                where=mask.source.path,
                remedy="give a label map of the lesions alone, or say which labels they are",
            )
        for label in labels:
            own = name if name and len(labels) == 1 else f"{name or 'lesion'} {label}"
            yield from _lesion(own, mask, label, boxes[label - 1], reader.geometry, portal or reader.geometry, split)


def _lesion(
    name: str, mask: Image, label: int, box: tuple[slice, ...], whole: Geometry, portal: Geometry, split: bool
) -> Iterator[LesionMask]:
    cut = _cut(mask, [side.start for side in box], [side.stop for side in box])
    inside = cut.voxels == label
    numbered, count = ndimage.label(inside, np.ones((3, 3, 3)))
    sizes = np.bincount(numbered.ravel(), minlength=count + 1)[1:]
    groups = [inside] if not split else [numbered == n for n in np.argsort(-sizes, kind="stable") + 1]
    for n, group in enumerate(groups, start=1):
        image = cut.derive("take one lesion", {"label": label}, voxels=group.astype(np.uint8))
        own = name if len(groups) == 1 else f"{name} part {n}"
        parts = 1 if split else count
        warnings = list(_outline_warnings(own, image, whole, portal))
        if parts > 1:
            stray = 1 - float(sizes.max()) / float(sizes.sum())
            told = "its size is that of the largest" if stray > _SPECK_SHARE else "the others are specks"
            warnings.append(FindingWarning("lesion_in_parts", f"{own} has {parts} unconnected parts; {told}"))
        yield LesionMask(own, image, parts, tuple(warnings))


def _outline_warnings(name: str, mask: Image, whole: Geometry, portal: Geometry) -> Iterator[FindingWarning]:
    start, stop = mask_box(mask)
    corners = mask.geometry.crop(start, stop).corners_mm()
    if not _reaches(portal, corners):
        raise GeometryMismatchError(
            f"{name} lies outside the portal phase", where=mask.source.path, remedy="check that they belong together"
        )
    same_voxels = _on_lattice(portal, whole)
    if _touches_end(portal, corners) or (not same_voxels and _touches_end(whole, corners)):
        yield FindingWarning(
            "lesion_cut", f"{name} touches the border of the field of view: it may be larger than what is seen"
        )
    if not same_voxels:
        yield FindingWarning(
            "mask_on_other_grid",
            f"{name} is outlined on another grid than the portal phase; its place in the patient is used",
        )
    voxels = int(np.count_nonzero(mask.voxels))
    if voxels == 1:
        yield FindingWarning("lesion_one_voxel", f"{name} is a single voxel: nothing can be measured in it")
    elif stop[0] - start[0] < 2:
        yield FindingWarning("lesion_in_one_slice", f"{name} is outlined on one slice only")


def _on_lattice(portal: Geometry, mask: Geometry) -> bool:
    """Whether a mask's voxels are voxels of the portal phase, however closely it is cut out."""
    start = np.round(portal.to_index(mask.origin_mm)).astype(int)
    return portal.crop(start.tolist(), (start + mask.shape).tolist()).same_grid(mask)


def _touches_end(grid: Geometry, corners_mm: NDArray[np.float64]) -> bool:
    index = grid.to_index(corners_mm)
    return bool((index.min(axis=0) <= -0.49).any() or (index.max(axis=0) >= np.asarray(grid.shape) - 0.51).any())


def _reaches(grid: Geometry, corners_mm: NDArray[np.float64]) -> bool:
    index = grid.to_index(corners_mm)
    return bool((index.max(axis=0) > -0.5).all() and (index.min(axis=0) < np.asarray(grid.shape) - 0.5).all())


def _same_patient(phases: Mapping[str, SliceReader]) -> None:
    seen = {role: reader.source.patient_id for role, reader in phases.items() if reader.source.patient_id}
    if len(set(seen.values())) > 1:
        # ids are not printed: a message may end up in a log
        raise DifferentPatientsError(
            f"the phases belong to different patients ({', '.join(seen)} carry different patient ids)",
            where=next(reader.source.path for reader in phases.values()),
            remedy="choose phases of one examination",
        )


def _check_modality(role: str, reader: SliceReader) -> None:
    if reader.modality in (Modality.MR, Modality.MASK):
        raise WrongModalityError(
            f"the {role} phase is {'an MR image' if reader.modality is Modality.MR else 'a mask'}, not a CT in HU",
            where=reader.source.path,
            remedy="choose a CT series",
        )


def _header_warnings(
    phases: Mapping[str, SliceReader], liver: SliceReader, lesions: Sequence[LesionMask]
) -> Iterator[FindingWarning]:
    if "delayed" not in phases:
        yield FindingWarning(
            "delayed_missing",
            "no delayed phase: washout and capsule are judged on the portal phase and often missed",
        )
    studies = {reader.source.study_uid for reader in phases.values() if reader.source.study_uid}
    if len(studies) > 1:
        yield FindingWarning("different_studies", "the phases come from different examinations")
    for role, reader in phases.items():
        grid = reader.geometry
        if grid.obliquity_degrees > _OBLIQUE_DEGREES:
            yield FindingWarning("oblique", f"the {role} phase is tilted by {grid.obliquity_degrees:.0f}°")
        if grid.plane != "axial":
            yield FindingWarning("not_axial", f"the {role} phase is {grid.plane}, not axial")
        if grid.spacing_mm[0] > _THICK_MM:
            yield FindingWarning(
                "thick_slices",
                f"the {role} phase has a slice every {grid.spacing_mm[0]:g} mm: thin capsules and small lesions blur",
            )
    if not _on_lattice(phases["portal"].geometry, liver.geometry):
        yield FindingWarning("liver_on_other_grid", "the liver is outlined on another grid than the portal phase")
    if len({lesion.name for lesion in lesions}) < len(lesions):
        raise InvalidInputError("two lesions have the same name", remedy="give each segment its own name")
