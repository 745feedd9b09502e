"""What every named structure is made of: which region's contrast it takes up, and its HU without contrast.

>>> recipe("kidney_left").uptake
(('renal_cortex', 0.6), ('renal_medulla', 0.4))
>>> recipe("gluteus_medius_right").uptake
(('muscle', 1.0),)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from abdominal_oncology.errors import MissingInputError
from abdominal_oncology.imaging.anatomy import lookup
from abdominal_oncology.phantom.enhancement import EXCRETION, REGIONS


@dataclass(frozen=True)
class Recipe:
    """``uptake``: shares of regions' enhancement. ``plain``: (mean, spread) HU without contrast, None for the first
    region's own. ``family``: structures of one family are bright or dark together in one patient."""

    uptake: tuple[tuple[str, float], ...] = ()
    plain: tuple[float, float] | None = None
    family: str = "fluid"


def _as(region: str, share: float = 1.0) -> Recipe:
    return Recipe(((region, share),))


_KIDNEY = Recipe((("renal_cortex", 0.6), ("renal_medulla", 0.4)))
_BONE = Recipe((("marrow", 0.8),), (270.0, 60.0), "bone")
_MUSCLE = _as("muscle")
_LUNG = Recipe((("right_heart", 0.04),), (-845.0, 35.0), "lung")

_RECIPES: Mapping[str, Recipe] = {
    **{name: _as(name) for name in REGIONS},
    **{name: Recipe() for name in EXCRETION},
    "kidney_left": _KIDNEY,
    "kidney_right": _KIDNEY,
    "kidney": _KIDNEY,
    "ureters": Recipe(),
    "urinary_bladder": Recipe(),
    "inferior_vena_cava": _as("vena_cava"),
    "inferior_vena_cava_infrarenal": _as("iliac_veins"),
    "iliac_vena_left": _as("iliac_veins"),
    "iliac_vena_right": _as("iliac_veins"),
    "renal_veins": Recipe((("renal_cortex", 0.62), ("aorta", 0.1)), (38.0, 6.0), "blood"),
    "portal_vein_and_splenic_vein": _as("portal_vein"),
    "splenic_vein": Recipe((("portal_vein", 0.75), ("spleen", 0.35)), (37.0, 6.0), "blood"),
    "superior_mesenteric_vein": Recipe((("portal_vein", 0.98),), (37.0, 6.0), "blood"),
    "pelvic_vessels": Recipe((("iliac_veins", 0.5), ("aorta", 0.5)), (38.0, 6.0), "blood"),
    "pulmonary_vein": _as("left_heart"),
    "atrial_appendage_left": _as("left_heart"),
    "superior_vena_cava": _as("central_veins"),
    "brachiocephalic_vein_left": _as("central_veins"),
    "brachiocephalic_vein_right": _as("right_heart"),
    "jugular_veins": Recipe((("iliac_veins", 1.0),), (40.0, 6.0), "blood"),
    "heart": Recipe((("myocardium", 0.4), ("left_heart", 0.32), ("right_heart", 0.28)), (42.0, 5.0), "blood"),
    "stomach": Recipe((("gut_wall", 0.6),), (34.0, 8.0), "gut"),
    "small_bowel": Recipe((("gut_wall", 0.8),), (32.0, 8.0), "gut"),
    "duodenum": Recipe((("gut_wall", 0.8),), (32.0, 8.0), "gut"),
    "colon": Recipe((("gut_wall", 0.7),), (28.0, 10.0), "gut"),
    "rectum": Recipe((("gut_wall", 0.8),), (34.0, 8.0), "gut"),
    "esophagus": Recipe((("gut_wall", 0.6),), (36.0, 7.0), "gut"),
    "gut_mucosa": Recipe((("gut_wall", 1.25),), (38.0, 7.0), "gut"),
    "prostate": Recipe((("gland", 0.9),), (42.0, 7.0), "gland"),
    "seminal_vesicles": Recipe((("gland", 0.4),), (24.0, 7.0), "gland"),
    "uterus": Recipe((("gland", 1.3),), (44.0, 7.0), "gland"),
    "vagina": Recipe((("gland", 0.8),), (40.0, 7.0), "gland"),
    "thyroid_gland": _as("thyroid"),
    "adrenal_gland_left": _as("adrenal"),
    "adrenal_gland_right": _as("adrenal"),
    "lymph_node": _as("nodes"),
    "gallbladder": Recipe((), (9.0, 6.0), "bile"),
    "gallbladder_wall": Recipe((("gut_wall", 0.7),), (34.0, 7.0), "gut"),
    "bile_ducts": Recipe((), (8.0, 5.0), "bile"),
    "kidney_cyst_left": Recipe((), (6.0, 5.0), "cyst"),
    "kidney_cyst_right": Recipe((), (6.0, 5.0), "cyst"),
    "ascites": Recipe((), (7.0, 5.0), "fluid"),
    "pleural_effusion": Recipe((), (6.0, 6.0), "fluid"),
    "bowel_fluid": Recipe((), (14.0, 9.0), "gut_content"),
    "bowel_content": Recipe((), (18.0, 16.0), "gut_content"),
    "gastric_content": Recipe((), (28.0, 18.0), "gut_content"),
    "oral_contrast": Recipe((), (260.0, 95.0), "oral"),
    "bowel_gas": Recipe((), (-960.0, 15.0), "gas"),
    "trachea": Recipe((), (-985.0, 8.0), "gas"),
    "lung": _LUNG,
    "subcutaneous_fat": Recipe((), (-107.0, 6.0), "fat"),
    "visceral_fat": Recipe((), (-101.0, 7.0), "fat"),
    "marrow_fat": Recipe((), (-60.0, 25.0), "bone"),
    "skin": Recipe((("muscle", 0.6),), (8.0, 15.0), "muscle"),
    "soft_tissue": Recipe((("muscle", 0.8),), (40.0, 8.0), "muscle"),
    "tendon": Recipe((), (75.0, 10.0), "muscle"),
    "arm": _MUSCLE,
    "bone": Recipe((), (620.0, 130.0), "bone"),
    "bone_marrow": Recipe((("marrow", 1.0),), (150.0, 42.0), "bone"),
    "intervertebral_disc": Recipe((("marrow", 0.1),), (82.0, 11.0), "disc"),
    "costal_cartilages": Recipe((("marrow", 0.1),), (95.0, 18.0), "disc"),
    "spinal_canal": Recipe((("muscle", 0.3),), (24.0, 6.0), "cord"),
    "spinal_cord": Recipe((("muscle", 0.4),), (38.0, 5.0), "cord"),
    "brain": Recipe((("muscle", 0.4),), (35.0, 3.0), "cord"),
    "calcification": Recipe((), (520.0, 160.0), "calcium"),
    "table": Recipe((), (-180.0, 60.0), "table"),
    "metal": Recipe((), (6000.0, 1500.0), "metal"),
    "air": Recipe((), (-1000.0, 0.0), "gas"),
}

