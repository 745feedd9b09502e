"""A synthetic patch measured as a patient's lesion is: the same code, the same numbers, the same errors."""

from __future__ import annotations

import numpy as np

from abdominal_oncology.hcc.case import LesionMask
from abdominal_oncology.hcc.cut import ENOUGH_INSIDE
from abdominal_oncology.hcc.features.findings import findings_of
from abdominal_oncology.hcc.features.region import LesionRegion
from abdominal_oncology.hcc.features.uncertain import Uncertain
from abdominal_oncology.hcc.measure import AROUND_MM, LesionMeasurements, lesion_size, published_features
from abdominal_oncology.hcc.patch import LesionPatch
from abdominal_oncology.hcc.phase_roles import PHASES
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality


def measure_patch(patch: LesionPatch, *, lirads: bool = False) -> LesionMeasurements:
    """Size and published features of a patch's lesion; with ``lirads`` also what LI-RADS asks for, ten times slower.

    A lesion larger than the patch has the size that it was painted with: a patient's is measured on the whole mask.

    >>> from abdominal_oncology.hcc.patch import lesion_patch
    >>> measured = measure_patch(lesion_patch(3, kind="hcc", size_mm=20.0))
    >>> 17 < measured.size.value < 23, measured.published.energy.value
    (True, 'mean')
    """
    whole = Geometry(patch.lesion.shape, patch.spacing_mm)
    lesion = LesionMask("lesion", Image(patch.lesion.astype(np.uint8), whole, Modality.MASK))
    size = lesion_size(lesion)
    if patch.truth["share_inside"] < ENOUGH_INSIDE:
        size = Uncertain(float(patch.truth["size_mm"]), size.error, "mm")
    near = _near(patch)
    start = tuple(each.start for each in near)
    stop = tuple(each.stop for each in near)
    hu = {phase: voxels[near] for phase, voxels in zip(PHASES, patch.voxels_hu, strict=True)}
    region = LesionRegion.of(whole.crop(start, stop), hu, patch.lesion[near], patch.liver[near])
    return LesionMeasurements(
        lesion.name,
        size,
        lesion.volume_mm3,
        PHASES,
        findings_of(region, size.value) if lirads else None,
        published_features(region, size.value),
        region,
        None,
    )


def _near(patch: LesionPatch) -> tuple[slice, slice, slice]:
    """The box around the lesion that a patient's measurements look at."""
    places = np.argwhere(patch.lesion)
    margin = np.ceil(AROUND_MM / np.asarray(patch.spacing_mm)).astype(int)
    low = np.maximum(places.min(axis=0) - margin, 0)
    high = np.minimum(places.max(axis=0) + margin + 1, patch.lesion.shape)
    k, j, i = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return k, j, i
