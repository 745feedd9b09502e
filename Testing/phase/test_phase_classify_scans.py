"""The first click after installation, on real scans kept beside the checkout: no network, no segmentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from abdominal_oncology.errors import WrongModalityError
from abdominal_oncology.imaging.open import open_reader
from abdominal_oncology.phase.classify import classify


@pytest.mark.parametrize(
    ("name", "phase"),
    [
        ("example_ct_dicom", "venous"),
        ("example_ct.nii.gz", "non-contrast"),
        ("example_ct_sm.nii.gz", "non-contrast"),
        ("cta_chest_cropped.nii.gz", "arterial"),
    ],
)
def test_kinetics_alone_are_right_on_real_scans(shared_data: Path, name: str, phase: str) -> None:
    finding = classify(open_reader(shared_data / "totalsegmentator" / name))
    assert finding.decision == phase
    assert finding.tables["regions"]
    codes = {each.code for each in finding.warnings}
    assert not codes & {"hu-shifted", "not-hu", "upside-down", "mirrored", "oral-contrast", "contradicts-description"}
    assert ("no-abdomen" in codes) == (name == "cta_chest_cropped.nii.gz")


def test_the_portal_scan_tells_its_time(shared_data: Path) -> None:
    finding = classify(open_reader(shared_data / "totalsegmentator" / "example_ct_dicom"))
    by_header = finding.measurement("seconds since injection by the header")
    assert by_header is not None
    assert by_header.value == pytest.approx(95.8, abs=1)
    assert finding.tables["description"][0]["agreement"] == "agrees"


def test_an_mr_without_a_header_is_refused_by_name(shared_data: Path) -> None:
    with pytest.raises(WrongModalityError, match="are no HU") as told:
        classify(open_reader(shared_data / "totalsegmentator" / "example_mr_sm.nii.gz"))
    assert "example_mr_sm" in told.value.where
