"""What must stay stays: pixels, place, sizes, and in the second profile what the modules look at."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from deidentify_planted import dirty_slice, enhanced_ct
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from abdominal_oncology.errors import WrongModalityError
from abdominal_oncology.imaging.deidentify import (
    MODULES,
    PROFILES,
    TABLE9,
    Profile,
    Pseudonymiser,
    deidentify,
    rewrite_dataset,
)
from abdominal_oncology.imaging.deidentify.clock import Clock

KEY = b"a key that is only for these tests"
NAMES = Pseudonymiser(KEY)

TABLE_9 = (
    *("PatientSex", "PatientWeight", "Rows", "Columns", "PixelSpacing", "PixelRepresentation", "PixelData"),
    *("BitsAllocated", "BitsStored", "HighBit", "WindowCenter", "WindowWidth", "RescaleIntercept", "RescaleSlope"),
    *("PhotometricInterpretation", "SamplesPerPixel"),
)
PLACE = ("ImagePositionPatient", "ImageOrientationPatient", "SliceThickness", "SOPClassUID", "Modality")


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_table_9_and_the_place_in_space_are_kept_to_the_letter(profile: Profile) -> None:
    source = dirty_slice(3)
    clean, _ = rewrite_dataset(source, profile, NAMES)
    for keyword in (*TABLE_9, *PLACE):
        assert clean[keyword].value == source[keyword].value, keyword
    assert clean.PixelSpacing[0].original_string == "0.7421875"


def test_the_default_profile_has_nothing_beyond_its_list() -> None:
    clean, _ = rewrite_dataset(dirty_slice(), TABLE9, NAMES)
    full = {element.keyword for element in clean if not element.is_empty}
    hashed = {"SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"}
    said = {
        *("PatientIdentityRemoved", "DeidentificationMethod", "DeidentificationMethodCodeSequence"),
        "LongitudinalTemporalInformationModified",
    }
    least = {"ImageType", "InstanceNumber", "RescaleType", "PixelPaddingValue"}
    assert full == {*TABLE_9, *PLACE, *hashed, *said, *least}
    assert clean.ImageType == ["ORIGINAL", "PRIMARY", "AXIAL"]


@pytest.mark.parametrize(
    ("profile", "codes"),
    [(TABLE9, ["113100", "113108"]), (MODULES, ["113100", "113105", "113107", "113108"])],
    ids=["table9", "modules"],
)
def test_the_method_is_said_in_codes_of_cid_7050(profile: Profile, codes: list[str]) -> None:
    clean, _ = rewrite_dataset(dirty_slice(), profile, NAMES, Clock(0))
    assert clean.PatientIdentityRemoved == "YES"
    assert [item.CodeValue for item in clean.DeidentificationMethodCodeSequence] == codes
    assert {item.CodingSchemeDesignator for item in clean.DeidentificationMethodCodeSequence} == {"DCM"}
    assert all(item.CodeMeaning.endswith(("Profile", "Option")) for item in clean.DeidentificationMethodCodeSequence)
    assert "AbdominalOncology" in clean.DeidentificationMethod[0]
    assert clean.LongitudinalTemporalInformationModified == ("REMOVED" if profile is TABLE9 else "MODIFIED")


def test_without_a_clock_no_time_is_kept_nor_claimed() -> None:
    clean, trace = rewrite_dataset(dirty_slice(), MODULES, NAMES)
    assert "AcquisitionTime" not in clean
    assert "113107" not in [item.CodeValue for item in clean.DeidentificationMethodCodeSequence]
    assert trace.refused["AcquisitionTime"] == 1


def test_the_second_profile_keeps_what_the_modules_look_at(save: Callable[..., Path], tmp_path: Path) -> None:
    folder = save([dirty_slice(k) for k in range(4)])
    deidentify(folder, tmp_path / "out", profile=MODULES, key=KEY)
    clean = sorted((dcmread(path) for path in (tmp_path / "out").rglob("*.dcm")), key=lambda ds: ds.InstanceNumber)
    first = clean[0]
    assert first.SeriesDescription == "abdomen arterial 35 s"
    assert first.ProtocolName == "liver"
    assert first.Manufacturer == "SIEMENS"
    assert first.ManufacturerModelName == "SOMATOM Force"
    assert (first.ConvolutionKernel, first.KVP) == ("Br40d", 120)
    assert first.ContrastBolusAgent == "iopromide"
    assert first.ContrastBolusStartTime == "000000"
    assert [ds.AcquisitionTime for ds in clean] == ["000035.500000"] * 2 + ["000036.500000"] * 2
    assert first.PatientID == NAMES.patient("PAT7734921")
    assert not first.StudyDate
    assert "AcquisitionDate" not in first


def test_offsets_count_from_the_first_event_of_the_whole_study(save: Callable[..., Path], tmp_path: Path) -> None:
    plain = dirty_slice(0, series=1, AcquisitionTime="235930", ContrastBolusStartTime=None, AcquisitionDate="20240317")
    late = dirty_slice(0, series=2, AcquisitionTime="000140.25", ContrastBolusStartTime="235950")
    late.AcquisitionDate = "20240318"
    other = dirty_slice(0, study=2, AcquisitionTime="080000", ContrastBolusStartTime="075900")
    deidentify(save([plain, late, other]), tmp_path / "out", profile=MODULES, key=KEY)
    clean = {ds.SeriesInstanceUID: ds for ds in map(dcmread, (tmp_path / "out").rglob("*.dcm"))}
    one, two, three = (clean[NAMES.uid(ds.SeriesInstanceUID)] for ds in (plain, late, other))
    assert one.AcquisitionTime == "000000"
    assert (two.ContrastBolusStartTime, two.AcquisitionTime) == ("000020", "000210.250000")  # across midnight
    assert (three.ContrastBolusStartTime, three.AcquisitionTime) == ("000000", "000100")


def test_a_time_more_than_a_day_later_is_left_out(save: Callable[..., Path], tmp_path: Path) -> None:
    later = dirty_slice(1)
    later.AcquisitionDate = "20240319"
    report = deidentify(save([dirty_slice(0), later]), tmp_path / "out", profile=MODULES, key=KEY)
    assert report.studies[0].refused["AcquisitionTime"] == 1


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_an_enhanced_multi_frame_stays_readable(save: Callable[..., Path], tmp_path: Path, profile: Profile) -> None:
    source = enhanced_ct()
    deidentify(save([source]), tmp_path / "out", profile=profile, key=KEY)
    (path,) = (tmp_path / "out").rglob("*.dcm")
    clean = dcmread(path)
    shared = clean.SharedFunctionalGroupsSequence[0]
    assert shared.PixelMeasuresSequence[0].PixelSpacing == [0.7, 0.8]
    assert "UnassignedSharedConvertedAttributesSequence" not in shared
    frames = clean.PerFrameFunctionalGroupsSequence
    assert [frame.PlanePositionSequence[0].ImagePositionPatient[2] for frame in frames] == [0, 2.5, 5]
    np.testing.assert_array_equal(clean.pixel_array, np.arange(144).reshape(3, 8, 6))
    content = frames[2].FrameContentSequence[0]
    assert "FrameComments" not in content
    if profile is MODULES:
        assert content.FrameAcquisitionDateTime == "19000101000042.250000"
        assert clean.AcquisitionDateTime == "19000101000035.500000"
        assert shared.CTReconstructionSequence[0].ConvolutionKernel == "Br40d"
    else:
        assert "FrameAcquisitionDateTime" not in content


def test_a_study_stays_together_under_one_key_and_apart_under_another(
    save: Callable[..., Path], tmp_path: Path
) -> None:
    folder = save([dirty_slice(k, series=s) for s in (1, 2) for k in range(2)])
    for out, key in (("a", KEY), ("b", KEY), ("c", b"another key, also for these tests")):
        deidentify(folder, tmp_path / out, key=key)
    read = {
        out: {path.relative_to(tmp_path / out): dcmread(path) for path in (tmp_path / out).rglob("*.dcm")}
        for out in "abc"
    }
    assert read["a"].keys() == read["b"].keys()
    assert not read["a"].keys() & read["c"].keys()
    assert len({ds.StudyInstanceUID for ds in read["a"].values()}) == 1
    assert len({ds.SeriesInstanceUID for ds in read["a"].values()}) == 2
    assert len({ds.FrameOfReferenceUID for ds in read["a"].values()}) == 1
    for ds in read["a"].values():
        for uid in (ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID):
            assert uid.is_valid
            assert uid.startswith("2.25.")
        assert ds.file_meta.MediaStorageSOPInstanceUID == ds.SOPInstanceUID


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "Secondary Capture"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1"}, "Ultrasound"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.104.1"}, "Encapsulated PDF"),
        ({"SOPClassUID": "1.2.276.9.Mustermann"}, "unknown kind"),
        ({"BurnedInAnnotation": "YES"}, "burned"),
        ({"ConversionType": "WSD"}, "secondary capture"),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "screen save"),
        ({"PhotometricInterpretation": "RGB"}, "colour"),
        ({"ModalityLUTSequence": Sequence([Dataset()])}, "look-up table"),
    ],
)
def test_what_may_carry_writing_is_refused_with_its_reason(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(WrongModalityError, match=reason) as refused:
        rewrite_dataset(dirty_slice(**changes), TABLE9, NAMES)
    assert "Mustermann" not in str(refused.value)


def test_an_overlay_inside_the_pixels_is_refused() -> None:
    dataset = dirty_slice()
    del dataset[0x60003000]
    dataset.add_new((0x6000, 0x0102), "US", 12)
    with pytest.raises(WrongModalityError, match="unused bits"):
        rewrite_dataset(dataset, TABLE9, NAMES)


def test_the_report_counts_each_attribute(save: Callable[..., Path], tmp_path: Path) -> None:
    report = deidentify(save([dirty_slice(k) for k in range(3)]), tmp_path / "out", profile=MODULES, key=KEY)
    (study,) = report.studies
    assert (study.series, study.files) == (1, 3)
    assert study.removed["PatientAddress"] == 3
    assert study.removed["RequestAttributesSequence"] == 3
    assert study.removed["private"] == 6
    assert study.actions["hashed"]["SOPInstanceUID"] == 3
    assert study.actions["cleaned"]["SeriesDescription"] == 3
    assert study.actions["offset"]["AcquisitionTime"] == 3
    assert study.actions["emptied"]["PatientName"] == 3
    data = json.loads(json.dumps(report.as_dict()))
    assert data["files"] == {"written": 3, "skipped": 0, "failed": 0}
    assert data["studies"][0]["removed"]["PatientAddress"] == 3
