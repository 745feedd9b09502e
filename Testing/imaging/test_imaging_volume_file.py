"""NIfTI, NRRD and MetaImage files: right place, right numbers, few bytes read, and no volume made from a bad file."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imaging_cases import mark_mm, marked_images, write_nifti

from abdominal_oncology.errors import (
    AbdominalOncologyError,
    ChangedFileError,
    InvalidInputError,
    MissingInputError,
    UnreadableFileError,
)
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import SliceReader, read_image
from abdominal_oncology.imaging.sitk_bridge import array_to_sitk, from_sitk, geometry_of, to_sitk
from abdominal_oncology.imaging.volume_file import open_volume_file, write_volume_file

ENDINGS = (".nii", ".nii.gz", ".nrrd", ".mha")
VOXELS = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
SFORM = np.array([[2.0, 0, 0, 10], [0, 3, 0, 20], [0, 0, 4, 30], [0, 0, 0, 1]])
shared_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def ct(shape: tuple[int, int, int] = (6, 7, 8), dtype: Any = np.int16) -> Image:
    values = np.random.default_rng(0).integers(-1000, 1000, shape)
    if np.dtype(dtype).kind == "u":
        values = np.abs(values) % 250
    return Image(values.astype(dtype), Geometry(shape, (5.0, 0.7, 0.8), (-10.0, 20.0, 30.0)), Modality.CT)


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


NRRD = (
    "NRRD0004\ntype: short\ndimension: 3\n{space}\nsizes: 4 3 2\nspace directions: {directions}\n"
    "kinds: domain domain domain\nendian: {endian}\nencoding: {encoding}\nspace origin: (10,20,30)\n"
)


def nrrd(path: Path, space: str = "left-posterior-superior", data: bytes | None = None, **changes: str) -> Path:
    facts = {"directions": "(2,0,0) (0,3,0) (0,0,4)", "endian": "big", "encoding": "raw", **changes}
    head = NRRD.format(space=f"space: {space}" if space else "space dimension: 3", **facts)
    path.write_bytes(head.encode() + b"\n" + (VOXELS.astype(">i2").tobytes() if data is None else data))
    return path


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


# slices


def packed_variants(folder: Path, image: Image) -> list[Path]:
    """Every way a volume can be stored that we claim to read slice by slice."""
    paths = [write_volume_file(image, folder / f"plain{ending}") for ending in ENDINGS]
    for name, packed in (("a.nhdr", False), ("b.nhdr", True), ("c.mhd", False), ("d.mhd", True), ("e.nrrd", True)):
        paths.append(folder / name)
        sitk.WriteImage(to_sitk(image), str(paths[-1]), packed)
    paths.append(folder / "f.mha")
    sitk.WriteImage(to_sitk(image), str(paths[-1]), True)
    members = (folder / "plain.nii").read_bytes()
    paths.append(folder / "blocks.nii.gz")  # as bgzip writes: many gzip members in a row
    paths[-1].write_bytes(b"".join(gzip.compress(members[a : a + 500]) for a in range(0, len(members), 500)))
    return paths


def test_any_slices_in_any_order_from_every_packing(tmp_path: Path) -> None:
    image = ct((12, 7, 8))
    for path in packed_variants(tmp_path, image):
        reader = open_volume_file(path, Modality.CT)
        assert isinstance(reader, SliceReader)
        for slices in ([], [5], [11, 0, 11, 3], list(range(12))):
            np.testing.assert_array_equal(reader.read(slices), image.voxels[slices], err_msg=str(path))
        np.testing.assert_array_equal(reader.read(), image.voxels)
        with pytest.raises(InvalidInputError):
            reader.read([12])


@settings(max_examples=20, deadline=None)
@given(slices=st.lists(st.integers(0, 5), max_size=8))
def test_reading_slices_is_indexing(tmp_path_factory: pytest.TempPathFactory, slices: list[int]) -> None:
    folder = tmp_path_factory.mktemp("slices")
    image = ct()
    for ending in ENDINGS:
        reader = open_volume_file(write_volume_file(image, folder / f"a{ending}"))
        np.testing.assert_array_equal(reader.read(slices), image.voxels[slices])


@pytest.mark.parametrize(
    "name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "a.nhdr", "a.mhd", "packed.nrrd", "packed.mha"]
)
def test_one_slice_does_not_bring_the_volume_into_memory(tmp_path: Path, name: str) -> None:
    image = ct((64, 256, 256))  # 8 MiB
    sitk.WriteImage(to_sitk(image), str(tmp_path / name), name.endswith("gz") or name.startswith("packed"))
    reader = open_volume_file(tmp_path / name, Modality.CT)
    tracemalloc.start()
    try:
        voxels = reader.read([40])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(voxels[0], image.voxels[40])
    assert peak < 4 << 20  # a slice of 0.13 MiB and at most a few chunks of 1 MiB


def test_a_gzip_file_is_unpacked_only_up_to_the_slice(tmp_path: Path) -> None:
    image = ct((40, 128, 128))
    path = write_volume_file(image, tmp_path / "a.nii.gz")
    data = bytearray(path.read_bytes())
    data[len(data) * 3 // 4 :] = b"\0" * (len(data) - len(data) * 3 // 4)
    path.write_bytes(data)
    reader = open_volume_file(path, Modality.CT)
    np.testing.assert_array_equal(reader.read([3]), image.voxels[[3]])
    with pytest.raises(UnreadableFileError):
        reader.read([39])


@pytest.mark.parametrize(("encoding", "pack"), [("hex", lambda raw: raw.hex().encode()), ("ascii", None)])
def test_packings_that_only_itk_knows_are_read_whole(tmp_path: Path, encoding: str, pack: Any) -> None:
    data = pack(VOXELS.astype(">i2").tobytes()) if pack else " ".join(map(str, VOXELS.ravel())).encode()
    reader = open_volume_file(nrrd(tmp_path / "a.nrrd", data=data, encoding=encoding), "MR")
    np.testing.assert_array_equal(reader.read([1]), VOXELS[1:])


def test_a_header_with_a_byte_skip_is_left_to_itk(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(b"junk" + VOXELS.astype(">i2").tobytes())
    head = NRRD.format(space="space: LPS", directions="(2,0,0) (0,3,0) (0,0,4)", endian="big", encoding="raw")
    (tmp_path / "a.nhdr").write_text(head + "byte skip: 4\ndata file: a.raw\n")
    np.testing.assert_array_equal(open_volume_file(tmp_path / "a.nhdr", "MR").read(), VOXELS)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "hex.nrrd"])
def test_a_reader_can_be_sent_to_another_process(tmp_path: Path, name: str) -> None:
    if name == "hex.nrrd":
        nrrd(tmp_path / name, data=VOXELS.astype(">i2").tobytes().hex().encode(), encoding="hex")
    else:
        sitk.WriteImage(sitk.GetImageFromArray(VOXELS), str(tmp_path / name))
    reader = pickle.loads(pickle.dumps(open_volume_file(tmp_path / name, "MR")))
    np.testing.assert_array_equal(reader.read([1]), VOXELS[1:])
    assert reader.modality is Modality.MR


def test_reading_reports_progress(tmp_path: Path) -> None:
    seen: list[float] = []
    reader = open_volume_file(write_volume_file(ct(), tmp_path / "a.nii"), "CT")
    reader.read(None, lambda fraction, stage: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_plain_file_beside_the_packed_one_is_not_mistaken_for_it(tmp_path: Path) -> None:
    """ITK reads the voxels of ``a.nii`` when asked for ``a.nii.gz`` and both exist."""
    one = ct()
    write_volume_file(one, tmp_path / "a.nii")
    write_volume_file(one.derive("add", voxels=one.voxels + 1), tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(open_volume_file(tmp_path / "a.nii", "CT").read(), one.voxels)
    np.testing.assert_array_equal(open_volume_file(tmp_path / "a.nii.gz", "CT").read(), one.voxels + 1)


# bad files


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha", "packed.nrrd", "packed.mha"])
@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.99])
def test_a_cut_off_file_is_an_error_never_zeros(tmp_path: Path, name: str, kept: float) -> None:
    path = tmp_path / name
    sitk.WriteImage(to_sitk(ct((8, 32, 32))), str(path), name.endswith("gz") or name.startswith("packed"))
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(UnreadableFileError) as refused:
        open_volume_file(path, Modality.CT).read()
    assert refused.value.where == str(path)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.nhdr", "a.mha", "a.mhd"])
def test_text_is_not_an_image(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("hello, I am not an image\n" * 40)
    with pytest.raises(UnreadableFileError, match="not a") as refused:
        open_volume_file(tmp_path / name)
    assert refused.value.where == str(tmp_path / name)


def test_flipped_bits_in_a_packed_file_are_found(tmp_path: Path) -> None:
    path = write_volume_file(ct((8, 32, 32)), tmp_path / "a.nii.gz")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(UnreadableFileError):
        open_volume_file(path, "CT").read()


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"dims": (4, 4, 3, 1, 2)}, "a series or vectors"),
        ({"dims": (5, 4, 3, 1, 1, 2)}, "a series or vectors"),
        ({"dims": (2, 4, 6)}, "a picture of 2 axes"),
        ({"type_code": 32}, "complex numbers"),
        ({"type_code": 128}, "colours"),
        ({"type_code": 999}, "unknown number type"),
    ],
)
def test_nifti_that_is_no_scalar_volume(tmp_path: Path, facts: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInputError, match=says) as refused:
        open_volume_file(write_nifti(tmp_path / "a.nii", VOXELS, sform=SFORM, **facts))
    assert refused.value.where == str(tmp_path / "a.nii")


def test_impossible_sizes_are_an_unreadable_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="impossible sizes"):
        open_volume_file(write_nifti(tmp_path / "a.nii", VOXELS, sform=SFORM, dims=(3, 4, -3, 2)))


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
@pytest.mark.parametrize(
    ("voxels", "vector", "says"),
    [
        (np.zeros((2, 3, 4, 3), np.uint8), True, "several numbers"),
        (np.zeros((2, 3, 4), np.complex64), False, "several numbers"),
        (np.zeros((2, 3, 4, 5), np.int16), False, "a series"),
        (np.zeros((3, 4), np.int16), False, "a picture"),
    ],
)
def test_itk_files_that_are_no_scalar_volume(tmp_path: Path, ending: str, voxels: Any, vector: bool, says: str) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(voxels, isVector=vector), str(tmp_path / f"a{ending}"))
    with pytest.raises(InvalidInputError, match=says):
        open_volume_file(tmp_path / f"a{ending}")


def test_overlapping_segments_are_refused(tmp_path: Path) -> None:
    sitk.WriteImage(
        sitk.GetImageFromArray(np.zeros((2, 3, 4, 2), np.uint8), isVector=True), str(tmp_path / "a.seg.nrrd")
    )
    with pytest.raises(InvalidInputError, match="several numbers") as refused:
        open_volume_file(tmp_path / "a.seg.nrrd")
    assert "overlapping" in refused.value.remedy


def test_missing_files_folders_and_strange_endings(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        open_volume_file(tmp_path / "gone.nii")
    (tmp_path / "folder.nii").mkdir()
    with pytest.raises(MissingInputError):
        open_volume_file(tmp_path / "folder.nii")
    with pytest.raises(InvalidInputError, match=r"\.jpg"):
        open_volume_file(tmp_path / "a.jpg")
    with pytest.raises(InvalidInputError, match="without an ending"):
        open_volume_file(tmp_path / "volume")
    with pytest.raises(InvalidInputError, match="not a known"):
        write_volume_file(ct(), tmp_path / "a.mhd")
    with pytest.raises(MissingInputError, match="folder"):
        write_volume_file(ct(), tmp_path / "nowhere" / "a.nii")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nrrd", "a.mha"])
def test_a_file_that_changes_after_opening_is_noticed(tmp_path: Path, name: str) -> None:
    path = write_volume_file(ct(), tmp_path / name)
    reader = open_volume_file(path, Modality.CT)
    os.utime(path, ns=(1, 1))
    with pytest.raises(ChangedFileError):
        reader.read([0])
    path.unlink()
    with pytest.raises(MissingInputError):
        reader.read([0])


def test_detached_voxels_that_are_missing_are_an_error(tmp_path: Path) -> None:
    for name in ("a.nhdr", "a.mhd"):
        sitk.WriteImage(to_sitk(ct()), str(tmp_path / name))
        (tmp_path / "a.raw").unlink()
        with pytest.raises(AbdominalOncologyError):
            open_volume_file(tmp_path / name, "CT").read()


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_damaged_header_is_a_named_error_or_a_volume(tmp_path: Path, ending: str) -> None:
    """No other exception, no endless wait, no demand for all memory, whatever three bytes of the header say."""
    rng = np.random.default_rng(0)
    whole = write_volume_file(ct(), tmp_path / f"a{ending}").read_bytes()
    refused: list[tuple[str, Path]] = []
    for number in range(80):
        damaged = bytearray(whole)
        for at in rng.integers(0, min(400, len(whole)), rng.integers(1, 4)):
            damaged[at] = rng.integers(0, 256)
        path = tmp_path / f"{number}{ending}"
        path.write_bytes(damaged)
        try:
            image = read_image(open_volume_file(path))
        except AbdominalOncologyError as error:
            refused.append((error.where, path))
        else:
            assert image.voxels.shape == image.geometry.shape
    assert refused
    assert all(where == str(path) for where, path in refused)


def test_a_header_that_claims_more_than_the_file_can_hold_is_refused_before_memory_is(tmp_path: Path) -> None:
    plain = write_nifti(tmp_path / "a.nii", VOXELS, sform=SFORM, dims=(3, 30000, 30000, 30000))
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, tmp_path / "b.nii.gz"):
        with pytest.raises(UnreadableFileError, match="cannot hold"):
            open_volume_file(path)
    zeros = Image(np.zeros((64, 256, 256), np.uint8), Geometry((64, 256, 256)), Modality.MASK)
    packed = write_volume_file(zeros, tmp_path / "zeros.nii.gz")
    assert packed.stat().st_size < zeros.voxels.size / 100
    assert open_volume_file(packed, "MASK").read([63]).max() == 0


@pytest.mark.parametrize("offset", [float("nan"), 5.0, -352.0, 3e9])
def test_an_impossible_place_of_the_voxels_is_refused(tmp_path: Path, offset: float) -> None:
    path = write_nifti(tmp_path / "a.nii", VOXELS, sform=SFORM)
    data = bytearray(path.read_bytes())
    struct.pack_into("<f", data, 108, offset)
    path.write_bytes(data)
    with pytest.raises(UnreadableFileError, match="puts the voxels"):
        open_volume_file(path)
    struct.pack_into("<f", data, 108, 0)  # left out by some writers
    path.write_bytes(data)
    np.testing.assert_array_equal(open_volume_file(path, "MR").read(), VOXELS)


def test_facts_that_are_not_utf8_do_not_hinder(tmp_path: Path) -> None:
    path = write_volume_file(ct(), tmp_path / "a.nrrd")
    head, voxels = path.read_bytes().split(b"\n\n", 1)
    path.write_bytes(head + "\nsegment:=Läsion\nGröße:=7".encode("latin-1") + b"\n\n" + voxels)
    image = read_image(open_volume_file(path))
    assert image.source.header["segment"] == "L\ufffdsion"
    np.testing.assert_array_equal(image.voxels, ct().voxels)


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
