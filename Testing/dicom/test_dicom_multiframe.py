"""Enhanced multi-frame CT and MR: one file, frames in any order, each with its own place and rescale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from abdominal_oncology.errors import InconsistentSeriesError, UnreadableFileError, WrongModalityError
from abdominal_oncology.imaging.dicom import DicomReader, SeriesKind, TransferSyntax, scan_folder
from abdominal_oncology.imaging.dicom.encode import frame_encoder
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.reader import read_image

ENHANCED = {"CT": "1.2.840.10008.5.1.4.1.1.2.1", "MR": "1.2.840.10008.5.1.4.1.1.4.1"}


def _item(**attributes) -> Dataset:
    item = Dataset()
    for keyword, value in attributes.items():
        setattr(item, keyword, value)
    return item


def write_enhanced(
    path: Path, images: list[Image], syntax: str = "raw", offset_table: bool = True, split_fragments: bool = False
) -> Path:
    """All images in one file, as time points; frames shuffled; each frame with its own rescale."""
    geometry, modality = images[0].geometry, str(images[0].modality)
    kind = TransferSyntax(syntax)
    places = [(t, k) for t in range(len(images)) for k in range(geometry.shape[0])]
    order = np.random.default_rng(4).permutation(len(places))
    groups, frames = [], []
    for n in order:
        t, k = places[n]
        intercept = -1024 - int(k) if modality == "CT" else 0
        frames.append((images[t].voxels[k].astype(np.int32) - intercept).astype(np.uint16))
        position = [float(f"{v:.8f}") for v in geometry.to_world([k, 0, 0])]
        group = _item(
            PlanePositionSequence=[_item(ImagePositionPatient=position)],
            FrameContentSequence=[_item(StackID="1", InStackPositionNumber=int(k) + 1, TemporalPositionIndex=t + 1)],
            PixelValueTransformationSequence=[_item(RescaleSlope=1, RescaleIntercept=intercept, RescaleType="HU")],
        )
        groups.append(group)
    shared = _item(
        PlaneOrientationSequence=[
            _item(ImageOrientationPatient=[float(f"{v:.10f}") for v in geometry.directions[2] + geometry.directions[1]])
        ],
        PixelMeasuresSequence=[
            _item(PixelSpacing=list(geometry.spacing_mm[1:]), SliceThickness=geometry.spacing_mm[0]),
        ],
        MREchoSequence=[_item(EffectiveEchoTime=102.0)],
    )
    data = _item(
        SOPClassUID=UID(ENHANCED[modality]),
        SOPInstanceUID="2.25.11",
        StudyInstanceUID="2.25.12",
        SeriesInstanceUID="2.25.13",
        FrameOfReferenceUID="2.25.14",
        Modality=modality,
        PatientID="E",
        PatientName="E",
        ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        NumberOfFrames=len(frames),
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        Rows=geometry.shape[1],
        Columns=geometry.shape[2],
        BitsAllocated=16,
        BitsStored=16,
        HighBit=15,
        PixelRepresentation=0,
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=groups,
    )
    if kind.is_encapsulated:
        coded = [frame_encoder(kind, 16)(frame) for frame in frames]
        pieces = 2 if split_fragments else 1
        data.PixelData = encapsulate(coded, fragments_per_frame=pieces, has_bot=offset_table)
        data["PixelData"].VR = "OB"
    else:
        data.PixelData = b"".join(frame.tobytes() for frame in frames)
        data["PixelData"].VR = "OW"
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = UID(kind.value)
    pydicom.dcmwrite(path, data, enforce_file_format=True)
    return path


@pytest.mark.parametrize("modality", ["CT", "MR"])
@pytest.mark.parametrize("syntax", ["raw", "rle", "jpeg-2000", "deflated"])
def test_frames_are_put_in_place_and_rescaled(tmp_path: Path, make_image, modality: str, syntax: str) -> None:
    if syntax.startswith("jpeg"):
        pytest.importorskip("imagecodecs")
    image = make_image(count=7, modality=modality)
    path = write_enhanced(tmp_path / "e.dcm", [image], syntax)
    reader = DicomReader.from_folder(tmp_path)
    read = read_image(reader)
    assert np.array_equal(read.voxels, image.voxels)
    assert read.geometry.same_grid(image.geometry, 1e-5)
    assert read.warnings == ()
    assert read.modality == modality
    assert read.source.path == str(path)
    assert read.source.header["EchoTime"] == 102.0
    assert np.array_equal(reader.read([5, 0]), image.voxels[[5, 0]])


@pytest.mark.parametrize(("offset_table", "split_fragments"), [(False, False), (True, True)])
def test_frames_are_found_with_and_without_offset_table(
    tmp_path: Path, make_image, offset_table: bool, split_fragments: bool
) -> None:
    image = make_image(count=5)
    path = write_enhanced(tmp_path / "e.dcm", [image], "rle", offset_table, split_fragments)
    assert np.array_equal(DicomReader.from_files([path]).read([4, 1]), image.voxels[[4, 1]])


def test_time_points_in_one_file_are_separate_volumes(tmp_path: Path, make_image) -> None:
    images = [make_image(seed=n) for n in range(3)]
    write_enhanced(tmp_path / "e.dcm", images)
    (series,) = scan_folder(tmp_path).series
    assert [volume.told_apart_by for volume in series.volumes] != ["", "", ""]
    with pytest.raises(InconsistentSeriesError, match="3 volumes"):
        DicomReader.from_folder(tmp_path)
    found = [DicomReader.from_folder(tmp_path, volume=n).read() for n in range(3)]
    for image in images:
        assert sum(np.array_equal(voxels, image.voxels) for voxels in found) == 1


def test_only_the_frames_asked_for_are_decoded(tmp_path: Path, make_image, monkeypatch: pytest.MonkeyPatch) -> None:
    image = make_image(count=9)
    path = write_enhanced(tmp_path / "e.dcm", [image], "rle")
    reader = DicomReader.from_files([path])
    from abdominal_oncology.imaging.dicom import fetch

    decoded = []
    real = fetch.compressed_frame
    monkeypatch.setattr(fetch, "compressed_frame", lambda *given: decoded.append(1) or real(*given))
    assert np.array_equal(reader.read([2, 6]), image.voxels[[2, 6]])
    assert len(decoded) == 2


def test_a_cut_off_multiframe_file_gives_what_is_there(tmp_path: Path, make_image) -> None:
    path = write_enhanced(tmp_path / "e.dcm", [make_image()])
    path.write_bytes(path.read_bytes()[:-50])
    reader = DicomReader.from_files([path])
    assert "unreadable-slice" in {warning.code for warning in reader.warnings}
    with pytest.raises(UnreadableFileError, match="truncated") as caught:
        reader.read([0])
    assert caught.value.where == str(path)


def test_frames_that_are_not_described_are_refused(tmp_path: Path, make_image) -> None:
    path = write_enhanced(tmp_path / "e.dcm", [make_image()])
    data = pydicom.dcmread(path)
    del data.PerFrameFunctionalGroupsSequence[-1]
    data.save_as(path)
    with pytest.raises(UnreadableFileError, match="6 frames but describes 5"):
        DicomReader.from_files([path]).read()


def test_many_frames_without_places_are_no_volume(make_series, files_of, edit) -> None:
    folder, _ = make_series(count=1)

    def repeat(data: pydicom.FileDataset) -> None:
        data.PixelData = data.PixelData * 3

    edit(files_of(folder)[0], repeat, NumberOfFrames=3)
    assert [series.kind for series in scan_folder(folder).series] == [SeriesKind.IMAGE]
    with pytest.raises(WrongModalityError):
        DicomReader.from_folder(folder)
