"""Pictures of the phase panel in its main states, to be looked at: ``Testing/output``.

The good ones lie in ``Resources/Screenshots``; they show the test desktop, not Slicer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)

from panel_tools import PumpedInProcess, apply_and_wait, find_quick
from phase_patient import ORGANS, body, masks
from slicer_desktop.pictures import colours, picture

_MOST_BYTES = 150_000


@pytest.fixture
def panel(desktop: Any) -> Any:
    from abdominal_oncology.panels.session import PanelSession, close_session, keep_session

    keep_session(PanelSession(PumpedInProcess(find_quick)))
    yield desktop.open("PhaseClassifier")
    close_session()


def test_the_main_states_can_be_seen(panel: Any, output: Path, slicer: Any) -> None:
    from abdominal_oncology.scene import put_study, segmentation_node_from_masks

    states = ["empty"]
    picture(panel.parent, output / "PhaseClassifier-empty.png")
    images = {name: body(name, SeriesDescription=f"CT {name}") for name in ("arterial", "venous")}
    volumes = put_study(images).volumes
    organs = segmentation_node_from_masks(masks(*ORGANS), "organs", beside=volumes["venous"])
    panel.enter()
    panel.parameters.segmentation = organs
    panel.ui.organsCollapsibleButton.collapsed = False
    panel.parameters.bundle = "none"
    picture(panel.parent, output / "PhaseClassifier-ready.png")
    states.append("ready")
    panel.run_box.start()
    panel.run_box.report(0.4, "looking for organs")
    picture(panel.parent, output / "PhaseClassifier-running.png")
    states.append("running")
    panel.run_box.finish()
    apply_and_wait(panel)
    picture(panel.parent, output / "PhaseClassifier-results.png", label="test desktop, not Slicer")
    with colours("dark"):
        picture(panel.parent, output / "PhaseClassifier-results-dark-2x.png", scale=2.0)
    states += ["results", "results-dark-2x"]
    slicer.mrmlScene.RemoveNode(volumes["arterial"])
    panel.ui.trainingCollapsibleButton.collapsed = False
    picture(panel.parent, output / "PhaseClassifier-training.png")
    states.append("training")
    assert panel.parent.minimumSizeHint.width() <= 400
    for state in states:
        size = (output / f"PhaseClassifier-{state}.png").stat().st_size
        assert 5_000 < size < 3 * _MOST_BYTES, state


def test_an_error_is_seen_where_one_looks(panel: Any, output: Path) -> None:
    from abdominal_oncology.errors import MissingInputError

    panel.run_box.ui.logCollapsibleButton.collapsed = False
    error = MissingInputError("no volume was given", where="scan", remedy="choose one")
    panel.run_box.fail(error, ["a line of the log"])
    image = picture(panel.parent, output / "PhaseClassifier-error.png")
    assert image.width() == 400
    assert panel.run_box.ui.messageLabel.visible
    assert "a line of the log" in panel.run_box.ui.logText.toPlainText()
