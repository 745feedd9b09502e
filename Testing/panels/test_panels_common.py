"""The modules of the extension, unchanged, as a person uses them."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)

from panel_tools import PANELS as NAMES
from panel_tools import click_and_wait

SPEAKING = (
    *("QComboBox", "QSpinBox", "QDoubleSpinBox", "QCheckBox", "QLineEdit", "QPlainTextEdit", "QTextBrowser"),
    *("ctkSliderWidget", "ctkPathLineEdit", "qMRMLNodeComboBox", "qMRMLTableView", "qMRMLPlotWidget"),
    "qMRMLSubjectHierarchyTreeView",
)
"""Classes of widgets that a person uses: each says what it is for."""
pytestmark = pytest.mark.usefixtures("small_patients", "quick_worker")


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def panel(desktop: Any, name: str) -> Any:
    return desktop.open(name)


def volume(slicer: Any, name: str = "scan") -> Any:
    made = slicer.util.addVolumeFromArray(np.zeros((3, 4, 5), np.int16))
    made.SetName(name)
    return made


def test_a_module_says_what_it_is(desktop: Any, panel: Any, name: str, slicer: Any) -> None:
    module = slicer.util.getModule(name)
    assert module.name == name
    assert module.title
    assert module.categories == ("Abdominal Oncology",)
    assert "Research use only" in module.helpText
    assert not module.icon.isNull()
    assert Path(module.path).is_file()
    assert slicer.util.modulePath(name) == module.path
    assert slicer.util.getModuleWidget(name) is panel
    assert slicer.util.getModuleLogic(name) is panel.logic
    desktop.start_up()
    assert [each["category"] for each in desktop.samples] == ["Abdominal Oncology"]


def test_slicers_own_sample_data_gives_the_patient_of_the_worker(desktop: Any, panel: Any) -> None:
    desktop.start_up()
    (node,) = desktop.samples[0]["customDownloader"](None)
    assert node.GetScene() is not None
    assert node.GetImageData().GetNumberOfPoints() > 0
    assert panel.logic.sample_role in node.GetName().lower()


def test_every_control_says_what_it_is_for(panel: Any) -> None:
    for ui in (panel.ui, *(box.ui for box in (panel.run_box, panel.model_box, panel.result_box, panel.training_box))):
        for each in vars(ui).values():
            inner = each.objectName.startswith("qt_")  # what Qt puts a spin box together from
            if not inner and (each.inherits("QPushButton") or each.className() in SPEAKING):
                assert each.toolTip, each.name


def choose(panel: Any, node: Any) -> None:
    """As a person chooses a volume: in the tree of the phase panel, in the first chooser of the others."""
    from abdominal_oncology.scene.hierarchy import item_of

    if panel.moduleName == "PhaseClassifier":
        item_of(node)  # the application makes it by itself
        panel.ui.volumeTree.setCurrentNode(node)
    else:
        _choosers(panel)[0].setCurrentNode(node)


def chosen(panel: Any) -> list[Any]:
    """The volumes that the panel's parameter node holds."""
    values = [panel.parameters.getValue(name) for name in panel.parameters.allParameters]
    flat = [each for value in values for each in (value if isinstance(value, Sequence) else [value])]
    return [each for each in flat if hasattr(each, "IsA") and each.IsA("vtkMRMLScalarVolumeNode")]


def _choosers(panel: Any) -> list[Any]:
    combos = [each for each in vars(panel.ui).values() if each.className() == "qMRMLNodeComboBox"]
    return [each for each in combos if "vtkMRMLScalarVolumeNode" in each.nodeTypes]


def test_an_empty_scene_leaves_nothing_to_do(panel: Any) -> None:
    assert panel.parent.isEntered
    run = panel.run_box.ui
    assert not run.applyButton.enabled
    assert "Choose" in run.applyButton.toolTip
    assert run.whyLabel.text == run.applyButton.toolTip


def test_sample_data_is_made_and_chosen(panel: Any, slicer: Any) -> None:
    click_and_wait(panel, panel.ui.sampleDataButton)
    assert panel.run_box.message == ""
    shown = slicer.app.layoutManager().sliceWidget("Red").sliceLogic().GetBackgroundLayer().GetVolumeNode()
    assert any(node is shown for node in chosen(panel))
    assert panel.run_box.ui.applyButton.enabled, panel.run_box.ui.whyLabel.text


