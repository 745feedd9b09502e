"""What the labels of somebody's label map are made of: a tissue each, and how its inside is painted.

>>> [tissue_of(name) for name in ("Left kidney", "right_external_iliac_vein", "Lumbar3", "left_psoas_muscle")]
['kidney_left', 'iliac_vena_right', 'vertebrae_L3', 'muscle']
>>> tissue_of("spaceship") is None
True
"""

from __future__ import annotations

import re
from enum import StrEnum
from os import PathLike
from pathlib import Path

from abdominal_oncology.errors import MissingInputError, UnreadableFileError
from abdominal_oncology.imaging.anatomy import lookup
from abdominal_oncology.phantom.tissues import recipe


class Inside(StrEnum):
    """How a structure looks inside."""

    PLAIN = "plain"
    BONE = "bone"
    MUSCLE = "muscle"
    LUNG = "lung"
    LIVER = "liver"
    KIDNEY = "kidney"
    HEART = "heart"
    GUT = "gut"


# other people's words, first match wins; {n} is a number in the name, {s} its side
_WORDS: tuple[tuple[str, str], ...] = (
    (r"thoracic(?P<n>\d+)$", "vertebrae_T{n}"),
    (r"cervical(?P<n>\d+)$", "vertebrae_C{n}"),
    (r"lumbar(?P<n>\d+)$", "vertebrae_L{n}"),
    (r"dis[ck]$", "intervertebral_disc"),
    (r"^rib", "rib_left_6"),
    (r"^(pelvis|coccyx|ilium|ischium|pubis)", "hip_left"),
    (r"(muscle|abdominis|oblique|psoas|erector|quadratus|gluteus|iliacus)", "muscle"),
    (r"portal_vein", "portal_vein"),
    (r"mesenteric_vein", "superior_mesenteric_vein"),
    (r"hepatic_vein", "hepatic_veins"),
    (r"renal_vein", "renal_veins"),
    (r"iliac_vein", "iliac_vena_{s}"),
    (r"renal_pelvis", "renal_pelvis"),
    (r"ureter", "ureters"),
    (r"(hepatic|splenic|gastric|gastroduodenal|mesenteric|epigastric|iliac|renal|phrenic|lumbar).*artery", "artery"),
    (r"stomach", "stomach"),
    (r"(colon|c(a)?ecum|sigmoid)", "colon"),
    (r"(ileum|jejunum|bowel|intestine)", "small_bowel"),
)
_BONES = ("vertebrae_", "rib_", "hip_", "femur_", "humerus_", "scapula_", "clavicula_", "sacrum", "sternum", "skull")
_MUSCLES = ("muscle", "gluteus_", "autochthon_", "iliopsoas_")
_GUT = ("stomach", "duodenum", "small_bowel", "colon", "rectum")


def tissue_of(name: str) -> str | None:
    """A structure name that a patient has an HU for, or None for a stranger."""
    known = lookup(name)
    if known and _has_recipe(known.name):
        return known.name
    if known is None and _has_recipe(name):
        return name
    words = re.sub(r"[\W_]+", "_", name.casefold()).strip("_")
    side = "right" if "right" in words else "left"
    for pattern, tissue in _WORDS:
        found = re.search(pattern, words)
        if found:
            return tissue.format(s=side, **found.groupdict())
    return None


def inside_of(tissue: str) -> Inside:
    """
    >>> inside_of("vertebrae_L1"), inside_of("spleen")
    (<Inside.BONE: 'bone'>, <Inside.PLAIN: 'plain'>)
    """
    if tissue.startswith(_BONES) or tissue == "bone":
        return Inside.BONE
    if tissue.startswith(_MUSCLES):
        return Inside.MUSCLE
    if tissue.startswith("lung"):
        return Inside.LUNG
    if tissue in ("kidney_left", "kidney_right", "kidney"):
        return Inside.KIDNEY
    if tissue in _GUT:
        return Inside.GUT
    return {"liver": Inside.LIVER, "heart": Inside.HEART}.get(tissue, Inside.PLAIN)


def read_colour_table(path: str | PathLike[str]) -> dict[int, str]:
    """Label names of a Slicer colour table (.ctbl): lines of number, name, red, green, blue, opacity."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failed:
        raise UnreadableFileError(f"the colour table cannot be read ({failed})", where=path) from failed
    lines = (line.split() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    names = {int(words[0]): " ".join(words[1:-4]) for words in lines if len(words) >= 6 and words[0].isdigit()}
    if not names:
        raise UnreadableFileError(
            "the file holds no line of number, name and four colour values",
            where=path,
            remedy="choose a .ctbl file as Slicer writes it",
        )
    return names


def _has_recipe(name: str) -> bool:
    try:
        recipe(name)
    except MissingInputError:
        return False
    return True
