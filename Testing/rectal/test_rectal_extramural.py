"""Measured spread and volume: phantoms with known truth, shapes with known depth, bad masks."""

from __future__ import annotations

import numpy as np
import pytest

from abdominal_oncology.errors import EmptyMaskError, GeometryMismatchError, InvalidInputError
from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.rectal.extramural import DEPTH_CLASSES, depth_class, extramural_spread
from abdominal_oncology.rectal.phantom import rectal_phantom
from abdominal_oncology.rectal.tumour_volume import tumour_volume

SPACING = (3.0, 0.5, 0.5)


def mask(voxels, spacing=SPACING):
    voxels = np.asarray(voxels, np.uint8)
    return Image(voxels, Geometry(voxels.shape, spacing), Modality.MASK)


def drawn(depth_mm, slices=5):
    """A round rectum of 15 mm radius and a tumour on its right wall that passes it by ``depth_mm`` in the middle slice,
    by half of that beside it, and nowhere else."""
    y, x = np.meshgrid(*[(np.arange(160) - 79.5) * 0.5] * 2, indexing="ij")
    radius = np.hypot(y, x)
    rectum = np.repeat((radius <= 15)[None], slices, axis=0)
    share = np.clip(1 - np.abs(np.arange(slices) - slices // 2) / 2, 0, 1)
    ring = (radius > 10) & (np.abs(np.arctan2(y, x)) < 0.7)
    tumour = np.stack([ring & (radius <= 15 + depth_mm * each - (each == 0)) for each in share])
    return tumour, rectum


@pytest.fixture(scope="module")
def phantoms():
    made = []
    for seed in range(10):
        patient = rectal_phantom(seed, stage=("T3", "T2")[seed % 4 == 0], matrix=200, slices=10)
        labels = patient.labels["t2"]
        tumour = mask(labels.voxels == find("tumour").number, labels.geometry.spacing_mm)
        rectum = mask(patient.labels["rectum"].voxels, labels.geometry.spacing_mm)
        made.append((patient.truth, extramural_spread(tumour, rectum), tumour_volume(tumour)))
    return made


def test_the_true_depth_is_found_on_phantoms(phantoms):
    errors = []
    for truth, spread, _ in phantoms:
        if truth["stage"] == "T2":
            assert spread.depth_mm == 0
            assert spread.possible_classes == ("within the wall",)
            assert spread.deepest_slice == -1
            continue
        true = truth["depth_mm"]
        errors.append((spread.depth_mm - true) / spread.sd_mm)
        assert spread.depth_mm == pytest.approx(true, abs=max(3 * spread.sd_mm, 0.1 * true))
        assert truth["depth_per_slice_mm"][spread.deepest_slice] == pytest.approx(true, abs=max(0.6, 0.2 * true))
    assert len(errors) == 7
    assert abs(np.median(errors)) < 1  # not deeper or shallower as a rule


def test_the_true_volume_is_found_on_phantoms(phantoms):
    for truth, _, volume in phantoms:
        assert volume.volume_ml == pytest.approx(truth["volume_ml"])
        assert 0 < volume.sampling_sd_ml < 0.25 * volume.volume_ml


@pytest.mark.parametrize("depth_mm", [1.5, 4.0, 8.0, 17.0])
def test_a_known_depth_is_measured_where_it_lies(depth_mm):
    tumour, rectum = drawn(depth_mm)
    found = extramural_spread(mask(tumour), mask(rectum))
    assert found.depth_mm == pytest.approx(depth_mm, abs=0.5)
    assert found.deepest_slice == 2
    assert found.depth_class == depth_class(depth_mm)
    assert found.per_slice_mm[1] == pytest.approx(depth_mm / 2, abs=0.5)
    assert found.per_slice_mm[0] == found.per_slice_mm[4] == 0
    measurement = found.measurement()
    assert measurement.low < depth_mm < measurement.high
    assert measurement.unit == "mm"


def test_a_depth_near_a_bound_names_both_classes():
    tumour, rectum = drawn(5.1)
    assert extramural_spread(mask(tumour), mask(rectum)).possible_classes == ("1–5 mm", "5–15 mm")


def test_an_open_lumen_and_any_orientation_change_nothing():
    tumour, rectum = drawn(6.0)
    hollow = rectum.copy()
    hollow[:, 70:90, 70:90] = False
    plain = extramural_spread(mask(tumour), mask(rectum))
    assert extramural_spread(mask(tumour), mask(hollow)) == plain
    grid = Geometry((160, 160, 5), (0.5, 0.5, 3.0), (0, 0, 0), ((0, -1, 0), (-1, 0, 0), (0, 0, 1)))
    turned = [Image(each.transpose(1, 2, 0).astype(np.uint8), grid, Modality.MASK) for each in (tumour, rectum)]
    assert extramural_spread(*turned).depth_mm == plain.depth_mm


def test_a_slice_without_a_drawn_rectum_is_said_to_be_unmeasured():
    tumour, rectum = drawn(6.0)
    rectum[1] = False
    found = extramural_spread(mask(tumour), mask(rectum))
    assert np.isnan(found.per_slice_mm[1])
    assert found.unmeasured_slices == 1
    assert "1 slices without a drawn rectum" in found.measurement().note


def test_masks_that_cannot_be_measured_are_refused():
    tumour, rectum = drawn(3.0)
    with pytest.raises(EmptyMaskError, match="mask of the tumour holds no voxel"):
        extramural_spread(mask(np.zeros_like(tumour)), mask(rectum))
    with pytest.raises(EmptyMaskError, match="mask of the rectum holds no voxel"):
        extramural_spread(mask(tumour), mask(np.zeros_like(rectum)))
    with pytest.raises(GeometryMismatchError, match="another grid"):
        extramural_spread(mask(tumour), mask(rectum, (3.0, 0.6, 0.6)))
    with pytest.raises(InvalidInputError, match="drawn without its tumour"):
        extramural_spread(mask(tumour), mask(rectum & ~tumour))
    with pytest.raises(InvalidInputError, match="must be a mask"):
        extramural_spread(Image(tumour.astype(np.uint8), Geometry(tumour.shape, SPACING)), mask(rectum))
    with pytest.raises(EmptyMaskError, match="holds no voxel"):
        tumour_volume(mask(np.zeros_like(tumour)))
    with pytest.raises(InvalidInputError, match="0 or more mm"):
        depth_class(float("nan"))
    assert len(DEPTH_CLASSES) == 5


def test_the_volume_of_ellipsoids_lies_within_its_interval_nine_times_in_ten():
    rng = np.random.default_rng(0)
    scores = []
    for _ in range(60):
        axes = rng.uniform([5, 4, 4], [20, 15, 15])
        pixel = rng.uniform(0.5, 1.2)
        spacing = np.array([rng.uniform(2.5, 4), pixel, pixel])
        shape = np.ceil(2.3 * axes / spacing).astype(int) + 4
        middle = (shape - 1) / 2 + rng.uniform(-0.5, 0.5, 3)
        index = np.indices(shape).reshape(3, -1).T
        inside = ((((index - middle) * spacing / axes) ** 2).sum(axis=1) <= 1).reshape(shape)
        found = tumour_volume(mask(inside, tuple(spacing)))
        scores.append((found.volume_ml - 4 / 3 * np.pi * axes.prod() / 1000) / found.sampling_sd_ml)
    within = np.abs(scores) < 1.645
    assert 0.8 <= within.mean() <= 1
    assert 0.7 < np.std(scores) < 1.4
    assert abs(np.mean(scores)) < 0.4


def test_edge_is_what_half_a_pixel_more_adds():
    y, x = np.meshgrid(*[(np.arange(120) - 59.5) * 0.5] * 2, indexing="ij")
    disc = np.hypot(y, x)
    found = tumour_volume(mask(np.repeat((disc <= 20)[None], 4, axis=0)))
    assert found.edge_ml == pytest.approx(np.pi * (20.25**2 - 20**2) * 12 / 1000, rel=0.05)
    assert found.measurement().low < found.volume_ml < found.measurement().high
