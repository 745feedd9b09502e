"""Any slices of a volume file, in any order, from every packing, with few bytes read."""

from __future__ import annotations

import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from volume_files import ENDINGS, NRRD, VOXELS, ct, nrrd, packed_variants

from abdominal_oncology.errors import (
    InvalidInputError,
    UnreadableFileError,
)
from abdominal_oncology.imaging.image import Modality
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.imaging.sitk_bridge import to_sitk
from abdominal_oncology.imaging.volume_file import open_volume_file, write_volume_file


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
