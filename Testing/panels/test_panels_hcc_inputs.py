"""What the LiverHCC panel chooses by itself from the scene."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)

from slicer_desktop.waiting import wait_until

from abdominal_oncology.learning.finding import Finding, Provenance

pytestmark = pytest.mark.usefixtures("quick_worker")


def volume(slicer: Any, name: str, phase: str = "", **attributes: str) -> Any:
    """A CT; with ``phase`` one that PhaseClassifier has looked at."""
    from abdominal_oncology.scene import set_fact

    node = slicer.util.addVolumeFromArray(np.zeros((3, 4, 5), np.int16))
    node.SetName(name)
    for key, value in {"Modality": "CT", **attributes}.items():
        node.SetAttribute(f"DICOM.{key}", value)
    if phase:
        found = Finding("phase", name, phase, {phase: 0.9, "others": 0.1}, Provenance("votes"))
        set_fact(node, "PhaseFinding", found.to_dict())
    return node


def chosen(panel: Any) -> dict[str, str]:
    names = ("arterialVolume", "portalVolume", "delayedVolume", "nonContrastVolume")
    nodes = {name.removesuffix("Volume"): getattr(panel.parameters, name) for name in names}
    return {role: node.GetName() for role, node in nodes.items() if node is not None}


def test_volumes_are_known_by_what_they_are_called(desktop: Any, slicer: Any) -> None:
    for name in ("2: LIVER W/O", "3: LIVER ART", "4: LIVER PV 70s", "5: LIVER DELAY 3 MIN", "6: SCOUT"):
        volume(slicer, name)
    assert chosen(desktop.open("LiverHCC")) == {
        "arterial": "3: LIVER ART",
        "portal": "4: LIVER PV 70s",
        "delayed": "5: LIVER DELAY 3 MIN",
        "nonContrast": "2: LIVER W/O",
    }


def test_what_was_found_in_the_images_stands_above_names(desktop: Any, slicer: Any) -> None:
    volume(slicer, "arterial", phase="venous")
    volume(slicer, "portal", phase="arterial")
    volume(slicer, "series 7", SeriesDescription="delayed")
    assert chosen(desktop.open("LiverHCC")) == {"arterial": "portal", "portal": "arterial", "delayed": "series 7"}


def test_two_volumes_of_one_name_are_the_persons_choice(desktop: Any, slicer: Any) -> None:
    for name in ("arterial thin", "arterial thick", "portal"):
        volume(slicer, name)
    panel = desktop.open("LiverHCC")
    assert chosen(panel) == {"portal": "portal"}
    assert "the arterial phase" in panel.run_box.ui.whyLabel.text


def test_a_choice_that_was_made_stays(desktop: Any, slicer: Any) -> None:
    panel = desktop.open("LiverHCC")
    mine = volume(slicer, "some series")
    panel.ui.portalSelector.setCurrentNode(mine)
    for name in ("arterial", "portal", "delayed"):
        volume(slicer, name)
    panel.exit()
    panel.enter()
    assert chosen(panel) == {"arterial": "arterial", "portal": "some series", "delayed": "delayed"}


def test_a_phase_that_is_loaded_last_is_taken_and_one_that_was_left_out_is_not(desktop: Any, slicer: Any) -> None:
    panel = desktop.open("LiverHCC")
    for name in ("arterial", "portal"):
        volume(slicer, name)
        wait_until(lambda name=name: name in chosen(panel))
    volume(slicer, "delayed")
    wait_until(lambda: "delayed" in chosen(panel))
    panel.ui.delayedSelector.setCurrentNode(None)
    volume(slicer, "non-contrast")
    wait_until(lambda: "nonContrast" in chosen(panel))
    assert "delayed" not in chosen(panel), "the person has left it out"
    slicer.mrmlScene.Clear(False)
    for name in ("arterial", "portal", "delayed"):
        volume(slicer, name)
    wait_until(lambda: len(chosen(panel)) == 3)


def test_the_day_of_the_study_comes_from_its_header(desktop: Any, slicer: Any, qt: Any) -> None:
    volume(slicer, "arterial")
    volume(slicer, "portal", StudyDate="20240531")
    panel = desktop.open("LiverHCC")
    assert panel.parameters.studyDate == "2024-05-31"
    assert panel.ui.studyDateEdit.date == qt.QDate(2024, 5, 31)
    panel.ui.studyDateEdit.date = panel.ui.studyDateEdit.minimumDate
    assert panel.parameters.studyDate == ""


def test_of_several_segmentations_the_portal_phases_own_is_taken(desktop: Any, slicer: Any) -> None:
    from abdominal_oncology.imaging.image import Image, Modality
    from abdominal_oncology.scene import image_from_volume_node, segmentation_node_from_masks

    nodes = {name: volume(slicer, name) for name in ("arterial", "portal")}
    grid = image_from_volume_node(nodes["portal"]).geometry
    mask = Image(np.ones(grid.shape, np.uint8), grid, Modality.MASK)
    drawn = {
        name: segmentation_node_from_masks({"Leber": mask, "liver": mask}, f"on {name}", beside=node)
        for name, node in nodes.items()
    }
    panel = desktop.open("LiverHCC")
    assert panel.parameters.segmentation is drawn["portal"]
    assert panel.parameters.liverSegment == "liver"
    panel.ui.liverSelector.setCurrentSegmentID("Leber")
    assert panel.parameters.liverSegment == "Leber"
