"""Structures ↔ coded terminology, in the text form that Slicer keeps on segments.

A structure with a SNOMED CT code is written with it; one without gets a private code (scheme ``99ABDONCOLOGY``, its
label number), so that it is still recognised after saving, by us and by nobody wrongly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from abdominal_oncology.imaging.anatomy import Kind, Structure, find, lookup, with_snomed

PRIVATE_SCHEME = "99ABDONCOLOGY"
_CONTEXT = "Segmentation category and type - DICOM master list"
_REGIONS = "Anatomic codes - DICOM master list"
_SIDES = {"left": ("SCT", "7771000", "Left"), "right": ("SCT", "24028007", "Right")}
_CATEGORIES = {
    Kind.ANATOMY: ("SCT", "123037004", "Anatomical Structure"),
    Kind.TISSUE: ("SCT", "85756007", "Tissue"),
    Kind.LESION: ("SCT", "49755003", "Morphologically Altered Structure"),
    Kind.SUBSTANCE: ("SCT", "91720002", "Body Substance"),
    Kind.OBJECT: ("SCT", "260787004", "Physical object"),
}
_LESION_SITES = {"liver": "liver", "lesion": "liver", "kidney": "kidney_left", "tumour": "rectum"}
_MEANINGS = {"367643001": "Cyst", "108369006": "Neoplasm", "52988006": "Lesion"}
_UNSAID = "85756007"  # the code of "Tissue", which Slicer gives to every segment nobody has coded

Code = tuple[str, str, str]
_NONE: Code = ("", "", "")


@dataclass(frozen=True)
class Terminology:
    """One coded entry; every code is (scheme, value, meaning), empty where absent."""

    category: Code
    type: Code
    type_modifier: Code = _NONE
    region: Code = _NONE
    region_modifier: Code = _NONE

    def serialised(self) -> str:
        """As Slicer keeps it on a segment."""
        head = (self.category, self.type, self.type_modifier)
        tail = (self.region, self.region_modifier)
        return "~".join([_CONTEXT, *map("^".join, head), _REGIONS, *map("^".join, tail)])

    @property
    def is_said(self) -> bool:
        """False for the default that uncoded segments carry."""
        return bool(self.type[1]) and self.type[1] != _UNSAID


def terminology_of(structure: Structure) -> Terminology:
    """
    >>> from abdominal_oncology.imaging.anatomy import find
    >>> terminology_of(find("left kidney")).type, terminology_of(find("left kidney")).type_modifier[2]
    (('SCT', '64033007', 'Kidney'), 'Left')
    """
    plain = structure.label.removeprefix(structure.side.capitalize()).strip().capitalize()
    meaning = _MEANINGS.get(structure.snomed, plain)
    code = ("SCT", structure.snomed, meaning) if structure.snomed else (PRIVATE_SCHEME, str(structure.number), plain)
    side = _SIDES.get(structure.side, _NONE)
    if structure.kind is not Kind.LESION:
        return Terminology(_CATEGORIES[structure.kind], code, side)
    site = _LESION_SITES.get(structure.name.split("_")[0])
    region = ("SCT", find(site).snomed, find(site).name.split("_")[0].capitalize()) if site else _NONE
    return Terminology(_CATEGORIES[structure.kind], code, _NONE, region, side)


def parse(serialised: str) -> Terminology | None:
    """The entry in Slicer's text, or None when there is none in it."""
    parts = serialised.split("~")
    if len(parts) < 4:
        return None
    codes = [_code(part) for part in (*parts[1:4], *parts[5:7])]
    return Terminology(*codes, *([_NONE] * (5 - len(codes))))


def structure_of(terminology: Terminology) -> Structure | None:
    """The one structure of ours that an entry means, or None where it means none or several."""
    scheme, value, _ = terminology.type
    if scheme == PRIVATE_SCHEME and value.isdigit():
        return lookup(int(value))
    if not terminology.is_said or scheme != "SCT":
        return None
    modifiers: tuple[Any, ...] = (terminology.type_modifier[1], terminology.region_modifier[1])
    side = next((name for name, code in _SIDES.items() if code[1] in modifiers), "")
    same = [each for each in with_snomed(value) if each.side == side]
    if len(same) > 1:
        same = [each for each in same if terminology_of(each).region[1] == terminology.region[1]]
    return same[0] if len(same) == 1 else None


def _code(text: str) -> Code:
    scheme, _, rest = text.partition("^")
    value, _, meaning = rest.partition("^")
    return (scheme, value, meaning)
