"""The LiverHCC panel as a radiologist uses it: lesions in, categories out, and a reader who knows better."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)

from liver_study import LiverStudy
from panel_tools import apply_and_wait

pytestmark = pytest.mark.usefixtures("quick_worker")


@pytest.fixture(scope="module")
def liver() -> LiverStudy:
    return LiverStudy.make()


@pytest.fixture
def study(desktop: Any, liver: LiverStudy) -> LiverStudy:
    return liver.put()


@pytest.fixture
def panel(desktop: Any, study: LiverStudy) -> Any:
    opened = desktop.open("LiverHCC")
    opened.parameters.bundle = "none"
    return opened


@pytest.fixture
def answered(panel: Any) -> Any:
    panel.ui.cirrhosisCheckBox.checked = True
    apply_and_wait(panel)
    assert panel.run_box.message == ""
    return panel


def category(panel: Any) -> str:
    return str(panel.ui.categoryLabel.text)


def cell(panel: Any, row: int, column: str) -> str:
    """Of the table of results."""
    table = panel.result_box.table
    return str(table.GetCellText(row, table.GetColumnIndex(column)))


def test_an_opened_study_fills_the_panel(panel: Any, study: LiverStudy) -> None:
    chosen = panel.parameters
    for role in ("arterial", "portal", "delayed"):
        assert getattr(chosen, f"{role}Volume") is study.nodes[role]
    assert chosen.segmentation is study.nodes["segmentation"]
    assert panel.ui.liverSelector.currentSegmentID() == chosen.liverSegment == "liver"
    assert panel.ui.lesionsPlace.findChildren("QCheckBox")
    assert [box.text for box in boxes(panel)] == ["lesion one", "lesion two"]
    assert panel.run_box.ui.applyButton.enabled


def boxes(panel: Any) -> list[Any]:
    return [box for box, _ in panel._segments.lesions._lines.values()]
