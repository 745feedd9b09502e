"""No planted name, id, date or address is in any output byte, any output name or the report."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable
from pathlib import Path

import pytest
from deidentify_planted import PLANTED, dirty_slice, enhanced_ct, everything_under, leaks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from abdominal_oncology.imaging.deidentify import (
    MODULES,
    PROFILES,
    TABLE9,
    Action,
    Outcome,
    Profile,
    Pseudonymiser,
    Rule,
    deidentify,
    rewrite_dataset,
)

KEY = b"a key that is only for these tests"


def test_the_byte_search_finds_what_is_there(save: Callable[..., Path]) -> None:
    """The check itself must be able to fail: the input has every planted string."""
    assert set(leaks(everything_under(save([dirty_slice()])))) == set(PLANTED)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_nothing_planted_survives(save: Callable[..., Path], tmp_path: Path, profile: Profile, modality: str) -> None:
    folder = save([dirty_slice(k, modality=modality) for k in range(3)])
    (folder / "Mustermann.txt").write_text("Erika Mustermann")
    (folder / "bad_Mustermann.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"Mustermann" * 40)
    report = deidentify(folder, tmp_path / "out", profile=profile)
    assert report.count(Outcome.WRITTEN) == 3
    assert leaks(everything_under(tmp_path / "out")) == []
    assert leaks(json.dumps(report.as_dict()).encode() + repr(report.rows).encode()) == []


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_nothing_survives_in_other_encodings(save: Callable[..., Path], tmp_path: Path, syntax: str) -> None:
    dataset = dirty_slice()
    dataset.file_meta.TransferSyntaxUID = syntax
    deidentify(save([dataset]), tmp_path / "out", profile=MODULES)
    (written,) = (tmp_path / "out").rglob("*.dcm")
    assert leaks(written.read_bytes()) == []
    assert dcmread(written).file_meta.TransferSyntaxUID == syntax
    assert dcmread(written).PixelData == dataset.PixelData


def test_nothing_survives_inside_a_deflated_file(save: Callable[..., Path], tmp_path: Path) -> None:
    dataset = dirty_slice()
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    deidentify(save([dataset]), tmp_path / "out", profile=MODULES)
    (written,) = (tmp_path / "out").rglob("*.dcm")
    clean = dcmread(written)
    clean.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian  # deflated bytes hide what they hold
    clean.save_as(tmp_path / "open.dcm", enforce_file_format=True)
    assert leaks((tmp_path / "open.dcm").read_bytes()) == []


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_nothing_survives_at_any_depth_of_an_enhanced_file(
    save: Callable[..., Path], tmp_path: Path, profile: Profile
) -> None:
    """Functional groups are kept, so a name, an id, a date, a private tag and a comment go into each of their items."""

    def plant(level: Dataset) -> int:
        items = [item for element in list(level) if element.VR == "SQ" for item in element.value]
        count = sum(plant(item) for item in items)
        level.PatientName, level.PatientID, level.PatientBirthDate = "Mustermann^Erika", "PAT7734921", "19620411"
        level.FrameComments, level.StackID = "Zwickelstrasse", "Oberarzt"
        level.add_new((0x0029, 0x0010), "LO", "KRANKENHAUS")
        level.add_new((0x0029, 0x1001), "OB", b"Mustermann")
        return count + 1

    dataset = enhanced_ct()
    assert plant(dataset) > 15
    report = deidentify(save([dataset]), tmp_path / "out", profile=profile)
    assert report.count(Outcome.WRITTEN) == 1
    assert leaks(everything_under(tmp_path / "out")) == []
    assert leaks(json.dumps(report.as_dict()).encode()) == []


_TEXT_VRS = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT", "OB"}
_ATTRIBUTES = [
    (tag, vr, keyword)
    for tag, (vr, _, _, _, keyword) in sorted(DicomDictionary.items())
    if vr in _TEXT_VRS | {"SQ"} and keyword and tag >> 16 > 0x0007 and tag >> 16 != 0x7FE0 and tag & 0xFFFF
]
_SURNAMES = st.integers(0, 2**32).map(
    lambda seed: "".join(random.Random(seed).choices(string.ascii_uppercase, k=11))  # too odd to be in a vocabulary
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    planted=st.lists(st.sampled_from(_ATTRIBUTES), min_size=1, max_size=12),
    secret=_SURNAMES,
    profile=st.sampled_from(PROFILES),
    inside=st.sampled_from([None, "RequestAttributesSequence", "ContrastBolusAgentSequence", "PixelMeasuresSequence"]),
)
def test_a_name_in_any_attribute_of_the_dictionary_is_gone(
    planted: list[tuple[int, str, str]], secret: str, profile: Profile, inside: str | None, tmp_path: Path
) -> None:
    """Attributes that the file needs may become unreadable by it; then it is refused, and nothing is written."""
    dataset = dirty_slice()
    place = dataset
    if inside:
        place = Dataset()
        setattr(dataset, inside, Sequence([place]))
    for tag, vr, _ in planted:
        value: object = secret.encode() + b"\0" if vr == "OB" else secret
        if vr == "SQ":
            item = Dataset()
            item.PatientName = secret
            value = Sequence([item])
        if tag in place:
            del place[tag]
        place.add_new(tag, "LO" if vr in {"DA", "DS", "DT", "IS", "TM", "UI", "AS"} else vr, value)
    source = tmp_path / "source.dcm"
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.save_as(source, enforce_file_format=False)
    assert leaks(source.read_bytes(), [secret])
    report = deidentify(source, tmp_path / "out", profile=profile, key=KEY)
    assert leaks(everything_under(tmp_path / "out"), [secret]) == []
    assert leaks(json.dumps(report.as_dict()).encode(), [secret]) == []


def test_a_value_in_the_wrong_representation_is_refused_not_copied(tmp_path: Path) -> None:
    dataset = dirty_slice()
    del dataset[0x00101030]
    dataset.add_new(0x00101030, "PN", "Mustermann")  # a weight that says it is a name
    clean, trace = rewrite_dataset(dataset, TABLE9, Pseudonymiser(KEY))
    assert "PatientWeight" not in clean
    assert trace.refused["PatientWeight"] == 1


def test_profiles_keep_no_free_text_and_no_date() -> None:
    """Every rule that lets characters pass does so by list, pattern or number; dates are only ever emptied."""
    free = {"LO", "LT", "PN", "ST", "UT", "UC", "SH", "DA", "UR"}

    def look(rules: tuple[Rule, ...]) -> None:
        for rule in rules:
            vr = next(entry[0] for entry in DicomDictionary.values() if entry[4] == rule.keyword)
            if rule.action is Action.NEST:
                look(rule.nested)
            elif vr in free and rule.action is not Action.EMPTY:
                assert rule.action is Action.PSEUDONYM or rule.check.admit("Mustermann^Erika 19620411") in (
                    None,
                    "CONTRAST",
                ), rule.keyword
                assert vr != "DA", rule.keyword

    for profile in PROFILES:
        look(profile.rules)