def test_choosing_a_volume_is_choosing_the_parameter(panel: Any, slicer: Any) -> None:
    first, second = volume(slicer, "first"), volume(slicer, "second")
    for node in (second, first):
        choose(panel, node)
        assert any(each is node for each in chosen(panel))
    slicer.mrmlScene.RemoveNode(first)
    assert all(each is not first for each in chosen(panel))


def test_another_panel_is_visited(panel: Any, name: str, desktop: Any, slicer: Any) -> None:
    other = next(each for each in NAMES if each != name)
    volume(slicer)
    desktop.open(other)
    assert not panel.parent.isEntered
    slicer.mrmlScene.Clear(False)
    fresh = volume(slicer, "next patient")
    slicer.util.selectModule(name)
    assert panel.parent.isEntered
    choose(panel, fresh)
    assert [node.GetName() for node in chosen(panel)] == ["next patient"]


def test_a_saved_scene_brings_the_panel_back(panel: Any, slicer: Any, tmp_path: Path) -> None:
    volume(slicer, "first")
    choose(panel, volume(slicer, "second"))
    panel.parameters.device, panel.parameters.bundle = "cpu", "none"
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    assert chosen(panel) == []
    assert panel.parameters.device == "auto"
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    panel.exit()
    panel.enter()
    assert "second" in [node.GetName() for node in chosen(panel)]
    assert panel.model_box.ui.deviceCombo.currentText == "Processor (CPU)"
    assert panel.model_box.ui.modelCombo.currentText.startswith("No model")


def test_a_panel_that_is_unloaded_hears_nothing_more(desktop: Any, panel: Any, slicer: Any) -> None:
    ui = panel.ui
    desktop.close_modules()
    assert not ui.sampleDataButton
    assert panel.Observations == []
    del panel
    gc.collect()
    volume(slicer)
    slicer.mrmlScene.Clear(False)


def test_a_panel_fits_and_can_be_seen(panel: Any, name: str, output: Path) -> None:
    from slicer_desktop.pictures import colours, picture

    click_and_wait(panel, panel.ui.sampleDataButton)
    for colour, scale in (("light", 1), ("dark", 2)):
        with colours(colour):
            image = picture(panel.parent, output / f"{name}-{colour}-{scale}x.png", scale=scale)
        assert image.width() == 400 * scale
        assert panel.parent.minimumSizeHint.width() <= 400
        assert (image.pixelColor(2, 2).lightness() < 128) == (colour == "dark")
        lightness = [image.pixelColor(x, y).lightness() for x in range(0, image.width(), 3) for y in range(0, 400, 3)]
        assert max(lightness) - min(lightness) > 150  # letters against their ground


def test_the_tabulator_goes_down_the_panel(panel: Any) -> None:
    """From the first input to the last button, as the eye goes."""
    from slicer_desktop.wrapper import unwrap

    top = unwrap(panel.parent)
    named = {unwrap(panel.run_box.ui.applyButton): "apply", unwrap(panel.model_box.ui.modelCombo): "model"}
    named |= {unwrap(panel.ui.sampleDataButton): "sample", unwrap(panel.result_box.ui.resultTable): "results"}
    named |= {unwrap(panel.training_box.ui.manifestPath): "training"}
    order, widget = [], top.nextInFocusChain()
    while widget is not top:
        if widget in named:
            order.append(named[widget])
        widget = widget.nextInFocusChain()
    assert order == sorted(order, key=lambda word: ["sample", "model", "apply", "results", "training"].index(word))
    assert len(order) == 5


def test_letters_have_a_font(qt: Any) -> None:
    """Without a font Qt draws boxes; two letters that look alike are no letters."""
    from PySide6.QtGui import QFontDatabase
    from slicer_desktop.pictures import picture

    if not QFontDatabase.families():
        pytest.skip("no font is installed on this machine")
    drawn = []
    for letter in "iW":
        label = qt.QLabel(letter * 8)
        qt.QVBoxLayout(label)
        drawn.append(picture(label, width=120, height=30))
    assert drawn[0] != drawn[1]
