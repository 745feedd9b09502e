"""The panels' sample patients: small enough for a click, always the same, made on the spot.

Each function imports its phantom when it is called. Phantoms are not patients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from abdominal_oncology.phantom.result import Phantom

_SEED = 7
_SPACING_MM = (6.0, 2.0, 2.0)
_MATRIX, _SLICES = 192, 30


def abdominal_ct() -> Phantom:
    """The upper abdomen without contrast, arterial, portal and delayed."""
    from abdominal_oncology.phantom.ct_study import ct_study

    return ct_study(_SEED, spacing_mm=_SPACING_MM, matrix=_MATRIX, slices=_SLICES, extent="upper")


def liver_lesion_ct() -> Phantom:
    """The three phases that LI-RADS looks at, with an HCC of 36 mm where the liver is thickest."""
    import numpy as np

    from abdominal_oncology.hcc.lesions import REFERENCE_SECONDS, draw_lesion
    from abdominal_oncology.phantom.ct_study import ct_study
    from abdominal_oncology.phantom.physiology import Patient

    rng = np.random.default_rng(_SEED)
    patient = Patient.sample(rng)
    lesion = draw_lesion(rng, patient, "hcc", size_mm=36.0, centre_mm=_inside_liver(patient))
    return ct_study(
        _SEED,
        seconds=REFERENCE_SECONDS,
        spacing_mm=_SPACING_MM,
        matrix=_MATRIX,
        slices=_SLICES,
        extent="upper",
        inserts=[lesion],
        patient=patient,
    )


def rectal_mr() -> Phantom:
    """An axial T2 of a T3 tumour."""
    from abdominal_oncology.rectal.phantom import rectal_phantom

    return rectal_phantom(_SEED, stage="T3", matrix=320, slices=24)


def _inside_liver(patient: Any) -> tuple[float, float, float]:
    """The point (x, y, z) in LPS mm farthest from the liver's surface, found on a coarse scan of the same patient."""
    import numpy as np
    from scipy.ndimage import distance_transform_edt

    from abdominal_oncology.phantom.ct_study import ct_study

    scout = ct_study(
        _SEED,
        seconds={"scout": None},
        spacing_mm=(9.0, 5.0, 5.0),
        matrix=80,
        slices=16,
        extent="upper",
        patient=patient,
    )
    labels = scout.labels["scout"]
    liver = next(value for value, name in scout.label_names.items() if name == "liver")
    depth = distance_transform_edt(labels.voxels == liver, sampling=labels.geometry.spacing_mm)
    deepest = np.unravel_index(int(np.argmax(depth)), depth.shape)
    x, y, z = labels.geometry.to_world([int(index) for index in deepest])
    return (float(x), float(y), float(z) - float(scout.truth["phases"]["scout"]["shift_mm"]))
