"""The table of structures: complete, unambiguous, and coded as the standard has it."""

from __future__ import annotations

from collections import Counter

import pytest

from abdominal_oncology.errors import MissingInputError
from abdominal_oncology.imaging.anatomy import all_structures, find, label_names, lookup, with_snomed


def test_numbers_and_names_are_unique_and_cover_total_segmentator() -> None:
    numbers = [each.number for each in all_structures()]
    assert numbers == sorted(set(numbers))
    assert set(range(1, 118)) <= set(numbers)
    assert all(number < 118 or 200 <= number <= 255 for number in numbers)
    assert [each.is_total_segmentator for each in all_structures()].count(True) == 117
    assert len({each.name for each in all_structures()}) == len(numbers)


def test_no_alias_means_two_things() -> None:
    words = Counter(name.casefold() for each in all_structures() for name in (each.name, *each.aliases))
    assert [name for name, count in words.items() if count > 1] == []
    for each in all_structures():
        for name in (each.name, each.label, each.name.upper(), each.name.replace("_", " "), *each.aliases):
            assert find(name) is each


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("IVC", "inferior_vena_cava"),
        ("Left kidney", "kidney_left"),
        ("kidney, right", "kidney_right"),
        ("LIVER", "liver"),
        (5, "liver"),
        (117, "costal_cartilages"),
        ("l5 Vertebra", "vertebrae_L5"),
        ("left rib 7", "rib_left_7"),
        ("lesion_2", "liver_lesion"),
        ("Lesion 12", "liver_lesion"),
        ("Tumor", "tumour"),
        ("oesophagus", "esophagus"),
        ("coeliac trunk", "celiac_trunk"),
        ("Portal vein", "portal_vein"),
        ("portal vein and splenic vein", "portal_vein_and_splenic_vein"),
    ],
)
def test_people_and_programs_name_the_same_structure(key, name: str) -> None:
    assert find(key).name == name


@pytest.mark.parametrize("key", ["spaceship", "", "kidney", 0, 118, 199, 256, -1, "7", "rib_left_13"])
def test_strangers_are_refused(key) -> None:
    assert lookup(key) is None
    with pytest.raises(MissingInputError, match="no structure"):
        find(key)


def test_numbers_of_total_segmentator_v2() -> None:
    known = {"spleen": 1, "kidney_right": 2, "liver": 5, "colon": 20, "vertebrae_L5": 27, "vertebrae_C1": 50}
    known |= {"heart": 51, "aorta": 52, "portal_vein_and_splenic_vein": 64, "rib_left_1": 92, "rib_right_12": 115}
    assert {name: find(name).number for name in known} == known


def test_codes_are_in_dicoms_own_dictionary_and_mean_what_we_say() -> None:
    concepts = pytest.importorskip("pydicom.sr._concepts_dict").concepts["SCT"]
    meanings: dict[str, str] = {}
    for entries in concepts.values():
        for code, (meaning, _) in entries.items():
            meanings[code] = f"{meanings.get(code, '')} {meaning.casefold()}"
    checked = 0
    for each in all_structures():
        if each.snomed in meanings:
            checked += 1
            words = [word.rstrip("s") for word in each.label.casefold().split() if word not in ("left", "right")]
            known = meanings[each.snomed]
            synonyms = {"vertebrae": "bone structure", "tumour": "tumor"}
            assert any(word[:5] in known or synonyms.get(word, "?") in known for word in words), (each.name, known)
    assert checked > 100


def test_sides_and_codes_find_each_other() -> None:
    assert [each.name for each in with_snomed("64033007", "left")] == ["kidney_left"]
    assert with_snomed("0") == ()
    assert find("gluteus_maximus_left").label == "Left gluteus maximus"
    for each in all_structures():
        if each.snomed:
            assert each in with_snomed(each.snomed, each.side)


def test_label_names_of_a_few_or_all() -> None:
    assert dict(label_names(["liver", "IVC"])) == {5: "liver", 63: "inferior_vena_cava"}
    assert len(label_names()) == len(all_structures())
    with pytest.raises(TypeError):
        label_names()[5] = "other"  # type: ignore[index]


def test_colours_are_bytes() -> None:
    assert all(0 <= part <= 255 for each in all_structures() for part in each.colour)
