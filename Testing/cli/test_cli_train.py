"""From a manifest to a bundle by the commands alone, and each input that must be refused by name."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
import torch

from abdominal_oncology.cli import main
from abdominal_oncology.learning.manifest import CaseRow, Manifest
from abdominal_oncology.learning.predictions_file import read_predictions
from abdominal_oncology.phase.training import default_recipe

HU = {"non-contrast": 40, "arterial": 250, "venous": 130, "delayed": 90, "others": 190}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network on small slices."""
    small = default_recipe("resnet-18").with_train(epochs=1, learning_rate=1e-3, tensorboard=False)
    table = small.to_mapping() | {"preparation": {**small.preparation, "size": 32, "training_slices": 4}, "batch": 8}
    path = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
    type(small).from_mapping(table).write_yaml(path)
    return path


def _volume(path: Path, hu: float, shape: tuple[int, int, int] = (4, 32, 32)) -> None:
    voxels = np.full(shape, -1000, np.float32)
    voxels[:, 6:26, 4:28] = hu
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(voxels), str(path))


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifteen volumes of five phases with a split."""
    folder = tmp_path_factory.mktemp("cases")
    rows = []
    for index in range(15):
        phase = list(HU)[index % 5]
        _volume(folder / f"{index}.nrrd", HU[phase] + index)
        split = ("train", "validation", "test")[index // 5]
        rows.append(
            CaseRow(str(index), f"p{index}", images={"ct": f"{index}.nrrd"}, labels={"phase": phase}, split=split)
        )
    Manifest(tuple(rows), folder).write(folder / "cases.csv")
    return folder / "cases.csv"


def _edited(cases: Path, name: str, old: str, new: str) -> Path:
    text = cases.read_text()
    assert old in text
    path = cases.with_name(name)
    path.write_text(text.replace(old, new))
    return path


def _train(cases: Path, recipe: Path, output: Path, *more: str) -> int:
    return main(
        ["train", "phase", str(cases), "--recipe", str(recipe), "--output", str(output), "--device", "cpu", *more]
    )


def test_a_table_becomes_a_bundle_that_predicts(
    cases: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABDOMINAL_ONCOLOGY_BUNDLES", str(tmp_path / "bundles"))
    assert _train(cases, recipe, tmp_path / "run", "--bundle", "our-phases", "--json") == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["held_out"] == "test"
    assert told["results"]["cases"] == 5
    assert told["left_out"] == []
    assert read_predictions(tmp_path / "run" / "predictions-test.csv").cases == ("10", "11", "12", "13", "14")
    assert main(["bundle", "add", told["bundle"]]) == 0
    assert main(["bundle", "list"]) == 0
    assert "our-phases" in capsys.readouterr().out
    code = main(
        [
            "predict",
            "phase",
            str(cases),
            "--bundle",
            "our-phases",
            "--output",
            str(tmp_path / "out"),
            "--engine",
            "torch",
        ]
    )
    assert code == 0
    assert len(list((tmp_path / "out").rglob("*.json"))) >= 15
    assert len(read_predictions(tmp_path / "out" / "predictions.csv").cases) == 15
    assert main(["evaluate", str(tmp_path / "out" / "predictions.csv"), "--output", str(tmp_path / "report")]) == 0
    # the same command finds everything done
    assert _train(cases, recipe, tmp_path / "run", "--bundle", "our-phases") == 0


def test_folds_by_the_command(cases: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = cases.with_name("folds.csv")
    assert main(["split", str(cases), "--question", "phase", "--folds", "3", "--force", "--output", str(table)]) == 0
    capsys.readouterr()
    words = ["crossval", "phase", str(table), "--recipe", str(recipe), "--output", str(tmp_path / "cv"), "--json"]
    assert main([*words, "--device", "cpu"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["folds"] == ["fold-0", "fold-1", "fold-2"]
    accuracy = next(row for row in told["metrics"] if row["metric"] == "accuracy")
    assert accuracy["low"] <= accuracy["pooled"] <= accuracy["high"]
    assert len(read_predictions(tmp_path / "cv" / "predictions.csv").cases) == 15


def test_a_bad_case_is_named_and_the_others_train(
    cases: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = cases.with_name("nan.nrrd")
    voxels = np.full((4, 32, 32), np.nan, np.float32)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(voxels), str(broken))
    table = _edited(cases, "with-nan.csv", ",0.nrrd,", ",nan.nrrd,")
    assert _train(table, recipe, tmp_path / "run", "--json") == 4
    told = json.loads(capsys.readouterr().out)
    assert [each["case"] for each in told["left_out"]] == ["0"]
    assert "no numbers" in told["left_out"][0]["reason"] or "not finite" in told["left_out"][0]["reason"]


def test_a_missing_file_is_a_reason_of_its_case(
    cases: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = _edited(cases, "with-missing.csv", ",1.nrrd,", ",missing/nothing.nrrd,")
    assert _train(table, recipe, tmp_path / "run", "--json") == 4
    left_out = json.loads(capsys.readouterr().out)["left_out"]
    assert left_out[0]["case"] == "1"
    assert "row 3, column image.ct" in left_out[0]["reason"]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda text: "", "the manifest is empty"),
        (lambda text: text.splitlines()[0] + "\n", "no cases"),
        (lambda text: text.replace("venous", "venus"), r"row \d+, column label.phase"),
        (lambda text: text.replace("p7,", "p1,"), "patient 'p1' is in"),
        (lambda text: text.replace("image.ct", "image.mr"), "names no such image"),
        (lambda text: text.replace("validation", "a").replace("test", "b"), "training needs the sides"),
        (
            lambda text: "\n".join(line for n, line in enumerate(text.splitlines()) if n == 0 or "venous" in line),
            "at least two classes",
        ),
    ],
)
def test_tables_that_cannot_be_trained_on(
    cases: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], edit: Any, message: str
) -> None:
    table = cases.with_name("edited.csv")
    table.write_text(edit(cases.read_text()))
    assert _train(table, recipe, tmp_path / "run") == 3
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "phase", "--output", "x"], "either a manifest or a number of phantoms"),
        (["train", "phase", "none.csv", "--output", "x"], "there is no such manifest"),
        (
            ["train", "phase", "--phantoms", "40", "--network", "alexnet", "--output", "x"],
            "no network called 'alexnet'",
        ),
        (["train", "phase", "--phantoms", "40", "--recipe", "none.yaml", "--output", "x"], "no such configuration"),
        (["experiment", "phase-nothing", "--output", "x"], "no experiment is called"),
        (["crossval", "phase", "--phantoms", "40", "--folds", "1", "--output", "x"], "two or more folds"),
    ],
)
def test_commands_that_are_refused(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 3
    assert message in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has the device")
def test_a_device_that_is_not_there(
    cases: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "phase", str(cases), "--recipe", str(recipe), "--output", str(tmp_path), "--device", "cuda"]
    assert main(words) == 3
    assert "cuda was asked for" in capsys.readouterr().err


def test_an_unreadable_checkpoint_is_named(
    cases: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _train(cases, recipe, tmp_path / "run") == 0
    (tmp_path / "run" / "run" / "last.pt").write_bytes(b"not a checkpoint")
    assert _train(cases, recipe, tmp_path / "run") == 3
    error = capsys.readouterr().err
    assert "last.pt" in error
    assert "delete it to start afresh" in error


def test_without_torch_the_command_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("abdominal_oncology.learning.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["train", "phase", "--phantoms", "40", "--output", str(tmp_path)]) == 3
    error = capsys.readouterr().err
    assert "needs torch" in error
    assert "[torch]" in error


def test_the_rectal_networks_have_the_papers_parameters_and_fit_a_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["networks", "--json", "--task", "rectal", "--training-memory", "8"]) == 0
    listed = {each["name"]: each for each in json.loads(capsys.readouterr().out)}
    assert listed["f-r2d"]["parameters"] == 2796001
    assert listed["f-rmc5"]["parameters"] == 6924769
    assert listed["f-rmc5"]["checkpointing GB"] < listed["f-rmc5"]["training GB"] < 12


def test_networks_are_listed_with_their_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["networks", "--json", "--task", "phase"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["efficientnet-b0"]["parameters"] == 4_012_096
    assert rows["resnet-50-3d"]["GFLOP"] == pytest.approx(107.8, abs=0.1)


def test_experiments_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiment", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(row["name"] and row["source"] for row in rows)


def test_the_documented_launch_line_trains_once(cases: Path, recipe: Path, tmp_path: Path) -> None:
    """Two processes on the CPU, as the guide shows for GPUs."""
    words = ["train", "phase", str(cases), "--recipe", str(recipe), "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    launched = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"),
            *("-m", "abdominal_oncology", *words, "--output", str(tmp_path / "two"), "--devices", "2"),
        ],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert launched.returncode == 0, launched.stderr[-2000:]
    assert (tmp_path / "two" / "bundle" / "models" / "model.safetensors").exists()
    assert launched.stdout.count("predictions:") == 1


def test_mr_in_a_table_of_ct_is_a_reason_of_its_case(
    cases: Path, recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from abdominal_oncology.imaging.dicom import write_series
    from abdominal_oncology.imaging.geometry import Geometry
    from abdominal_oncology.imaging.image import Image, Modality

    image = Image(np.zeros((4, 32, 32), np.int16), Geometry((4, 32, 32)), Modality.MR)
    write_series(image, cases.parent / "mr")
    table = _edited(cases, "with-mr.csv", ",2.nrrd,", ",mr,")
    assert _train(table, recipe, tmp_path / "run", "--json") == 4
    left_out = json.loads(capsys.readouterr().out)["left_out"]
    assert left_out[0]["case"] == "2"
    assert "MR" in left_out[0]["reason"]
    assert "row 4, column image.ct" in left_out[0]["reason"]
