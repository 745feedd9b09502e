"""The rows behind :mod:`abdominal_oncology.imaging.anatomy`: plain data, no lookup.

Numbers 1 … 117 are TotalSegmentator's ("total" task, version 2), so its label maps can be used as they are. Numbers
200 … 255 are ours: what a phantom or a clinical question needs beyond them, within one byte. SNOMED CT codes are those
of DICOM PS3.16 context groups or of TotalSegmentator's own published mapping; where neither names a structure, none is
given (renal cortex: AAPM TG-263). Colours (red, green, blue) are ours.
"""

from __future__ import annotations

from typing import NamedTuple

Colour = tuple[int, int, int]


class Row(NamedTuple):
    """One structure; ``snomed`` empty where no code is known for certain, ``aliases`` beyond the name itself."""

    number: int
    name: str
    snomed: str
    colour: Colour
    aliases: tuple[str, ...] = ()
    kind: str = "anatomy"


_RED, _BLUE, _BONE, _MUSCLE = (214, 60, 50), (60, 90, 190), (238, 224, 190), (176, 84, 72)
_LUNG, _FAT, _LESION = (150, 200, 220), (240, 220, 130), (235, 90, 200)

_ORGANS = (
    Row(1, "spleen", "78961009", (150, 90, 160), ("milz",)),
    Row(2, "kidney_right", "64033007", (190, 110, 60)),
    Row(3, "kidney_left", "64033007", (205, 125, 75)),
    Row(4, "gallbladder", "28231008", (110, 180, 70), ("gall bladder",)),
    Row(5, "liver", "10200004", (165, 85, 60)),
    Row(6, "stomach", "69695003", (220, 150, 150)),
    Row(7, "pancreas", "15776009", (235, 190, 110)),
    Row(8, "adrenal_gland_right", "23451007", (215, 175, 80), ("right adrenal",)),
    Row(9, "adrenal_gland_left", "23451007", (225, 185, 95), ("left adrenal",)),
    Row(10, "lung_upper_lobe_left", "45653009", _LUNG),
    Row(11, "lung_lower_lobe_left", "90572001", (135, 190, 215)),
    Row(12, "lung_upper_lobe_right", "45653009", (160, 205, 225)),
    Row(13, "lung_middle_lobe_right", "72481006", (175, 212, 230)),
    Row(14, "lung_lower_lobe_right", "90572001", (125, 182, 210)),
    Row(15, "esophagus", "32849002", (205, 140, 120), ("oesophagus",)),
    Row(16, "trachea", "44567001", (170, 220, 235)),
    Row(17, "thyroid_gland", "69748006", (230, 170, 90), ("thyroid",)),
    Row(18, "small_bowel", "30315005", (225, 170, 160), ("small intestine",)),
    Row(19, "duodenum", "38848004", (215, 160, 130)),
    Row(20, "colon", "71854001", (200, 145, 110), ("large bowel", "large intestine")),
    Row(21, "urinary_bladder", "89837001", (220, 200, 90), ("bladder",)),
    Row(22, "prostate", "41216001", (200, 120, 140)),
    Row(23, "kidney_cyst_left", "367643001", (120, 200, 220), (), "lesion"),
    Row(24, "kidney_cyst_right", "367643001", (110, 190, 215), (), "lesion"),
    Row(51, "heart", "80891009", (190, 70, 70)),
    Row(79, "spinal_cord", "2748008", (245, 240, 160)),
    Row(90, "brain", "12738006", (230, 190, 190)),
)

_VESSELS = (
    Row(52, "aorta", "15825003", (220, 50, 40)),
    Row(53, "pulmonary_vein", "122972007", (200, 80, 110)),
    Row(54, "brachiocephalic_trunk", "12691009", _RED),
    Row(55, "subclavian_artery_right", "29700009", _RED),
    Row(56, "subclavian_artery_left", "29700009", _RED),
    Row(57, "common_carotid_artery_right", "32062004", _RED),
    Row(58, "common_carotid_artery_left", "32062004", _RED),
    Row(59, "brachiocephalic_vein_left", "8887007", _BLUE),
    Row(60, "brachiocephalic_vein_right", "8887007", _BLUE),
    Row(61, "atrial_appendage_left", "68786006", (200, 90, 80)),
    Row(62, "superior_vena_cava", "48345005", (70, 100, 200), ("svc",)),
    Row(63, "inferior_vena_cava", "64131007", (50, 80, 185), ("ivc",)),
    Row(64, "portal_vein_and_splenic_vein", "110765007", (90, 120, 215), ("portosplenic vein",)),
    Row(65, "iliac_artery_left", "73634005", (225, 75, 60), ("left common iliac artery",)),
    Row(66, "iliac_artery_right", "73634005", (215, 70, 55), ("right common iliac artery",)),
    Row(67, "iliac_vena_left", "46027005", (75, 105, 205), ("left iliac vein", "left common iliac vein")),
    Row(68, "iliac_vena_right", "46027005", (65, 95, 195), ("right iliac vein", "right common iliac vein")),
)

