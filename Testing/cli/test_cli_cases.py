"""From a folder of scans to a divided table and an evaluation, through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abdominal_oncology.cli import main
from abdominal_oncology.cli.output import ExitCode
from abdominal_oncology.imaging.dicom import write_study
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.learning.manifest import check_no_leak, read_manifest
from abdominal_oncology.learning.metrics import Predictions
from abdominal_oncology.learning.predictions_file import write_predictions

_DESCRIPTIONS = {"n": "Abdomen nativ 5.0", "a": "ART 1.5 B30f", "v": "CT Body 3.0", "x": "Abdomen 5.0 B30f"}


def _scans(root: Path, patients: int) -> None:
    voxels = np.full((3, 4, 4), 40, np.int16)
    voxels[:, 0] = -1000
    image = Image(voxels, Geometry((3, 4, 4), (2.0, 1.0, 1.0)), Modality.CT)
    for number in range(patients):
        write_study(
            dict.fromkeys(_DESCRIPTIONS, image),
            root / f"scan-{number}",
            patient_name=f"P{number}",
            patient_id=f"P{number}",
            seconds={"n": None, "a": 33.0, "v": 75.0},
            descriptions=_DESCRIPTIONS,
            seed=number,
        )


def _json(capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = ExitCode.DONE) -> Any:
    assert main([str(word) for word in words]) == code
    return json.loads(capsys.readouterr().out)


def test_scans_become_a_divided_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _scans(tmp_path / "scans", 10)
    table = tmp_path / "cases.csv"
    listed = _json(capsys, "manifest", tmp_path / "scans", "--output", table, "--json")
    by_description = {one["description"]: one for one in listed["volumes"]}
    assert {text: one["label"] for text, one in by_description.items()} == {
        "Abdomen nativ 5.0": "non-contrast",
        "ART 1.5 B30f": "arterial",
        "CT Body 3.0": "venous",
        "Abdomen 5.0 B30f": None,
    }
    assert by_description["CT Body 3.0"]["reasons"] == ["acquired 75 s after the injection by the header"]
    assert len(read_manifest(table).rows) == 40

    divided = _json(capsys, "split", table, "--question", "phase", "--folds", "5", "--seed", "3", "--json")
    assert [line["patients"] for line in divided["counts"]] == [2] * 5
    assert all(line["arterial"] == line["venous"] == line["unknown"] == 2 for line in divided["counts"])
    manifest = read_manifest(table)
    check_no_leak(manifest)
    assert {row.case: row.split for row in manifest.rows} == divided["sides"]

    assert main(["split", str(table), "--question", "phase", "--sides", "train=0.8,test=0.2"]) == ExitCode.BAD_INPUT
    assert "--force" in capsys.readouterr().err
    assert read_manifest(table) == manifest, "nothing is written when it is refused"
    again = tmp_path / "again.csv"
    words = ["split", table, "--question", "phase", "--sides", "train=0.8,test=0.2", "--output", again, "--force"]
    assert main([str(word) for word in words]) == ExitCode.DONE
    assert capsys.readouterr().out.splitlines()[0].split() == [
        "side", "patients", "cases", "arterial", "non-contrast", "unknown", "venous",
    ]  # fmt: skip
    assert {row.split for row in read_manifest(again).rows} == {"train", "test"}


def test_a_table_is_not_replaced_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _scans(tmp_path / "scans", 1)
    table = tmp_path / "cases.csv"
    words = ["manifest", str(tmp_path / "scans"), "--output", str(table)]
    assert main(words) == ExitCode.DONE
    printed = capsys.readouterr().out
    assert "4 cases: 1 " in printed
    assert 'SeriesDescription says "art": arterial phase' in printed
    assert main(words) == ExitCode.BAD_INPUT
    assert "--force" in capsys.readouterr().err
    assert main([*words, "--force"]) == ExitCode.DONE
    assert main([*words[:2], "--output", str(tmp_path / "no" / "cases.csv")]) == ExitCode.BAD_INPUT


def test_what_cannot_be_opened_is_said_by_the_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _scans(tmp_path / "scans", 1)
    (tmp_path / "scans" / "cut.nrrd").write_bytes(b"NRRD0004\n")
    words = ("manifest", tmp_path / "scans", "--output", tmp_path / "cases.csv", "--json")
    listed = _json(capsys, *words, code=ExitCode.SOME_FAILED)
    assert [Path(one["path"]).name for one in listed["left_out"] if one["loss"]] == ["cut.nrrd"]


@pytest.mark.parametrize(
    ("text", "words", "problem"),
    [
        ("case,patient,split,label.phase\n1,a,train,x\n2,a,test,y\n", ["--folds", "2"], "is in 'test' and in 'train'"),
        ("case,patient,label.phase\n1,a,x\n2,b,x\n", ["--folds", "2"], "at least two classes"),
        ("case,patient,label.stage\n1,a,x\n2,b,y\n", ["--folds", "2"], "has none"),
        ("case,patient,label.phase\n1,a,x\n2,b,y\n", ["--folds", "3"], "use fewer folds"),
        ("case,patient\n", ["--folds", "2"], "no cases"),
    ],
)
def test_a_bad_table_is_not_divided(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: list[str], problem: str
) -> None:
    path = tmp_path / "m.csv"
    path.write_text(text)
    assert main(["split", str(path), "--question", "phase", *words]) == ExitCode.BAD_INPUT
    assert problem in capsys.readouterr().err
    assert path.read_text() == text


@pytest.mark.parametrize("sides", ["train", "train=0.5,train=0.5", "train=1.5", "=0.5", "train=x"])
def test_sides_are_names_with_shares(tmp_path: Path, sides: str) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["split", str(tmp_path / "m.csv"), "--question", "phase", "--sides", sides])
    assert stop.value.code == ExitCode.USAGE


def test_a_divided_table_stays_in_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.csv"
    path.write_text("case,patient,label.phase\n1,a,x\n2,b,y\n")
    (tmp_path / "sub").mkdir()
    words = ["split", str(path), "--question", "phase", "--folds", "2", "--output", str(tmp_path / "sub" / "m.csv")]
    assert main(words) == ExitCode.BAD_INPUT
    assert "relative to its own folder" in capsys.readouterr().err


def test_predictions_are_measured_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="figures are drawn with matplotlib")
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 40)
    for folder in ("ours", "theirs"):
        (tmp_path / folder).mkdir()
        score = np.clip(0.5 + 0.2 * (2 * truth - 1) + 0.2 * rng.normal(size=40), 0, 1)
        predictions = Predictions(np.stack([1 - score, score], axis=1), truth, range(40), ("T2", "T3"))
        write_predictions(tmp_path / folder / "predictions.csv", [f"c{i}" for i in range(40)], predictions)
    ours, theirs = (tmp_path / folder / "predictions.csv" for folder in ("ours", "theirs"))
    data = _json(capsys, "evaluate", ours, "--compare", theirs, "--resamples", "100", "--json")
    assert [model["name"] for model in data["models"]] == [str(ours), str(theirs)]
    assert "auc (DeLong)" in data["comparison"]["tests"]
    assert data["written"] == []
    assert main(["evaluate", str(ours), "--resamples", "100", "--output", str(tmp_path / "out")]) == ExitCode.DONE
    printed = capsys.readouterr().out
    assert "40 cases of 40 patients" in printed
    assert f"written: {tmp_path / 'out' / 'report.md'}" in printed
    assert main(["evaluate", str(tmp_path / "none.csv")]) == ExitCode.BAD_INPUT
