"""What the writer leaves on disk, seen by pydicom and SimpleITK alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.dicom import TransferSyntax, write_series, write_study
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality, Source

WRITABLE = ("raw", "implicit", "deflated", "big-endian", "rle", "jpeg-lossless", "jpeg-ls", "jpeg-2000")


def _image(shape=(3, 24, 20), low=-1024, high=3071, modality="CT", dtype=np.int16, header=None) -> Image:
    voxels = np.random.default_rng(3).integers(low, high, shape, endpoint=True).astype(dtype)
    voxels.flat[0], voxels.flat[-1] = low, high
    geometry = Geometry(shape, (2.5, 0.7, 0.8), (-10.0, -20.0, 30.0))
    return Image(voxels, geometry, modality, Source(header=header or {}))


def _files(folder: Path) -> list[pydicom.FileDataset]:
    return sorted((pydicom.dcmread(path) for path in folder.iterdir()), key=lambda header: header.InstanceNumber)


def _voxels(headers: list[pydicom.FileDataset]) -> np.ndarray:
    """As SimpleITK reads them, which needs no plugin."""
    return np.concatenate([sitk.GetArrayFromImage(sitk.ReadImage(header.filename)) for header in headers])


@pytest.mark.parametrize("syntax", WRITABLE)
@pytest.mark.parametrize(("low", "high"), [(-1024, 3071), (-32768, 32767)])
def test_every_writable_syntax_keeps_int16_exactly(tmp_path: Path, syntax: str, low: int, high: int) -> None:
    if syntax.startswith("jpeg"):
        pytest.importorskip("imagecodecs")
    image = _image(low=low, high=high)
    headers = _files(write_series(image, tmp_path / "s", transfer_syntax=syntax))
    assert headers[0].file_meta.TransferSyntaxUID == TransferSyntax(syntax)
    assert np.array_equal(_voxels(headers), image.voxels)


@pytest.mark.parametrize("columns", [3, 127, 128, 129, 256, 300])
def test_rle_runs_of_any_length(tmp_path: Path, columns: int) -> None:
    voxels = np.zeros((1, 4, columns), np.int16)
    voxels[0, 1, : columns // 2] = 700
    voxels[0, 2] = np.arange(columns) // 2
    voxels[0, 3, -1] = 5
    image = Image(voxels, Geometry(voxels.shape), "CT")
    (header,) = _files(write_series(image, tmp_path / "s", transfer_syntax="rle"))
    assert np.array_equal(header.pixel_array.astype(int) - 1024, voxels[0])


def test_same_seed_same_bytes_and_other_seed_other_uids(tmp_path: Path) -> None:
    first, again = (write_series(_image(), tmp_path / name, seed=5, file_names="scrambled") for name in "ab")
    other = write_series(_image(), tmp_path / "c", seed=6)
    assert {p.name: p.read_bytes() for p in first.iterdir()} == {p.name: p.read_bytes() for p in again.iterdir()}
    mine, theirs = _files(first)[0], _files(other)[0]
    for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert mine[keyword].value != theirs[keyword].value
        assert pydicom.uid.UID(mine[keyword].value).is_valid


def test_scrambled_names_tell_nothing_of_the_order(tmp_path: Path) -> None:
    folder = write_series(_image(shape=(12, 8, 8)), tmp_path / "s", file_names="scrambled")
    numbers = [int(pydicom.dcmread(path).InstanceNumber) for path in sorted(folder.iterdir())]
    assert sorted(numbers) == list(range(1, 13))
    assert numbers != sorted(numbers)


TYPE_1 = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "Modality",
    "FrameOfReferenceUID",
    "ImageType",
    "PixelSpacing",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "SamplesPerPixel",
    "Rows",
    "PhotometricInterpretation",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)
TYPE_2 = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "Manufacturer",
    "ReferringPhysicianName",
    "AccessionNumber",
    "SeriesNumber",
    "PositionReferenceIndicator",
    "InstanceNumber",
    "SliceThickness",
)


@pytest.mark.parametrize(
    ("modality", "type_1", "type_2"),
    [
        ("CT", ("RescaleIntercept", "RescaleSlope"), ("KVP", "AcquisitionNumber", "ContrastBolusAgent")),
        ("MR", ("ScanningSequence", "SequenceVariant"), ("ScanOptions", "MRAcquisitionType", "EchoTime")),
    ],
)
def test_required_attributes_are_there(tmp_path: Path, modality: str, type_1: tuple, type_2: tuple) -> None:
    low = -1024 if modality == "CT" else 0
    header = _files(write_series(_image(low=low, modality=modality), tmp_path / "s"))[0]
    assert [keyword for keyword in TYPE_1 + type_1 if header.get(keyword) in (None, "")] == []
    assert [keyword for keyword in TYPE_2 + type_2 if keyword not in header] == []
    assert header.file_meta.MediaStorageSOPInstanceUID == header.SOPInstanceUID


def test_fractions_are_whole_hu_in_ct_and_scaled_in_mr(tmp_path: Path) -> None:
    shape = (2, 16, 16)
    real = np.random.default_rng(0).normal(0.3, 0.2, shape).astype(np.float32)
    mr = _voxels(_files(write_series(Image(real, Geometry(shape), "MR"), tmp_path / "mr")))
    assert np.abs(mr - real).max() <= (real.max() - real.min()) / 65535
    ct = _voxels(_files(write_series(Image(real * 100, Geometry(shape), "CT"), tmp_path / "ct")))
    assert np.array_equal(ct, np.rint(real * 100))


def test_a_study_shares_its_uids_and_tells_the_time_since_injection(tmp_path: Path) -> None:
    seconds = {"plain": None, "arterial": 35.5, "delayed": 180.0}
    folders = write_study(
        {role: _image() for role in seconds},
        tmp_path,
        patient_name="Müller^Änne",
        patient_id="P7",
        seconds=seconds,
        descriptions={"arterial": "Art. Phase 1.0"},
        seed=2,
        scramble=True,
    )
    headers = {role: _files(folder)[0] for role, folder in folders.items()}
    for keyword in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID"):
        assert len({header[keyword].value for header in headers.values()}) == 1
    assert len({header.SeriesInstanceUID for header in headers.values()}) == 3
    assert headers["arterial"].SeriesDescription == "Art. Phase 1.0"
    assert str(headers["delayed"].PatientName) == "Müller^Änne"
    assert "ContrastBolusStartTime" not in headers["plain"]
    assert not headers["plain"].ContrastBolusAgent
    for role in ("arterial", "delayed"):
        start, acquired = (
            sum(float(text) * unit for text, unit in zip((t[:2], t[2:4], t[4:]), (3600, 60, 1), strict=True))
            for t in (headers[role].ContrastBolusStartTime, headers[role].AcquisitionTime)
        )
        assert acquired - start == pytest.approx(seconds[role])
    assert not any(role in str(path) for role in seconds for path in tmp_path.rglob("*"))


def test_facts_of_the_image_are_carried_and_attributes_win(tmp_path: Path) -> None:
    image = _image(header={"Manufacturer": "SIEMENS", "KVP": 100.0, "PatientWeight": 70.123456789012345678})
    header = _files(write_series(image, tmp_path / "s", attributes={"KVP": 80, "Manufacturer": None}))[0]
    assert (float(header.KVP), "Manufacturer" in header) == (80.0, False)
    assert float(header.PatientWeight) == pytest.approx(70.123456789)


def test_nonsense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="CT or MR"):
        write_series(_image(low=0, modality=Modality.MASK), tmp_path / "mask")
    with pytest.raises(InvalidInputError, match="do not fit"):
        write_series(_image(high=100_000, dtype=np.int32), tmp_path / "big")
    with pytest.raises(InvalidInputError, match="NaN"):
        write_series(Image(np.full((1, 2, 2), np.nan, np.float32), Geometry((1, 2, 2)), "MR"), tmp_path / "nan")
    with pytest.raises(InvalidInputError, match="no DICOM attribute"):
        write_series(_image(), tmp_path / "word", attributes={"NoSuchKeyword": 1})
    with pytest.raises(InvalidInputError, match="transfer syntax"):
        write_series(_image(), tmp_path / "syntax", transfer_syntax="zip")
    with pytest.raises(InvalidInputError, match="at least one"):
        write_study({}, tmp_path, patient_name="", patient_id="", seconds={})
    full = write_series(_image(), tmp_path / "full")
    with pytest.raises(InvalidInputError, match="already holds") as caught:
        write_series(_image(), full)
    assert caught.value.where == str(full)


@pytest.mark.parametrize("syntax", ["raw", "rle", "jpeg-ls", "jpeg-lossless", "jpeg-2000"])
def test_another_reader_sees_the_same_volume(tmp_path: Path, syntax: str) -> None:
    if syntax.startswith("jpeg"):
        pytest.importorskip("imagecodecs")
    angle = np.radians(20)
    directions = ((0.0, -np.sin(angle), np.cos(angle)), (0.0, np.cos(angle), np.sin(angle)), (1.0, 0.0, 0.0))
    straight = _image(shape=(5, 24, 20))
    geometry = Geometry((5, 24, 20), (2.5, 0.7, 0.8), (-101.25, 33.125, 0.3), directions)
    folder = write_series(
        Image(straight.voxels, geometry, "CT"), tmp_path / "s", file_names="scrambled", transfer_syntax=syntax
    )
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    other = sitk.ReadImage(names)
    assert np.array_equal(sitk.GetArrayFromImage(other), straight.voxels)
    assert np.allclose(other.GetOrigin(), geometry.origin_mm)
    assert np.allclose(other.GetSpacing(), geometry.spacing_mm[::-1], atol=1e-6)
    assert np.allclose(np.reshape(other.GetDirection(), (3, 3)).T[::-1], geometry.directions, atol=1e-6)
