"""``rectal`` from the command line: what is printed, which files, exit codes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks need torch")
pytest.importorskip("safetensors", reason="bundles need safetensors")

from rectal_doubles import DEPTH, facts, network, sagittal  # noqa: E402

from abdominal_oncology.cli import main  # noqa: E402
from abdominal_oncology.cli.output import ExitCode  # noqa: E402
from abdominal_oncology.errors import InvalidInputError, MissingInputError, UnreadableFileError  # noqa: E402
from abdominal_oncology.imaging.dicom import write_series  # noqa: E402
from abdominal_oncology.imaging.image import Image, Modality  # noqa: E402
from abdominal_oncology.imaging.open import open_reader  # noqa: E402
from abdominal_oncology.imaging.reader import read_image  # noqa: E402
from abdominal_oncology.imaging.volume_file import write_volume_file  # noqa: E402
from abdominal_oncology.learning.bundle.write import write_bundle  # noqa: E402
from abdominal_oncology.learning.finding import Finding  # noqa: E402
from abdominal_oncology.rectal.box import Box  # noqa: E402
from abdominal_oncology.rectal.roi_file import parse_box, read_roi_file, write_roi_file  # noqa: E402

_PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, t2: Image, tumour: Image, rectum: Image) -> Path:
    """The phantom as DICOM and NIfTI, its masks, and an untrained bundle."""
    root = tmp_path_factory.mktemp("rectal")
    write_series(t2, root / "dicom")
    write_volume_file(t2, root / "t2.nii.gz")
    write_volume_file(sagittal(t2), root / "sagittal.nii.gz")
    write_volume_file(tumour, root / "tumour.nii.gz")
    write_volume_file(rectum, root / "rectum.nii.gz")
    made_by = facts(name="rectal-untrained")
    write_bundle(root / "bundle", network(made_by), made_by)
    return root


@pytest.fixture(autouse=True)
def _nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ABDOMINAL_ONCOLOGY_BUNDLES", str(tmp_path / "installed"))


def rectal(*words: object) -> int:
    return main(["rectal", *map(str, words)])


def as_json(capsys: pytest.CaptureFixture[str]) -> Any:
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def test_a_series_with_masks_becomes_a_folder_of_evidence(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], t2: Image
) -> None:
    output = tmp_path / "out"
    words = ("--bundle", files / "bundle", "--engine", "torch", "--output", output, "--json")
    masks = ("--mask", files / "tumour.nii.gz", "--rectum", files / "rectum.nii.gz")
    assert rectal(files / "dicom", *masks, *words) == ExitCode.DONE
    told = as_json(capsys)
    finding = Finding.from_dict(told["finding"])
    assert finding == Finding.from_json((output / "finding.json").read_text(encoding="utf-8"))
    assert finding.decision in ("T2", "T3")
    assert told["how"] == "bundle rectal-untrained 1.0.0"
    with (output / "slices.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["slice"]) for row in rows] == [row["slice"] for row in finding.tables["slices"]]
    assert len(rows) == DEPTH
    assert set(rows[0]) == {"slice", "z_mm", "probability", "influence", "share"}
    overlay = read_image(open_reader(output / "activation.nii.gz"))
    assert overlay.geometry.same_grid(read_image(open_reader(files / "dicom")).geometry)
    assert overlay.voxels.min() < 0 or overlay.voxels.max() > 0
    pytest.importorskip("matplotlib", reason="the picture needs matplotlib")
    assert (output / "stage.png").read_bytes()[:4] == _PNG
    report = (output / "report.html").read_text(encoding="utf-8")
    assert "Research use only" in report
    assert "extramural depth" in report
    assert not list(output.rglob(".*"))


def test_the_region_that_was_written_can_be_given_back(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--bundle", files / "bundle", "--engine", "torch", "--no-tta", "--json")
    assert rectal(files / "t2.nii.gz", "--mask", files / "tumour.nii.gz", "--output", tmp_path, *words) == ExitCode.DONE
    first = as_json(capsys)["finding"]
    assert rectal(files / "t2.nii.gz", "--roi", tmp_path / "region.mrk.json", *words) == ExitCode.DONE
    again = as_json(capsys)["finding"]
    assert again["tables"]["region"][0]["source"] == "box"
    assert again["probabilities"]["T3"] == pytest.approx(first["probabilities"]["T3"], abs=5e-3)
    assert {"modality-unknown", "weighting-unknown"} <= {each["code"] for each in again["warnings"]}


def test_a_chosen_sensitivity_and_threshold(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--mask", files / "tumour.nii.gz", "--bundle", files / "bundle", "--engine", "torch", "--no-tta", "--json")
    assert rectal(files / "dicom", "--sensitivity", "0.9", *words) == ExitCode.DONE
    assert as_json(capsys)["finding"]["tables"]["operating"][0]["name"] == "sensitivity 0.90"
    assert rectal(files / "dicom", "--threshold", "0.001", *words) == ExitCode.DONE
    assert as_json(capsys)["finding"]["decision"] == "T3"
    assert rectal(files / "dicom", "--threshold", "0.5", "--sensitivity", "0.9", *words) == ExitCode.BAD_INPUT
    assert "choose one of them" in capsys.readouterr().err


def test_without_a_bundle_masks_are_measured(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    masks = ("--mask", files / "tumour.nii.gz", "--rectum", files / "rectum.nii.gz")
    assert rectal(files / "dicom", *masks, "--bundle", "none", "--output", tmp_path / "out") == ExitCode.DONE
    out = capsys.readouterr().out
    assert "withheld: no trained model was used" in out
    assert "extramural depth" in out
    assert "measured masks alone, as asked for" in out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"finding.json", "measurements.csv", "region.mrk.json", "report.html"}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("nowhere",), "no such file or folder"),
        (("sagittal.nii.gz",), "an axial series is needed"),
        (("t2.nii.gz", "--roi", "900,900,900,50,50,50"), "outside the volume"),
        (("t2.nii.gz", "--roi", "0,0,0,50,0,50"), "region is empty"),
        (("t2.nii.gz", "--roi", "around the rectum"), "is no region"),
        (("t2.nii.gz", "--roi", "missing.mrk.json"), "no such file"),
        (("t2.nii.gz", "--mask", "t2.nii.gz"), "one structure per file"),
        (("t2.nii.gz", "--bundle", "never-installed"), "never-installed"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(
    files: Path, words: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    more = () if "--bundle" in words else ("--bundle", "none")
    assert rectal(*words, *more, "--json") == ExitCode.BAD_INPUT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert text in captured.err
    assert captured.err.count("\n") == 1


def test_roi_files_are_what_slicer_writes(tmp_path: Path) -> None:
    from scipy.spatial.transform import Rotation

    axes = tuple(map(tuple, Rotation.from_euler("xyz", [0.1, 0.2, 0.3]).as_matrix()))
    box = Box((10.0, 20.0, 30.0), (112.0, 100.0, 48.0), axes)
    write_roi_file(box, tmp_path / "roi.mrk.json")
    back = read_roi_file(tmp_path / "roi.mrk.json")
    assert back.corners_mm() == pytest.approx(box.corners_mm())
    # as Slicer 5 saves the same ROI, in RAS: x and y turned round
    columns = np.asarray(axes).T * [[-1.0], [-1.0], [1.0]]
    roi = {
        "type": "ROI",
        "coordinateSystem": "RAS",
        "center": [-10.0, -20.0, 30.0],
        "orientation": columns.ravel().tolist(),
        "size": [112.0, 100.0, 48.0],
    }
    ras = tmp_path / "ras.mrk.json"
    ras.write_text(json.dumps({"markups": [roi]}))
    assert read_roi_file(ras).corners_mm() == pytest.approx(box.corners_mm())
    ras.write_text(json.dumps({"markups": [{"type": "ROI"}]}))
    with pytest.raises(MissingInputError, match="not placed"):
        read_roi_file(ras)
    for text in ("{", "[]", '{"markups": []}', '{"markups": [{"type": "Line"}]}'):
        ras.write_text(text)
        with pytest.raises(UnreadableFileError, match="one markups ROI"):
            read_roi_file(ras)
    with pytest.raises(InvalidInputError, match="is no region"):
        parse_box("1,2,3")


def test_slicer_reads_our_roi_file(tmp_path: Path) -> None:
    pytest.importorskip("slicer", reason="slicer-core is not installed")
    from abdominal_oncology.scene import boot
    from abdominal_oncology.scene.rectal_roi import box_from_roi_node

    box = Box((10.0, -20.0, 30.0), (112.0, 100.0, 48.0))
    write_roi_file(box, tmp_path / "roi.mrk.json")
    node = boot().AddNewNodeByClass("vtkMRMLMarkupsROINode", "roi")
    storage = node.CreateDefaultStorageNode()
    storage.SetFileName(str(tmp_path / "roi.mrk.json"))
    assert storage.ReadData(node)
    assert box_from_roi_node(node).corners_mm() == pytest.approx(box.corners_mm(), abs=1e-4)
    boot().RemoveNode(node)


def test_the_real_series_from_the_command_line(
    shared_data: Path, files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shared_data / "rectal_mr_filitto"
    words = ("--mask", folder / "tumour_mask.nii.gz", "--bundle", files / "bundle", "--engine", "torch")
    assert rectal(folder / "dicom", *words, "--output", tmp_path / "out", "--json") == ExitCode.DONE
    finding = as_json(capsys)["finding"]
    drawn = read_image(open_reader(folder / "tumour_mask.nii.gz", modality=Modality.MASK)).voxels
    held = set(np.flatnonzero(drawn.any(axis=(1, 2))).tolist())
    assert {row["slice"] for row in finding["tables"]["slices"]} <= held
    codes = {each["code"] for each in finding["warnings"]}
    assert not codes & {"not-t2-weighted", "weighting-unknown", "field-strength", "pixel-spacing", "few-slices"}
    assert "slices-not-seen" in codes  # the test's bundle takes eight slices
