"""Preparation of a rectal MR volume: where pixels lie, what scales them, every way to say where, every bad input."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
import SimpleITK as sitk

from abdominal_oncology.errors import (
    AbdominalOncologyError,
    EmptyMaskError,
    GeometryMismatchError,
    InvalidInputError,
    WrongModalityError,
)
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.open import open_reader
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.rectal.box import Box
from abdominal_oncology.rectal.marks import as_input
from abdominal_oncology.rectal.phantom import rectal_phantom
from abdominal_oncology.rectal.plane import AcquisitionPlane, acquisition_plane, as_axial_stack
from abdominal_oncology.rectal.prepare import VolumePreparation, prepare_volume

SMALL = VolumePreparation(size=64)


def pelvis(shape=(12, 80, 96), spacing=(3.0, 2.0, 2.0), noise=3.0):
    """An elliptic body of 100 with a bright ball (400) 10 mm behind and 20 mm left of the middle, in dark air."""
    geometry = Geometry(shape, spacing)
    k, j, i = (np.arange(n) - (n - 1) / 2 for n in shape)
    z, y, x = k[:, None, None] * spacing[0], j[None, :, None] * spacing[1], i[None, None, :] * spacing[2]
    body = (y / (shape[1] * spacing[1] * 0.42)) ** 2 + (x / (shape[2] * spacing[2] * 0.45)) ** 2 <= 1
    ball = (z**2 + (y - 10) ** 2 + (x - 20) ** 2) <= 12**2
    values = np.where(ball, 400.0, np.where(body, 100.0, 2.0) + 0 * z)
    values = values + np.random.default_rng(0).normal(0, noise, shape)
    image = Image(np.clip(values, 0, None).astype(np.float32), geometry, Modality.MR)
    return image, Image(ball.astype(np.uint8), geometry, Modality.MASK)


def codes(prepared):
    return {warning.code for warning in prepared.warnings}


def replaced(image, **changes):
    return Image(
        changes.get("voxels", image.voxels), changes.get("geometry", image.geometry), changes.get("modality", "MR")
    )


def stored_as(image, order, flips):
    """The same patient with axes stored in another order and direction."""
    return replaced(
        image,
        voxels=np.ascontiguousarray(AcquisitionPlane(order, flips).apply(image.voxels)),
        geometry=AcquisitionPlane(order, flips).geometry(image.geometry),
        modality=image.modality,
    )


def test_every_stored_orientation_gives_the_same_pixels_in_the_same_place():
    image, ball = pelvis(spacing=(4.0, 2.0, 2.0))
    reference = prepare_volume(image, SMALL, masks=[ball])
    for order, flips in product(permutations(range(3)), product((False, True), repeat=3)):
        turned = prepare_volume(stored_as(image, order, flips), SMALL, masks=[stored_as(ball, order, flips)])
        assert np.array_equal(turned.pixels, reference.pixels)
        assert turned.geometry.same_grid(reference.geometry)


def test_turning_can_be_undone_and_slices_keep_their_numbers():
    image, _ = pelvis()
    stored = stored_as(image, (1, 0, 2), (True, True, False))
    stack, plane = as_axial_stack(stored)
    assert np.array_equal(plane.undo(stack.voxels), stored.voxels)
    place = stack.geometry.to_world([3, 0, 0])
    found = stored.geometry.to_index(place)[plane.order[0]]
    assert plane.stored_slice(3, stack.geometry.shape[0]) == pytest.approx(found)


def test_the_ball_lies_in_the_middle_where_its_mask_is_and_where_geometry_says():
    image, ball = pelvis()
    for prepared in (
        prepare_volume(image, SMALL, masks=[ball]),
        prepare_volume(image, SMALL, box=Box(tuple(image.geometry.to_world([5.5, 44.5, 57.5])), (30, 30, 30))),
    ):
        bright = np.argwhere(prepared.pixels > 200)
        assert bright.mean(axis=0) == pytest.approx([5.5, 31.5, 31.5], abs=0.6)
        world = prepared.geometry.to_world(bright.mean(axis=0))
        true = image.geometry.to_world(np.argwhere(ball.voxels).mean(axis=0))
        assert world == pytest.approx(true, abs=1.0)
        assert prepared.geometry.spacing_mm == (3.0, 112 / 64, 112 / 64)
        assert prepared.pixels.shape == (12, 64, 64)
        assert "region-not-located" not in codes(prepared)


def test_the_region_names_its_slices():
    image, ball = pelvis()
    found = np.flatnonzero(ball.voxels.any(axis=(1, 2)))
    assert prepare_volume(image, SMALL, masks=[ball]).region.slices == (found[0], found[-1] + 1)
    box = Box(tuple(image.geometry.to_world([4, 44, 57])), (30, 30, 6.0))
    assert prepare_volume(image, SMALL, box=box).region.slices == (3, 6)


def test_slices_are_never_mixed():
    image, ball = pelvis(noise=0)
    voxels = image.voxels.copy()
    voxels[7] = np.where(voxels[7] > 50, 250, voxels[7])
    plain, changed = (
        prepare_volume(each, SMALL, masks=[ball]).pixels for each in (image, replaced(image, voxels=voxels))
    )
    differs = (plain != changed).any(axis=(1, 2))
    assert differs.tolist() == [k == 7 for k in range(12)]


def test_scale_and_offset_of_the_scanner_do_not_matter_and_outliers_hardly():
    image, ball = pelvis()
    plain = prepare_volume(image, SMALL, masks=[ball])
    louder = prepare_volume(replaced(image, voxels=image.voxels * 7.5), SMALL, masks=[ball])
    assert np.abs(plain.pixels.astype(int) - louder.pixels).max() <= 1
    spiked = image.voxels.copy()
    spiked[5, 44, 57] = 60000
    # the one pixel's neighbourhood apart
    spike = prepare_volume(replaced(image, voxels=spiked), SMALL, masks=[ball]).pixels.astype(int) - plain.pixels
    assert (np.abs(spike) > 2).mean() < 1e-3


def test_coarser_pixels_average_and_finer_ones_interpolate():
    rng = np.random.default_rng(1)
    voxels = rng.uniform(50, 250, (4, 512, 512)).astype(np.float32)
    fine = Image(voxels, Geometry(voxels.shape, (3.0, 0.25, 0.25)), Modality.MR)
    coarse = prepare_volume(
        fine, VolumePreparation(size=32, field_mm=128), box=Box(fine.geometry.centre_mm, (60, 60, 9))
    )
    low, high = coarse.grey_values
    means = np.clip(voxels, low, high).reshape(4, 32, 16, 32, 16).mean(axis=(2, 4))
    error = coarse.pixels - (means - low) / (high - low) * 255
    # neighbours leak a little over the edges of a new pixel; one sample instead of the mean would be off by 70
    assert np.std(error) < 0.8
    assert abs(np.mean(error)) < 0.1


def test_beyond_the_image_is_black():
    image, _ = pelvis()
    prepared = prepare_volume(image, SMALL, box=Box(tuple(image.geometry.to_world([6, 40, 0])), (10, 10, 10)))
    index = image.geometry.to_index(prepared.geometry.to_world([6, 32, 10]))
    assert index[2] < -1
    assert (prepared.pixels[:, :, :10] == 0).all()
    assert prepared.pixels.any()


def test_without_a_region_the_middle_of_the_body_is_taken_and_said():
    image, _ = pelvis()
    prepared = prepare_volume(image, SMALL)
    assert "region-not-located" in codes(prepared)
    assert prepared.region.centre == pytest.approx((39.5, 47.5), abs=2.1)


def test_a_region_wider_than_the_field_widens_it_with_a_warning():
    image, _ = pelvis()
    prepared = prepare_volume(image, SMALL, box=Box(image.geometry.centre_mm, (150, 100, 30)))
    assert "region-wider-than-field" in codes(prepared)
    assert prepared.geometry.spacing_mm[2] == pytest.approx(150 / 64)


def test_n4_evens_out_what_the_warning_warns_of():
    image = rectal_phantom(3, matrix=96, slices=10).images["t2"]
    box = Box(image.geometry.centre_mm, (80, 80, 20))
    j = np.linspace(-1, 1, 96, dtype=np.float32)[None, :, None]
    shaded = replaced(image, voxels=image.voxels * np.exp(1.2 * j))
    assert "heavy-bias" in codes(prepare_volume(shaded, SMALL, box=box))
    corrected = prepare_volume(shaded, VolumePreparation(size=64, bias_correction=True), box=box)
    assert "heavy-bias" not in codes(corrected) | codes(prepare_volume(image, SMALL, box=box))

    def back_to_front(prepared):
        pixels = prepared.pixels[:, 6:58, 6:58].astype(float)
        return pixels[:, 26:].mean() / pixels[:, :26].mean()

    even = back_to_front(prepare_volume(image, SMALL, box=box))
    shade = back_to_front(prepare_volume(shaded, SMALL, box=box))
    assert shade > 2 * even
    assert back_to_front(corrected) == pytest.approx(even, rel=0.25)


def test_an_ordinary_phantom_passes_without_a_warning_but_the_region():
    image = rectal_phantom(3, matrix=128, slices=14).images["t2"]
    assert codes(prepare_volume(image, SMALL)) == {"region-located"}


@pytest.mark.parametrize("slices", [5, 200])
def test_unusual_numbers_of_slices_are_told(slices):
    image, ball = pelvis((slices, 40, 48), (3.0, 4.0, 4.0))
    assert codes(prepare_volume(image, SMALL, masks=[ball])) == {"few-slices" if slices == 5 else "many-slices"}


def test_unusual_spacing_tilt_and_a_silent_header_are_told():
    image, _ = pelvis()
    thin = replaced(image, geometry=Geometry(image.geometry.shape, (1.0, 2.0, 2.0)))
    assert "slice-spacing" in codes(prepare_volume(thin, SMALL))
    angle = np.radians(40)
    tilted = ((0.0, np.sin(angle), np.cos(angle)), (0.0, np.cos(angle), -np.sin(angle)), (1.0, 0.0, 0.0))
    oblique = replaced(image, geometry=Geometry(image.geometry.shape, image.geometry.spacing_mm, (0, 0, 0), tilted))
    assert "oblique" in codes(prepare_volume(oblique, SMALL))
    assert "modality-unknown" in codes(prepare_volume(replaced(image, modality="OTHER"), SMALL))


def test_ct_is_refused_by_name_and_by_its_values():
    image, _ = pelvis()
    with pytest.raises(WrongModalityError, match="an MR image is needed, not CT"):
        prepare_volume(replaced(image, modality="CT"))
    with pytest.raises(WrongModalityError, match="Hounsfield"):
        prepare_volume(replaced(image, voxels=image.voxels - 1024, modality="OTHER"))
    with pytest.raises(WrongModalityError, match="not MASK"):
        prepare_volume(replaced(image, voxels=(image.voxels > 50).astype(np.uint8), modality="MASK"))


@pytest.mark.parametrize(
    ("directions", "name"),
    [
        (((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)), "sagittal"),
        (((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (1.0, 0.0, 0.0)), "coronal"),
    ],
)
def test_sagittal_and_coronal_series_are_refused_however_they_are_stored(directions, name):
    image, _ = pelvis(spacing=(4.0, 1.0, 1.0))
    series = replaced(image, geometry=Geometry(image.geometry.shape, (4.0, 1.0, 1.0), (0, 0, 0), directions))
    for order in permutations(range(3)):
        with pytest.raises(InvalidInputError, match=f"the slices are {name}, 4 mm apart"):
            prepare_volume(stored_as(series, order, (False, True, False)))


def test_a_3d_acquisition_is_read_along_the_body():
    geometry = Geometry((60, 50, 70), (1.0, 1.0, 1.2), (0, 0, 0), ((1, 0, 0), (0, 0, -1), (0, 1, 0)))
    assert acquisition_plane(geometry).order[0] == 1


def test_empty_constant_and_unreal_images_are_refused():
    image, _ = pelvis()
    with pytest.raises(InvalidInputError, match="every voxel is 7"):
        prepare_volume(replaced(image, voxels=np.full_like(image.voxels, 7)))
    broken = image.voxels.copy()
    broken[0, 0, 0] = np.nan
    with pytest.raises(InvalidInputError, match="NaN or infinity"):
        prepare_volume(replaced(image, voxels=broken))
    dark = np.zeros_like(image.voxels)
    dark[6, :8, :8] = 500
    with pytest.raises(InvalidInputError, match="no body is to be seen"):
        prepare_volume(replaced(image, voxels=dark))
    with pytest.raises(InvalidInputError, match="2 slices: too few"):
        prepare_volume(replaced(image, voxels=image.voxels[:2], geometry=image.geometry.crop((0, 0, 0), (2, 80, 96))))


def test_a_4d_series_is_refused(tmp_path):
    image, _ = pelvis()
    with pytest.raises(InvalidInputError, match="three axes"):
        Image(np.stack([image.voxels] * 2), image.geometry, Modality.MR)
    path = tmp_path / "series.nii"
    volume = sitk.GetImageFromArray(np.ones((8, 9, 10), np.float32))
    sitk.WriteImage(sitk.JoinSeries([volume, volume]), str(path))
    with pytest.raises(AbdominalOncologyError):
        read_image(open_reader(path, modality=Modality.MR))


def test_regions_that_mean_nothing_are_refused():
    image, ball = pelvis()
    with pytest.raises(GeometryMismatchError, match="region lies outside the volume"):
        prepare_volume(image, SMALL, box=Box((900.0, 0.0, 0.0), (50, 50, 50)))
    with pytest.raises(EmptyMaskError, match="region is empty"):
        Box((0.0, 0.0, 0.0), (50, 0, 50))
    with pytest.raises(InvalidInputError, match="finite centre"):
        Box((0.0, float("nan"), 0.0), (50, 50, 50))
    with pytest.raises(InvalidInputError, match="orthogonal"):
        Box((0.0, 0.0, 0.0), (50, 50, 50), ((1, 0, 0), (1, 0, 0), (0, 0, 1)))
    with pytest.raises(EmptyMaskError, match="no voxel"):
        prepare_volume(image, SMALL, masks=[replaced(ball, voxels=np.zeros_like(ball.voxels), modality="MASK")])
    other = Geometry(image.geometry.shape, (3.0, 2.1, 2.0))
    with pytest.raises(GeometryMismatchError, match="another grid"):
        prepare_volume(image, SMALL, masks=[replaced(ball, geometry=other, modality="MASK")])


def test_settings_that_mean_nothing_are_refused():
    assert VolumePreparation.from_mapping(SMALL.to_mapping()) == SMALL
    with pytest.raises(InvalidInputError, match="no setting of the volume preparation"):
        VolumePreparation.from_mapping({"window": 4})
    for wrong in ({"size": 4}, {"field_mm": 1000.0}, {"percentiles": (99, 1)}, {"margin_mm": -1.0}):
        with pytest.raises(InvalidInputError):
            VolumePreparation(**wrong)


def test_an_oblique_box_reaches_as_far_as_its_corners():
    image, _ = pelvis()
    half = 0.5**0.5
    turned = Box(image.geometry.centre_mm, (40, 40, 12), ((half, half, 0), (-half, half, 0), (0, 0, 1)))
    region = prepare_volume(image, SMALL, box=turned).region
    assert (region.columns[1] - region.columns[0]) * 2.0 == pytest.approx(40 * 2**0.5)


def test_marks_pad_and_cut_around_what_matters():
    pixels = np.arange(1, 11, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    cut = as_input(pixels, [7, 8], depth=4)
    assert cut[0, :, 0, 0].tolist() == [7, 8, 9, 10]
    assert cut[1, :, 0, 0].tolist() == [128, 255, 255, 128]
    assert as_input(pixels, depth=3, around=0)[0, :, 0, 0].tolist() == [1, 2, 3]
    assert as_input(pixels, depth=13)[1, :, 0, 0].tolist() == [0, *[128] * 10, 0, 0]
    assert (as_input(pixels)[1] == 128).all()
    with pytest.raises(InvalidInputError, match="slice 10 cannot be representative"):
        as_input(pixels, [10])
    with pytest.raises(InvalidInputError, match="do not fit into 4 slices"):
        as_input(pixels, [0, 9], depth=4)
    with pytest.raises(InvalidInputError, match="slices are bytes"):
        as_input(pixels.astype(np.float32))


def test_a_full_sized_volume_is_prepared_fast(quiet_seconds):
    image = Image(
        np.random.default_rng(0).integers(0, 900, (30, 512, 512)).astype(np.int16),
        Geometry((30, 512, 512), (3.0, 0.43, 0.43)),
        Modality.MR,
    )
    prepare_volume(image)
    assert quiet_seconds(lambda: prepare_volume(image)) < 2 * 0.5  # 0.25 s on two quiet cores


@pytest.mark.real_data
def test_the_real_series_passes_with_the_right_region(shared_data):
    folder = shared_data / "rectal_mr_filitto"
    if not (folder / "dicom").is_dir():
        pytest.skip("the rectal series is not among the real scans")
    image = read_image(open_reader(folder / "dicom"))
    tumour = read_image(open_reader(folder / "tumour_mask.nii.gz", modality=Modality.MASK))
    prepared = prepare_volume(image, masks=[tumour])
    assert prepared.warnings == ()
    assert prepared.pixels.shape == (30, 256, 256)
    assert prepared.region.slices == (10, 27)
    assert 20 < prepared.pixels.mean() < 200
    middle = prepared.geometry.to_index(tumour.geometry.to_world(np.argwhere(tumour.voxels).mean(axis=0)))
    assert middle[1:] == pytest.approx([127.5, 127.5], abs=30)
    alone = prepare_volume(image)
    assert codes(alone) == {"region-located", "height-not-located"}
    assert alone.region.centre == pytest.approx(prepared.region.centre, abs=40)
