"""NIfTI, NRRD and MetaImage files: the right place, the right numbers, the right kind, and back."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from imaging_cases import mark_mm, marked_images, write_nifti
from volume_files import ENDINGS, SFORM, VOXELS, ct, nrrd

from abdominal_oncology.errors import (
    AbdominalOncologyError,
    InvalidInputError,
)
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.imaging.sitk_bridge import array_to_sitk, from_sitk, geometry_of, to_sitk
from abdominal_oncology.imaging.volume_file import open_volume_file, write_volume_file

shared_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


# places


@pytest.mark.parametrize("ending", ENDINGS)
@settings(shared_folder, max_examples=25, deadline=None)
@given(image=marked_images())
def test_a_marked_voxel_survives_a_file(tmp_path: Path, ending: str, image: Image) -> None:
    reader = open_volume_file(write_volume_file(image, tmp_path / f"volume{ending}"), Modality.MR)
    again = read_image(reader)
    assert again.geometry.same_grid(image.geometry, 1e-3)
    np.testing.assert_array_equal(again.voxels, image.voxels)
    np.testing.assert_allclose(mark_mm(again), mark_mm(image), atol=1e-3)


@settings(max_examples=50, deadline=None)
@given(image=marked_images())
def test_itk_sees_the_mark_at_the_same_place(image: Image) -> None:
    volume = to_sitk(image)
    k, j, i = (int(v) for v in np.argwhere(image.voxels)[0])
    assert volume.GetPixel(i, j, k) == image.voxels.max()
    np.testing.assert_allclose(volume.TransformIndexToPhysicalPoint((i, j, k)), mark_mm(image), atol=1e-6)
    back = from_sitk(volume, Modality.MR)
    assert back.geometry.same_grid(image.geometry, 1e-6)
    np.testing.assert_array_equal(back.voxels, image.voxels)


@pytest.mark.parametrize("ending", ENDINGS)
@settings(shared_folder, max_examples=10, deadline=None)
@given(image=marked_images())
def test_what_itk_writes_lies_where_itk_says(tmp_path: Path, ending: str, image: Image) -> None:
    path = tmp_path / f"itk{ending}"
    sitk.WriteImage(to_sitk(image), str(path))
    ours = open_volume_file(path, Modality.MR)
    assert ours.geometry.same_grid(geometry_of(sitk.ReadImage(str(path))), 2e-3)


def test_the_affine_counts_where_pixdim_says_otherwise(tmp_path: Path) -> None:
    geometry = open_volume_file(write_nifti(tmp_path / "a.nii", VOXELS, sform=SFORM, pixdim=(1, 9, 9, 9))).geometry
    assert geometry.spacing_mm == (4.0, 3.0, 2.0)
    np.testing.assert_allclose(geometry.to_world([1, 1, 1]), [-12, -23, 34])  # RAS in the file, LPS here


def test_qform_alone_gives_the_place_also_mirrored(tmp_path: Path) -> None:
    facts = {"s_code": 0, "q_code": 1, "pixdim": (-1, 2, 3, 4), "q_offset": (10, 20, 30)}
    geometry = open_volume_file(write_nifti(tmp_path / "a.nii", VOXELS, quaternion=(0, 0, 1), **facts)).geometry
    # half a turn about the feet-head axis: i runs to the left, j to the back, and the mirror sends k to the feet
    np.testing.assert_allclose(geometry.to_world([1, 1, 1]), [-10 + 2, -20 + 3, 30 - 4], atol=1e-6)


def test_two_orientations_that_disagree_are_told(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", VOXELS, sform=SFORM, q_code=1, pixdim=(1, 2, 3, 4), q_offset=(10, 20, 35))
    reader = open_volume_file(path, Modality.MR)
    assert [w.code for w in reader.warnings] == ["orientation-conflict"]
    assert "5.0 mm" in reader.warnings[0].message
    agree = write_nifti(tmp_path / "b.nii", VOXELS, sform=SFORM, q_code=1, pixdim=(1, 2, 3, 4), q_offset=(10, 20, 30))
    assert open_volume_file(agree, Modality.MR).warnings == ()


def test_no_orientation_is_told(tmp_path: Path) -> None:
    reader = open_volume_file(write_nifti(tmp_path / "a.nii", VOXELS, s_code=0, pixdim=(1, 2, 3, 4)), "MR")
    assert [w.code for w in reader.warnings] == ["no-orientation"]
    assert reader.geometry.spacing_mm == (4.0, 3.0, 2.0)


@pytest.mark.parametrize(("units", "factor"), [(1, 1000.0), (2, 1.0), (3, 0.001), (10, 1.0)])
def test_units_become_millimetres(tmp_path: Path, units: int, factor: float) -> None:
    geometry = open_volume_file(write_nifti(tmp_path / "a.nii", VOXELS, sform=SFORM, units=units), "MR").geometry
    np.testing.assert_allclose(geometry.spacing_mm, np.multiply((4, 3, 2), factor), rtol=1e-6)
    np.testing.assert_allclose(geometry.origin_mm, np.multiply((-10, -20, 30), factor), rtol=1e-6)


@pytest.mark.parametrize(
    ("space", "signs"),
    [
        ("left-posterior-superior", (1, 1, 1)),
        ("right-anterior-superior", (-1, -1, 1)),
        ("left-anterior-superior", (1, -1, 1)),
        ("RAS", (-1, -1, 1)),
    ],
)
def test_nrrd_spaces_become_lps_and_byte_order_counts(tmp_path: Path, space: str, signs: tuple[int, ...]) -> None:
    image = read_image(open_volume_file(nrrd(tmp_path / "a.nrrd", space), "MR"))
    np.testing.assert_allclose(image.geometry.to_world([1, 1, 1]), np.multiply(signs, (12, 23, 34)))
    np.testing.assert_array_equal(image.voxels, VOXELS)
    assert image.voxels.dtype == np.int16
    assert image.warnings == ()


def test_nrrd_without_patient_axes_is_told(tmp_path: Path) -> None:
    assert [w.code for w in open_volume_file(nrrd(tmp_path / "a.nrrd", ""), "MR").warnings] == ["no-orientation"]


@pytest.mark.parametrize("name", ["a.nii", "a.nrrd", "a.mha"])
def test_sheared_grids_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.nii":
        write_nifti(path, VOXELS, sform=SFORM + np.eye(4, k=1)[[3, 1, 2, 3]], q_code=1, pixdim=(1, 2, 3, 4))
    elif name == "a.nrrd":
        nrrd(path, directions="(2,0,0) (0,3,0) (0,1.5,4)")
    else:
        path.write_bytes(
            b"ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
            b"TransformMatrix = 1 0 0 0 1 0 0 0.4 0.9165\nOffset = 1 2 3\nElementSpacing = 2 3 4\nDimSize = 4 3 2\n"
            b"ElementType = MET_SHORT\nElementDataFile = LOCAL\n" + VOXELS.tobytes()
        )
    with pytest.raises(InvalidInputError, match="sheared") as refused:
        open_volume_file(path)
    assert refused.value.where == str(path)
    assert refused.value.remedy


# numbers


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_number_types_survive(tmp_path: Path, ending: str, dtype: Any) -> None:
    image = ct(dtype=dtype)
    again = read_image(open_volume_file(write_volume_file(image, tmp_path / f"a{ending}"), Modality.CT))
    np.testing.assert_array_equal(again.voxels, image.voxels)
    assert again.voxels.dtype == image.voxels.dtype


def test_types_without_a_file_type_are_widened(tmp_path: Path) -> None:
    half = Image(np.full((1, 2, 2), 0.5, np.float16), Geometry((1, 2, 2)), "MR")
    assert read_image(open_volume_file(write_volume_file(half, tmp_path / "a.nrrd"))).voxels.dtype == np.float32
    yes = Image(np.ones((1, 2, 2), bool), Geometry((1, 2, 2)), "MASK")
    assert read_image(open_volume_file(write_volume_file(yes, tmp_path / "b.nii.gz"), "MASK")).voxels.dtype == np.uint8
    assert array_to_sitk(VOXELS.astype(">i2"), Geometry(VOXELS.shape)).GetPixel(3, 2, 1) == 23


@pytest.mark.parametrize(
    ("scale", "expected", "dtype"),
    [
        ((1, 0), VOXELS, np.int16),
        ((0, 5), VOXELS, np.int16),  # slope 0: the standard says no scaling
        ((float("nan"), 5), VOXELS, np.int16),
        ((2, -1024), VOXELS * 2 - 1024, np.int32),
        ((0.5, 0.25), VOXELS * 0.5 + 0.25, np.float32),
    ],
)
def test_nifti_slope_and_intercept(tmp_path: Path, scale: tuple[float, float], expected: Any, dtype: Any) -> None:
    voxels = open_volume_file(write_nifti(tmp_path / "a.nii", VOXELS, sform=SFORM, scale=scale), "MR").read([1, 0])
    np.testing.assert_array_equal(voxels, expected[[1, 0]])
    assert voxels.dtype == dtype


def test_big_endian_nifti(tmp_path: Path) -> None:
    reader = open_volume_file(write_nifti(tmp_path / "a.nii", VOXELS, sform=SFORM, order=">"), "MR")
    np.testing.assert_array_equal(reader.read(), VOXELS)
    assert reader.geometry.spacing_mm == (4.0, 3.0, 2.0)


@pytest.mark.parametrize("packed", [False, True])
def test_nifti_2(tmp_path: Path, packed: bool) -> None:
    head = bytearray(544)
    struct.pack_into("<i8shh", head, 0, 540, b"n+2\0\r\n\x1a\n", 4, 16)
    struct.pack_into("<8q", head, 16, 3, 4, 3, 2, 1, 1, 1, 1)
    struct.pack_into("<8d", head, 104, 1, 2, 3, 4, 0, 0, 0, 0)
    struct.pack_into("<qdd", head, 168, 544, 1, 0)
    struct.pack_into("<2i", head, 344, 0, 1)
    struct.pack_into("<12d", head, 400, *SFORM[:3].ravel())
    struct.pack_into("<i", head, 500, 2)
    data = bytes(head) + VOXELS.tobytes()
    path = tmp_path / ("a.nii.gz" if packed else "a.nii")
    path.write_bytes(gzip.compress(data) if packed else data)
    image = read_image(open_volume_file(path, "MR"))
    np.testing.assert_array_equal(image.voxels, VOXELS)
    np.testing.assert_allclose(image.geometry.to_world([1, 1, 1]), [-12, -23, 34])


def test_a_trailing_axis_of_one_is_no_series(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", VOXELS, sform=SFORM, dims=(5, 4, 3, 2, 1, 1))
    np.testing.assert_array_equal(open_volume_file(path, "MR").read(), VOXELS)
    volume = sitk.JoinSeries([sitk.GetImageFromArray(VOXELS)])
    sitk.WriteImage(volume, str(tmp_path / "b.nrrd"))
    np.testing.assert_array_equal(open_volume_file(tmp_path / "b.nrrd", "MR").read([1]), VOXELS[1:])


def test_not_finite_voxels_are_told_and_left(tmp_path: Path) -> None:
    voxels = np.ones((3, 4, 5), np.float32)
    voxels[1, 2, 3], voxels[2, 0, 0] = np.nan, np.inf
    path = write_volume_file(Image(voxels, Geometry(voxels.shape), "MR"), tmp_path / "a.nii")
    image = read_image(open_volume_file(path, "MR"))
    assert [w.code for w in image.warnings] == ["non-finite-voxels"]
    assert image.warnings[0].message.startswith("2 of 60")
    np.testing.assert_array_equal(image.voxels, voxels)
    clean = open_volume_file(path, "MR")
    clean.read([0])
    assert clean.warnings == ()


# kinds


@pytest.mark.parametrize("ending", ENDINGS)
def test_ct_is_guessed_from_air_and_the_guess_is_told(tmp_path: Path, ending: str) -> None:
    volume = to_sitk(ct())  # written by ITK, so that no file says what it holds
    sitk.WriteImage(volume, str(tmp_path / f"ct{ending}"))
    sitk.WriteImage(sitk.Abs(volume), str(tmp_path / f"mr{ending}"))
    whole, lazy = open_volume_file(tmp_path / f"ct{ending}"), open_volume_file(tmp_path / f"ct{ending}")
    whole.read()
    assert whole.modality is lazy.modality is Modality.CT
    assert [w.code for w in lazy.warnings] == ["modality-guessed"]
    assert open_volume_file(tmp_path / f"mr{ending}").modality is Modality.OTHER
    told = open_volume_file(tmp_path / f"mr{ending}", "MR")
    assert (told.modality, told.warnings) == (Modality.MR, ())


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
@pytest.mark.parametrize("modality", list(Modality))
def test_our_own_files_say_what_they_hold(tmp_path: Path, ending: str, modality: Modality) -> None:
    image = Image(np.zeros((2, 3, 4), np.int16), Geometry((2, 3, 4)), modality)
    reader = open_volume_file(write_volume_file(image, tmp_path / f"a{ending}"))
    assert (reader.modality, reader.warnings) == (modality, ())


def test_seg_nrrd_is_a_mask_with_its_segment_names(tmp_path: Path) -> None:
    labels = sitk.GetImageFromArray((VOXELS % 3).astype(np.uint8))
    labels.SetMetaData("Segment0_Name", "liver")
    sitk.WriteImage(labels, str(tmp_path / "a.seg.nrrd"), useCompression=True)
    image = read_image(open_volume_file(tmp_path / "a.seg.nrrd"))
    assert image.is_mask
    assert image.source.header["Segment0_Name"] == "liver"
    np.testing.assert_array_equal(image.voxels, VOXELS % 3)
    with pytest.raises(InvalidInputError, match="holds labels"):
        write_volume_file(ct(), tmp_path / "b.seg.nrrd")


def test_a_mask_stored_as_floats_becomes_labels_or_is_refused(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "a.nii", (VOXELS % 3).astype(np.float64), sform=SFORM)
    mask = read_image(open_volume_file(path, "MASK"))
    assert mask.voxels.dtype == np.int32
    np.testing.assert_array_equal(mask.voxels, VOXELS % 3)
    fractions = write_nifti(tmp_path / "b.nii", VOXELS / np.float32(2), sform=SFORM)
    with pytest.raises(InvalidInputError, match="fractions"):
        open_volume_file(fractions, "MASK").read()


# writing


@pytest.mark.parametrize("ending", ENDINGS)
def test_names_of_any_script_and_length_work(tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "Prüfung 研究 №1"
    for _ in range(3):
        folder = folder / ("x" * 80)
    folder.mkdir(parents=True)
    path = write_volume_file(ct(), folder / f"Łódź данные{ending}")
    np.testing.assert_array_equal(open_volume_file(path, "CT").read(), ct().voxels)


def test_writing_replaces_whole_files_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "a.nrrd"
    path.write_text("old")
    write_volume_file(ct(), path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.nrrd"]
    assert open_volume_file(path).geometry.shape == (6, 7, 8)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_volume_file(ct(), tmp_path / "a.nii")
    before = path.read_bytes()

    def full_disk(*_: object, **__: object) -> None:
        raise RuntimeError("no space left")

    monkeypatch.setattr(sitk, "WriteImage", full_disk)
    with pytest.raises(AbdominalOncologyError, match="no space left"):
        write_volume_file(ct((1, 2, 3)), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.nii"]


# real files


@pytest.mark.real_data
def test_real_volumes_match_itk(shared_data: Path) -> None:
    paths = [p for p in sorted(shared_data.rglob("*.n*")) if p.name.endswith((".nii.gz", ".nrrd"))]
    assert paths
    for path in paths:
        theirs = sitk.ReadImage(str(path))
        ours = read_image(open_volume_file(path))
        assert ours.geometry.same_grid(geometry_of(theirs), 0.01), path
        np.testing.assert_array_equal(ours.voxels, sitk.GetArrayViewFromImage(theirs), err_msg=str(path))
