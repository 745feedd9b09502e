"""The scene outside the application: booted once, whole, and quiet."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

import vtk  # noqa: E402

import abdominal_oncology.scene  # noqa: E402
from abdominal_oncology.errors import MissingDependencyError  # noqa: E402
from abdominal_oncology.imaging.image import Image  # noqa: E402
from abdominal_oncology.scene import (  # noqa: E402
    boot,
    image_from_volume_node,
    images_from_sequence,
    is_headless,
    segmentation_node_from_masks,
    segments,
    table_from_node,
    table_node_from_rows,
    volume_node_from_image,
)
from abdominal_oncology.scene.grids import matrix_to_vtk  # noqa: E402


def test_booting_again_changes_nothing(scene) -> None:
    application, modules = slicer.app, slicer.modules
    assert boot() is scene is slicer.mrmlScene
    assert slicer.app is application
    assert slicer.modules is modules
    assert is_headless()
    assert application.mrmlScene() is scene
    assert application.layoutManager() is None
    assert application.testingEnabled()


@pytest.mark.parametrize("module", ["segmentations", "volumes", "plots", "tables", "sequences", "cropvolume"])
def test_modules_have_their_logic_on_the_scene(scene, module: str) -> None:
    logic = getattr(slicer.modules, module).logic()
    assert logic.GetMRMLScene() is scene
    assert logic is getattr(slicer.modules, module).logic()


def test_inside_the_application_nothing_is_booted(monkeypatch) -> None:
    application, scene = object(), object()
    monkeypatch.setattr(slicer, "app", application)
    monkeypatch.setattr(slicer, "mrmlScene", scene)
    assert boot() is scene
    assert slicer.app is application
    assert not is_headless()


@pytest.mark.parametrize("ending", [".nrrd", ".nii.gz", ".mha"])
def test_volumes_go_through_slicers_files(blocks, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"ct{ending}"
    assert slicer.util.saveNode(volume_node_from_image(blocks["ct"], "ct"), str(path))
    back = image_from_volume_node(slicer.util.loadVolume(str(path)))
    assert np.array_equal(back.voxels, blocks["ct"].voxels)
    assert back.geometry.same_grid(blocks["ct"].geometry, 1e-3)
    ours = _read(path)
    assert ours.geometry.same_grid(back.geometry, 1e-3)  # and through ours
    assert np.array_equal(ours.voxels, back.voxels)


def _read(path: Path) -> Image:
    from abdominal_oncology.imaging.open import open_reader
    from abdominal_oncology.imaging.reader import read_image

    return read_image(open_reader(path))


def test_segmentations_tables_and_scenes_go_through_slicers_files(scene, blocks, tmp_path: Path) -> None:
    node = segmentation_node_from_masks({"liver": blocks["liver"]}, "organs")
    assert slicer.util.saveNode(node, str(tmp_path / "organs.seg.nrrd"))
    again = slicer.util.loadSegmentation(str(tmp_path / "organs.seg.nrrd"))
    assert segments(again)[0].structure.name == "liver"
    table = table_node_from_rows([{"a": 1.5, "b": "x"}], "t", units={"a": "mm"})
    assert slicer.util.saveNode(table, str(tmp_path / "t.tsv"))
    assert table_from_node(slicer.util.loadTable(str(tmp_path / "t.tsv"))).units == {"a": "mm"}
    assert slicer.util.saveScene(str(tmp_path / "s.mrb"))
    scene.Clear(False)
    slicer.util.loadScene(str(tmp_path / "s.mrb"))
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 2


def test_other_kinds_of_nodes_go_through_slicers_files(scene, tmp_path: Path) -> None:
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "move")
    transform.SetMatrixTransformToParent(matrix_to_vtk(np.diag([1.0, 2.0, 3.0, 1.0])))
    source = vtk.vtkSphereSource()
    source.Update()
    model = scene.AddNewNodeByClass("vtkMRMLModelNode", "ball")
    model.SetAndObservePolyData(source.GetOutput())
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "points")
    points.AddControlPoint(1.0, 2.0, 3.0)
    text = scene.AddNewNodeByClass("vtkMRMLTextNode", "note")
    text.SetText("ein Satz")
    files = {"move.h5": transform, "ball.vtk": model, "points.mrk.json": points, "note.txt": text}
    for name, node in files.items():
        assert slicer.util.saveNode(node, str(tmp_path / name)), name
    back = {name: slicer.util.loadNodeFromFile(str(tmp_path / name), properties={}) for name in files}
    assert {name: node.GetClassName() for name, node in back.items()} == {
        name: node.GetClassName() for name, node in files.items()
    }
    assert np.allclose(slicer.util.arrayFromTransformMatrix(back["move.h5"]), np.diag([1.0, 2.0, 3.0, 1.0]))
    assert back["ball.vtk"].GetPolyData().GetBounds() == pytest.approx(model.GetPolyData().GetBounds(), abs=1e-5)
    assert slicer.util.arrayFromMarkupsControlPoints(back["points.mrk.json"]).tolist() == [[1.0, 2.0, 3.0]]
    assert back["note.txt"].GetText() == "ein Satz"
    chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode")
    assert not slicer.util.saveNode(chart, str(tmp_path / "chart.txt"))
    assert not (tmp_path / "chart.txt").exists()


def test_a_label_map_and_a_sequence_are_loaded_as_what_they_are(scene, blocks, tmp_path: Path) -> None:
    assert slicer.util.saveNode(volume_node_from_image(blocks["liver"], "liver"), str(tmp_path / "liver.nrrd"))
    labels = slicer.util.loadLabelVolume(str(tmp_path / "liver.nrrd"), properties={})
    assert image_from_volume_node(labels).is_mask
    assert np.array_equal(image_from_volume_node(labels).voxels, blocks["liver"].voxels)
    sequence = scene.AddNewNodeByClass("vtkMRMLSequenceNode", "phases")
    for seconds in (0, 35, 70):
        frame = slicer.vtkMRMLScalarVolumeNode()
        slicer.util.updateVolumeFromArray(frame, np.full((2, 3, 4), seconds, np.int16))
        sequence.SetDataNodeAtValue(frame, str(seconds))
    assert slicer.util.saveNode(sequence, str(tmp_path / "phases.seq.nrrd"))
    again = slicer.util.loadSequence(str(tmp_path / "phases.seq.nrrd"), properties={})
    assert [int(image.voxels.max()) for image in images_from_sequence(again).values()] == [0, 35, 70]


def test_a_scene_can_be_saved_as_a_folder_and_read_from_its_file(scene, blocks, tmp_path: Path) -> None:
    volume_node_from_image(blocks["ct"], "ct")
    assert slicer.util.saveScene(str(tmp_path / "folder"), properties={})
    scene.Clear(False)
    (description,) = (tmp_path / "folder").rglob("*.mrml")
    slicer.util.loadScene(str(description), properties={})
    back = image_from_volume_node(scene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode"))
    assert np.array_equal(back.voxels, blocks["ct"].voxels)


@pytest.mark.parametrize("name", ["none.nrrd", "strange.xyz", "broken.seg.nrrd"])
def test_files_that_cannot_be_loaded_are_errors_with_their_name(scene, tmp_path: Path, name: str) -> None:
    if name != "none.nrrd":
        (tmp_path / name).write_text("nonsense")
    before = scene.GetNumberOfNodes()
    with pytest.raises(RuntimeError, match=name.split(".")[0]):
        slicer.util.loadNodeFromFile(str(tmp_path / name), properties={})
    assert scene.GetNumberOfNodes() == before


def test_without_slicer_the_error_names_the_package(monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *_: None)
    with pytest.raises(MissingDependencyError, match="slicer-core"):
        runpy.run_path(str(Path(abdominal_oncology.scene.__file__)))


def test_a_process_that_boots_ends_cleanly_and_leaves_no_folder(tmp_path: Path) -> None:
    program = (
        "import numpy as np\n"
        "from abdominal_oncology.scene import *\n"
        "from abdominal_oncology.imaging.image import Image\n"
        "from abdominal_oncology.imaging.geometry import Geometry\n"
        "image = Image(np.ones((4, 8, 8), np.int16), Geometry((4, 8, 8)), 'CT')\n"
        "node = volume_node_from_image(image, 'ct')\n"
        "slice_picture(node, size=(32, 32))\n"
        "print('done')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": "", "TMPDIR": str(tmp_path), "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert (ended.returncode, ended.stdout.strip(), ended.stderr.strip()) == (0, "done", "")
    assert not list(tmp_path.glob("abdominal-oncology-scene-*"))
