"""The RectalStaging panel with the real worker process behind it and a volume of a patient's size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)
pytest.importorskip("torch", reason="networks need torch")
pytest.importorskip("safetensors", reason="bundles need safetensors")

from panel_tools import apply_and_wait, assert_window_never_waits, imported_by
from rectal_patient import RectalPatient
from slicer_desktop.waiting import wait_until

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image

_TIMES, _SLICES = 4, 28


def enlarged(image: Image) -> Image:
    """448 × 448 × 28 voxels of the same pelvis."""
    grid = image.geometry
    k, j, i = grid.spacing_mm
    shape = (_SLICES, grid.shape[1] * _TIMES, grid.shape[2] * _TIMES)
    voxels = image.voxels.repeat(_SLICES // grid.shape[0], 0).repeat(_TIMES, 1).repeat(_TIMES, 2)
    spacing = (k * grid.shape[0] / _SLICES, j / _TIMES, i / _TIMES)
    return image.derive(
        "enlarge",
        voxels=np.ascontiguousarray(voxels),
        geometry=Geometry(shape, spacing, grid.origin_mm, grid.directions),
    )


@pytest.fixture
def patient(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> RectalPatient:
    """With a bundle that the worker finds, too: it must be told before it starts."""
    made = RectalPatient.make()
    monkeypatch.setenv("ABDOMINAL_ONCOLOGY_BUNDLES", str(made.install(tmp_path_factory, monkeypatch).user))
    return made


@pytest.fixture
def panel(patient: RectalPatient, desktop: Any, worker: Any) -> Any:
    from abdominal_oncology.scene.segmentations import segmentation_node_from_masks
    from abdominal_oncology.scene.volumes import volume_node_from_image

    volume = volume_node_from_image(enlarged(patient.t2), "T2 axial")
    drawn = segmentation_node_from_masks(patient.masks, "drawn", beside=volume)
    opened = desktop.open("RectalStaging")
    opened.parameters.bundle, opened.parameters.tta, opened.parameters.segmentation = "rectal-untrained", False, drawn
    return opened


def test_the_window_never_waits_and_a_run_can_be_cancelled(panel: Any, slicer: Any) -> None:
    apply_and_wait(panel)  # starts the worker
    assert panel.run_box.message == ""
    assert slicer.util.getNode("T2 axial T3 activation").GetImageData().GetNumberOfPoints() == 448 * 448 * _SLICES
    button = panel.run_box.ui.applyButton
    for click in (button, panel.ui.locateButton):
        assert_window_never_waits(panel, click)
        assert panel.run_box.message == ""
    before = panel.result_box.table
    button.click()
    button.click()  # a quick run is over before anybody looks
    wait_until(lambda: not panel.is_running)
    assert "Cancelled" in panel.run_box.message
    assert panel.result_box.table is before, "the results of the run before stay"
    apply_and_wait(panel)
    assert panel.run_box.message == ""


def test_asking_and_showing_needs_no_heavy_library() -> None:
    """What the window's thread imports for a click: it would stand still for the second that scipy takes."""
    modules = [
        "learning.bundle.load",
        "panels.rectal_answers",
        "panels.rectal_inputs",
        "panels.rectal_overlay",
        "panels.rectal_panel",
        "panels.rectal_point",
        "rectal.operating",
        "scene.rectal_places",
        "scene.rectal_results",
        "scene.rectal_roi",
        "scene.rectal_segments",
        "worker.jobs.rectal",
        "worker.jobs.rectal_locate",
    ]
    heavy = ["scipy", "SimpleITK", "torch", "monai", "sklearn", "pandas"]
    assert imported_by(modules, heavy) == "[]"
