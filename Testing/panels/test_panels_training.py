"""The Training section: what it asks for is a command; it starts, shows curves, stops, and its result is a model."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)

from slicer_desktop.waiting import wait_until

from abdominal_oncology.panels.training_command import TrainingChoice, as_text

pytestmark = pytest.mark.usefixtures("quick_worker")
SECONDS = 120.0
PROGRAM = Path(__file__).parent / "programs" / "pretended_training.py"


@pytest.fixture
def panel(desktop: Any) -> Any:
    return desktop.open("PhaseClassifier")


@pytest.fixture
def pretend(panel: Any) -> Callable[[str], None]:
    """In place of a training of hours: a program that writes curves and ends as it is told."""
    process = panel.training_box.process

    def run(how: str) -> None:
        def next_command() -> None:
            command = process._waiting.pop(0)
            process._process.start(sys.executable, [str(PROGRAM), how, *command])

        process._next = next_command

    return run


def fill(panel: Any, folder: Path) -> Any:
    ui = panel.training_box.ui
    ui.phantomsSpin.value = 200
    ui.outputPath.currentPath = str(folder)
    return ui


def test_what_is_missing_is_said(panel: Any, tmp_path: Path) -> None:
    ui = panel.training_box.ui
    assert not ui.startButton.enabled
    assert "Choose a manifest" in ui.trainingWhy.text
    ui.manifestPath.currentPath = str(tmp_path / "nothing.csv")
    assert "There is no manifest" in ui.trainingWhy.text
    fill(panel, tmp_path / "run")
    assert "not both" in ui.trainingWhy.text
    ui.manifestPath.currentPath = ""
    assert ui.startButton.enabled
    assert ui.trainingWhy.text == ""


def test_every_choice_is_in_the_command(panel: Any, tmp_path: Path, qt: Any) -> None:
    ui = fill(panel, tmp_path / "my run")
    panel.training_box.opened()
    wait_until(lambda: ui.networkCombo.count > 1, SECONDS)
    names = [ui.networkCombo.itemText(n) for n in range(ui.networkCombo.count)]
    ui.networkCombo.currentIndex = names.index("efficientnet-b0")
    ui.encodingCombo.currentIndex = 3
    ui.epochsSpin.value = 2
    ui.bundleEdit.text = "phase-mine"
    panel.parameters.device = "cpu"
    ui.copyCommandButton.click()
    train, add = qt.QApplication.clipboard().text().splitlines()
    assert train == (
        "abdominal-oncology train phase --phantoms 200 --network efficientnet-b0 --loss circular-sord:s=0.625 "
        f"--epochs 2 --device cpu --output '{tmp_path / 'my run'}' --bundle phase-mine"
    )
    assert add == f"abdominal-oncology bundle add '{tmp_path / 'my run' / 'bundle'}'"
    ui.foldsSpin.value = 5
    assert "crossval phase" in ui.commandText.toPlainText()
    assert "--folds 5" in ui.commandText.toPlainText()


@pytest.mark.parametrize("folds", [0, 5])
def test_the_command_line_understands_the_commands(folds: int, tmp_path: Path) -> None:
    from abdominal_oncology.cli import build_parser

    choice = TrainingChoice("phase", "m.csv", 0, "resnet-18", "learned-encoding:s=0.855", 3, folds, "out", "phase-x")
    for command in choice.commands():
        build_parser(command).parse_args(command)
    assert as_text(choice.commands()).startswith("abdominal-oncology ")


def test_the_encoding_becomes_the_loss_of_the_recipe() -> None:
    pytest.importorskip("torch", reason="recipes belong to networks")
    from abdominal_oncology.cli import build_parser
    from abdominal_oncology.cli.train import recipe_from
    from abdominal_oncology.learning.loss_table import losses
    from abdominal_oncology.learning.recipe import LossTerm
    from abdominal_oncology.panels.phase_panel import PhasePanel
    from abdominal_oncology.tasks import load_task

    (command, _) = TrainingChoice("phase", "m.csv", loss="learned-encoding:s=0.855", output="out").commands()
    recipe = recipe_from(build_parser(command).parse_args(command), load_task("phase"))
    assert recipe.loss == (LossTerm("learned-encoding", options={"s": 0.855}),)
    assert {loss.partition(":")[0] for _, loss in PhasePanel.encodings} <= losses().keys()


def test_a_folder_that_cannot_be_made_is_said(panel: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ui = fill(panel, tmp_path / "file" / "run")
    ui.startButton.click()
    assert "The folder cannot be made" in ui.trainingNote.text
    assert not panel.training_box.process.is_running


def test_a_training_shows_its_curves_and_becomes_a_model(
    panel: Any, pretend: Callable[[str], None], tmp_path: Path
) -> None:
    pretend("well")
    ui = fill(panel, tmp_path / "run")
    listed: list[bool] = []
    panel.training_box._on_trained = lambda: listed.append(True)
    ui.startButton.click()
    assert ui.startButton.text == "Stop training"
    wait_until(lambda: not panel.training_box.process.is_running, SECONDS)
    assert ui.trainingNote.text == "Trained. The model is in the list above."
    assert listed == [True]
    table = ui.curvesTable.mrmlTableNode()
    assert [table.GetColumnName(n) for n in range(table.GetNumberOfColumns())] == ["step", "epoch", "loss", "accuracy"]
    assert table.GetNumberOfRows() == 3
    assert table.GetCellText(2, 2) == "0.4"
    log = ui.trainingLog.toPlainText()
    assert "train phase --phantoms 200" in log
    assert "bundle add" in log


def test_a_training_can_be_stopped_and_goes_on(panel: Any, pretend: Callable[[str], None], tmp_path: Path) -> None:
    pretend("slow")
    ui = fill(panel, tmp_path / "run")
    ui.startButton.click()
    wait_until(lambda: "step 1" in ui.trainingLog.toPlainText(), SECONDS)
    ui.startButton.click()
    wait_until(lambda: not panel.training_box.process.is_running, SECONDS)
    assert "It can go on" in ui.trainingNote.text
    assert "bundle add" not in ui.trainingLog.toPlainText()
    assert (ui.startButton.text, ui.startButton.enabled) == ("Start training", True)


def test_a_training_that_fails_says_so(panel: Any, pretend: Callable[[str], None], tmp_path: Path) -> None:
    pretend("badly")
    ui = fill(panel, tmp_path / "run")
    ui.startButton.click()
    wait_until(lambda: not panel.training_box.process.is_running, SECONDS)
    assert "the log says why" in ui.trainingNote.text
    assert "no training side" in ui.trainingLog.toPlainText()


def test_a_program_that_is_not_there_is_said(panel: Any, tmp_path: Path) -> None:
    panel.training_box.process._program = "no-such-python"
    ui = fill(panel, tmp_path / "run")
    ui.startButton.click()
    wait_until(lambda: not panel.training_box.process.is_running, SECONDS)
    assert "no-such-python" in ui.trainingLog.toPlainText()


def test_the_program_itself_is_called(panel: Any, tmp_path: Path) -> None:
    """The real command line, on a manifest that names no case."""
    ui = panel.training_box.ui
    (tmp_path / "empty.csv").write_text("case,path\n", encoding="utf-8")
    ui.manifestPath.currentPath = str(tmp_path / "empty.csv")
    ui.outputPath.currentPath = str(tmp_path / "run")
    ui.startButton.click()
    wait_until(lambda: not panel.training_box.process.is_running, SECONDS)
    assert "the log says why" in ui.trainingNote.text
    assert "empty.csv" in ui.trainingLog.toPlainText()
