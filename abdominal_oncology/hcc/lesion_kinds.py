"""The kinds of focal liver lesion and how each takes up contrast on average: data, no code that paints.

Attenuation is in HU as (mean, spread between lesions). ``arterial``, ``portal`` and ``delayed`` mean late arterial
(40 s), portal venous (75 s) and 3 minutes. Where a kind follows its surroundings, the numbers are differences to the
liver of the same patient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType

from abdominal_oncology.errors import InvalidInputError

Spread = tuple[float, float]

Signs = tuple[bool, bool, bool]
"""Of LI-RADS's major features: bright early, dark later, a capsule."""

SIGN_HU: Mapping[str, tuple[int, float]] = MappingProxyType(
    {"arterial": (0, 26.0), "portal": (1, -30.0), "delayed": (1, -28.0)}
)
"""In each phase the sign that is seen there (its place in :data:`Signs`), and the HU it adds to a lesion without."""


class LesionKind(StrEnum):
    HCC = "hcc"
    METASTASIS = "metastasis"
    CHOLANGIOCARCINOMA = "cholangiocarcinoma"
    HAEMANGIOMA = "haemangioma"
    FNH = "fnh"
    ADENOMA = "adenoma"
    CYST = "cyst"
    REGENERATIVE_NODULE = "regenerative_nodule"
    DYSPLASTIC_NODULE = "dysplastic_nodule"

    @classmethod
    def of(cls, name: LesionKind | str) -> LesionKind:
        """The kind of this name; a stranger is refused with the names that exist."""
        try:
            return cls(name)
        except ValueError:
            known = ", ".join(kind.value for kind in cls)
            raise InvalidInputError(f"no liver lesion is called {name!r}", remedy=f"choose one of {known}") from None


@dataclass(frozen=True)
class Recipe:
    """One kind: the whole lesion's median in HU without contrast and in three phases, and what varies inside.

    ``follows_liver`` is how far (0 to 1) a lesion shares its patient's deviation from the average liver; with
    ``relative`` the numbers are differences to the patient's liver. ``grain_hu`` is the spread inside a lesion.
    ``rim_hu`` lifts the shell above the core (arterial, portal, delayed), for a ``rim_share`` of lesions.
    ``signs`` are the shares of lesions that have each combination of signs; the HU are then those of a lesion without.
    ``least_hu``: no lesion of the kind is darker in any phase.
    """

    plain: Spread
    arterial: Spread
    portal: Spread
    delayed: Spread
    grain_hu: Spread
    follows_liver: float = 0.5
    relative: bool = False
    phase_correlation: float = 0.63
    rim_hu: tuple[float, float, float] = (0.0, 0.0, 0.0)
    rim_share: float = 0.0
    signs: tuple[tuple[float, Signs], ...] = ()
    capsule_share: float = 0.0
    mosaic_share: float = 0.0
    necrosis_share: float = 0.0
    scar_share: float = 0.0
    fills_in: bool = False
    cirrhosis_share: float = 0.1
    irregularity: Spread = (0.09, 0.04)
    edge_mm: Spread = (1.0, 0.4)
    least_hu: float = 15.0


_T, _F = True, False

_HCC = Recipe(  # all together: 67 ± 15, 92 ± 19 and 66 ± 16 HU; two or three signs in nine of ten
    (44, 8), (45, 11), (111, 12), (84, 8), (20, 5), 0.45, False, 0.63,
    signs=(
        (0.34, (_T, _T, _T)), (0.2, (_T, _T, _F)), (0.22, (_T, _F, _T)), (0.1, (_F, _T, _T)),
        (0.08, (_T, _F, _F)), (0.06, (_F, _F, _F)),
    ),
    mosaic_share=0.4, necrosis_share=0.3, cirrhosis_share=0.8, irregularity=(0.1, 0.05),
)  # fmt: skip

_LOOK_ALIKE = replace(  # equal to an HCC in everything but its signs, of which it has one, or none, in nine of ten
    _HCC,
    signs=(
        (0.42, (_T, _F, _F)), (0.16, (_F, _T, _F)), (0.14, (_F, _F, _T)), (0.2, (_F, _F, _F)),
        (0.04, (_T, _F, _T)), (0.04, (_T, _T, _F)),
    ),
)  # fmt: skip

