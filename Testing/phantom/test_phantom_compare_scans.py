"""Real scans beside phantoms: the picture of all phases, and the table of organ HU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abdominal_oncology.errors import MissingInputError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.volume_file import write_volume_file
from abdominal_oncology.phantom.compare_scans import SCANS, Scan, compare_with_real, measure_against_real
from abdominal_oncology.phantom.physiology import Population


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A stand-in for a scan: a liver of 101 HU in fat, and its label map upside down."""
    labels = np.zeros((12, 40, 40), np.uint8)
    labels[2:10, 10:30, 8:30] = 5
    grid = Geometry(labels.shape, (5.0, 5.0, 5.0))
    voxels = np.where(labels == 5, 101, -100).astype(np.int16)
    write_volume_file(Image(voxels, grid, Modality.CT), tmp_path / "ct.nii.gz")
    turned = Geometry(labels.shape, (5.0, 5.0, 5.0), (0.0, 0.0, 55.0), ((0, 0, -1), (0, 1, 0), (1, 0, 0)))
    write_volume_file(Image(labels[::-1].copy(), turned, Modality.MASK), tmp_path / "labels.nii.gz")
    return tmp_path


def test_one_row_shows_real_drawn_and_painted(data: Path) -> None:
    pytest.importorskip("PIL")
    scan = Scan("portal", 75.0, "ct.nii.gz", "labels.nii.gz")
    seen = compare_with_real(data, 1, [scan])
    assert seen.shape == (300, 900, 3)
    assert seen.dtype == np.uint8
    for tile in np.split(seen, 3, axis=1):
        assert 0.02 < np.mean(tile[30:] > 120) < 0.7  # something bright on black


def test_organs_are_read_where_the_labels_lie(data: Path) -> None:
    (reading,) = measure_against_real(data, 1, [Scan("portal", 75.0, "ct.nii.gz", "labels.nii.gz")])
    assert (reading.structure, reading.real_hu, reading.real_sd_hu) == ("liver", 101, 0)
    patients = Population.sample(3000, np.random.default_rng(1)).hu("liver", 75.0)
    assert reading.deviations == pytest.approx((101 - patients.mean()) / patients.std())
    assert abs(reading.painted_hu - patients.mean()) < 4 * patients.std()
    assert 5 < reading.painted_sd_hu < 25


def test_absent_files_are_named(data: Path) -> None:
    with pytest.raises(MissingInputError, match=r"absent \[.*gone"):
        measure_against_real(data, 1, [Scan("portal", 75.0, "gone.nii.gz", "labels.nii.gz")])
    with pytest.raises(MissingInputError, match="label map"):
        measure_against_real(data, 1, [Scan("portal", 75.0, "ct.nii.gz", "gone.nii.gz")])


@pytest.mark.real_data
def test_real_vessels_and_liver_lie_within_the_population(shared_data: Path) -> None:
    portal = next(scan for scan in SCANS if scan.phase == "portal")
    readings = {each.structure: each for each in measure_against_real(shared_data, 1, [portal])}
    for structure in ("aorta", "inferior_vena_cava", "portal_vein_and_splenic_vein", "liver", "pancreas"):
        assert abs(readings[structure].deviations) < 2.5, structure
