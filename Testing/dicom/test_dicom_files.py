"""Files of every kind, alone and in folders, with awkward names; what is no CT or MR volume is left out or refused."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import UID

from abdominal_oncology.errors import (
    Cancelled,
    InconsistentSeriesError,
    InvalidInputError,
    MissingInputError,
    UnreadableFileError,
    WrongModalityError,
)
from abdominal_oncology.imaging.dicom import DicomReader, SeriesKind, read_header, scan_folder, write_study
from abdominal_oncology.imaging.reader import SliceReader, read_image

SECONDARY_CAPTURE = UID("1.2.840.10008.5.1.4.1.1.7")
STRUCTURED_REPORT = UID("1.2.840.10008.5.1.4.1.1.88.22")
SEGMENTATION = UID("1.2.840.10008.5.1.4.1.1.66.4")


def _object(folder: Path, files_of, edit, sop_class: UID, modality: str, *, pixels: bool = True) -> Path:
    """A copy of the first file turned into another kind of object in a series of its own."""
    path = shutil.copy(files_of(folder)[0], folder / f"{modality}.dcm")

    def change(data: pydicom.FileDataset) -> None:
        data.file_meta.MediaStorageSOPClassUID = sop_class
        if not pixels:
            del data.PixelData, data.Rows, data.Columns

    attributes = {"SOPClassUID": sop_class, "Modality": modality, "SOPInstanceUID": "2.25.3"}
    return edit(path, change, SeriesInstanceUID=f"2.25.{len(modality)}{ord(modality[0])}", **attributes)


def test_a_study_is_scanned_into_patients_studies_and_series(tmp_path: Path, make_image) -> None:
    for patient in ("A", "B"):
        images = {role: make_image(count=3, seed=n) for n, role in enumerate(("arterial", "portal"))}
        write_study(
            images,
            tmp_path / patient,
            patient_name=f"Name^{patient}",
            patient_id=patient,
            seconds={"arterial": 35, "portal": 70},
            scramble=True,
        )
    heard: list[float] = []
    scan = scan_folder(tmp_path, progress=lambda fraction, stage: heard.append(fraction))
    assert [(patient.patient_id, patient.name) for patient in scan.patients] == [("A", "Name^A"), ("B", "Name^B")]
    assert [[s.description for study in p.studies for s in study.series] for p in scan.patients] == [
        ["arterial", "portal"]
    ] * 2
    assert all(len(series.volumes) == 1 and series.kind is SeriesKind.IMAGE for series in scan.series)
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
    assert scan.skipped == ()


def test_processes_find_the_same_as_one(tmp_path: Path, make_series, monkeypatch: pytest.MonkeyPatch) -> None:
    make_series(count=5)
    alone = scan_folder(tmp_path)
    monkeypatch.setattr("abdominal_oncology.imaging.dicom.scan._FEWEST_FILES_FOR_PROCESSES", 2)
    helped = scan_folder(tmp_path, workers=2)
    assert [s.headers for s in helped.series] == [s.headers for s in alone.series]


def test_a_header_survives_pickling_and_reads_no_pixels(make_series, files_of) -> None:
    folder, _ = make_series()
    header = read_header(files_of(folder)[0])
    assert pickle.loads(pickle.dumps(header)) == header
    assert header.pixels is not None
    assert header.pixels.offset == files_of(folder)[0].stat().st_size - header.pixels.frame_bytes


def test_files_that_are_not_dicom_are_left_out_with_a_reason(make_series) -> None:
    folder, image = make_series()
    (folder / "notes.txt").write_text("patient was late", encoding="utf-8")
    (folder / "empty.dcm").write_bytes(b"")
    (folder / ".hidden").write_text("x", encoding="utf-8")
    (folder / "DICOMDIR").write_text("x", encoding="utf-8")
    scan = scan_folder(folder)
    assert {Path(file.path).name: file.reason for file in scan.skipped} == {
        "notes.txt": "this is not a DICOM file",
        "empty.dcm": "the file is empty",
    }
    assert np.array_equal(DicomReader.from_folder(folder).read(), image.voxels)
    with pytest.raises(UnreadableFileError, match="not a DICOM") as caught:
        DicomReader.from_files(folder.iterdir())
    assert Path(caught.value.where).name in {"notes.txt", ".hidden", "DICOMDIR"} or "empty" in str(caught.value)


def test_awkward_paths(make_series, tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(12):
        deep = deep / ("Bäuche und Lebern 肝臓 " + "x" * 40)
    deep.mkdir(parents=True)
    folder, image = make_series()
    moved = shutil.move(folder, deep / "Ünïcode")
    assert len(str(moved)) > 700
    reader = DicomReader.from_folder(tmp_path)
    assert np.array_equal(reader.read(), image.voxels)
    assert reader.source.path == str(moved)


def test_loops_of_links_end(make_series, tmp_path: Path) -> None:
    folder, image = make_series()
    (folder / "sub").mkdir()
    (folder / "sub" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "again").symlink_to(folder, target_is_directory=True)
    scan = scan_folder(tmp_path)
    assert sum(len(series.headers) for series in scan.series) == 6
    assert np.array_equal(DicomReader.from_folder(tmp_path).read(), image.voxels)


def test_names_in_other_alphabets(make_series, files_of, edit) -> None:
    folder, _ = make_series(count=2)
    for path in files_of(folder):
        edit(path, SpecificCharacterSet="ISO_IR 100", SeriesDescription="Phase portal artérielle", PatientName="Müller")
    scan = scan_folder(folder)
    assert scan.series[0].description == "Phase portal artérielle"
    assert scan.patients[0].name == "Müller"


def test_kinds_of_objects(make_series, files_of, edit) -> None:
    folder, image = make_series()
    for sop_class, modality, pixels in (
        (SECONDARY_CAPTURE, "OT", True),
        (STRUCTURED_REPORT, "SR", False),
        (SEGMENTATION, "SEG", True),
    ):
        _object(folder, files_of, edit, sop_class, modality, pixels=pixels)
    kinds = {series.modality: series.kind for series in scan_folder(folder).series}
    assert kinds == {
        "CT": SeriesKind.IMAGE,
        "OT": SeriesKind.SECONDARY_CAPTURE,
        "SR": SeriesKind.REPORT,
        "SEG": SeriesKind.SEGMENTATION,
    }
    read = read_image(DicomReader.from_folder(folder))
    assert np.array_equal(read.voxels, image.voxels)
    assert read.has_warning("other-content")


def test_a_photograph_of_a_screen_is_the_wrong_modality(make_series, files_of, edit) -> None:
    folder, _ = make_series(count=2)
    for path in files_of(folder):

        def colour(data: pydicom.FileDataset) -> None:
            data.PixelData = bytes(data.Rows * data.Columns * 3)
            data.add_new("PlanarConfiguration", "US", 0)

        edit(
            path,
            colour,
            SamplesPerPixel=3,
            PhotometricInterpretation="RGB",
            BitsAllocated=8,
            BitsStored=8,
            HighBit=7,
        )
    assert [series.kind for series in scan_folder(folder).series] == [SeriesKind.SECONDARY_CAPTURE]
    with pytest.raises(WrongModalityError, match="secondary capture") as caught:
        DicomReader.from_folder(folder)
    assert caught.value.where == str(folder)


def test_only_a_localizer_is_refused_but_can_be_chosen(make_series, files_of, edit) -> None:
    folder, image = make_series(count=2)
    for path in files_of(folder):
        edit(path, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    with pytest.raises(WrongModalityError, match="localizer"):
        DicomReader.from_folder(folder)
    read = read_image(DicomReader.from_folder(folder, volume=0))
    assert np.array_equal(read.voxels, image.voxels)
    assert read.has_warning("localizer")


def test_several_series_must_be_chosen_from(make_series, tmp_path: Path) -> None:
    make_series("a", description="arterial")
    _, portal = make_series("b", description="portal", seed=9)
    with pytest.raises(InconsistentSeriesError) as caught:
        DicomReader.from_folder(tmp_path)
    assert "0: arterial, 6 slices" in caught.value.remedy
    uid = next(series.uid for series in scan_folder(tmp_path).series if series.description == "portal")
    assert np.array_equal(DicomReader.from_folder(tmp_path, series_uid=uid).read(), portal.voxels)
    with pytest.raises(MissingInputError, match=r"no series 1\.2"):
        DicomReader.from_folder(tmp_path, series_uid="1.2")
    with pytest.raises(MissingInputError, match="no volume 7"):
        DicomReader.from_folder(tmp_path, volume=7)


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no files"):
        DicomReader.from_folder(tmp_path)
    with pytest.raises(MissingInputError, match="no such folder"):
        DicomReader.from_folder(tmp_path / "nowhere")
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    with pytest.raises(MissingInputError, match="1 files left out: this is not a DICOM file"):
        DicomReader.from_folder(tmp_path)


def test_in_memory_data_sets_and_bytes(make_series, files_of) -> None:
    folder, image = make_series(transfer_syntax="rle")
    paths = files_of(folder)[::-1]
    from_bytes = DicomReader.from_memory([path.read_bytes() for path in paths])
    from_sets = DicomReader.from_memory([pydicom.dcmread(path) for path in paths])
    for reader in (from_bytes, from_sets):
        assert isinstance(reader, SliceReader)
        assert np.array_equal(reader.read(), image.voxels)
    with pytest.raises(UnreadableFileError, match="not a DICOM") as caught:
        DicomReader.from_memory([b"nonsense" * 40])
    assert caught.value.where == "item 0"


def test_a_data_set_that_never_was_a_file(make_series, files_of) -> None:
    folder, image = make_series()
    bare = []
    for path in files_of(folder):
        data = pydicom.dcmread(path)
        plain = pydicom.Dataset()
        plain.update(data)
        bare.append(plain)
    assert np.array_equal(DicomReader.from_memory(bare).read(), image.voxels)


def test_files_without_preamble(make_series, files_of) -> None:
    folder, image = make_series(transfer_syntax="implicit")
    for path in files_of(folder):
        data = pydicom.dcmread(path)
        bare = pydicom.Dataset()
        bare.update(data)
        bare.save_as(path, implicit_vr=True, little_endian=True)
        assert path.read_bytes()[:2] == b"\x08\x00"
    assert np.array_equal(DicomReader.from_folder(folder).read(), image.voxels)


def test_only_the_slices_asked_for_are_read(make_series, files_of) -> None:
    folder, image = make_series()
    reader = DicomReader.from_folder(folder)
    for path in files_of(folder)[:2]:
        path.unlink()
    assert np.array_equal(reader.read([5, 2, 2]), image.voxels[[5, 2, 2]])
    with pytest.raises(InvalidInputError, match="0 … 5"):
        reader.read([6])


def test_reading_can_be_cancelled(make_series) -> None:
    folder, _ = make_series()

    def stop(fraction: float, stage: str) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        DicomReader.from_folder(folder).read(progress=stop)
    with pytest.raises(Cancelled):
        scan_folder(folder, progress=stop)


def test_header_facts_are_plain_and_name_no_one(make_series, files_of, edit) -> None:
    folder, _ = make_series(description="Portal venös 1.0", patient_name="Secret^Name", acquisition_time="100110")
    for k, path in enumerate(files_of(folder)):
        edit(path, AcquisitionTime=f"1001{10 + k}.5", ConvolutionKernel=["Br38f", "3"], PatientWeight="79")
    source = DicomReader.from_folder(folder).source
    header = source.header
    assert header["SeriesDescription"] == "Portal venös 1.0"
    assert header["AcquisitionTime"] == "100110.5"
    assert header["ConvolutionKernel"] == ["Br38f", "3"]
    assert (header["PatientWeight"], header["KVP"]) == (79.0, 120.0)
    assert "Secret" not in str(dict(header))
    assert all(type(value) in (str, int, float, list) for value in header.values())
    assert len(set(source.instance_uids)) == 6
    assert source.series_uid == header["SeriesInstanceUID"]
    assert pickle.loads(pickle.dumps(source)) == source


def test_whole_study_as_a_random_subset_matches_the_whole(make_series, make_image) -> None:
    folder, image = make_series(image=make_image(count=40), transfer_syntax="rle", file_names="scrambled")
    reader = DicomReader.from_folder(folder, workers=4)
    chosen = np.random.default_rng(0).integers(0, 40, 25)
    assert np.array_equal(reader.read(chosen.tolist()), image.voxels[chosen])
    heard: list[float] = []
    reader.read(progress=lambda fraction, stage: heard.append(fraction))
    assert heard == sorted(heard)
    assert heard[-1] == 1.0
