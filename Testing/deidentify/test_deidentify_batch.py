"""Folders: bad files are rows, input is never touched, keys are kept apart, the command's exit codes."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from deidentify_planted import dirty_slice, leaks
from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian

from abdominal_oncology.cli import deidentify as command
from abdominal_oncology.cli.output import ExitCode
from abdominal_oncology.errors import Cancelled, InvalidInputError, MissingInputError
from abdominal_oncology.imaging.deidentify import (
    MODULES,
    FileRow,
    Outcome,
    Pseudonymiser,
    create_key,
    deidentify,
    load_key,
    profile_named,
)

KEY = b"a key that is only for these tests"


def run(*arguments: str) -> int:
    """The command alone, without the other commands of the program."""
    import argparse

    parser = argparse.ArgumentParser()
    command.configure(parser)
    options = parser.parse_args(arguments)
    return int(options.run(options))


@pytest.fixture
def messy(save: Callable[..., Path]) -> Path:
    """Two good slices and one of every trouble."""
    folder = save([dirty_slice(0), dirty_slice(1)])
    save([dirty_slice(0)], "copy")
    save([dirty_slice(5, BurnedInAnnotation="YES"), dirty_slice(6, ImageType=["DERIVED", "SECONDARY", "DOSE_INFO"])])
    save([dirty_slice(7, StudyInstanceUID="", FrameOfReferenceUID=None)])
    whole = (save([dirty_slice(8)], "whole") / "whole").glob("*")
    data = next(whole).read_bytes()
    (folder / "whole").joinpath("cut.dcm").write_bytes(data[:-60])
    (folder / "headless.dcm").write_bytes(data[:700])
    (folder / "notes.txt").write_text("Mustermann")
    (folder / "empty").write_bytes(b"")
    return folder


def test_a_bad_file_is_a_row_with_its_reason_and_the_rest_goes_on(messy: Path, tmp_path: Path) -> None:
    report = deidentify(messy, tmp_path / "out", key=KEY)
    named = {(row.path.name, row.outcome, row.reason) for row in report.rows if row.outcome is not Outcome.WRITTEN}
    assert report.count(Outcome.WRITTEN) == 3
    outcomes = {name: (outcome, reason) for name, outcome, reason in named}
    assert outcomes["notes.txt"] == (Outcome.SKIPPED, "not a DICOM file")
    assert outcomes["empty"][0] is Outcome.SKIPPED
    assert outcomes["cut.dcm"][0] is Outcome.SKIPPED  # the same instance as the whole file beside it
    assert outcomes["headless.dcm"][0] is Outcome.FAILED
    reasons = " | ".join(reason for _, _, reason in named)
    for part in ("burned", "dose sheet", "UID is missing", "the same instance as file"):
        assert part in reasons
    assert [row.number for row in report.rows] == list(range(1, len(report.rows) + 1))


def test_a_truncated_file_fails_by_itself(save: Callable[..., Path], tmp_path: Path) -> None:
    folder = save([dirty_slice(0), dirty_slice(1)])
    victim = sorted(folder.rglob("*.dcm"))[1]
    trailing = victim.read_bytes().index(dirty_slice(1).PixelData)
    victim.write_bytes(victim.read_bytes()[: trailing + 50])
    report = deidentify(folder, tmp_path / "out", key=KEY)
    assert [row.outcome for row in report.rows] == [Outcome.WRITTEN, Outcome.FAILED]
    assert "cut short" in report.failures[0].reason
    assert len(list((tmp_path / "out").rglob("*"))) == 3  # study, series, one instance: nothing half-written


def test_emptied_uids_are_made_from_the_frame_of_reference(save: Callable[..., Path], tmp_path: Path) -> None:
    """As in real files that another tool has gone over."""
    emptied = [dirty_slice(k, series=s, SeriesTime=f"10{s}000") for s in (1, 2) for k in range(2)]
    for dataset in emptied:
        dataset.StudyInstanceUID = dataset.SeriesInstanceUID = dataset.SOPClassUID = dataset.SOPInstanceUID = ""
    report = deidentify(save(emptied), tmp_path / "out", key=KEY)
    assert report.count(Outcome.WRITTEN) == 4
    assert [(study.series, study.files) for study in report.studies] == [(2, 4)]
    assert all("frame of reference" in row.reason for row in report.rows)
    clean = [dcmread(path) for path in (tmp_path / "out").rglob("*.dcm")]
    assert len({ds.SOPInstanceUID for ds in clean}) == 4
    assert all(ds.SOPClassUID.name == "CT Image Storage" for ds in clean)
    assert leaks(json.dumps(report.as_dict()).encode()) == []


def test_input_stays_as_it_was(messy: Path, tmp_path: Path) -> None:
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in messy.rglob("*") if path.is_file()}
    deidentify(messy, tmp_path / "out", key=KEY)
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in messy.rglob("*") if path.is_file()}
    assert before == after


@pytest.mark.parametrize("out", ["in", "in/deeper", "."])
def test_output_may_not_mix_with_input(save: Callable[..., Path], tmp_path: Path, out: str) -> None:
    folder = save([dirty_slice()])
    with pytest.raises(InvalidInputError, match="must not lie in one another"):
        deidentify(folder, tmp_path / out, key=KEY)


def test_output_may_not_mix_with_input_through_a_link(save: Callable[..., Path], tmp_path: Path) -> None:
    folder = save([dirty_slice()])
    try:
        (tmp_path / "link").symlink_to(folder, target_is_directory=True)
    except OSError:
        pytest.skip("this file system has no symbolic links")
    with pytest.raises(InvalidInputError):
        deidentify(folder, tmp_path / "link" / "out", key=KEY)


def test_processes_give_the_same_files(save: Callable[..., Path], tmp_path: Path) -> None:
    folder = save([dirty_slice(k, series=s) for s in (1, 2) for k in range(3)])
    one = deidentify(folder, tmp_path / "one", profile=MODULES, key=KEY)
    two = deidentify(folder, tmp_path / "two", profile=MODULES, key=KEY, workers=2)
    assert one.as_dict() == two.as_dict()
    for path in (tmp_path / "one").rglob("*.dcm"):
        assert (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes() == path.read_bytes()


def test_a_second_run_replaces_its_own_files_only(save: Callable[..., Path], tmp_path: Path) -> None:
    folder = save([dirty_slice(0)])
    deidentify(folder, tmp_path / "out", key=KEY)
    (tmp_path / "out" / "mine.txt").write_text("kept")
    save([dirty_slice(1)])
    deidentify(folder, tmp_path / "out", key=KEY)
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 2
    assert (tmp_path / "out" / "mine.txt").read_text() == "kept"
    assert not list((tmp_path / "out").rglob(".*"))


def test_cancelling_leaves_nothing_half_written(save: Callable[..., Path], tmp_path: Path) -> None:
    folder = save([dirty_slice(k) for k in range(5)])

    def stop(fraction: float, stage: str) -> None:
        if stage == "writing" and fraction > 0.5:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        deidentify(folder, tmp_path / "out", key=KEY, progress=stop)
    for path in (path for path in (tmp_path / "out").rglob("*") if path.is_file()):
        assert dcmread(path).Rows == 8


def test_a_file_without_preamble_is_read(tmp_path: Path) -> None:
    source = dirty_slice()
    del source.file_meta
    source.preamble = None
    source.save_as(tmp_path / "old.dcm", implicit_vr=True, little_endian=True, enforce_file_format=False)
    report = deidentify(tmp_path / "old.dcm", tmp_path / "out", key=KEY)
    assert report.count(Outcome.WRITTEN) == 1
    clean = dcmread(next((tmp_path / "out").rglob("*.dcm")))
    assert clean.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    assert clean.PixelData == source.PixelData


def test_names_of_any_script_and_length_work(tmp_path: Path) -> None:
    folder = tmp_path / "患者 Ñandú" / ("long " * 30)
    folder.mkdir(parents=True)
    dirty_slice().save_as(folder / "снимок №1.dcm", enforce_file_format=True)
    report = deidentify(tmp_path / "患者 Ñandú", tmp_path / "out", key=KEY)
    assert report.count(Outcome.WRITTEN) == 1
    assert "снимок" not in repr(report.rows)


def test_missing_input_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file"):
        deidentify(tmp_path / "nothing", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingInputError, match="no files"):
        deidentify(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(InvalidInputError, match="workers"):
        deidentify(tmp_path / "empty", tmp_path / "out", workers=0)
    with pytest.raises(InvalidInputError, match="table9, modules"):
        profile_named("everything")


def test_keys(tmp_path: Path) -> None:
    path = tmp_path / "site.key"
    key = create_key(path)
    assert load_key(path) == key
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    with pytest.raises(InvalidInputError, match="exists"):
        create_key(path)
    assert load_key(path) == key
    (tmp_path / "phrase").write_text("correct horse battery staple\n")
    assert load_key(tmp_path / "phrase") == b"correct horse battery staple"
    (tmp_path / "short").write_text("abcdef")
    with pytest.raises(InvalidInputError, match="guessed"):
        load_key(tmp_path / "short")
    with pytest.raises(MissingInputError):
        load_key(tmp_path / "absent")
    assert key.hex() not in repr(Pseudonymiser(key))


def test_a_row_does_not_show_its_path() -> None:
    row = FileRow(1, "0123", Outcome.FAILED, "damaged", path=Path("Mustermann.dcm"))
    assert "Mustermann" not in repr(row) + json.dumps(row.as_dict())


def test_the_command_writes_a_report_beside_the_files(
    save: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out, key = save([dirty_slice(k) for k in range(2)]), tmp_path / "out", tmp_path / "site.key"
    assert run(str(folder), str(out), "--profile", "modules", "--key-file", str(key), "--json") == ExitCode.DONE
    shown = capsys.readouterr()
    assert json.loads(shown.out)["files"]["written"] == 2
    assert json.loads((out / command.REPORT_NAME).read_text()) == json.loads(shown.out)
    assert leaks(shown.out.encode()) == []
    first = json.loads(shown.out)["studies"][0]["study_uid"]
    assert run(str(folder), str(out), "--profile", "modules", "--key-file", str(key), "--json") == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["studies"][0]["study_uid"] == first


def test_the_command_says_which_files_failed(messy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(messy), str(tmp_path / "out")) == ExitCode.SOME_FAILED
    shown = capsys.readouterr()
    assert "3 written" in shown.out
    assert leaks(shown.out.encode()) == []
    assert "headless.dcm" in shown.err  # on the terminal only


def test_the_command_keeps_the_key_out_of_the_output(save: Callable[..., Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(InvalidInputError, match="must not travel"):
        run(str(save([dirty_slice()])), str(out), "--key-file", str(out / "site.key"))


@pytest.mark.real_data
def test_real_scans_keep_their_geometry(shared_data: Path, tmp_path: Path) -> None:
    for name in ("totalsegmentator/example_ct_dicom", "rectal_mr_filitto/dicom", "kits00072_arterial_dicom"):
        out = tmp_path / name.replace("/", "_")
        report = deidentify(shared_data / name, out, profile=MODULES, key=KEY)
        assert report.count(Outcome.FAILED) == 0
        files = [p for p in (shared_data / name).rglob("*") if p.is_file()]
        source = {Pseudonymiser(KEY).uid(ds.file_meta.MediaStorageSOPInstanceUID): ds for ds in map(dcmread, files)}
        assert report.count(Outcome.WRITTEN) == len(files)
        for path in out.rglob("*.dcm"):
            clean = dcmread(path)
            original = source[clean.SOPInstanceUID]
            assert clean.ImagePositionPatient == original.ImagePositionPatient
            assert clean.PixelSpacing == original.PixelSpacing
            assert clean.PixelData == original.PixelData
