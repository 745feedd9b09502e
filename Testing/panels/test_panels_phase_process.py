"""The PhaseClassifier panel with the real worker process behind it: the window never waits, and Cancel stops it."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)

from panel_tools import apply_and_wait, assert_window_never_waits, click_and_wait
from phase_patient import ORGANS, body, masks


@pytest.fixture
def panel(desktop: Any, worker: Any) -> Any:
    from abdominal_oncology.scene import put_study, segmentation_node_from_masks

    volumes = put_study({"venous": body("venous")}).volumes
    organs = segmentation_node_from_masks(masks(*ORGANS), "organs", beside=volumes["venous"])
    module = desktop.load(desktop.file_of("PhaseClassifier"))
    parameters = module.PhaseClassifierLogic().getParameterNode()
    parameters.bundle, parameters.segmentation = "none", organs  # before the panel asks for a model to be loaded
    return desktop.open("PhaseClassifier")


def test_the_window_never_waits_and_a_run_can_be_cancelled(panel: Any) -> None:
    apply_and_wait(panel)  # starts the process
    assert panel.run_box.message == ""
    button = panel.run_box.ui.applyButton
    assert_window_never_waits(panel, button)
    before = panel.result_box.table
    button.click()
    click_and_wait(panel, button)
    assert panel.run_box.message == "Cancelled. Nothing was written"
    assert panel.result_box.table is before, "the results of the run before stay"
