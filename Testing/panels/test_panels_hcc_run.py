"""The LiverHCC panel with the real worker process behind it: the window never waits, and nothing is half done."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)

from liver_study import LiverStudy
from panel_tools import apply_and_wait, assert_window_never_waits, imported_by
from slicer_desktop.waiting import wait_until


@pytest.fixture
def panel(desktop: Any, worker: Any) -> Any:
    LiverStudy.make().put()
    opened = desktop.open("LiverHCC")
    opened.parameters.bundle = "none"
    return opened


def test_the_window_never_waits_and_a_run_can_be_cancelled(panel: Any) -> None:
    apply_and_wait(panel)  # starts the worker
    assert panel.run_box.message == ""
    button = panel.run_box.ui.applyButton
    assert_window_never_waits(panel, button)
    before = panel.result_box.table
    button.click()
    wait_until(lambda: panel.run_box.ui.progressBar.value > 0)
    button.click()
    wait_until(lambda: not panel.is_running)
    assert "Cancelled" in panel.run_box.message
    assert panel.result_box.table is before, "the results of the run before stay"
    apply_and_wait(panel)
    assert panel.run_box.message == ""


def test_asking_and_showing_needs_no_heavy_library() -> None:
    """What the window's thread imports for a click: it would stand still for the second that scipy takes."""
    modules = [
        "panels.hcc_inputs",
        "panels.hcc_patient",
        "panels.hcc_phases",
        "panels.hcc_readings",
        "panels.hcc_segments",
        "panels.hcc_views",
        "panels.hcc_words",
        "scene.hcc_nodes",
        "scene.hcc_results",
        "scene.phase_views",
        "scene.segment_reader",
        "phase.mining",
        "worker.jobs.hcc",
    ]
    heavy = ["scipy", "SimpleITK", "pydicom", "torch", "monai", "sklearn", "pandas"]
    assert imported_by(modules, heavy) == "[]"
