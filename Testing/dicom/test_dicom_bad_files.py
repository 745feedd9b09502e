"""Files that are cut off, garbled, impossible, or change while they are read: each has its named error."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pydicom
import pytest

from abdominal_oncology.errors import (
    ChangedFileError,
    InconsistentSeriesError,
    UnreadableFileError,
)
from abdominal_oncology.imaging.dicom import DicomReader, read_header, scan_folder
from abdominal_oncology.imaging.reader import read_image


@pytest.mark.parametrize("kept", [150, 400, 700])
def test_a_file_cut_off_in_its_header_is_named(make_series, files_of, kept: int) -> None:
    folder, image = make_series()
    path = files_of(folder)[5]
    path.write_bytes(path.read_bytes()[:kept])
    read = read_image(DicomReader.from_folder(folder))
    assert np.array_equal(read.voxels, image.voxels[:5])
    (warning,) = read.warnings
    assert warning.code == "unreadable-file"
    assert str(path) in warning.message
    with pytest.raises(UnreadableFileError) as caught:
        read_header(path)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("syntax", ["raw", "rle", "deflated"])
def test_cut_off_pixels_are_an_error_only_when_asked_for(make_series, files_of, syntax: str) -> None:
    folder, image = make_series(transfer_syntax=syntax)
    path = files_of(folder)[3]
    path.write_bytes(path.read_bytes()[:-100])
    if syntax == "deflated":  # nothing of a cut deflated stream can be trusted
        with pytest.raises(UnreadableFileError):
            read_header(path)
        return
    reader = DicomReader.from_folder(folder)
    assert np.array_equal(reader.read([0, 5]), image.voxels[[0, 5]])
    with pytest.raises(UnreadableFileError) as caught:
        reader.read()
    assert caught.value.where == str(path)
    assert caught.value.remedy
    if syntax == "raw":
        assert "unreadable-slice" in {warning.code for warning in reader.warnings}


@pytest.mark.parametrize("how", ["longer", "touched", "replaced", "removed"])
def test_a_file_that_changes_after_its_header_was_read_is_noticed(make_series, files_of, edit, how: str) -> None:
    folder, image = make_series()
    reader = DicomReader.from_folder(folder)
    path = files_of(folder)[2]
    status = path.stat()
    if how == "longer":
        path.write_bytes(path.read_bytes() + b"\0\0")
    elif how == "touched":
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))
    elif how == "removed":
        path.unlink()
    else:
        uid = str(pydicom.dcmread(path).SOPInstanceUID)
        edit(path, SOPInstanceUID=uid[:-1] + ("1" if uid[-1] != "1" else "2"))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert path.stat().st_size == status.st_size
    with pytest.raises(ChangedFileError) as caught:
        reader.read([2])
    assert caught.value.where == str(path)
    assert np.array_equal(reader.read([1]), image.voxels[[1]])


def test_one_garbled_attribute_does_not_spoil_a_file(make_series, files_of) -> None:
    folder, image = make_series(attributes={"PatientWeight": 72.5})
    for path in files_of(folder):
        data = path.read_bytes()
        assert data.count(b"72.5") == 1
        path.write_bytes(data.replace(b"72.5", b"7kg?"))
    reader = DicomReader.from_folder(folder)
    assert np.array_equal(reader.read(), image.voxels)
    assert "PatientWeight" not in reader.source.header


def test_a_garbled_position_is_an_error(make_series, files_of) -> None:
    folder, _ = make_series()
    for path in files_of(folder):
        path.write_bytes(path.read_bytes().replace(b"-11.0\\-22.0", b"-11.0\\-2x.0"))
    with pytest.raises(InconsistentSeriesError, match="ImagePositionPatient"):
        DicomReader.from_folder(folder)


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"BitsStored": 17}, "contradict"),
        ({"HighBit": 3}, "contradict"),
        ({"BitsAllocated": 12, "BitsStored": 12}, "bits"),
    ],
)
def test_impossible_bits_are_named(make_series, files_of, edit, attributes: dict, reason: str) -> None:
    folder, _ = make_series(count=2)
    path = edit(files_of(folder)[1], **attributes)
    with pytest.raises(UnreadableFileError, match=reason) as caught:
        DicomReader.from_folder(folder).read()
    assert caught.value.where == str(path)


def test_a_transfer_syntax_that_lies_is_noticed(make_series, files_of) -> None:
    for name, syntax, says, reason in (
        ("a", "rle", "1.2.840.10008.1.2.1", "are compressed although"),
        ("b", "raw", "1.2.840.10008.1.2.5", "not compressed although"),
    ):
        folder, _ = make_series(name, transfer_syntax=syntax)
        path = files_of(folder)[2]
        data = pydicom.dcmread(path)
        was = data.file_meta.TransferSyntaxUID.encode()
        content = path.read_bytes()
        new = says.encode()
        start = content.index(b"\x02\x00\x10\x00UI") + 8
        assert content[start : start + len(was)] == was
        assert len(was) == len(new)
        path.write_bytes(content[:start] + new + content[start + len(new) :])
        with pytest.raises(UnreadableFileError, match=reason) as caught:
            DicomReader.from_folder(folder).read()
        assert caught.value.where == str(path)


def test_a_whole_copy_beside_a_cut_off_one_is_used(make_series, files_of) -> None:
    folder, image = make_series()
    path = files_of(folder)[2]
    (folder / "AAA_cut.dcm").write_bytes(path.read_bytes()[:-40])
    read = read_image(DicomReader.from_folder(folder))
    assert np.array_equal(read.voxels, image.voxels)


def test_a_picture_without_size_is_refused(make_series, files_of, edit) -> None:
    folder, _ = make_series(count=2)
    path = edit(files_of(folder)[0], Rows=0)
    with pytest.raises(UnreadableFileError, match="how large") as caught:
        read_header(path)
    assert caught.value.where == str(path)


def test_folders_that_cannot_be_opened_and_pipes(make_series, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = make_series()
    locked = tmp_path / "locked"
    locked.mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe")
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path) == str(locked):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    scan = scan_folder(tmp_path)
    assert [(file.path, file.reason) for file in scan.skipped] == [
        (str(locked), "the folder cannot be opened: Permission denied")
    ]
    assert read_image(DicomReader.from_folder(tmp_path)).has_warning("unreadable-file")


def test_a_file_that_changes_while_it_is_read_is_noticed(
    make_series, files_of, monkeypatch: pytest.MonkeyPatch
) -> None:
    from abdominal_oncology.imaging.dicom import fetch

    folder, _ = make_series()
    reader = DicomReader.from_folder(folder)
    path = files_of(folder)[1]
    real = fetch.to_bits

    def meddle(*given: object) -> object:
        path.write_bytes(path.read_bytes() + b"\0\0")
        return real(*given)

    monkeypatch.setattr(fetch, "to_bits", meddle)
    with pytest.raises(ChangedFileError, match="changed after") as caught:
        reader.read([1])
    assert caught.value.where == str(path)