_BONES_AND_MUSCLES = (
    Row(25, "sacrum", "54735007", _BONE),
    Row(26, "vertebrae_S1", "65985001", _BONE, ("s1 vertebra", "s1")),
    Row(69, "humerus_left", "85050009", _BONE),
    Row(70, "humerus_right", "85050009", _BONE),
    Row(71, "scapula_left", "79601000", _BONE),
    Row(72, "scapula_right", "79601000", _BONE),
    Row(73, "clavicula_left", "51299004", _BONE, ("left clavicle",)),
    Row(74, "clavicula_right", "51299004", _BONE, ("right clavicle",)),
    Row(75, "femur_left", "71341001", _BONE),
    Row(76, "femur_right", "71341001", _BONE),
    Row(77, "hip_left", "29836001", _BONE, ("left hip bone",)),
    Row(78, "hip_right", "29836001", _BONE, ("right hip bone",)),
    Row(80, "gluteus_maximus_left", "181674001", _MUSCLE),
    Row(81, "gluteus_maximus_right", "181674001", _MUSCLE),
    Row(82, "gluteus_medius_left", "78333006", _MUSCLE),
    Row(83, "gluteus_medius_right", "78333006", _MUSCLE),
    Row(84, "gluteus_minimus_left", "75297007", _MUSCLE),
    Row(85, "gluteus_minimus_right", "75297007", _MUSCLE),
    Row(86, "autochthon_left", "244849004", _MUSCLE, ("left deep back muscle",)),
    Row(87, "autochthon_right", "244849004", _MUSCLE, ("right deep back muscle",)),
    Row(88, "iliopsoas_left", "68455001", _MUSCLE, ("left psoas",)),
    Row(89, "iliopsoas_right", "68455001", _MUSCLE, ("right psoas",)),
    Row(91, "skull", "89546000", _BONE),
    Row(116, "sternum", "56873002", _BONE),
    Row(117, "costal_cartilages", "50016007", (215, 215, 225)),
)

_VERTEBRAE = {  # from the sacrum upwards: numbers 27 … 50
    "L5": "49668003",
    "L4": "11994002",
    "L3": "36470004",
    "L2": "14293000",
    "L1": "66794005",
    "T12": "23215003",
    "T11": "12989004",
    "T10": "7610001",
    "T9": "82687006",
    "T8": "11068009",
    "T7": "62487009",
    "T6": "45296009",
    "T5": "56401006",
    "T4": "73071006",
    "T3": "1626008",
    "T2": "53733008",
    "T1": "64864005",
    "C7": "87391001",
    "C6": "36054005",
    "C5": "36978003",
    "C4": "5329002",
    "C3": "113205007",
    "C2": "39976000",
    "C1": "14806007",
}

_RIBS = (  # first to twelfth; left 92 … 103, right 104 … 115
    *("48535007", "78247007", "25888004", "25523003", "15339008", "59558009"),
    *("24915002", "5953002", "22565002", "77644006", "58830002", "43993008"),
)

_TISSUES = (
    Row(200, "soft_tissue", "", (200, 150, 130), ("body", "tissue"), "tissue"),
    Row(201, "skin", "39937001", (240, 200, 170)),
    Row(202, "subcutaneous_fat", "67769002", _FAT, ("sat", "subcutaneous adipose tissue"), "tissue"),
    Row(203, "visceral_fat", "", (230, 205, 110), ("vat", "intraabdominal fat", "visceral adipose tissue"), "tissue"),
    Row(204, "muscle", "127954009", _MUSCLE, ("skeletal muscle",)),
    Row(205, "bone", "272673000", _BONE, ("cortical bone",)),
    Row(206, "bone_marrow", "14016003", (225, 170, 140), ("marrow",)),
    Row(207, "spinal_canal", "61853006", (235, 230, 150)),
    Row(208, "intervertebral_disc", "", (205, 210, 220), ("disc", "disk", "intervertebral disk")),
    Row(209, "arm", "", (205, 160, 135), ("arms",)),
)

