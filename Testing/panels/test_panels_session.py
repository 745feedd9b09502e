"""The one worker of a Slicer: shared by its panels, kept warm, ended with the application; and what opening costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)

from panel_tools import PANELS, PumpedInProcess
from slicer_desktop.waiting import wait_until

from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult, Work


class Recorder:
    """Finds jobs that do nothing, and keeps what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def __call__(self, name: str) -> Work:
        def work(request: JobRequest, context: JobContext) -> JobResult:
            self.asked.append((name, str(request.settings.get("task", ""))))
            return JobResult(facts={"device": "cuda", "device_reason": "a GPU with 8 GiB free"})

        return work


@pytest.fixture
def recorder(desktop: Any) -> Any:
    from abdominal_oncology.panels.session import PanelSession, close_session, keep_session

    made = Recorder()
    keep_session(PanelSession(PumpedInProcess(made)))
    yield made
    close_session()


def test_a_panel_that_is_opened_gets_warm_once(desktop: Any, recorder: Recorder) -> None:
    panel = desktop.open("PhaseClassifier")
    wait_until(lambda: recorder.asked)
    desktop.open("RectalStaging")
    wait_until(lambda: len(recorder.asked) == 2)
    desktop.select("PhaseClassifier")
    wait_until(lambda: panel.session.client.state == "idle")
    assert recorder.asked == [("warm", "phase"), ("warm", "rectal")]
    assert panel.session is desktop.panel("RectalStaging").session
    assert panel.session.device_found == "cuda: a GPU with 8 GiB free"
    assert panel.model_box.ui.deviceFoundLabel.text == "Found: cuda: a GPU with 8 GiB free"


def test_another_device_is_another_model_to_warm(desktop: Any, recorder: Recorder) -> None:
    panel = desktop.open("PhaseClassifier")
    wait_until(lambda: len(recorder.asked) == 1)
    panel.parameters.device = "cpu"
    panel.exit()
    panel.enter()
    wait_until(lambda: len(recorder.asked) == 2)
    panel.model_box.ui.deviceCombo.currentIndex = 2  # a person's choice needs no second opening
    wait_until(lambda: len(recorder.asked) == 3)


def test_another_model_is_loaded_when_it_is_chosen(desktop: Any, recorder: Recorder) -> None:
    panel = desktop.open("PhaseClassifier")
    wait_until(lambda: len(recorder.asked) == 1)
    panel.model_box.ui.modelCombo.currentIndex = panel.model_box.ui.modelCombo.count - 1
    assert panel.parameters.bundle == "none"
    wait_until(lambda: len(recorder.asked) == 2)


def test_a_fresh_process_is_warmed_again(desktop: Any, recorder: Recorder) -> None:
    panel = desktop.open("PhaseClassifier")
    wait_until(lambda: len(recorder.asked) == 1)
    panel.session._transport.kill()  # as a crash between two clicks
    wait_until(lambda: panel.session.client.state == "stopped")
    panel.session.submit(JobRequest("anything"))
    wait_until(lambda: len(recorder.asked) == 3)
    assert sorted(recorder.asked[1:]) == [("anything", ""), ("warm", "phase")]


def test_the_worker_ends_with_the_application(desktop: Any, slicer: Any) -> None:
    from abdominal_oncology.panels.session import close_session, worker_session

    first = worker_session()
    assert worker_session() is first
    close_session()
    close_session()
    assert first.client.state == "stopped"
    second = worker_session()
    assert second is not first
    close_session()


def test_opening_the_panels_is_light() -> None:
    """No library that takes a second; all of them are the worker's."""
    program = (
        "import sys\n"
        "from slicer_desktop.desktop import Desktop\n"
        "from panel_tools import PumpedInProcess, find_quick\n"
        "from abdominal_oncology.panels.session import PanelSession, keep_session\n"
        "with Desktop() as desktop:\n"
        "    keep_session(PanelSession(PumpedInProcess(find_quick)))\n"
        f"    for name in {PANELS!r}:\n"
        "        desktop.open(name)\n"
        "    heavy = sys.modules.keys() & {'torch', 'monai', 'scipy', 'SimpleITK', 'pydicom', 'pandas', 'sklearn'}\n"
        "sys.exit(' '.join(sorted(heavy)) or 0)\n"
    )
    here = Path(__file__).parent
    path = f"import sys; sys.path[:0] = [{str(here)!r}, {str(here.parent / 'desktop')!r}]\n"
    done = subprocess.run([sys.executable, "-c", path + program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
