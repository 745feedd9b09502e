"""No volume is made from a bad file: it is a named error."""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from imaging_cases import write_nifti
from volume_files import ENDINGS, SFORM, VOXELS, ct

from abdominal_oncology.errors import (
    AbdominalOncologyError,
    ChangedFileError,
    InvalidInputError,
    MissingInputError,
    UnreadableFileError,
)
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.imaging.sitk_bridge import to_sitk
from abdominal_oncology.imaging.volume_file import open_volume_file, write_volume_file


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
