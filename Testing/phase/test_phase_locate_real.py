"""Regions found on real scans, beside what their segmentations and headers say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from abdominal_oncology.errors import WrongModalityError
from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.imaging.open import open_reader
from abdominal_oncology.imaging.reader import SliceReader, read_image
from abdominal_oncology.imaging.resample import resample
from abdominal_oncology.imaging.volume_file import open_volume_file
from abdominal_oncology.phase.kinetics import estimate
from abdominal_oncology.phase.labels import Phase
from abdominal_oncology.phase.locate import find_regions, locate_slab

pytestmark = pytest.mark.real_data

SEGMENTED = {
    "example_ct_dicom": ("example_seg_dicom.nii.gz", Phase.VENOUS),
    "example_ct.nii.gz": ("example_seg_fast_force_split.nii.gz", Phase.NON_CONTRAST),
}


def opened(path: Path) -> SliceReader:
    return open_reader(path, modality=None if path.is_dir() else "CT")


@pytest.mark.parametrize("name", SEGMENTED)
def test_regions_agree_with_the_segmentation_and_tell_the_phase(shared_data: Path, name: str) -> None:
    folder = shared_data / "totalsegmentator"
    segmentation, phase = SEGMENTED[name]
    reader = opened(folder / name)
    found = find_regions(reader)
    labels = resample(read_image(open_volume_file(folder / segmentation, "MASK")), reader.geometry).voxels
    voxels = reader.read()
    names = {each.structure for each in found.regions}
    assert {"aorta", "liver", "spleen"} <= names
    assert ("portal_vein" in names) == (phase is Phase.VENOUS)
    for each in found.regions:
        name_there = {"portal_vein": "portal_vein_and_splenic_vein"}.get(each.structure, each.structure)
        mask = labels == find(name_there).number
        inside = ndimage.binary_erosion(mask, np.ones((1, 3, 3)))
        truth = float(np.median(voxels[inside]))
        assert abs(each.hu - truth) < max(2 * each.error_hu, 8), (each, truth)
    assert estimate(found.regions).phase is phase


def test_the_whole_trunk_is_cut_down_to_its_slab(shared_data: Path) -> None:
    folder = shared_data / "totalsegmentator"
    reader = opened(folder / "example_ct.nii.gz")
    slab = locate_slab(reader)
    labels = resample(
        read_image(open_volume_file(folder / "example_seg_fast_force_split.nii.gz", "MASK")), reader.geometry
    ).voxels
    for name in ("liver", "kidney_left", "kidney_right", "spleen"):
        per_slice = (labels == find(name).number).sum(axis=(1, 2))
        assert per_slice[slab.start : slab.stop].sum() > 0.95 * per_slice.sum(), name
    assert len(slab) < 0.6 * len(labels)
    assert slab.confidence > 0.8


def test_a_chest_angiography_gives_its_aorta_alone(shared_data: Path) -> None:
    found = find_regions(opened(shared_data / "totalsegmentator" / "cta_chest_cropped.nii.gz"))
    assert [each.structure for each in found.regions] == ["aorta"]
    assert found.regions[0].hu > 250
    assert estimate(found.regions).phase in (Phase.ARTERIAL, None)


def test_the_top_of_a_liver_shows_more_contrast_than_its_label_says(shared_data: Path) -> None:
    found = find_regions(opened(shared_data / "kits00072_arterial_dicom"))
    aorta, liver = found.region("aorta"), found.region("liver")
    assert aorta is not None
    assert liver is not None
    assert 190 < aorta.hu < 225
    assert 118 < liver.hu < 132


def test_three_slices_without_contrast(shared_data: Path) -> None:
    found = find_regions(opened(shared_data / "dcmqi_ct3" / "ct-3slice"))
    aorta = found.region("aorta")
    assert aorta is not None
    assert 25 < aorta.hu < 50
    assert estimate(found.regions).phase is Phase.NON_CONTRAST


def test_a_real_mr_is_refused(shared_data: Path) -> None:
    path = shared_data / "totalsegmentator" / "example_mr_sm.nii.gz"
    with pytest.raises(WrongModalityError):
        find_regions(open_reader(path, modality="MR"))
