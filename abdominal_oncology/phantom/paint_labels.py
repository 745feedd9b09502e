"""Any label map as a CT of any patient at any second after injection: the anatomy is somebody's, the contrast ours.

Organs get smooth edges (:mod:`.label_edges`), insides that look like organs (:mod:`.label_insides`), and what carries
no label is filled in (:mod:`.label_rest`) or taken from an unenhanced CT of the same body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import EmptyMaskError, InvalidInputError, MissingInputError, WrongModalityError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, ImageWarning, Modality, Source
from abdominal_oncology.imaging.resample import resample
from abdominal_oncology.phantom.ct_scanner import Scanner, scan
from abdominal_oncology.phantom.label_edges import Edges, Field, Part
from abdominal_oncology.phantom.label_insides import Place, inside_hu
from abdominal_oncology.phantom.label_rest import Rest
from abdominal_oncology.phantom.label_structures import Inside, inside_of, tissue_of
from abdominal_oncology.phantom.label_textures import Textures
from abdominal_oncology.phantom.physiology import Patient
from abdominal_oncology.progress import Progress, silent
from abdominal_oncology.progress import part as part_of

Spacing = tuple[float, float, float]


def paint_labels(
    labels: Image,
    names: Mapping[int, str],
    seconds: float | None,
    patient: Patient,
    rng: np.random.Generator,
    *,
    base: Image | None = None,
    spacing_mm: Spacing | None = None,
    labels_spacing_mm: Spacing | None = None,
    smooth_mm: float = 0.0,
    scanner: Scanner | None = None,
    table: bool = False,
    progress: Progress = silent,
) -> Image:
    """A CT (int16) of the label map ``labels`` with this ``patient``'s contrast at ``seconds`` (None: none given).

    ``names`` says what the labels are; names of :mod:`abdominal_oncology.imaging.anatomy`, their aliases and common
    words of other atlases are known, other labels are treated as unlabelled, with a warning. ``spacing_mm`` (k, j, i)
    is the result's voxel, the label map's own by default; ``labels_spacing_mm`` corrects a header that is wrong.
    Edges are smoothed by less than a label voxel; ``smooth_mm`` asks for more where the map was blown up from a coarser
    one and is blocky (about half the old voxel).
    ``base`` is an unenhanced CT of the same body: unlabelled voxels are taken from it. ``scanner`` None: the usual
    one; noise, textures and gut content follow from ``rng``.
    """
    if not 0 <= smooth_mm < 20:
        raise InvalidInputError(f"edges can be smoothed by 0 … 20 mm, not {smooth_mm}")
    tissues, warnings = _tissues(labels, names)
    source = _corrected(labels.geometry, labels_spacing_mm)
    target = source if spacing_mm is None else source.with_spacing(spacing_mm)
    known = np.where(np.isin(labels.voxels, list(tissues)), labels.voxels, 0)
    edges = Edges(known, source, target, smooth_mm)
    streams = rng.spawn(3)
    textures = Textures(target.spacing_mm, streams[0])
    hu_of = cache(lambda name: patient.hu(name, seconds))
    progress(0.05, "filling what carries no label")
    if base is None:
        hu = np.empty(target.shape, dtype=np.float32)
        fat_mm = float(np.clip(14 + 0.35 * (patient.weight_kg - 76), 7, 32))
        Rest.around(edges, tissues, fat_mm).paint(hu, textures, hu_of, table)
    else:
        hu = _base_hu(base, target)
    canvas = _Canvas(hu, *np.zeros((2, *target.shape), dtype=np.float32))
    contents = dict(zip(tissues, streams[1].spawn(len(tissues)), strict=True))
    order = _order(tissues)
    painting = part_of(progress, 0.3, 0.8)
    for done, piece in enumerate(edges.parts(order)):
        tissue = tissues[piece.label]
        painting(done / len(order), f"painting {tissue}")
        mask = piece.score > 0
        place = Place(tissue, piece.box, mask, target, textures, hu_of, contents[piece.label])
        canvas.paint(piece, inside_hu(inside_of(tissue), place))
    progress(0.8, "scanning")
    scanned = scan(canvas.hu, target.spacing_mm, scanner or Scanner(), streams[2])
    if base is not None:  # its own noise is in it already
        original = _base_hu(base, target)
        scanned = np.rint(original + canvas.covered * (scanned - original)).astype(np.int16)
    progress(1.0, "painted")
    facts = {"seconds": seconds, "spacing_mm": target.spacing_mm, "labels": len(tissues), "base": base is not None}
    origin = Source(path=labels.source.path, header={"SeriesDescription": "painted label map"})
    plain = Image(scanned, target, Modality.CT, origin, labels.history, (*labels.warnings, *warnings))
    return plain.derive("paint_labels", facts)


@dataclass(frozen=True)
class _Canvas:
    """HU so far, the best score so far, and how much of each voxel is covered by labels."""

    hu: Field
    score: Field
    covered: Field

    def paint(self, piece: Part, hu: Field | float) -> None:
        best, under, covered = self.score[piece.box], self.hu[piece.box], self.covered[piece.box]
        share = np.clip((piece.score - best) / np.float32(piece.soft) + np.float32(0.5), 0, 1)
        under += share * (hu - under)
        covered += share * (1 - covered)
        np.maximum(best, piece.score, out=best)


def _tissues(labels: Image, names: Mapping[int, str]) -> tuple[dict[int, str], tuple[ImageWarning, ...]]:
    """What each label in the map is made of; strangers become warnings."""
    if not labels.is_mask:
        raise WrongModalityError(
            f"a label map is needed, this image is {labels.modality}",
            where=labels.source.path,
            remedy="open the file with modality='MASK'",
        )
    present = [int(number) for number in np.unique(labels.voxels) if number]
    if not present:
        raise EmptyMaskError(
            "the label map has no label", where=labels.source.path, remedy="choose a segmentation that holds something"
        )
    found = {number: tissue_of(names[number]) for number in present if number in names}
    tissues = {number: tissue for number, tissue in found.items() if tissue is not None}
    if not tissues:
        raise MissingInputError(
            f"none of the {len(present)} labels has a name that a patient has an HU for",
            where=labels.source.path,
            remedy="give names such as 'liver', or abdominal_oncology.imaging.anatomy.label_names() for "
            "TotalSegmentator's numbers",
        )
    strange = [names.get(number, f"label {number}") for number in present if number not in tissues]
    if not strange:
        return tissues, ()
    text = f"painted as unlabelled, their tissue is not known: {', '.join(strange)}"
    return tissues, (ImageWarning("unknown-labels", text),)


def _corrected(geometry: Geometry, spacing_mm: Spacing | None) -> Geometry:
    if spacing_mm is None:
        return geometry
    return Geometry(geometry.shape, spacing_mm, geometry.origin_mm, geometry.directions)


def _base_hu(base: Image, target: Geometry) -> NDArray[np.float32]:
    if base.modality is not Modality.CT:
        raise WrongModalityError(
            f"the base must be a CT, this image is {base.modality}",
            where=base.source.path,
            remedy="give an unenhanced CT of the same body",
        )
    where = base.geometry.to_index(target.to_world((np.asarray(target.shape) - 1) / 2))
    if (where < -0.5).any() or (where > np.asarray(base.geometry.shape) - 0.5).any():
        raise InvalidInputError(
            "the base CT does not cover the middle of the label map",
            where=base.source.path,
            remedy="give the CT that the label map was drawn on",
        )
    return resample(base, target).voxels.astype(np.float32)


def _order(tissues: Mapping[int, str]) -> list[int]:
    """Bones last, for their thin shells; vessels after what they run through."""
    rank = {Inside.LUNG: 0, Inside.GUT: 1, Inside.MUSCLE: 2, Inside.LIVER: 3, Inside.PLAIN: 5, Inside.BONE: 6}
    return sorted(tissues, key=lambda label: (rank.get(inside_of(tissues[label]), 4), label))
