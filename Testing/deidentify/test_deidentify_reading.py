"""What was de-identified is read again by this project's own readers: same place, same values, same warnings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from deidentify_planted import dirty_slice, enhanced_ct

from abdominal_oncology.imaging.deidentify import PROFILES, Outcome, Profile, deidentify
from abdominal_oncology.imaging.dicom import DicomReader, scan_folder
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.reader import read_image

KEY = b"a key that is only for these tests"


def images_in(folder: Path) -> list[Image]:
    series = scan_folder(folder).series
    return [read_image(DicomReader.from_files([header.path for header in one.headers])) for one in series]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@pytest.mark.parametrize("kind", ["slices", "enhanced"])
def test_voxels_and_places_survive(save: Callable[..., Path], tmp_path: Path, profile: Profile, kind: str) -> None:
    folder = save([dirty_slice(k) for k in (3, 0, 2, 1)] if kind == "slices" else [enhanced_ct()])
    deidentify(folder, tmp_path / "out", profile=profile, key=KEY)
    (before,), (after,) = images_in(folder), images_in(tmp_path / "out")
    assert after.geometry.same_grid(before.geometry, tolerance_mm=1e-9)
    np.testing.assert_array_equal(after.voxels, before.voxels)
    assert after.modality == before.modality
    assert after.source.patient_id != before.source.patient_id
    assert after.source.study_uid.startswith("2.25.")


def test_simpleitk_reads_the_same_volume(save: Callable[..., Path], tmp_path: Path) -> None:
    folder = save([dirty_slice(k) for k in range(4)])
    deidentify(folder, tmp_path / "out", key=KEY)
    volumes = []
    for place in (folder, tmp_path / "out"):
        home = next(path for path in place.rglob("*.dcm")).parent
        volumes.append(sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(home))))
    before, after = volumes
    assert after.GetOrigin() == before.GetOrigin()
    assert after.GetSpacing() == before.GetSpacing()
    assert after.GetDirection() == before.GetDirection()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(after), sitk.GetArrayFromImage(before))


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["totalsegmentator/example_ct_dicom", "rectal_mr_filitto/dicom"])
@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_real_scans_read_the_same(shared_data: Path, tmp_path: Path, profile: Profile, name: str) -> None:
    report = deidentify(shared_data / name, tmp_path / "out", profile=profile, key=KEY)
    assert report.count(Outcome.FAILED) == 0
    (before,), (after,) = images_in(shared_data / name), images_in(tmp_path / "out")
    assert after.geometry.same_grid(before.geometry, tolerance_mm=1e-9)
    np.testing.assert_array_equal(after.voxels, before.voxels)
