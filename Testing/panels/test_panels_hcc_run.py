"""The LiverHCC panel with the real worker process behind it: the window never waits, and nothing is half done."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)

from liver_study import LiverStudy
from panel_tools import Turns, apply_and_wait
from slicer_desktop.waiting import wait_until

LONGEST_SECONDS = 0.1


@pytest.fixture
def panel(desktop: Any, worker: Any) -> Any:
    LiverStudy.make().put()
    opened = desktop.open("LiverHCC")
    opened.parameters.bundle = "none"
    return opened


def test_the_window_never_waits_and_a_run_can_be_cancelled(panel: Any) -> None:
    apply_and_wait(panel)  # starts the worker
    assert panel.run_box.message == ""
    button, longest = panel.run_box.ui.applyButton, []
    for _ in range(3):
        turns = Turns()
        apply_and_wait(panel)
        longest.append(turns.stop())
    assert min(longest) < LONGEST_SECONDS, longest
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
    program = """
        import sys
        from abdominal_oncology.panels import hcc_inputs, hcc_patient, hcc_phases, hcc_readings
        from abdominal_oncology.panels import hcc_segments, hcc_views, hcc_words
        from abdominal_oncology.scene import hcc_nodes, hcc_results, phase_views, segment_reader
        from abdominal_oncology.phase import mining
        from abdominal_oncology.worker.jobs import hcc
        heavy = {"scipy", "SimpleITK", "pydicom", "torch", "monai", "sklearn", "pandas"} & set(sys.modules)
        sys.exit(f"imported: {sorted(heavy)}" if heavy else 0)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
