"""The reader on real scans of three makers, beside SimpleITK's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from abdominal_oncology.imaging.dicom import DicomReader, SeriesKind, scan_folder
from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.imaging.reader import read_image

pytestmark = pytest.mark.real_data


@pytest.mark.parametrize(
    ("folder", "shape", "spacing_mm", "modality"),
    [
        ("totalsegmentator/example_ct_dicom", (20, 512, 512), (2.0, 0.9765625, 0.9765625), "CT"),
        ("kits00072_arterial_dicom", (18, 512, 512), (2.5, 0.6640625, 0.6640625), "CT"),
        ("rectal_mr_filitto/dicom", (30, 512, 512), (3.0, 0.4297, 0.4297), "MR"),
    ],
)
def test_real_series_read_as_simpleitk_reads_them(shared_data: Path, folder, shape, spacing_mm, modality) -> None:
    image = read_image(DicomReader.from_folder(shared_data / folder))
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(shared_data / folder))
    other = sitk.ReadImage(names)
    assert image.geometry.shape == shape
    assert np.allclose(image.geometry.spacing_mm, spacing_mm, atol=1e-4)
    assert image.modality == modality
    assert image.warnings == ()
    assert image.voxels.dtype == np.int16
    assert np.array_equal(image.voxels, sitk.GetArrayFromImage(other))
    assert np.allclose(image.geometry.origin_mm, other.GetOrigin())
    assert np.allclose(np.array(image.geometry.directions).T[:, ::-1].ravel(), other.GetDirection(), atol=1e-5)


def test_the_portal_series_tells_its_time_since_injection(shared_data: Path) -> None:
    header = DicomReader.from_folder(shared_data / "totalsegmentator/example_ct_dicom").source.header
    start, acquired = (
        sum(float(t[a:b]) * unit for a, b, unit in ((0, 2, 3600), (2, 4, 60), (4, 13, 1)))
        for t in (header["ContrastBolusStartTime"], header["AcquisitionTime"])
    )
    assert acquired - start == pytest.approx(95.8, abs=0.1)


def test_the_rectal_mr_is_oblique(shared_data: Path) -> None:
    geometry = DicomReader.from_folder(shared_data / "rectal_mr_filitto/dicom").geometry
    assert geometry.obliquity_degrees == pytest.approx(5.9, abs=0.05)
    assert geometry.plane == "axial"


def test_a_slice_series_with_a_segmentation_beside_it(shared_data: Path) -> None:
    folder = shared_data / "dcmqi_ct3"
    assert sorted(series.kind for series in scan_folder(folder).series) == [SeriesKind.IMAGE, SeriesKind.SEGMENTATION]
    image = read_image(DicomReader.from_folder(folder))
    assert image.modality is Modality.CT
    assert image.geometry.shape == (3, 512, 512)
    assert image.has_warning("other-content")
    other = sitk.GetArrayFromImage(
        sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder / "ct-3slice")))
    )
    assert np.array_equal(image.voxels, np.maximum(other, -1024))  # padding of −3024 is air


def test_ten_of_twenty_slices_are_those_of_the_whole(shared_data: Path) -> None:
    reader = DicomReader.from_folder(shared_data / "totalsegmentator/example_ct_dicom")
    chosen = [19, 3, 7, 0]
    assert np.array_equal(reader.read(chosen), reader.read()[chosen])
