"""The panels' sample patients: small enough for a click, always the same, made on the spot.

Each function imports its phantom when it is called. Phantoms are not patients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from abdominal_oncology.phantom.result import Phantom

_SEED = 7
_SPACING_MM = (6.0, 2.0, 2.0)
_MATRIX, _SLICES = 192, 30


def abdominal_ct() -> Phantom:
    """The upper abdomen in four phases."""
    from abdominal_oncology.phase.phantom import phase_study

    return phase_study(_SEED, extent="upper", matrix=_MATRIX, spacing_mm=_SPACING_MM, slices=_SLICES)


def liver_lesion_ct() -> Phantom:
    """A liver with one HCC of 36 mm, in four phases."""
    from abdominal_oncology.hcc.phantom import hcc_study

    return hcc_study(_SEED, lesions=["hcc"], sizes_mm=[36.0], matrix=_MATRIX, spacing_mm=_SPACING_MM, slices=_SLICES)


def rectal_mr() -> Phantom:
    """An axial T2 of a T3 tumour."""
    from abdominal_oncology.rectal.phantom import rectal_phantom

    return rectal_phantom(_SEED, stage="T3", matrix=320, slices=24)
