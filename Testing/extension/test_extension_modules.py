"""Module files only register and bind; their logic works without a window. Their panels: Testing/desktop."""

from __future__ import annotations

import ast
import functools
import sys
import xml.etree.ElementTree as ElementTree
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from extension_tools import ROOT

NAMES = ("PhaseClassifier", "LiverHCC", "RectalStaging")
MAY_IMPORT = ("slicer", "vtk", "abdominal_oncology.panels")
MAY_DECORATE = {"parameterNodeWrapper"}


def tree_of(name: str) -> ast.Module:
    return ast.parse((ROOT / name / f"{name}.py").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_no_foreign_import_at_file_scope(name: str) -> None:
    for node in tree_of(name).body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        for imported in names:
            standard = imported.split(".")[0] in sys.stdlib_module_names
            assert standard or any(imported == may or imported.startswith(f"{may}.") for may in MAY_IMPORT), imported


@pytest.mark.parametrize("name", NAMES)
def test_no_work_at_file_scope(name: str) -> None:
    """Definitions, imports and a docstring; decorators that Slicer needs; constants in class bodies."""
    tree = tree_of(name)
    assert ast.get_docstring(tree)
    for node in tree.body[1:]:
        assert isinstance(node, ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef), ast.unparse(node)
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            assert {ast.unparse(decorator) for decorator in node.decorator_list} <= MAY_DECORATE
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                assert isinstance(inner, ast.FunctionDef | ast.AnnAssign | ast.Assign) or (
                    isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Constant)
                ), ast.unparse(inner)
                if isinstance(inner, ast.AnnAssign | ast.Assign) and inner.value is not None:
                    calls = [part for part in ast.walk(inner.value) if isinstance(part, ast.Call)]
                    assert not calls, ast.unparse(inner)  # those of an annotation say what a parameter may be


@pytest.mark.parametrize("name", NAMES)
def test_a_module_file_has_the_five_classes_slicer_looks_for(name: str) -> None:
    classes = [node.name for node in tree_of(name).body if isinstance(node, ast.ClassDef)]
    assert sorted(classes) == sorted(f"{name}{part}" for part in ("", "ParameterNode", "Logic", "Widget", "Test"))
    assert len((ROOT / name / f"{name}.py").read_text().splitlines()) <= 100


@pytest.mark.parametrize("name", NAMES)
def test_the_panel_file_is_sound(name: str) -> None:
    """Custom widgets are declared, connections lead to objects, every text a person reads is there."""
    root = ElementTree.parse(ROOT / name / "Resources" / "UI" / f"{name}.ui").getroot()
    widgets = {element.get("name"): element.get("class") for element in root.iter("widget")}
    assert root.find("class").text == name
    assert widgets[name] == "qMRMLWidget"
    declared = {element.text for element in root.findall("./customwidgets/customwidget/class")}
    assert {kind for kind in widgets.values() if not kind.startswith("Q")} == declared
    for connection in root.iter("connection"):
        assert connection.find("sender").text in widgets
        assert connection.find("receiver").text in widgets
    needs_scene = {name for name, kind in widgets.items() if kind.startswith("qMRML") and kind != "qMRMLWidget"}
    assert {connection.find("receiver").text for connection in root.iter("connection")} == needs_scene
    for combo in root.findall(".//widget[@class='qMRMLNodeComboBox']"):
        assert combo.find("./property[@name='toolTip']/string").text
    for stop in root.findall("./tabstops/tabstop"):
        assert stop.text in widgets


def test_the_three_panels_are_one_family() -> None:
    """The places of the common parts are there in the same order; what is special of a panel stands between them."""
    places = ["sampleDataButton", "modelPlace", "runPlace", "resultPlace", "trainingPlace", "noticeLabel"]
    for name in NAMES:
        root = ElementTree.parse(ROOT / name / "Resources" / "UI" / f"{name}.ui").getroot()
        found = [widget.get("name") for widget in root.iter("widget") if widget.get("name") in places]
        assert found == places, name


@pytest.fixture(scope="module")
def made_once() -> dict[str, Any]:
    """The sample patients take seconds each; all tests of this file share them."""
    from abdominal_oncology.worker.jobs import sample_patients as patients

    makers = (patients.abdominal_ct, patients.liver_lesion_ct, patients.rectal_mr)
    return {maker.__name__: functools.cache(maker) for maker in makers}


@pytest.fixture(params=NAMES)
def module(
    desktop: Any, made_once: dict[str, Any], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    for name, maker in made_once.items():
        monkeypatch.setattr(f"abdominal_oncology.worker.jobs.sample_patients.{name}", maker)
    return desktop.load(desktop.file_of(request.param))


def logic_of(module: ModuleType) -> Any:
    return getattr(module, f"{module.__name__}Logic")()


def volume() -> Any:
    from abdominal_oncology.imaging.geometry import Geometry
    from abdominal_oncology.imaging.image import Image, Modality
    from abdominal_oncology.scene import volume_node_from_image

    voxels = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6) - 20
    return volume_node_from_image(Image(voxels, Geometry((4, 5, 6), (2.5, 0.7, 0.8)), Modality.CT), "scan")


def cells(table: Any) -> dict[str, tuple[str, str]]:
    rows = range(table.GetNumberOfRows())
    return {table.GetCellText(row, 0): (table.GetCellText(row, 1), table.GetCellText(row, 2)) for row in rows}


def test_the_logic_summarises_any_volume_without_a_window(module: ModuleType) -> None:
    facts = cells(logic_of(module).summarise(volume()))
    assert facts["modality"] == ("CT", "")
    assert facts["slices × rows × columns"] == ("4 × 5 × 6", "")
    assert facts["spacing (slice, row, column)"] == ("2.5 × 0.7 × 0.8", "mm")
    assert facts["extent (slice, row, column)"] == ("10 × 3.5 × 4.8", "mm")
    assert facts["plane"][0] == "axial"
    assert (facts["lowest value"], facts["highest value"]) == (("-20", "[hnsf'U]"), ("99", "[hnsf'U]"))
    assert ("warning" in facts) == (module.__name__ == "RectalStaging")


def test_a_bad_volume_is_a_named_error(module: ModuleType) -> None:
    import slicer

    from abdominal_oncology.errors import SceneError

    empty = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
    with pytest.raises(SceneError):
        logic_of(module).summarise(empty)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLTableNode") == 0


def test_the_modules_own_test_passes(module: ModuleType) -> None:
    """What Slicer's Reload and Test button runs: sample patient, summary."""
    getattr(module, f"{module.__name__}Test")().runTest()


def test_the_liver_sample_shows_its_lesion(made_once: dict[str, Any]) -> None:
    """The lesion lies in the liver and enhances as an HCC does: over the liver early, under it late."""
    patient = made_once["liver_lesion_ct"]()
    names = {name: value for value, name in patient.label_names.items()}
    contrast = {}
    for role, image in patient.images.items():
        labels = patient.labels[role].voxels
        lesion = labels == names["liver_lesion"]
        assert 5_000 < lesion.sum() * image.geometry.voxel_volume_mm3 < 60_000
        contrast[role] = float(np.median(image.voxels[lesion]) - np.median(image.voxels[labels == names["liver"]]))
    assert contrast["arterial"] > contrast["delayed"]
