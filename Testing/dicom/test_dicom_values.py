"""Stored values become the right HU or MR signal, whatever the bits and whoever decodes."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest

from abdominal_oncology.errors import MissingDependencyError, UnreadableFileError
from abdominal_oncology.imaging.dicom import DicomReader
from abdominal_oncology.imaging.dicom import decode as decoders
from abdominal_oncology.imaging.dicom.encode import frame_encoder
from abdominal_oncology.imaging.dicom.records import Frame, PixelLayout
from abdominal_oncology.imaging.dicom.syntax import TransferSyntax
from abdominal_oncology.imaging.dicom.values import to_real
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import read_image

COMPRESSED = ("rle", "jpeg-lossless", "jpeg-ls", "jpeg-2000")


@pytest.mark.parametrize("syntax", ["raw", "implicit", "deflated", "big-endian", *COMPRESSED])
@pytest.mark.parametrize("wide", [False, True])
def test_every_syntax_reads_back_exactly(make_series, syntax: str, wide: bool) -> None:
    if syntax.startswith("jpeg"):
        pytest.importorskip("imagecodecs")
    voxels = np.random.default_rng(0).integers(-32768 if wide else -1024, 32767 if wide else 3071, (5, 20, 24))
    image = Image(voxels.astype(np.int16), Geometry(voxels.shape, (1.0, 0.8, 0.8)), "CT")
    folder, _ = make_series(image=image, transfer_syntax=syntax, file_names="scrambled")
    reader = DicomReader.from_folder(folder)
    assert np.array_equal(reader.read(), voxels)
    assert np.array_equal(reader.read([3, 0, 3]), voxels[[3, 0, 3]])
    assert reader.read([]).shape == (0, 20, 24)


@pytest.mark.parametrize("backend", ["decode_with_imagecodecs", "decode_with_pydicom", "decode_with_simpleitk"])
@pytest.mark.parametrize("syntax", COMPRESSED)
@pytest.mark.parametrize(("bits", "signed"), [(12, False), (16, False), (16, True)])
def test_every_decoder_gives_the_same_stored_values(backend: str, syntax: str, bits: int, signed: bool) -> None:
    pytest.importorskip("imagecodecs")
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    frame = np.random.default_rng(0).integers(low, high, (22, 30), endpoint=True).astype("i2" if signed else "u2")
    kind = TransferSyntax(syntax)
    layout = PixelLayout(kind.value, 22, 30, bits_stored=bits, high_bit=bits - 1, signed=signed)
    data = frame_encoder(kind, bits)(frame)
    values = getattr(decoders, backend)(data, layout)
    if values is None:
        pytest.skip(f"pydicom has no plugin for {syntax} here")
    assert np.array_equal(decoders.to_bits(values, layout), frame)


def test_without_a_decoder_the_missing_package_is_named() -> None:
    layout = PixelLayout("1.2.840.10008.1.2.4.100", 4, 4)
    with pytest.raises(MissingDependencyError, match=r"4\.100") as caught:
        decoders.compressed_frame(b"", layout, "a.dcm", (decoders.decode_with_imagecodecs,))
    assert caught.value.where == "a.dcm"
    assert "imagecodecs" in caught.value.remedy


def test_overlay_bits_are_masked_and_the_sign_extended(make_series, files_of, edit) -> None:
    folder, image = make_series()
    for k, path in enumerate(files_of(folder)):
        dirty = (image.voxels[k].astype(np.int32) & 0x0FFF) | 0xA000

        def spoil(data: pydicom.FileDataset, dirty: np.ndarray = dirty) -> None:
            data.PixelData = dirty.astype(np.uint16).tobytes()

        edit(path, spoil, PixelRepresentation=1, RescaleIntercept=0)
    assert np.array_equal(DicomReader.from_folder(folder).read(), image.voxels)


def test_values_stored_in_the_upper_bits_are_shifted_down(make_series, files_of, edit) -> None:
    folder, image = make_series()
    for k, path in enumerate(files_of(folder)):
        up = ((image.voxels[k].astype(np.int32) + 1024) << 4) | 0x5
        edit(path, lambda data, up=up: setattr(data, "PixelData", up.astype(np.uint16).tobytes()), HighBit=15)
    assert np.array_equal(DicomReader.from_folder(folder).read(), image.voxels)


def test_rescale_is_taken_per_slice(make_series, files_of, edit) -> None:
    folder, image = make_series()
    for k, path in enumerate(files_of(folder)):
        edit(path, RescaleIntercept=-1000 - k, RescaleSlope=1 + k)
    stored = image.voxels.astype(int) + 1024
    expected = stored * (1 + np.arange(6))[:, None, None] + (-1000 - np.arange(6))[:, None, None]
    read = DicomReader.from_folder(folder).read()
    assert read.dtype == np.int16
    assert np.array_equal(read, expected)


def test_fractions_and_large_values_are_float32(make_series, files_of, edit) -> None:
    folder, image = make_series()
    edit(files_of(folder)[2], RescaleSlope="0.5")
    reader = DicomReader.from_folder(folder)
    assert reader.read().dtype == np.float32
    assert np.array_equal(reader.read([2])[0], (image.voxels[2].astype(int) + 1024) * 0.5 - 1024)
    edit(files_of(folder)[2], RescaleSlope="40")
    again = DicomReader.from_folder(folder)
    assert again.read().dtype == np.float32
    assert np.array_equal(again.read()[2], (image.voxels[2].astype(int) + 1024) * 40.0 - 1024)
    assert np.array_equal(again.read()[3], image.voxels[3])
    assert again.read([3, 4]).dtype == np.int16


def test_padding_beyond_the_scanned_circle_is_air(make_series, files_of, edit) -> None:
    folder, image = make_series()
    for k, path in enumerate(files_of(folder)):
        stored = image.voxels[k] + 1024
        stored[0, :3] = -2000

        def pad(data: pydicom.FileDataset, stored: np.ndarray = stored) -> None:
            data.PixelData = stored.astype(np.int16).tobytes()
            data.add_new("PixelPaddingValue", "SS", -2000)

        edit(path, pad, PixelRepresentation=1, BitsStored=16, HighBit=15)
    expected = image.voxels.copy()
    expected[:, 0, :3] = -1024
    assert np.array_equal(DicomReader.from_folder(folder).read(), expected)


def test_a_padding_value_that_is_a_tissue_value_is_left_alone() -> None:
    layout = PixelLayout("", 1, 3, signed=True, padding=0)
    stored = np.array([[0, -5, 40]], np.int16)
    assert to_real(stored, layout, Frame(), is_ct=True).tolist() == [[0, -5, 40]]


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_monochrome1_keeps_hu_and_turns_mr_round(make_series, make_image, files_of, edit, modality: str) -> None:
    folder, image = make_series(image=make_image(modality=modality))
    for path in files_of(folder):
        edit(path, PhotometricInterpretation="MONOCHROME1")
    read = read_image(DicomReader.from_folder(folder))
    assert read.has_warning("monochrome1")
    assert np.array_equal(read.voxels, image.voxels if modality == "CT" else 4095 - image.voxels)


def test_ct_without_rescale_and_of_other_units_is_told(make_series, files_of, edit) -> None:
    folder, _ = make_series()
    for path in files_of(folder):
        edit(path, RescaleSlope=None, RescaleIntercept=None)
    read = read_image(DicomReader.from_folder(folder))
    assert read.has_warning("no-rescale")
    assert read.modality is Modality.CT
    for path in files_of(folder):
        edit(path, RescaleSlope=1, RescaleIntercept=0, RescaleType="MGML")
    other = read_image(DicomReader.from_folder(folder))
    assert other.has_warning("not-hounsfield")
    assert other.modality is Modality.OTHER


def test_a_modality_lookup_table_is_refused_by_name(make_series, files_of, edit) -> None:
    folder, _ = make_series()
    table = pydicom.Dataset()
    table.LUTDescriptor = [1, 0, 16]
    path = edit(files_of(folder)[0], ModalityLUTSequence=[table])
    with pytest.raises(UnreadableFileError, match="lookup table") as caught:
        DicomReader.from_folder(folder).read()
    assert caught.value.where == str(path)


def test_eight_bit_mr_and_lossy_remark(make_series, files_of, edit) -> None:
    folder, _ = make_series(modality="MR", count=3)
    for path in files_of(folder):

        def narrow(data: pydicom.FileDataset) -> None:
            data.PixelData = (np.arange(data.Rows * data.Columns) % 256).astype(np.uint8).tobytes()

        edit(path, narrow, BitsAllocated=8, BitsStored=8, HighBit=7, LossyImageCompression="01")
    read = read_image(DicomReader.from_folder(folder))
    assert read.voxels[1].ravel()[:300].tolist() == [n % 256 for n in range(288)]
    assert read.has_warning("lossy-compression")


def test_damaged_compressed_data_are_named(make_series, files_of) -> None:
    pytest.importorskip("imagecodecs")
    folder, image = make_series(transfer_syntax="jpeg-2000")
    path = files_of(folder)[4]
    data = path.read_bytes()
    start = data.index(b"\xff\x4f\xff\x51")
    path.write_bytes(data[: start + 4] + bytes(60) + data[start + 64 :])
    reader = DicomReader.from_folder(folder)
    assert np.array_equal(reader.read([0, 3]), image.voxels[[0, 3]])
    with pytest.raises(UnreadableFileError, match="cannot be decoded") as caught:
        reader.read([4])
    assert caught.value.where == str(path)
