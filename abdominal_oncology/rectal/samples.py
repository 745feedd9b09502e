"""From a case to what the stage network takes: (1, 2, D, size, size), the volume and its marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.samples import Samples
from abdominal_oncology.progress import Progress, silent
from abdominal_oncology.rectal.box import Box
from abdominal_oncology.rectal.marks import Placed, as_input, place_slices
from abdominal_oncology.rectal.plane import AcquisitionPlane
from abdominal_oncology.rectal.prepare import PreparedVolume, VolumePreparation, prepare_volume
from abdominal_oncology.rectal.words import MASKS

ROLE = "t2"


@dataclass(frozen=True)
class StageContext:
    """What deciding needs again: the prepared volume, the masks by role, and which slices the network was given.

    ``placed`` counts the prepared volume's slices from the feet.
    """

    prepared: PreparedVolume
    placed: Placed
    masks: Mapping[str, Image] = field(default_factory=dict)


def case_masks(case: Case) -> dict[str, Image]:
    """The masks of a case that say where rectum and tumour are."""
    return {role: case.read_mask(role) for role in MASKS if role in case.masks}


def stage_samples(
    image: Image,
    preparation: VolumePreparation,
    *,
    box: Box | None = None,
    masks: Mapping[str, Image] | None = None,
    representative: Sequence[int] = (),
    progress: Progress = silent,
) -> Samples:
    """One sample, with a :class:`StageContext`. ``representative`` are slices as the image stores them, from 0."""
    known = dict(masks or {})
    prepared = prepare_volume(image, preparation, box=box, masks=list(known.values()), progress=progress)
    count, depth = len(prepared.pixels), preparation.depth
    marked = [_from_feet(index, prepared.plane, count, image.source.path) for index in representative]
    middle = sum(prepared.region.slices) / 2 - 0.5
    around = float(np.mean(marked)) if marked else middle
    inputs = as_input(prepared.pixels, marked, depth=depth, around=around)
    context = StageContext(prepared, place_slices(count, depth, around), known)
    return Samples(inputs[None], warnings=prepared.warnings, context=context)


def _from_feet(index: int, plane: AcquisitionPlane, count: int, where: str) -> int:
    if not 0 <= index < count:
        raise InvalidInputError(
            f"slice {index} cannot be representative: the volume has slices 0 … {count - 1}",
            where=where,
            remedy="number the slices as they are stored, starting at 0",
        )
    return plane.stored_slice(index, count)  # counting from the other end undoes itself
