"""Motion between the two halves of an interleaved acquisition is found; a patient who lay still is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.open import open_reader
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.rectal.motion import alternating_displacement_mm, motion_warnings
from abdominal_oncology.rectal.prepare import VolumePreparation, prepare_volume

MIDDLE = VolumePreparation(size=128)


def displaced(image, rows_mm, columns_mm, every=2):
    """Every other slice moved in plane."""
    step = image.geometry.spacing_mm
    voxels = image.voxels.astype(np.float32).copy()
    for k in range(1, len(voxels), every):
        voxels[k] = ndimage.shift(voxels[k], (rows_mm / step[1], columns_mm / step[2]), order=1, mode="nearest")
    return Image(voxels, image.geometry, image.modality, image.source)


@pytest.mark.parametrize(("rows_mm", "columns_mm"), [(0, 0), (1.5, 0), (0, -2.0), (2.0, 2.0), (-4.0, 1.0)])
def test_displacements_are_measured(t2, rows_mm, columns_mm):
    prepared = prepare_volume(displaced(t2, rows_mm, columns_mm), MIDDLE)
    moved = float(np.hypot(rows_mm, columns_mm))
    assert alternating_displacement_mm(prepared) == pytest.approx(moved, abs=0.25)
    assert bool(motion_warnings(prepared)) == (moved > 1)


def test_anatomy_that_drifts_is_no_motion(t2):
    """Every slice a little further than the one before, as an oblique vessel runs."""
    step = t2.geometry.spacing_mm[2]
    voxels = np.stack([ndimage.shift(each.astype(np.float32), (0, k / step), order=1, mode="nearest")
                       for k, each in enumerate(t2.voxels)])  # fmt: skip
    drifting = Image(voxels, t2.geometry, t2.modality, t2.source)
    assert alternating_displacement_mm(prepare_volume(drifting, MIDDLE)) < 0.3


def test_few_slices_and_noise_tell_nothing(t2):
    few = Image(t2.voxels[:5], t2.geometry.crop((0, 0, 0), (5, 160, 160)), "MR")
    assert alternating_displacement_mm(prepare_volume(few, MIDDLE)) == 0.0
    noise = np.random.default_rng(0).uniform(50, 200, t2.geometry.shape).astype(np.float32)
    found = [
        alternating_displacement_mm(prepare_volume(Image(np.roll(noise, n), t2.geometry, "MR"), MIDDLE))
        for n in (0, 7, 1234)
    ]
    assert found == [0.0, 0.0, 0.0]


def test_the_real_patient_lay_still(shared_data):
    image = read_image(open_reader(shared_data / "rectal_mr_filitto" / "dicom"))
    assert alternating_displacement_mm(prepare_volume(image, MIDDLE)) < 0.3
    assert motion_warnings(prepare_volume(displaced(image, 1.5, 0), MIDDLE))
