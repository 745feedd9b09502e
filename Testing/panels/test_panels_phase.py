"""The PhaseClassifier panel as a person uses it: from an opened study to phases, their evidence, and LiverHCC."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)

from panel_tools import apply_and_wait, quick_session
from phase_patient import GRID, ORGANS, body, masks
from slicer_desktop.waiting import wait_until

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality, Source


@pytest.fixture(scope="module")
def light_worker(desktop_of_file: Any) -> Iterator[Any]:
    """A worker in this process, kept by all tests of the file."""
    with quick_session() as session:
        yield session


@pytest.fixture
def study(desktop: Any) -> dict[str, Any]:
    """Two phases of one study, and their organs as a segmentation."""
    from abdominal_oncology.scene import put_study, segmentation_node_from_masks

    images = {name: body(name, SeriesDescription=f"CT {name}") for name in ("venous", "arterial")}
    volumes = dict(put_study(images).volumes)
    volumes["organs"] = segmentation_node_from_masks(masks(*ORGANS), "organs", beside=volumes["venous"])
    return volumes


@pytest.fixture
def panel(light_worker: Any, study: dict[str, Any], desktop: Any) -> Any:
    opened = desktop.open("PhaseClassifier")
    opened.parameters.bundle = "none"
    return opened


@pytest.fixture
def answered(panel: Any, study: dict[str, Any]) -> Any:
    panel.ui.segmentationSelector.setCurrentNode(study["organs"])
    apply_and_wait(panel)
    assert panel.run_box.message == ""
    return panel


def shown(table: Any, column: str) -> list[str]:
    index = table.GetColumnIndex(column)
    return [table.GetCellText(row, index) for row in range(table.GetNumberOfRows())]


def test_an_opened_study_is_chosen_whole(panel: Any, study: dict[str, Any]) -> None:
    assert panel.volumes == [study["venous"], study["arterial"]]
    assert panel.ui.chosenLabel.text == "Chosen: 2 volumes (venous, arterial)"
    panel.ui.volumeTree.setCurrentNode(study["arterial"])
    assert panel.volumes == [study["arterial"]]
    assert panel.ui.chosenLabel.text == "Chosen: arterial"
    panel.ui.studyButton.click()
    assert len(panel.volumes) == 2


def test_a_patient_in_the_tree_is_all_of_its_ct(panel: Any, study: dict[str, Any]) -> None:
    from abdominal_oncology.scene import put_study
    from abdominal_oncology.scene.hierarchy import hierarchy, item_of

    mr = Image(np.zeros((2, 3, 3), np.int16), Geometry((2, 3, 3)), Modality.MR, Source("", "P1", "1.2"))
    put_study({"t2": mr})
    tree = hierarchy()
    patient = tree.GetItemAncestorAtLevel(item_of(study["venous"]), "Patient")
    panel.ui.volumeTree.setCurrentItem(patient)
    assert [node.GetName() for node in panel.volumes] == ["venous", "arterial"]


def test_phases_with_their_evidence(answered: Any, study: dict[str, Any]) -> None:
    table = answered.result_box.table
    assert shown(table, "phase") == ["venous", "arterial"]
    assert shown(table, "agreement") == ["agrees", "agrees"]
    view = answered.result_box.ui.resultTable
    visible = [table.GetColumnName(n) for n in range(table.GetNumberOfColumns()) if not view.isColumnHidden(n)]
    assert visible == ["volume", "phase", "probability", "agreement", "warnings"]
    assert answered.result_box.ui.resultHeadline.text.startswith("venous: ")
    regions = answered.ui.regionsTable.mrmlTableNode()
    assert sorted(shown(regions, "structure")) == sorted(ORGANS)
    answered.result_box.select(1)
    assert answered.result_box.ui.resultHeadline.text.startswith("arterial: ")
    assert answered.ui.regionsTable.mrmlTableNode() is not regions


def test_a_row_leads_to_its_place(answered: Any, study: dict[str, Any], slicer: Any) -> None:
    def view_logic(name: str) -> Any:
        return slicer.app.layoutManager().sliceWidget(name).sliceLogic()

    red = view_logic("Red")
    answered.result_box.select(1)
    assert red.GetBackgroundLayer().GetVolumeNode() is study["arterial"]
    regions = answered.ui.regionsTable
    row = shown(regions.mrmlTableNode(), "structure").index("portal_vein")
    regions.selectRow(row)
    for name in ("Red", "Yellow", "Green"):
        to_ras = view_logic(name).GetSliceNode().GetSliceToRAS()
        right, anterior, up = (to_ras.GetElement(axis, 3) for axis in range(3))
        index = np.rint(GRID.to_index((-right, -anterior, up))).astype(int)
        assert all(part.start <= at < part.stop for at, part in zip(index, ORGANS["portal_vein"], strict=True)), name


def test_running_again_replaces_and_one_volume_leaves_the_other(answered: Any, study: dict[str, Any]) -> None:
    answered.ui.volumeTree.setCurrentNode(study["arterial"])
    answered.parameters.rename = True
    apply_and_wait(answered)
    assert study["arterial"].GetName() == "arterial [arterial]"
    assert sorted(shown(answered.result_box.table, "phase")) == ["arterial", "venous"]


def test_the_row_of_a_deleted_volume_says_so(answered: Any, study: dict[str, Any], slicer: Any) -> None:
    slicer.mrmlScene.RemoveNode(study["venous"])
    wait_until(lambda: answered.result_box.ui.resultHeadline.text.startswith("arterial: "))
    answered.result_box.select(0)
    assert "not in the scene any more" in answered.result_box.ui.resultHeadline.text


def test_points_do_as_well(panel: Any, study: dict[str, Any], slicer: Any) -> None:
    panel.ui.volumeTree.setCurrentNode(study["arterial"])
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "points")
    panel.ui.pointsSelector.setCurrentNode(points)
    panel.run_box.ui.applyButton.click()
    assert "no point is placed" in panel.run_box.message
    for label, kji in (("aorta", (6, 40, 32)), ("liver", (10, 28, 16))):
        x, y, z = GRID.to_world(kji)
        points.AddControlPoint([-x, -y, z], label)
    apply_and_wait(panel)
    assert shown(panel.result_box.table, "phase") == ["arterial"]


def test_what_cannot_be_classified_costs_the_others_nothing(panel: Any, study: dict[str, Any]) -> None:
    from abdominal_oncology.scene import segmentation_node_from_masks, volume_node_from_image

    mr = volume_node_from_image(Image(np.full((8, 9, 9), 300, np.int16), Geometry((8, 9, 9)), Modality.MR), "mr")
    panel.parameters.inputVolumes = [study["venous"], mr]
    panel.parameters.segmentation = study["organs"]
    apply_and_wait(panel)
    assert shown(panel.result_box.table, "phase") == ["venous", "unknown"]
    panel.result_box.select(1)
    assert "phase unknown" in panel.result_box.ui.resultHeadline.text
    assert "MR" in panel.result_box.ui.resultHeadline.text
    bones = segmentation_node_from_masks(
        {"vertebrae_L1": Image(np.ones((2, 2, 2), bool), Geometry((2, 2, 2)), "MASK")}, "bones"
    )
    panel.parameters.segmentation = bones
    panel.run_box.ui.applyButton.click()
    assert "no segment is a structure" in panel.run_box.message
    assert "name segments" in panel.run_box.message


def test_a_segmentation_of_another_place_is_told(panel: Any, study: dict[str, Any]) -> None:
    from abdominal_oncology.scene import segmentation_node_from_masks

    far = Geometry(GRID.shape, GRID.spacing_mm, (0.0, 0.0, 5000.0))
    panel.parameters.inputVolumes = [study["venous"]]
    panel.parameters.segmentation = segmentation_node_from_masks(masks("aorta", grid=far), "far")
    apply_and_wait(panel)
    assert "the segmentation shows nothing in this volume" in shown(panel.result_box.table, "warnings")[0]


def test_a_volume_without_voxels_is_no_question(panel: Any, slicer: Any) -> None:
    from abdominal_oncology.scene.hierarchy import item_of

    empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
    item_of(empty)  # the application makes it by itself
    panel.ui.volumeTree.setCurrentNode(empty)
    assert not panel.run_box.ui.applyButton.enabled
    assert panel.run_box.ui.whyLabel.text.startswith("empty has no voxels")


def test_the_phases_go_to_the_liver_panel(answered: Any, study: dict[str, Any], desktop: Any) -> None:
    desktop.load(desktop.file_of("LiverHCC"))
    assert answered.ui.liverButton.toolTip == "Open LiverHCC with arterial, portal"
    answered.ui.liverButton.click()
    assert not answered.parent.isEntered
    liver = desktop.panel("LiverHCC")
    assert liver.parent.isEntered
    assert liver.parameters.arterialVolume is study["arterial"]
    assert liver.parameters.portalVolume is study["venous"]


def test_without_an_arterial_phase_nothing_is_handed_over(answered: Any, study: dict[str, Any]) -> None:
    answered.ui.volumeTree.setCurrentNode(study["venous"])
    assert not answered.ui.liverButton.enabled
    assert "needs an arterial" in answered.ui.liverButton.toolTip


def test_a_saved_scene_shows_its_phases_again(answered: Any, slicer: Any, tmp_path: Path) -> None:
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    assert answered.result_box.table is None
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    answered.exit()
    answered.enter()
    assert shown(answered.result_box.table, "phase") == ["venous", "arterial"]
    answered.result_box.select(1)
    assert answered.result_box.ui.resultHeadline.text.startswith("arterial: ")
    assert len(answered.volumes) == 2


def test_results_are_copied_and_exported(answered: Any, desktop: Any, qt: Any, tmp_path: Path) -> None:
    ui = answered.result_box.ui
    ui.copyTableButton.click()
    lines = qt.QApplication.clipboard().text().splitlines()
    assert [line.split("\t")[:2] for line in lines] == [
        ["volume", "phase"],
        ["venous", "venous"],
        ["arterial", "arterial"],
    ]
    desktop.desk.lay(str(tmp_path / "csv"), str(tmp_path / "html"), "")
    ui.exportCsvButton.click()
    assert sorted(path.name for path in (tmp_path / "csv").iterdir()) == [
        "Contrast-phases.csv",
        "arterial-phase-regions.csv",
        "venous-phase-regions.csv",
    ]
    ui.exportHtmlButton.click()
    page = (tmp_path / "html" / "report.html").read_text(encoding="utf-8")
    assert "Research use only" in page
    assert page.count("<img") == 4, "a slice and the places of its regions, of each volume"
    assert "report.html" in ui.resultNote.text
    ui.exportHtmlButton.click()  # and cancelled in the dialog
    blocked = tmp_path / "file"
    blocked.write_text("")
    desktop.desk.lay(str(blocked))
    ui.exportCsvButton.click()
    assert "Nothing was exported" in ui.resultNote.text


def test_votes_are_drawn_lead_to_their_slice_and_fill_the_large_layout(
    answered: Any, study: dict[str, Any], slicer: Any
) -> None:
    from abdominal_oncology.scene.phase_fact import finding_of
    from abdominal_oncology.scene.phase_results import write_findings

    button = answered.result_box.ui.layoutButton
    assert not button.enabled, "kinetics alone have no votes to draw"
    finding = finding_of(study["venous"])
    assert finding is not None
    votes = tuple(
        {"slice": k, "z_mm": 5.0 * k, "vote": "venous", "arterial": 0.1, "venous": p}
        for k, p in ((3, 0.6), (9, 0.9), (15, 0.7))
    )
    write_findings([replace(finding, tables={**finding.tables, "votes": votes})], [study["venous"]])
    answered.show_stored()
    answered.result_box.select(shown(answered.result_box.table, "volume").index("venous"))
    red = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
    assert red.GetSliceOffset() == pytest.approx(9 * GRID.spacing_mm[0]), "the slice that is surest"
    manager = slicer.app.layoutManager()
    before = manager.layout
    button.click()
    assert manager.layout == slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotTableView
    selection = slicer.app.applicationLogic().GetSelectionNode()
    assert selection.GetActivePlotChartID() == answered.result_box._chart.GetID()
    assert selection.GetActiveTableID() == answered.result_box.table.GetID()
    button.click()
    assert manager.layout == before
    report = answered.report()
    assert "venous votes" in [part.name for part in report.parts if hasattr(part, "png")]
    assert report.cautions == [], "no network was asked"
    by_network = replace(finding, provenance=replace(finding.provenance, trained_on="phantoms"))
    write_findings([by_network], [study["venous"]])
    answered.show_stored()
    (caution,) = answered.report().cautions
    assert "not on patients" in caution


def test_asking_for_a_long_series_copies_nothing(panel: Any) -> None:
    """Nodes are named; slices of the volume and of its organs are read when the worker asks for them."""
    from abdominal_oncology.scene import segmentation_node_from_masks, volume_node_from_image

    grid = Geometry((200, 256, 256), (1.0, 1.0, 1.0))
    ct = volume_node_from_image(Image(np.zeros(grid.shape, np.int16), grid, Modality.CT), "long")
    organs = {}
    for name, rows in (("aorta", slice(0, 128)), ("liver", slice(128, 256))):
        mask = np.zeros(grid.shape, np.uint8)
        mask[:, rows] = 1
        organs[name] = Image(mask, grid, Modality.MASK)
    panel.parameters.inputVolumes = [ct]
    panel.parameters.segmentation = segmentation_node_from_masks(organs, "organs", beside=ct)
    spent = []
    for _ in range(3):
        started = time.thread_time()
        request = panel.request()
        spent.append(time.thread_time() - started)
    assert min(spent) < 0.05, spent
    labels = request.images["labels 0"].read([100])[0]
    assert (labels[:128] > 0).all()
    assert (labels[128:] > 0).all()
    assert len(np.unique(labels)) == 2