_PREFIXES: tuple[tuple[str, Recipe], ...] = (
    ("lung_", _LUNG),
    ("vertebrae_", _BONE),
    ("rib_", Recipe((("marrow", 0.8),), (330.0, 70.0), "bone")),
    ("gluteus_", _MUSCLE),
    ("autochthon_", _MUSCLE),
    ("iliopsoas_", _MUSCLE),
    ("kidney_cyst", Recipe((), (6.0, 5.0), "cyst")),
    *((name, Recipe((("marrow", 0.6),), (360.0, 80.0), "bone")) for name in ("hip_", "femur_", "humerus_", "scapula_")),
    *((name, _BONE) for name in ("sacrum", "sternum", "clavicula_", "skull")),
)

# arteries follow the aorta whatever their name
_ARTERIES = ("artery", "arteries", "celiac_trunk", "brachiocephalic_trunk")


@cache
def recipe(structure: str) -> Recipe:
    """The recipe of a structure by its canonical name, an alias of it, or one of our painter's extra names."""
    if structure in _RECIPES:
        return _RECIPES[structure]
    known = lookup(structure)
    name = known.name if known else structure
    if name in _RECIPES:
        return _RECIPES[name]
    for prefix, found in _PREFIXES:
        if name.startswith(prefix):
            return found
    if any(word in name for word in _ARTERIES):
        return Recipe((("aorta", 0.96),), (40.0, 6.0), "blood")
    raise MissingInputError(
        f"no tissue is known for the structure {structure!r}",
        remedy="use a name from abdominal_oncology.imaging.anatomy that has an HU in CT",
    )


@cache
def families() -> tuple[str, ...]:
    """Every family of structures that vary together, regions' own pools included."""
    pools = {row.pool or name for name, row in REGIONS.items()}
    return tuple(sorted({each.family for each in _RECIPES.values()} | pools | set(EXCRETION) | {"bone", "blood"}))
