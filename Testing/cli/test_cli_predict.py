"""``predict`` from the command line: a real bundle, real files, exit codes that scripts can trust."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from abdominal_oncology.cli import main
from abdominal_oncology.cli.output import ExitCode
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.volume_file import write_volume_file
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.phase.labels import Phase

GRID = Geometry((6, 64, 64), (5.0, 5.0, 5.0))


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two good volumes, one broken file and one that is not there."""
    monkeypatch.setenv("ABDOMINAL_ONCOLOGY_BUNDLES", str(tmp_path / "installed"))
    folder = tmp_path / "study"
    folder.mkdir()
    _, y, x = np.mgrid[:6, :64, :64]
    body = np.where((y - 32) ** 2 / 600 + (x - 32) ** 2 / 800 < 1, 60, -1000)
    for seed, name in enumerate(("anna", "bert")):
        noise = np.random.default_rng(seed).integers(-20, 20, GRID.shape)
        write_volume_file(Image((body + noise).astype(np.int16), GRID, Modality.CT), folder / f"{name}.nrrd")
    (folder / "broken.nrrd").write_bytes(b"NRRD0004\nnonsense")
    rows = ["case,patient,image.ct", "anna,a,anna.nrrd", "bert,b,bert.nrrd", "carl,c,broken.nrrd", "dora,d,gone.nrrd"]
    (folder / "all.csv").write_text("\n".join(rows) + "\n")
    (folder / "good.csv").write_text("\n".join(rows[:3]) + "\n")
    return folder


def predict(*words: object) -> int:
    return main(["predict", "phase", *map(str, words)])


def test_good_cases_end_with_done(study: Path, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = study / "out"
    common = (study / "good.csv", "--bundle", bundle, "--output", output, "--device", "cpu", "--engine", "torch")
    assert predict(*common) == ExitCode.DONE
    printed = capsys.readouterr().out
    assert "2 answered now, 0 kept from before, 0 failed, 0 waiting" in printed
    assert "bundle untrained-phases 1.0.0, on cpu: the CPU was asked for; torch" in printed
    findings = [json.loads(path.read_text()) for path in sorted((output / "cases").iterdir())]
    assert [each["case"] for each in findings] == ["anna", "bert"]
    finding = Finding.from_dict(findings[0])
    assert finding.question == "phase"
    assert set(finding.probabilities) == set(Phase)
    assert finding.provenance.bundle == "untrained-phases"
    assert len(finding.provenance.weights_sha256) == 64
    assert finding.provenance.device == "cpu"
    assert finding.provenance.seconds > 0
    assert predict(*common) == ExitCode.DONE
    assert "0 answered now, 2 kept from before" in capsys.readouterr().out


def test_bad_cases_end_with_code_4_and_their_reasons(
    study: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = (study / "all.csv", "--bundle", bundle, "--output", study / "out", "--engine", "torch", "--device", "cpu")
    assert predict(*common) == ExitCode.SOME_FAILED
    printed = capsys.readouterr().out
    assert "failed: carl: UnreadableFileError" in printed
    assert "failed: dora: MissingInputError" in printed
    assert "row 5, column image.ct" in printed
    assert predict(*common, "--json") == ExitCode.SOME_FAILED
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert captured.err == ""
    assert told["failed"] == ["carl", "dora"]
    assert told["kept"] == ["anna", "bert"]
    assert [row["status"] for row in told["cases"]][2:] == ["failed", "failed"]


def test_shards_and_collect(study: Path, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = study / "out"
    common = (study / "good.csv", "--bundle", bundle, "--output", output, "--engine", "torch", "--device", "cpu")
    for shard in ("1/2", "2/2"):
        assert predict(*common, "--shard", shard) == ExitCode.DONE
    (output / "findings.csv").unlink()
    assert predict(study / "good.csv", "--output", output, "--collect") == ExitCode.DONE
    with (output / "findings.csv").open(newline="") as file:
        assert [row["case"] for row in csv.DictReader(file)] == ["anna", "bert"]
    assert "0 failed, 0 waiting" in capsys.readouterr().out
    assert predict(*common, "--shard", "3/2") == ExitCode.BAD_INPUT


def test_a_folder_is_predicted_with_the_installed_bundle(
    study: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bundle", "add", str(bundle)]) == ExitCode.DONE
    (study / "broken.nrrd").unlink()
    words = (study, "--output", study.parent / "out", "--bundle", "untrained-phases", "--device", "cpu")
    capsys.readouterr()
    assert predict(*words, "--engine", "torch", "--json") == ExitCode.DONE
    told = json.loads(capsys.readouterr().out)
    assert len(told["answered"]) == 2
    assert {row["status"] for row in told["cases"]} <= {"answered", "withheld"}


def test_bad_input_is_named(study: Path, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = (study / "good.csv", "--output", study / "out")
    assert predict(*good, "--bundle", "no-such-bundle") == ExitCode.BAD_INPUT
    assert "no-such-bundle" in capsys.readouterr().err
    assert predict(study / "gone.csv", "--output", study / "out", "--bundle", bundle) == ExitCode.BAD_INPUT
    assert "no such manifest" in capsys.readouterr().err
    if not torch.cuda.is_available():
        assert predict(*good, "--bundle", bundle, "--device", "cuda") == ExitCode.BAD_INPUT
        assert "finds no such device" in capsys.readouterr().err
    assert predict(*good, "--bundle", bundle, "--batch", 0) == ExitCode.BAD_INPUT
    (study / "empty.csv").write_text("case,patient,image.ct\n")
    assert predict(study / "empty.csv", "--output", study / "out", "--bundle", bundle) == ExitCode.BAD_INPUT
    assert "no cases" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["predict", "no-such-task", "x.csv", "--output", "out"])
    assert stop.value.code == ExitCode.USAGE
