"""The RectalStaging panel as a radiologist uses it: find the rectum, stage it, see what decided, and ask again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)

pytest.importorskip("torch", reason="networks need torch")
pytest.importorskip("safetensors", reason="bundles need safetensors")

from panel_tools import apply_and_wait, click_and_wait
from rectal_patient import RectalPatient, Remembering

from abdominal_oncology.worker.jobs.request import JobResult


@pytest.fixture(scope="module")
def answers() -> dict[str, JobResult]:
    return {}


@pytest.fixture(autouse=True)
def session(desktop: Any, answers: dict[str, JobResult]) -> Iterator[None]:
    """A worker in this process that does not answer the same question anew for every test."""
    from abdominal_oncology.panels.session import PanelSession, close_session, keep_session

    keep_session(PanelSession(Remembering(answers)))
    yield
    close_session()


@pytest.fixture(scope="module")
def patient() -> RectalPatient:
    return RectalPatient.make()


@pytest.fixture
def store(patient: RectalPatient, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    return patient.install(tmp_path_factory, monkeypatch)


@pytest.fixture
def panel(desktop: Any, store: Any, patient: RectalPatient) -> Any:
    patient.put()
    return desktop.open("RectalStaging")


@pytest.fixture
def staged(panel: Any) -> Any:
    apply_and_wait(panel)
    assert panel.run_box.message == ""
    return panel


def red(slicer: Any) -> Any:
    return slicer.app.layoutManager().sliceWidget("Red")


def seen_height_mm(slicer: Any) -> float:
    return float(red(slicer).mrmlSliceNode().GetSliceToRAS().GetElement(2, 3))


def foreground(slicer: Any) -> Any:
    return red(slicer).sliceLogic().GetForegroundLayer().GetVolumeNode()


def test_an_opened_volume_fills_the_panel(panel: Any, slicer: Any) -> None:
    assert panel.parameters.inputVolume is slicer.util.getNode("T2 axial")
    assert panel.run_box.ui.applyButton.enabled
    assert panel.ui.locateButton.enabled
    assert panel.result_box.table is None
    assert "T3 is called from a probability of 0.50" in panel.ui.pointLabel.text


def test_a_stage_is_told_with_its_evidence(staged: Any, slicer: Any) -> None:
    box = staged.result_box.ui
    assert "T3" in box.resultHeadline.text
    assert "phantoms" in box.resultBanner.text
    assert "found automatically" in box.resultBanner.text
    assert not box.resultPlot.isHidden()
    assert staged.result_box.table is slicer.util.getNode("T2 axial rectal slices")
    evidence = staged.ui.evidenceTable.mrmlTableNode()
    assert evidence.GetCellText(0, 0) == "stage"
    assert slicer.util.getNode("T2 axial rectal region").GetNumberOfControlPoints() == 1


def test_rows_and_points_of_the_plot_lead_to_their_slice(staged: Any, slicer: Any) -> None:
    import vtk

    table = staged.result_box.table
    heights = {row: float(table.GetTable().GetValueByName(row, "z_mm").ToDouble()) for row in (1, 5)}
    staged.result_box.select(5)
    assert seen_height_mm(slicer) == pytest.approx(heights[5], abs=2.0)
    names, points = vtk.vtkStringArray(), vtk.vtkIdTypeArray()
    points.InsertNextValue(1)
    chosen = vtk.vtkCollection()
    chosen.AddItem(points)
    staged.result_box.ui.resultPlot.plotView().dataSelected.emit(names, chosen)
    assert seen_height_mm(slicer) == pytest.approx(heights[1], abs=2.0)
    staged.result_box.ui.resultPlot.plotView().dataSelected.emit(names, vtk.vtkCollection())
    assert seen_height_mm(slicer) == pytest.approx(heights[1], abs=2.0), "nothing chosen leads nowhere"


def test_the_activation_map_goes_on_and_off(staged: Any, slicer: Any) -> None:
    overlay = slicer.util.getNode("T2 axial T3 activation")
    assert foreground(slicer) is overlay
    composite = red(slicer).mrmlSliceCompositeNode()
    staged.ui.overlayOpacitySlider.value = 0.7
    assert composite.GetForegroundOpacity() == pytest.approx(0.7)
    staged.ui.overlayCheckBox.checked = False
    assert foreground(slicer) is None
    assert not staged.ui.overlayOpacitySlider.enabled
    other = slicer.util.addVolumeFromArray(np.zeros((3, 4, 5), np.int16))
    slicer.util.setSliceViewerLayers(foreground=other, foregroundOpacity=1.0)
    staged.ui.ttaCheckBox.checked = False
    assert foreground(slicer) is other, "what a person laid over the slices stays"
    staged.ui.overlayCheckBox.checked = True
    assert foreground(slicer) is overlay
    slicer.util.setSliceViewerLayers(foreground=other, foregroundOpacity=1.0)
    staged.ui.ttaCheckBox.checked = True
    assert foreground(slicer) is other, "and is not covered again unasked"
    staged.ui.overlayOpacitySlider.value = 0.6
    assert foreground(slicer) is overlay


def test_the_rectum_is_found_and_the_roi_can_be_corrected(panel: Any, slicer: Any, patient: RectalPatient) -> None:
    click_and_wait(panel, panel.ui.locateButton)
    assert panel.run_box.message == ""
    roi = panel.parameters.roi
    assert roi is panel.ui.roiSelector.currentNode()
    assert "Confidence" in panel.ui.locatedLabel.text
    assert panel.result_box.table is None, "nothing was staged yet"
    middle = [0.0, 0.0, 0.0]
    roi.GetCenterWorld(middle)
    assert np.hypot(middle[0] + patient.centre_mm[0], middle[1] + patient.centre_mm[1]) < 25
    roi.SetCenter([middle[0] + 10, middle[1], middle[2]])
    apply_and_wait(panel)
    assert "found automatically" not in panel.result_box.ui.resultBanner.text
    assert panel.parameters.roi is roi
    moved = [0.0, 0.0, 0.0]
    roi.GetCenterWorld(moved)
    assert moved[0] == pytest.approx(middle[0] + 10, abs=1.0)
    click_and_wait(panel, panel.ui.locateButton)
    assert panel.parameters.roi is roi, "looking again moves the same ROI"


def test_a_roi_of_another_volume_is_not_kept(panel: Any, slicer: Any, patient: RectalPatient) -> None:
    click_and_wait(panel, panel.ui.locateButton)
    assert panel.parameters.roi is not None
    other = patient.put("another T2")
    panel.ui.inputSelector.setCurrentNode(other)
    assert panel.parameters.roi is None
    assert panel.ui.locatedLabel.text == ""


def test_another_volume_is_chosen_while_the_rectum_is_looked_for(panel: Any, patient: RectalPatient) -> None:
    from slicer_desktop.waiting import wait_until

    other = patient.put("another T2")
    panel.ui.locateButton.click()
    panel.ui.inputSelector.setCurrentNode(other)
    wait_until(lambda: not panel.is_running)
    assert panel.parameters.roi is None
    panel.run_box.ui.applyButton.click()
    panel.ui.inputSelector.setCurrentNode(None)
    wait_until(lambda: not panel.is_running)
    assert panel.result_box.table is None
    panel.ui.inputSelector.setCurrentNode(other)
    assert panel.result_box.table is not None, "the answer was written where it was asked for"


def test_the_operating_point_can_be_chosen(panel: Any) -> None:
    assert not panel.ui.sensitivitySlider.enabled
    panel.ui.sensitivityCheckBox.checked = True
    panel.ui.sensitivitySlider.value = 0.95
    assert "found 95\u00a0% of T3" in panel.ui.pointLabel.text
    apply_and_wait(panel)
    assert "sensitivity 0.95" in panel.result_box.ui.resultHeadline.text
    evidence = panel.ui.evidenceTable.mrmlTableNode()
    assert [evidence.GetCellText(row, 0) for row in range(2)] == ["stage", "T3 from"]


def test_drawn_masks_are_measured(panel: Any, patient: RectalPatient) -> None:
    panel.ui.segmentationSelector.setCurrentNode(patient.draw(panel.parameters.inputVolume))
    apply_and_wait(panel)
    words = panel.result_box.ui.resultHeadline.text
    assert "extramural depth" in words
    assert "tumour volume" in words
    assert "found automatically" not in panel.result_box.ui.resultBanner.text


def test_without_a_model_masks_are_measured_and_no_stage_is_given(panel: Any, patient: RectalPatient) -> None:
    panel.parameters.bundle = "none"
    assert panel.ui.pointLabel.text == ""
    panel.parameters.segmentation = patient.draw(panel.parameters.inputVolume)
    apply_and_wait(panel)
    box = panel.result_box.ui
    assert box.resultHeadline.text.startswith("No stage is given")
    assert "extramural depth" in box.resultHeadline.text
    assert box.resultPlot.isHidden()
    assert panel.ui.evidenceCollapsibleButton.isHidden()
    assert not panel.ui.overlayCheckBox.enabled
    panel.result_box.select(0)  # a row without a place leads nowhere


def test_running_again_replaces_what_was_written(staged: Any, slicer: Any) -> None:
    before = {node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLNode") if "rectal" in node.GetName()}
    staged.ui.ttaCheckBox.checked = False
    apply_and_wait(staged)
    after = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLNode") if "rectal" in node.GetName()]
    assert sorted(before) == sorted(set(after))
    assert len(slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")) == 1
    assert len(slicer.util.getNodesByClass("vtkMRMLTableNode")) == 2


def test_a_saved_scene_brings_results_back(staged: Any, slicer: Any, tmp_path: Path) -> None:
    words = staged.result_box.ui.resultHeadline.text
    staged.ui.sensitivityCheckBox.checked = True
    staged.ui.overlayOpacitySlider.value = 0.25
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    assert staged.result_box.table is None
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    staged.exit()
    staged.enter()
    assert staged.result_box.ui.resultHeadline.text.splitlines()[0] == words.splitlines()[0]
    assert staged.ui.sensitivityCheckBox.checked
    assert staged.parameters.overlayOpacity == pytest.approx(0.25)
    staged.result_box.select(2)
    height = float(staged.result_box.table.GetTable().GetValueByName(2, "z_mm").ToDouble())
    assert seen_height_mm(slicer) == pytest.approx(height, abs=2.0)


def test_a_deleted_table_takes_the_results_away(staged: Any, slicer: Any) -> None:
    from slicer_desktop.waiting import wait_until

    slicer.mrmlScene.RemoveNode(staged.result_box.table)
    wait_until(lambda: staged.result_box.table is not None and "stage" in staged.result_box.table.GetName())
    slicer.mrmlScene.RemoveNode(staged.result_box.table)
    wait_until(lambda: staged.result_box.table is None)


def test_a_report_has_tables_and_pictures(staged: Any, tmp_path: Path) -> None:
    path = staged.report().write(tmp_path)
    text = path.read_text(encoding="utf-8")
    assert "Research use only" in text
    assert "Trained on phantoms, not on patients" in text
    assert text.count("<img ") == 3
    assert len(list(tmp_path.glob("slice-*.png"))) == 3
    assert (tmp_path / "T2-axial-rectal-slices.csv").read_text(encoding="utf-8").startswith("slice,z_mm (mm)")


@pytest.mark.usefixtures("small_patients")
def test_the_sample_patient_is_chosen(panel: Any, slicer: Any) -> None:
    click_and_wait(panel, panel.ui.sampleDataButton)
    assert panel.parameters.inputVolume is not slicer.util.getNode("T2 axial")
    assert panel.parameters.roi is None


@pytest.mark.parametrize("state", ["located", "staged"])
@pytest.mark.parametrize("colour", ["light", "dark"])
def test_states_can_be_seen(panel: Any, patient: RectalPatient, state: str, colour: str, output: Path) -> None:
    from slicer_desktop.pictures import colours, picture

    click_and_wait(panel, panel.ui.locateButton)
    if state == "staged":
        panel.parameters.segmentation = patient.draw(panel.parameters.inputVolume)
        apply_and_wait(panel)
        panel.ui.evidenceCollapsibleButton.collapsed = False
    with colours(colour):
        name = output / f"RectalStaging-{state}-{colour}.png"
        image = picture(panel.parent, name, label="test desktop, not Slicer")
    assert image.width() == 400
    assert panel.parent.minimumSizeHint.width() <= 400