_VESSELS_AND_PARTS = (
    Row(210, "hepatic_veins", "8993003", (80, 110, 200), ("hepatic vein",)),
    Row(211, "portal_vein", "32764006", (100, 130, 225)),
    Row(212, "splenic_vein", "35819009", (110, 140, 230)),
    Row(213, "superior_mesenteric_vein", "90771006", (85, 115, 210), ("smv",)),
    Row(214, "superior_mesenteric_artery", "42258001", (230, 80, 65), ("sma",)),
    Row(215, "celiac_trunk", "57850000", (235, 90, 75), ("coeliac trunk", "celiac axis", "celiac artery")),
    Row(216, "hepatic_artery", "76015000", (240, 100, 85)),
    Row(217, "splenic_artery", "22083002", (228, 85, 90)),
    Row(218, "renal_arteries", "2841007", (222, 95, 70), ("renal artery",)),
    Row(219, "renal_veins", "56400007", (70, 110, 190), ("renal vein",)),
    Row(220, "renal_cortex", "50403003", (200, 120, 70), ("kidney cortex",)),
    Row(221, "renal_medulla", "", (180, 95, 60), ("kidney medulla",)),
    Row(222, "renal_pelvis", "25990002", (235, 215, 120), ("kidney pelvis",)),
    Row(223, "bile_ducts", "28273000", (120, 190, 80), ("bile duct",)),
    Row(224, "bowel_gas", "74947009", (70, 70, 80), ("gas", "air"), "substance"),
    Row(225, "oral_contrast", "385420005", (250, 250, 235), ("contrast",), "substance"),
    Row(226, "bowel_content", "", (170, 130, 90), ("stool", "faeces", "feces"), "substance"),
    Row(227, "ascites", "", (150, 190, 230), ("free fluid",), "substance"),
    Row(228, "lung", "39607008", _LUNG, ("lungs",)),
    Row(229, "lymph_node", "59441001", (140, 190, 120), ("lymph nodes",)),
    Row(230, "table", "86407004", (120, 120, 130), ("couch",), "object"),
    Row(231, "metal", "", (210, 215, 230), ("metal implant",), "object"),
    Row(232, "ureters", "87953007", (225, 205, 100), ("ureter",)),
)

_LESIONS = (
    Row(235, "liver_lesion", "52988006", _LESION, ("lesion", "focal liver lesion"), "lesion"),
    Row(236, "lesion_capsule", "", (250, 170, 225), ("capsule",), "lesion"),
    Row(237, "lesion_necrosis", "", (120, 60, 120), ("necrosis",), "lesion"),
    Row(238, "liver_tumour", "108369006", (225, 70, 180), ("liver tumor", "hcc"), "lesion"),
)

_PELVIS = (
    Row(240, "rectum", "34402009", (190, 120, 100)),
    Row(241, "rectal_lumen", "", (90, 70, 70), (), "substance"),
    Row(242, "rectal_mucosa", "", (200, 110, 110), ("mucosa",)),
    Row(243, "rectal_submucosa", "", (235, 180, 160), ("submucosa",)),
    Row(244, "rectal_muscularis_propria", "", (150, 75, 70), ("muscularis propria", "muscularis")),
    Row(245, "mesorectal_fat", "", (245, 225, 140), ("mesorectum",), "tissue"),
    Row(246, "mesorectal_fascia", "", (150, 150, 150), ("mrf",)),
    Row(247, "tumour", "108369006", (235, 60, 120), ("tumor", "rectal tumour", "rectal tumor", "neoplasm"), "lesion"),
    Row(248, "spicules", "", (180, 180, 120), ("spicule", "desmoplastic spicules"), "lesion"),
    Row(249, "uterus", "35039007", (215, 130, 150)),
    Row(250, "vagina", "76784001", (205, 140, 150)),
    Row(251, "seminal_vesicles", "64739004", (215, 160, 120), ("seminal vesicle",)),
    Row(252, "anal_canal", "53505006", (175, 110, 95), ("anus",)),
    Row(253, "pelvic_vessels", "", (130, 80, 150), ()),
)


def rows() -> tuple[Row, ...]:
    """Every structure, sorted by number."""
    vertebrae = (
        Row(27 + step, f"vertebrae_{level}", code, _BONE, (level, f"{level} vertebra"))
        for step, (level, code) in enumerate(_VERTEBRAE.items())
    )
    ribs = (
        Row(first + step, f"rib_{side}_{step + 1}", code, _BONE)
        for side, first in (("left", 92), ("right", 104))
        for step, code in enumerate(_RIBS)
    )
    ours = (*_TISSUES, *_VESSELS_AND_PARTS, *_LESIONS, *_PELVIS)
    return tuple(sorted((*_ORGANS, *_VESSELS, *_BONES_AND_MUSCLES, *vertebrae, *ribs, *ours)))
