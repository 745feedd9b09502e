"""What may stand in a scene instead of a proper abdominal CT: every volume gets its row, with a warning or a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)

from panel_tools import PumpedInProcess, apply_and_wait, find_quick
from phase_patient import GRID, body

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality


def of(voxels: Any, grid: Geometry | None = None, modality: Modality = Modality.CT) -> Image:
    values = np.asarray(voxels)
    return Image(values, grid or Geometry(values.shape, GRID.spacing_mm, GRID.origin_mm), modality)


def with_nan() -> Image:
    voxels = body("venous").voxels.astype(np.float32)
    voxels[:, :4] = np.nan
    return of(voxels)


def upside_down() -> Image:
    first, second, third = GRID.directions
    grid = Geometry(GRID.shape, GRID.spacing_mm, GRID.origin_mm, (first, tuple(-x for x in second), third))
    return of(body("venous").voxels, grid)


BAD: dict[str, Callable[[], Image]] = {
    "MR": lambda: replace(body("venous"), modality=Modality.MR),
    "windowed": lambda: of(np.clip((body("venous").voxels + 150.0) / 400 * 255, 0, 255).astype(np.uint8)),
    "offset": lambda: of((body("venous").voxels.astype(np.int32) + 1024).astype(np.int16)),
    "one slice": lambda: of(body("venous").voxels[10:11]),
    "air": lambda: of(np.full(GRID.shape, -1000, np.int16)),
    "NaN": with_nan,
    "upside down": upside_down,
    "2350 slices": lambda: of(np.repeat(body("venous").voxels[8:12, ::4, ::4], 588, axis=0)[:2350]),
}


@pytest.fixture
def panel(desktop: Any) -> Iterator[Any]:
    from abdominal_oncology.panels.session import PanelSession, close_session, keep_session

    keep_session(PanelSession(PumpedInProcess(find_quick)))
    opened = desktop.open("PhaseClassifier")
    opened.parameters.bundle = "none"
    yield opened
    close_session()


def test_every_bad_volume_gets_its_row(panel: Any) -> None:
    from abdominal_oncology.scene import table_from_node, volume_node_from_image

    panel.parameters.inputVolumes = [volume_node_from_image(make(), name) for name, make in BAD.items()]
    apply_and_wait(panel)
    assert panel.run_box.message == ""
    rows = {str(row["volume"]): row for row in table_from_node(panel.result_box.table).rows}
    assert list(rows) == list(BAD)
    for name, row in rows.items():
        doubted = bool(row["warnings"]) if row["phase"] != "unknown" else bool(row["reason"])
        assert doubted, (name, row)
    assert {name for name, row in rows.items() if row["phase"] == "unknown"} >= {"MR", "windowed", "air"}
    assert "MR" in str(rows["MR"]["reason"])
    assert "already windowed" in str(rows["windowed"]["reason"])
    panel.result_box.select(list(BAD).index("air"))
    assert "phase unknown" in panel.result_box.ui.resultHeadline.text


def test_a_sheared_volume_is_named_before_anything_is_asked(panel: Any, slicer: Any) -> None:
    import vtk

    from abdominal_oncology.scene import volume_node_from_image

    volume = volume_node_from_image(body("venous"), "tilted")
    transform = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode", "shear")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(0, 2, 0.3)
    transform.SetMatrixTransformToParent(matrix)
    volume.SetAndObserveTransformNodeID(transform.GetID())
    panel.parameters.inputVolumes = [volume]
    panel.run_box.ui.applyButton.click()
    assert not panel.is_running
    assert "tilted" in panel.run_box.message
    assert "To go on" in panel.run_box.message
