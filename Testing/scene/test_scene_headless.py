"""The scene outside the application: booted once, whole, and quiet."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

import abdominal_oncology.scene  # noqa: E402
from abdominal_oncology.errors import MissingDependencyError  # noqa: E402
from abdominal_oncology.imaging.image import Image  # noqa: E402
from abdominal_oncology.scene import (  # noqa: E402
    boot,
    image_from_volume_node,
    is_headless,
    segmentation_node_from_masks,
    segments,
    table_from_node,
    table_node_from_rows,
    volume_node_from_image,
)


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
