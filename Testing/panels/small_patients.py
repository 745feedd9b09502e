"""Sample patients of a few voxels: the real ones take seconds each, and a panel does the same with these."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.phantom.result import Phantom

_ROLES_CT = ("non-contrast", "arterial", "venous", "portal", "delayed")


def _patient(roles: tuple[str, ...], modality: Modality) -> Callable[[], Phantom]:
    geometry = Geometry((4, 5, 6), (2.5, 0.7, 0.8))
    voxels = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    labels = (voxels > 60).astype(np.uint8) + (voxels > 100)
    return lambda: Phantom(
        {role: Image(voxels, geometry, modality) for role in roles},
        {role: Image(labels, geometry, Modality.MASK) for role in roles},
        {1: "liver", 2: "liver_lesion"},
    )


SMALL_PATIENTS = {
    "abdominal_ct": _patient(_ROLES_CT, Modality.CT),
    "liver_lesion_ct": _patient(_ROLES_CT, Modality.CT),
    "rectal_mr": _patient(("t2",), Modality.MR),
}
"""In place of the functions of these names in ``worker.jobs.sample_patients``."""
