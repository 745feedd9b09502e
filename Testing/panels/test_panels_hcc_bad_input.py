"""Input that no panel should answer silently: a named error in the panel, or a warning beside the lesion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)

from liver_study import GRID, LiverStudy, as_mask, ball
from panel_tools import apply_and_wait

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality

pytestmark = pytest.mark.usefixtures("quick_worker")

Change = Callable[[LiverStudy], LiverStudy]


@pytest.fixture(scope="module")
def liver() -> LiverStudy:
    """One lesion, to be quick."""
    whole = LiverStudy.make()
    return LiverStudy(whole.phases, {name: mask for name, mask in whole.masks.items() if name != "lesion two"})


def opened(desktop: Any, study: LiverStudy) -> Any:
    study.put()
    panel = desktop.open("LiverHCC")
    panel.parameters.bundle = "none"
    panel.ui.cirrhosisCheckBox.checked = True
    return panel


def phases(study: LiverStudy, **changed: Image) -> LiverStudy:
    return LiverStudy({**study.phases, **changed}, study.masks)


def of_another_patient(study: LiverStudy) -> LiverStudy:
    arterial = study.phases["arterial"]
    return phases(study, arterial=replace(arterial, source=replace(arterial.source, patient_id="P2", study_uid="9.9")))


def as_mr(study: LiverStudy) -> LiverStudy:
    return phases(study, arterial=replace(study.phases["arterial"], modality=Modality.MR))


def in_no_hu(study: LiverStudy) -> LiverStudy:
    portal = study.phases["portal"]
    return phases(study, portal=replace(portal, voxels=(portal.voxels - portal.voxels.min()).astype(np.int16) * 4))


@pytest.mark.parametrize(
    ("change", "said"),
    [(of_another_patient, "different patients"), (as_mr, "MR image"), (in_no_hu, "not Hounsfield units")],
)
def test_what_makes_every_answer_meaningless_is_an_error(
    desktop: Any, liver: LiverStudy, change: Change, said: str
) -> None:
    panel = opened(desktop, change(liver))
    for role in ("arterial", "portal", "delayed"):
        node = next(each for each in _volumes() if each.GetName() == role)
        setattr(panel.parameters, f"{role}Volume", node)
    apply_and_wait(panel)
    assert said in panel.run_box.message
    assert panel.result_box.table is None


def _volumes() -> list[Any]:
    import slicer

    return list(slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode"))


def one_voxel() -> np.ndarray[Any, Any]:
    mask = np.zeros(GRID.shape, bool)
    mask[11, 24, 20] = True
    return mask


LESIONS: dict[str, tuple[Callable[[], Any], str]] = {
    "of one voxel": (one_voxel, "lesion-one-voxel"),
    "that covers the liver": (lambda: ball(GRID, (0.0, 0.0, 55.0), 46.0), "lesion-covers-liver"),
    "outside of the liver": (lambda: ball(GRID, (70.0, 60.0, 55.0), 9.0), "lesion-outside-liver"),
}


@pytest.mark.parametrize("kind", LESIONS)
def test_a_lesion_that_cannot_be_measured_gets_no_category(desktop: Any, liver: LiverStudy, kind: str) -> None:
    mask, code = LESIONS[kind]
    panel = opened(desktop, liver.redrawn("lesion one", mask()))
    apply_and_wait(panel)
    assert panel.run_box.message == ""
    (finding,) = panel.logic.findingsOf(panel.parameters.segmentation)
    assert finding.has_warning(code), [each.code for each in finding.warnings]
    assert panel.ui.categoryLabel.text == "lesion one: LR-NC"


def test_a_lesion_at_the_border_of_the_images_is_told(desktop: Any) -> None:
    cut = LiverStudy.make(Geometry((11, 48, 52), GRID.spacing_mm, (-90.0, -84.0, 50.0)))
    masks = {name: mask for name, mask in cut.masks.items() if name != "lesion two"}
    panel = opened(desktop, LiverStudy(cut.phases, masks))
    apply_and_wait(panel)
    (finding,) = panel.logic.findingsOf(panel.parameters.segmentation)
    assert finding.has_warning("lesion-cut")
    assert "lesion-cut" in panel.result_box.table.GetCellText(0, panel.result_box.table.GetColumnIndex("warnings"))


def test_swapped_phases_are_told(desktop: Any, liver: LiverStudy) -> None:
    panel = opened(desktop, liver)
    chosen = panel.parameters
    chosen.arterialVolume, chosen.portalVolume = chosen.portalVolume, chosen.arterialVolume
    apply_and_wait(panel)
    (finding,) = panel.logic.findingsOf(panel.parameters.segmentation)
    assert finding.has_warning("phases-swapped")
    assert panel.ui.categoryLabel.text == "lesion one: LR-NC"
    assert "swapped" in panel.ui.sentenceLabel.text


def test_two_phases_are_enough_and_less_is_told(desktop: Any, liver: LiverStudy) -> None:
    panel = opened(desktop, LiverStudy({role: liver.phases[role] for role in ("arterial", "portal")}, liver.masks))
    assert panel.parameters.delayedVolume is None
    apply_and_wait(panel)
    (finding,) = panel.logic.findingsOf(panel.parameters.segmentation)
    assert finding.has_warning("delayed-missing")
    panel.ui.allFeaturesCheckBox.checked = True
    button = panel.lesion_box.features.button("delayed_central_enhancement")
    assert not button.enabled
    assert "no delayed phase" in button.toolTip


def test_thick_tilted_slices_and_masks_of_their_own_grid_are_told(desktop: Any, liver: LiverStudy) -> None:
    turned = Geometry(GRID.shape, GRID.spacing_mm, GRID.origin_mm, _tilted(12.0))
    fine = Geometry((44, 60, 60), (2.5, 2.6, 2.6), (-78.0, -78.0, 0.0))
    masks = {
        "liver": as_mask(ball(fine, (0.0, 0.0, 55.0), 48.0), fine),
        "lesion one": as_mask(ball(fine, (-20.0, 0.0, 55.0), 14.0), fine),
    }
    tilted = LiverStudy.make(turned)
    panel = opened(desktop, LiverStudy(tilted.phases, masks))
    apply_and_wait(panel)
    assert panel.run_box.message == ""
    (finding,) = panel.logic.findingsOf(panel.parameters.segmentation)
    told = {each.code for each in finding.warnings}
    assert {"thick-slices", "oblique", "mask-on-other-grid", "liver-on-other-grid"} <= told, told
    assert "LR-5" in panel.ui.categoryLabel.text


def _tilted(degrees: float) -> Any:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return ((0.0, -s, c), (0.0, c, s), (1.0, 0.0, 0.0))


def test_what_is_not_drawn_is_asked_for(desktop: Any, liver: LiverStudy, slicer: Any) -> None:
    panel = opened(desktop, LiverStudy(liver.phases, {"lesion one": liver.masks["lesion one"]}))
    run = panel.run_box.ui
    assert "segment of the liver" in run.whyLabel.text
    assert not run.applyButton.enabled
    panel.parameters.segmentation = None
    assert "segmentation" in run.whyLabel.text


def test_an_empty_or_doubled_segment_is_an_error(desktop: Any, liver: LiverStudy) -> None:
    panel = opened(desktop, liver)
    segmentation = panel.parameters.segmentation.GetSegmentation()
    segmentation.AddEmptySegment("lesion two", "lesion two")
    apply_and_wait(panel)
    assert "empty" in panel.run_box.message
    assert panel.result_box.table is None
    segmentation.GetSegment("lesion two").SetName("lesion one")
    apply_and_wait(panel)
    assert "two lesions have the same name" in panel.run_box.message


def test_volumes_that_cannot_be_phases_keep_apply_off(desktop: Any, liver: LiverStudy, slicer: Any) -> None:
    panel = opened(desktop, liver)
    chosen, why = panel.parameters, panel.run_box.ui.whyLabel
    delayed = chosen.delayedVolume
    chosen.delayedVolume = chosen.portalVolume
    assert "two phases" in why.text
    chosen.delayedVolume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "nothing yet")
    assert "has no voxels" in why.text
    chosen.delayedVolume = delayed
    assert why.text == ""
