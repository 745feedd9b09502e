"""Everything that can happen between a click on Apply and the answer, in all three panels, with a real process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)

from panel_tools import PANELS, Turns, click_and_wait
from slicer_desktop.waiting import wait_until

SECONDS = 120.0
Tell = Callable[[str], None]


@pytest.fixture(scope="module")
def tell(desktop_of_file: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tell]:
    """Tells the jobs of this file's worker what to do."""
    from abdominal_oncology.panels.qprocess_transport import QProcessTransport
    from abdominal_oncology.panels.session import PanelSession, close_session, keep_session
    from abdominal_oncology.worker.launch import Launch, worker_launch

    script = tmp_path_factory.mktemp("script") / "told"
    program = Path(__file__).parent / "programs" / "scripted_worker.py"
    launch = Launch(sys.executable, (str(program), str(script)), worker_launch().environment)
    session = PanelSession(QProcessTransport(launch))
    keep_session(session)

    def say(word: str) -> None:
        new = script.with_suffix(".new")
        new.write_text(word, encoding="utf-8")
        new.replace(script)

    say("wait")
    yield say
    close_session()


@pytest.fixture(params=PANELS)
def panel(desktop: Any, tell: Tell, request: pytest.FixtureRequest) -> Any:
    """A panel with its sample patient, ready for Apply."""
    tell("wait")
    opened = desktop.open(request.param)
    opened.parameters.bundle = "none"
    click_and_wait(opened, opened.ui.sampleDataButton, SECONDS)
    assert opened.run_box.message == ""
    return opened


def start(panel: Any) -> None:
    """Click on Apply, and wait until the job has told of itself."""
    button = panel.run_box.ui.applyButton
    assert button.enabled, panel.run_box.ui.whyLabel.text
    button.click()
    wait_until(lambda: panel.run_box.ui.progressBar.value == 400, SECONDS)
    assert panel.is_running
    assert button.text == "Cancel"
    assert panel.run_box.ui.stageLabel.text == "waiting for a word"


def nodes_of(slicer: Any) -> set[str]:
    scene = slicer.mrmlScene
    return {scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())}


def is_ready_again(panel: Any) -> None:
    assert not panel.is_running
    run = panel.run_box.ui
    assert (run.applyButton.text, run.applyButton.enabled) == ("Apply", True), run.whyLabel.text
    assert not run.progressBar.visible


def test_cancel_stops_and_the_next_click_starts(panel: Any, slicer: Any) -> None:
    before = nodes_of(slicer)
    for _ in range(2):
        start(panel)
        turns = Turns()
        click_and_wait(panel, panel.run_box.ui.applyButton, SECONDS)
        assert turns.stop() < 0.1, turns.report()
        assert panel.run_box.message == "Cancelled. Nothing was written"
        is_ready_again(panel)
    assert nodes_of(slicer) == before


@pytest.mark.parametrize("panel", PANELS[:1], indirect=True)
def test_a_deaf_job_is_cancelled_by_force_and_its_worker_is_warm_again(panel: Any, tell: Tell) -> None:
    start(panel)
    first = panel.session.client
    tell("deaf")
    click_and_wait(panel, panel.run_box.ui.applyButton, SECONDS)
    assert "Cancelled" in panel.run_box.message
    is_ready_again(panel)
    wait_until(lambda: first.state == "idle", SECONDS)
    tell("wait")
    start(panel)
    click_and_wait(panel, panel.run_box.ui.applyButton, SECONDS)


def test_an_input_is_deleted_meanwhile(panel: Any, slicer: Any) -> None:
    start(panel)
    slicer.mrmlScene.RemoveNode(panel.inputs()[0])
    assert not panel.is_running
    assert "An input was deleted" in panel.run_box.message
    assert panel.run_box.ui.applyButton.text == "Apply"
    wait_until(lambda: panel.session.client.state == "idle", SECONDS)
    assert panel.result_box.table is None


def test_the_scene_is_closed_meanwhile(panel: Any, slicer: Any) -> None:
    start(panel)
    slicer.mrmlScene.Clear(False)
    assert not panel.is_running
    wait_until(lambda: panel.session.client.state == "idle", SECONDS)
    assert not slicer.util.getNodesByClass("vtkMRMLTableNode")
    assert panel.result_box.table is None
    assert not panel.run_box.ui.applyButton.enabled
    assert panel.run_box.ui.whyLabel.text


def test_the_worker_dies_meanwhile(panel: Any, tell: Tell, slicer: Any) -> None:
    before = nodes_of(slicer)
    start(panel)
    tell("die")
    wait_until(lambda: not panel.is_running, SECONDS)
    assert "the worker process ended in the middle of its work (exit code 7)" in panel.run_box.message
    assert "To go on: run it again" in panel.run_box.message
    log = panel.run_box.ui.logText.toPlainText()
    assert "does as it is told" in log
    assert "about to end" in log
    assert nodes_of(slicer) == before
    is_ready_again(panel)
    tell("wait")
    start(panel)
    click_and_wait(panel, panel.run_box.ui.applyButton, SECONDS)


def test_a_named_error_is_said_with_its_remedy_and_its_log(panel: Any, tell: Tell, qt: Any) -> None:
    start(panel)
    tell("fail")
    wait_until(lambda: not panel.is_running, SECONDS)
    assert panel.run_box.message == "the liver's outline is missing [portal]. To go on: draw it."
    is_ready_again(panel)
    panel.run_box.ui.copyLogButton.click()
    assert "does as it is told" in qt.QApplication.clipboard().text()
    assert panel.model_box.ui.deviceFoundLabel.text == "Found: cpu: there is no other"


@pytest.mark.parametrize("panel", PANELS[:1], indirect=True)
def test_another_panel_is_visited_meanwhile(panel: Any, tell: Tell, desktop: Any) -> None:
    """The run goes on; who comes back finds its end."""
    start(panel)
    other = next(name for name in PANELS if name != panel.moduleName)
    desktop.open(other)
    assert panel.is_running
    tell("fail")
    wait_until(lambda: not panel.is_running, SECONDS)
    desktop.select(panel.moduleName)
    assert "draw it" in panel.run_box.message
    is_ready_again(panel)


@pytest.mark.parametrize("panel", PANELS[:1], indirect=True)
def test_a_panel_is_unloaded_meanwhile(panel: Any, desktop: Any) -> None:
    session = panel.session
    start(panel)
    desktop.close_modules()
    wait_until(lambda: session.client.state == "idle", SECONDS)