RECIPES: Mapping[LesionKind, Recipe] = MappingProxyType(
    {
        LesionKind.HCC: _HCC,
        LesionKind.METASTASIS: Recipe(
            (40, 8), (58, 16), (72, 17), (68, 14), (15, 5), 0.3, False, 0.6,
            rim_hu=(28, 16, -2), rim_share=0.5, necrosis_share=0.35, cirrhosis_share=0.05, irregularity=(0.1, 0.05),
        ),
        LesionKind.CHOLANGIOCARCINOMA: Recipe(
            (40, 8), (58, 13), (76, 16), (92, 15), (14, 4), 0.4, False, 0.6,
            rim_hu=(34, 20, -10), rim_share=0.75, necrosis_share=0.15, cirrhosis_share=0.3, irregularity=(0.15, 0.05),
            edge_mm=(1.8, 0.7),
        ),
        LesionKind.HAEMANGIOMA: Recipe(
            (40, 6), (48, 8), (56, 9), (62, 9), (6, 2), 0.2, False, 0.5, fills_in=True, irregularity=(0.1, 0.04),
        ),
        LesionKind.FNH: Recipe(
            (51, 8), (122, 20), (112, 15), (95, 12), (10, 3), 0.4, False, 0.6,
            scar_share=0.45, cirrhosis_share=0.02, edge_mm=(0.8, 0.2),
        ),
        LesionKind.ADENOMA: Recipe(
            (56, 9), (80, 17), (110, 17), (90, 13), (13, 4), 0.5, False, 0.6,
            capsule_share=0.2, mosaic_share=0.15, necrosis_share=0.12, cirrhosis_share=0.03,
        ),
        LesionKind.CYST: Recipe(
            (8, 4), (8.5, 4), (9, 4), (9, 4), (2, 0.7), 0.0, False, 0.97,
            cirrhosis_share=0.15, irregularity=(0.04, 0.02), edge_mm=(0.6, 0.2), least_hu=-8.0,
        ),
        LesionKind.REGENERATIVE_NODULE: Recipe(
            (1, 5), (-2, 9), (-2, 8), (-4, 6), (7, 2), 1.0, True, 0.5,
            capsule_share=0.06, cirrhosis_share=1.0, irregularity=(0.07, 0.03), edge_mm=(1.3, 0.5),
        ),
        LesionKind.DYSPLASTIC_NODULE: _LOOK_ALIKE,
    }
)  # fmt: skip

OTHER_SHARES: Mapping[LesionKind, float] = MappingProxyType(
    {
        LesionKind.DYSPLASTIC_NODULE: 0.5,
        LesionKind.METASTASIS: 0.16,
        LesionKind.CHOLANGIOCARCINOMA: 0.1,
        LesionKind.REGENERATIVE_NODULE: 0.06,
        LesionKind.FNH: 0.06,
        LesionKind.ADENOMA: 0.06,
        LesionKind.HAEMANGIOMA: 0.04,
        LesionKind.CYST: 0.02,
    }
)
"""Among lesions of which a histology says that they are no HCC: mostly look-alikes. What is clearly benign on the
images is not biopsied, and kept here as a few that everybody should get right."""


class SizeSet(StrEnum):
    """Whose sizes: the source study's small lesions (D1), its larger set (D2), or 361 measured HCC."""

    SMALL = "small"
    LARGE = "large"
    MEASURED = "measured"


def size_moments(size_set: SizeSet | str, is_hcc: bool) -> tuple[float, float]:
    """Mean and standard deviation (mm) of the largest diameter in a size set.

    >>> size_moments("small", True)
    (19.3, 5.6)
    """
    try:
        chosen = SizeSet(size_set)
    except ValueError:
        raise InvalidInputError(
            f"no size set is called {size_set!r}", remedy="choose 'small', 'large' or 'measured'"
        ) from None
    if chosen is SizeSet.SMALL:
        return (19.3, 5.6) if is_hcc else (15.4, 5.6)
    if chosen is SizeSet.LARGE:
        return (32.6, 14.8) if is_hcc else (17.6, 12.7)
    return (49.7, 33.4) if is_hcc else (17.6, 12.7)  # lognormal, μ 3.72 and σ 0.61
