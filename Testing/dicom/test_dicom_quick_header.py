"""The quick walk over a header gives what pydicom gives, or leaves the file to it."""

from __future__ import annotations

import random
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from abdominal_oncology.imaging.dicom.headers import read_header_from_memory
from abdominal_oncology.imaging.dicom.syntax import TransferSyntax

QUICK = [s for s in TransferSyntax if s not in (TransferSyntax.DEFLATED, TransferSyntax.BIG_ENDIAN)]
WRITABLE = ("raw", "implicit", "rle", "deflated", "big-endian", "jpeg-ls", "jpeg-2000", "jpeg-lossless")


def ugly(data: pydicom.FileDataset) -> None:
    """Private elements, sequences of either length before the pixels, odd values, another alphabet."""
    data.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    data.PatientName = "Yamada^Tarou=山田^太郎"
    data.add_new(0x00091001, "UN", b"x" * 40000)  # longer than the first read
    data.add_new(0x00290010, "LO", "MAKER")
    data.add_new(0x00291010, "OB", b"\0\1" * 5)
    inner = Dataset()
    inner.SOPInstanceUID = "1.2.3"
    inner.ReferencedImageSequence = Sequence([Dataset()])
    inner["ReferencedImageSequence"].is_undefined_length = True
    outer = [inner, Dataset()]
    data.ReferencedImageSequence = Sequence(outer)
    data["ReferencedImageSequence"].is_undefined_length = True
    outer[1].is_undefined_length_sequence_item = True
    data.SourceImageSequence = Sequence([inner])
    data.PixelPaddingValue = 63536
    data.WindowCenter = ["40", "1e2"]
    data.AcquisitionTime = "101112.5"
    data.ContrastBolusStartTime = ""


@pytest.mark.parametrize("syntax", WRITABLE)
def test_every_transfer_syntax_reads_the_same_quickly(same_both_ways, make_series, files_of, edit, syntax: str) -> None:
    folder, _ = make_series(count=2, transfer_syntax=syntax)
    path = files_of(folder)[0]
    quick = TransferSyntax(syntax) in QUICK
    assert same_both_ways(path.read_bytes()) is quick
    assert same_both_ways(edit(path, ugly).read_bytes()) is quick


@pytest.mark.parametrize("syntax", ["raw", "implicit"])
@pytest.mark.parametrize("signed", [0, 1])
def test_padding_has_the_sign_of_the_pixels(
    same_both_ways, make_series, files_of, edit, syntax: str, signed: int
) -> None:
    folder, _ = make_series(count=1, transfer_syntax=syntax, attributes={"PixelRepresentation": signed})
    value = -2000 if signed else 63536
    path = edit(files_of(folder)[0], lambda data: data.add_new(0x00280120, "SS" if signed else "US", value))
    assert same_both_ways(path.read_bytes())
    pixels = read_header_from_memory(path.read_bytes(), "a").pixels
    assert pixels is not None
    assert pixels.padding == value


def test_multiframe_and_lookup_tables_are_left_to_pydicom(same_both_ways, make_series, files_of, edit) -> None:
    folder, _ = make_series(count=1)
    path = files_of(folder)[0]
    assert not same_both_ways(edit(path, ModalityLUTSequence=[Dataset()]).read_bytes())
    edit(path, ModalityLUTSequence=None, PerFrameFunctionalGroupsSequence=[Dataset()])
    assert not same_both_ways(path.read_bytes())


@pytest.mark.parametrize("syntax", ["raw", "implicit"])
def test_a_file_cut_anywhere_gives_the_same_error(same_both_ways, make_series, files_of, syntax: str) -> None:
    folder, _ = make_series(count=1, transfer_syntax=syntax, modality="MR")
    data = files_of(folder)[0].read_bytes()
    header = read_header_from_memory(data, "a")
    assert header.pixels is not None
    assert header.pixels.offset is not None
    for kept in [*range(0, header.pixels.offset, 3), *range(header.pixels.offset - 20, header.pixels.offset + 3)]:
        same_both_ways(data[:kept])


@pytest.mark.parametrize("syntax", ["raw", "implicit"])
def test_bytes_changed_anywhere_give_the_same_header_or_error(
    same_both_ways, make_series, files_of, edit, syntax: str
) -> None:
    folder, _ = make_series(count=1, transfer_syntax=syntax)
    path = files_of(folder)[0]
    plain = path.read_bytes()
    ugly_one = edit(path, ugly).read_bytes()
    chance = random.Random(syntax)
    quick = 0
    for data in [plain] * 150 + [ugly_one] * 50:
        changed = bytearray(data)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(132, min(len(changed), 1800))] = chance.choice((0, 1, 2, 0x20, 0x5C, 0x41, 0xFF))
        quick += same_both_ways(bytes(changed))
    assert quick > 20  # else nothing was compared


@pytest.mark.real_data
@pytest.mark.parametrize(
    "folder",
    ["totalsegmentator/example_ct_dicom", "kits00072_arterial_dicom", "rectal_mr_filitto/dicom", "dcmqi_ct3/ct-3slice"],
)
def test_real_files_read_the_same_quickly(same_both_ways, shared_data: Path, folder: str) -> None:
    files = [path for path in (shared_data / folder).rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert same_both_ways(path.read_bytes())
