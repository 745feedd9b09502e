"""Input that cannot be staged, or not well: a named error in the panel and nothing written, or a warning beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)
pytest.importorskip("torch", reason="networks need torch")
pytest.importorskip("safetensors", reason="bundles need safetensors")

from panel_tools import apply_and_wait, click_and_wait
from rectal_patient import RectalPatient

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality

pytestmark = pytest.mark.usefixtures("quick_worker")


@pytest.fixture(scope="module")
def patient() -> RectalPatient:
    return RectalPatient.make()


@pytest.fixture
def panel(
    desktop: Any,
    patient: RectalPatient,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Any:
    patient.install(tmp_path_factory, monkeypatch)
    opened = desktop.open("RectalStaging")
    opened.parameters.tta = False
    return opened


def choose(panel: Any, image: Image) -> Any:
    from abdominal_oncology.scene.volumes import volume_node_from_image

    node = volume_node_from_image(image, "odd")
    panel.ui.inputSelector.setCurrentNode(node)
    return node


def sagittal(image: Image) -> Image:
    k, j, i = image.geometry.directions
    return image.derive("stand up", geometry=replace(image.geometry, directions=(i, k, j)))


def constant(image: Image) -> Image:
    return image.derive("make constant", voxels=np.full_like(image.voxels, 7))


def as_ct(image: Image) -> Image:
    return replace(image, modality=Modality.CT, source=replace(image.source, header={"Modality": "CT"}))


@pytest.mark.parametrize(
    ("change", "told"),
    [(as_ct, "CT"), (sagittal, "an axial series is needed"), (constant, "every voxel is 7")],
    ids=["ct", "sagittal", "constant"],
)
@pytest.mark.parametrize("click", ["Apply", "Find the rectum"])
def test_what_cannot_be_staged_is_named(
    panel: Any, patient: RectalPatient, change: Callable[[Image], Image], told: str, click: str, slicer: Any
) -> None:
    choose(panel, change(patient.t2))
    button = panel.run_box.ui.applyButton if click == "Apply" else panel.ui.locateButton
    click_and_wait(panel, button)
    assert told in panel.run_box.message
    assert panel.result_box.table is None
    assert panel.parameters.roi is None
    assert not slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")
    assert panel.run_box.ui.applyButton.enabled, "another volume may be chosen, and asked"


def deep(image: Image, slices: int) -> Image:
    """The same slices again and again, or only the first of them."""
    taken = np.arange(slices) % image.geometry.shape[0]
    grid = Geometry(
        (slices, *image.geometry.shape[1:]),
        image.geometry.spacing_mm,
        image.geometry.origin_mm,
        image.geometry.directions,
    )
    return image.derive("repeat", voxels=np.ascontiguousarray(image.voxels[taken]), geometry=grid)


def shaded(image: Image) -> Image:
    slope = np.exp(np.linspace(-1.6, 1.6, image.geometry.shape[2]))
    return image.derive("shade", voxels=(image.voxels * slope).astype(np.float32))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda image: deep(image, 5), "5 slices"),
        (lambda image: deep(image, 200), "200 slices"),
        (shaded, "switch bias correction on"),
    ],
    ids=["5 slices", "200 slices", "heavy bias"],
)
def test_what_can_hardly_be_staged_gets_a_warning(
    panel: Any, patient: RectalPatient, change: Callable[[Image], Image], told: str
) -> None:
    choose(panel, change(patient.t2))
    apply_and_wait(panel)
    assert panel.run_box.message == ""
    assert told in panel.result_box.ui.resultBanner.text


def test_a_4d_series_is_one_frame_and_says_so(panel: Any, patient: RectalPatient, slicer: Any) -> None:
    sequence = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceNode", "frames")
    frame = choose(panel, patient.t2)
    for n in range(2):
        sequence.SetDataNodeAtValue(frame, str(n))
    browser = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSequenceBrowserNode", "browser")
    browser.SetAndObserveMasterSequenceNodeID(sequence.GetID())
    slicer.modules.sequences.logic().UpdateProxyNodesFromSequences(browser)
    panel.ui.inputSelector.setCurrentNode(browser.GetProxyNode(sequence))
    apply_and_wait(panel)
    assert "One frame (1 of 2) of the sequence browser" in panel.result_box.ui.resultBanner.text


def roi(slicer: Any, centre: tuple[float, float, float], size: tuple[float, float, float]) -> Any:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "drawn ROI")
    node.SetSize(list(size))
    node.SetCenter(list(centre))
    return node


def test_a_roi_outside_of_the_volume(panel: Any, patient: RectalPatient, slicer: Any) -> None:
    choose(panel, patient.t2)
    panel.parameters.roi = roi(slicer, (900.0, 0.0, 0.0), (50.0, 50.0, 30.0))
    apply_and_wait(panel)
    assert "outside the volume" in panel.run_box.message
    assert panel.result_box.table is None


def test_an_empty_roi_and_one_that_nobody_placed(panel: Any, patient: RectalPatient, slicer: Any) -> None:
    choose(panel, patient.t2)
    panel.parameters.roi = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "unplaced")
    assert not panel.run_box.ui.applyButton.enabled
    assert "unplaced is not placed" in panel.run_box.ui.whyLabel.text
    x, y, z = patient.centre_mm
    panel.parameters.roi = roi(slicer, (-x, -y, z), (50.0, 0.0, 30.0))
    apply_and_wait(panel)
    assert "the region is empty" in panel.run_box.message


def test_segments_of_another_place_and_of_other_names(panel: Any, patient: RectalPatient, slicer: Any) -> None:
    from abdominal_oncology.scene.segmentations import segmentation_node_from_masks

    choose(panel, patient.t2)
    grid = patient.t2.geometry
    far = replace(grid, origin_mm=(grid.origin_mm[0] + 900.0, grid.origin_mm[1], grid.origin_mm[2]))
    elsewhere = {role: replace(mask, geometry=far) for role, mask in patient.masks.items()}
    panel.parameters.segmentation = segmentation_node_from_masks(elsewhere, "elsewhere")
    apply_and_wait(panel)
    assert "The segment tumour was not used" in panel.result_box.ui.resultBanner.text
    panel.parameters.segmentation = segmentation_node_from_masks({"spleen": patient.masks["tumour"]}, "spleen only")
    apply_and_wait(panel)
    assert "no segment is called or coded as tumour or rectum" in panel.run_box.message


def test_a_mask_of_another_grid_is_put_on_the_volume(panel: Any, patient: RectalPatient) -> None:
    from abdominal_oncology.scene.segmentations import segmentation_node_from_masks

    choose(panel, patient.t2)
    grid = patient.t2.geometry
    k, j, i = grid.spacing_mm
    finer = Geometry((grid.shape[0], 2 * grid.shape[1], grid.shape[2]), (k, j / 2, i), grid.origin_mm, grid.directions)
    masks = {
        role: Image(np.repeat(mask.voxels, 2, axis=1), finer, Modality.MASK) for role, mask in patient.masks.items()
    }
    panel.parameters.segmentation = segmentation_node_from_masks(masks, "finer")
    apply_and_wait(panel)
    assert "extramural depth" in panel.result_box.ui.resultHeadline.text


def test_a_volume_without_voxels(panel: Any, slicer: Any) -> None:
    panel.parameters.inputVolume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "hollow")
    assert "hollow has no voxels" in panel.run_box.ui.whyLabel.text
    assert not panel.ui.locateButton.enabled
