"""CTK's widgets hold values, tell of changes and fold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


def test_a_slider_keeps_its_value_in_range_and_tells(ctk: Any) -> None:
    slider, seen = ctk.ctkSliderWidget(), []
    slider.valueChanged.connect(seen.append)
    slider.minimum, slider.maximum, slider.decimals = 0.1, 1.0, 2
    assert seen == [0.1]  # 0 was out of range
    slider.value = 0.355
    slider.value = 5
    slider.value = 5
    assert seen == [0.1, 0.355, 1.0]
    slider.minimum = 2
    assert (slider.value, slider.maximum) == (2.0, 2.0)


def test_blocked_signals_are_not_heard(ctk: Any) -> None:
    slider, seen = ctk.ctkSliderWidget(), []
    slider.valueChanged.connect(seen.append)
    was_blocked = slider.blockSignals(True)
    slider.value = 3
    slider.blockSignals(was_blocked)
    assert seen == []
    assert slider.value == 3


def test_typing_into_a_spin_box_is_a_change(ctk: Any, qt: Any) -> None:
    spin, seen = ctk.ctkDoubleSpinBox(), []
    spin.connect("valueChanged(double)", seen.append)
    spin.suffix = " mm"
    inner = spin.findChild("QDoubleSpinBox")
    assert inner.text == "0.00 mm"
    inner.setValue(12.5)
    assert seen == [12.5]
    spin.stepDown()
    assert spin.value == 11.5
    spin.decimals = 0
    assert inner.text == "12 mm"  # shown rounded, held exactly
    assert spin.value == 11.5


def test_a_range_has_its_lower_end_below_its_upper(ctk: Any) -> None:
    chosen, seen = ctk.ctkRangeWidget(), []
    chosen.connect("valuesChanged(double,double)", lambda low, high: seen.append((low, high)))
    chosen.setRange(-1000, 3000)
    chosen.setValues(40, 400)
    chosen.minimumValue = 500
    chosen.maximumValue = 9000
    assert (chosen.minimumValue, chosen.maximumValue) == (500.0, 3000.0)
    assert seen[-3:] == [(40.0, 400.0), (500.0, 500.0), (500.0, 3000.0)]


def test_a_section_hides_its_contents_while_it_is_folded(ctk: Any, qt: Any) -> None:
    section, seen = ctk.ctkCollapsibleButton(), []
    section.text = "Log"
    section.contentsCollapsed.connect(seen.append)
    layout = qt.QVBoxLayout(section)
    shown, hidden = qt.QLabel("shown"), qt.QLabel("hidden")
    layout.addWidget(shown)
    layout.addWidget(hidden)
    hidden.hide()
    open_height = section.sizeHint.height()
    section.show()
    section.collapsed = True
    assert (shown.visible, hidden.visible, section.checked) == (False, False, False)
    assert section.sizeHint.height() < open_height
    section.click()
    assert (shown.visible, hidden.visible, section.collapsed) == (True, False, False)
    assert seen == [True, False]


def test_a_path_is_typed_or_chosen(ctk: Any, desktop: Any, tmp_path: Path) -> None:
    line, seen, valid = ctk.ctkPathLineEdit(), [], []
    line.connect("currentPathChanged(QString)", seen.append)
    line.connect("validInputChanged(bool)", valid.append)
    line.currentPath = str(tmp_path)
    line.setCurrentPath("/no/such/place")
    desktop.desk.lay(str(tmp_path / "cases.csv"), "")
    line.browse()
    line.browse()  # cancelled
    assert line.currentPath == str(tmp_path / "cases.csv")
    assert seen == [str(tmp_path), "/no/such/place", str(tmp_path / "cases.csv")]
    assert valid == [True, False]


def test_a_folder_button_names_its_folder(ctk: Any, desktop: Any, tmp_path: Path) -> None:
    button, seen = ctk.ctkDirectoryButton(), []
    button.directoryChanged.connect(seen.append)
    button.directory = str(tmp_path)
    desktop.desk.lay("/elsewhere")
    assert button.browse() == "/elsewhere"
    assert seen == [str(tmp_path), "/elsewhere"]


def test_a_message_box_is_one_of_qt(ctk: Any, qt: Any, slicer: Any, desktop: Any) -> None:
    slicer.util.confirmOkCancelDisplay("Install?")  # nobody is asked while testing
    assert desktop.desk.shown == []
    desktop.testing(False)
    desktop.desk.lay(qt.QMessageBox.Cancel, qt.QMessageBox.Ok)
    assert slicer.util.confirmOkCancelDisplay("Install PyTorch?", "Install") is False
    assert slicer.util.confirmOkCancelDisplay("Install PyTorch?") is True
    assert desktop.desk.shown[0].kind == "ctkMessageBox"
    assert (desktop.desk.shown[0].title, desktop.desk.shown[0].text) == ("Install", "Install PyTorch?")


def test_errors_are_shown_and_reach_the_test(slicer: Any, qt: Any, desktop: Any) -> None:
    with pytest.raises(RuntimeError), slicer.util.tryWithErrorDisplay("It failed.", waitCursor=True):
        assert qt.QApplication.overrideCursor() is not None
        raise RuntimeError("no voxels")
    assert qt.QApplication.overrideCursor() is None
    desktop.testing(False)
    desktop.desk.lay(qt.QMessageBox.Ok)
    with pytest.raises(RuntimeError), slicer.util.tryWithErrorDisplay("It failed."):
        raise RuntimeError("no voxels")
    assert desktop.desk.shown[-1].text == "It failed.\n\nno voxels"


def test_what_is_not_simulated_says_so_and_notes_its_calls(slicer: Any) -> None:
    editor = slicer.qMRMLSegmentEditorWidget()
    editor.setMRMLScene(slicer.mrmlScene)
    editor.setSegmentationNode(None)
    assert editor.segmentationNode() is None
    with pytest.raises(NotImplementedError, match="effectByName"):
        editor.effectByName("Threshold")
    editor.rotateSliceViewsToSegmentation()
    assert ("rotateSliceViewsToSegmentation", ()) in editor._qt_object.behaviour.calls
    roi = slicer.qMRMLMarkupsROIWidget()
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode")
    roi.setMRMLMarkupsNode(node)
    with pytest.raises(ValueError, match=r"overload|wrong arguments"):
        roi.setMRMLMarkupsNode("a name")
