"""``phase`` from the command line: rows, reasons, files, exit codes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from abdominal_oncology.cli import main
from abdominal_oncology.cli.output import ExitCode
from abdominal_oncology.imaging.dicom import write_series
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.volume_file import write_volume_file
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.phantom.ct_study import ct_study


@pytest.fixture(scope="module")
def scan() -> Image:
    """A small venous scan of the abdomen."""
    return ct_study(3, seconds={"venous": 78.0}, matrix=128, spacing_mm=(12.0, 3.1, 3.1), noise_hu=8.0).images["venous"]


@pytest.fixture
def folder(tmp_path: Path, scan: Image, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of one venous series, its reformatted copy, a scout, an MR; a NIfTI file, its mask and a broken one."""
    monkeypatch.setenv("ABDOMINAL_ONCOLOGY_BUNDLES", str(tmp_path / "installed"))
    root = tmp_path / "study"
    write_series(scan, root / "venous")
    for name, image_type, description, uid in (
        ("coronal", "DERIVED\\SECONDARY\\REFORMATTED", "venous again", ".7"),
        ("scout", "ORIGINAL\\PRIMARY\\LOCALIZER", "topogram", ".8"),
    ):
        few = Image(scan.voxels[:6], Geometry((6, *scan.voxels.shape[1:]), scan.geometry.spacing_mm), Modality.CT)
        write_series(few, root / name)
        for path in (root / name).glob("*.dcm"):
            file = pydicom.dcmread(path)
            file.ImageType, file.SeriesDescription = image_type, description
            file.SeriesInstanceUID += uid
            file.save_as(path)
    write_volume_file(scan, root / "plain.nrrd")
    labels = Image((scan.voxels > 0).astype(np.uint8), scan.geometry, Modality.MASK)
    write_volume_file(labels, root / "plain_seg.nrrd")
    (root / "broken.nrrd").write_bytes(b"NRRD0004\nnonsense")
    return root


def phase(*words: object) -> int:
    return main(["phase", *map(str, words)])


def as_json(capsys: pytest.CaptureFixture[str]) -> Any:
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def test_a_folder_by_kinetics_alone(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out"
    assert phase(folder, "--output", output, "--bundle", "none", "--json") == ExitCode.SOME_FAILED
    told = as_json(capsys)
    rows = {row["case"]: row for row in told["cases"]}
    assert len(rows) == 3
    assert rows["plain"]["decision"] == "venous"
    assert rows["broken"]["status"] == "failed"
    assert rows["broken"]["error"] == "UnreadableFileError"
    reasons = sorted(each["reason"] for each in told["left_out"])
    assert reasons == ["a localizer", "derived from another series", "its name is that of a mask"]
    assert told["how"] == "kinetics alone, as asked for"
    files = sorted(path.name for path in (output / "cases").iterdir())
    assert len(files) == 3
    assert sum(name.endswith(".failed.json") for name in files) == 1
    assert not list(output.rglob(".*"))
    finding = Finding.from_dict(json.loads(next((output / "cases").glob("plain-*.json")).read_text()))
    assert finding.decision == "venous"
    assert finding.provenance.bundle == ""
    assert finding.tables["regions"]
    with (output / "findings.csv").open(newline="") as file:
        assert [row["case"] for row in csv.DictReader(file)] == list(rows)
    report = (output / "report.html").read_text()
    assert "Research use only" in report
    assert "aorta" in report
    assert "derived from another series" in report
    assert json.loads((output / "studies.json").read_text()) == told["studies"]


def test_a_bundle_votes_and_the_report_shows_it(
    folder: Path, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    words = ("--bundle", bundle, "--device", "cpu", "--engine", "torch", "--fraction", 0.5, "--seed", 3)
    assert phase(folder / "plain.nrrd", "--output", output, *words) == ExitCode.DONE
    printed = capsys.readouterr().out
    assert "bundle untrained-phases 1.0.0 and kinetics" in printed
    finding = Finding.from_dict(json.loads(next((output / "cases").iterdir()).read_text()))
    kinetic, network = finding.parts
    assert kinetic.decision == "venous"
    assert network.provenance.bundle == "untrained-phases"
    assert len(network.provenance.weights_sha256) == 64
    assert network.provenance.settings["fraction"] == 0.5
    assert finding.provenance.settings["seed"] == 3
    assert (output / "votes-1.png").read_bytes().startswith(b"\x89PNG")
    assert "votes along z" in (output / "report.html").read_text()


def test_options_reach_the_classification(
    scan: Image, bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_volume_file(scan, tmp_path / "scan.nrrd")
    common = (tmp_path / "scan.nrrd", "--bundle", bundle, "--device", "cpu", "--engine", "torch", "--no-kinetics")
    assert phase(*common, "--region", "--fraction", 1.0, "--output", tmp_path / "a", "--json") == ExitCode.DONE
    (row,) = as_json(capsys)["cases"]
    assert row["case"] == "scan"
    finding = Finding.from_dict(json.loads(next((tmp_path / "a" / "cases").iterdir()).read_text()))
    (where,) = finding.tables["abdomen"]
    voted = [row["slice"] for row in finding.tables["votes"]]
    assert where["first_slice"] <= min(voted)
    assert max(voted) <= where["last_slice"]
    assert [each.provenance.bundle for each in finding.parts] == ["untrained-phases"]
    assert phase(*common, "--threshold", 1.0, "--output", tmp_path / "b") == ExitCode.DONE
    assert "withheld: scan: no phase is likely enough" in capsys.readouterr().out


def test_bad_input_is_named(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = ("--output", tmp_path / "out")
    assert phase(folder / "gone", "--bundle", "none", *output) == ExitCode.SOME_FAILED
    assert "failed: gone: MissingInputError: there is no such file or folder" in capsys.readouterr().out
    assert phase(folder / "scout", "--bundle", "none", *output) == ExitCode.BAD_INPUT
    assert "no CT volume here (1 × a localizer)" in capsys.readouterr().err
    assert phase(folder / "plain.nrrd", "--bundle", "no-such-bundle", *output) == ExitCode.BAD_INPUT
    assert "no-such-bundle" in capsys.readouterr().err
    assert phase(folder / "plain.nrrd", "--fraction", 0, *output) == ExitCode.BAD_INPUT
    assert "share of the slices" in capsys.readouterr().err
    assert phase(folder / "plain.nrrd", "--bundle", "none", "--no-kinetics", *output) == ExitCode.SOME_FAILED
    assert "nothing to answer with" in capsys.readouterr().out


def test_single_dicom_files_make_their_series(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted((folder / "venous").glob("*.dcm"))
    assert phase(*files, "--bundle", "none", "--output", tmp_path / "out", "--json") == ExitCode.DONE
    (row,) = as_json(capsys)["cases"]
    assert row["decision"] == "venous"
    assert phase(folder / "broken.nrrd", *files[:1], "--bundle", "none", "--output", tmp_path / "b") == 4
