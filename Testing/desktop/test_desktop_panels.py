"""The modules of the extension, unchanged, as a person uses them."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

NAMES = ("PhaseClassifier", "LiverHCC", "RectalStaging")


@pytest.fixture(autouse=True)
def small_patients(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample patients take seconds each; what a panel does with them can be seen on a few voxels."""
    from abdominal_oncology.imaging.geometry import Geometry
    from abdominal_oncology.imaging.image import Image, Modality
    from abdominal_oncology.phantom.result import Phantom

    def patient(roles: tuple[str, ...], modality: Modality) -> Callable[[], Phantom]:
        geometry = Geometry((4, 5, 6), (2.5, 0.7, 0.8))
        voxels = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
        labels = (voxels > 60).astype(np.uint8)
        return lambda: Phantom(
            {role: Image(voxels, geometry, modality) for role in roles},
            {role: Image(labels, geometry, Modality.MASK) for role in roles},
            {1: "liver"},
        )

    roles_ct = ("arterial", "venous", "portal", "delayed")
    for name, roles, modality in (
        ("abdominal_ct", roles_ct, Modality.CT),
        ("liver_lesion_ct", roles_ct, Modality.CT),
        ("rectal_mr", ("t2",), Modality.MR),
    ):
        monkeypatch.setattr(f"abdominal_oncology.panels.patients.{name}", patient(roles, modality))


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


def test_every_control_says_what_it_is_for(panel: Any) -> None:
    for each in vars(panel.ui).values():
        if each.inherits("QPushButton") or each.className() == "qMRMLNodeComboBox":
            assert each.toolTip, each.name


def test_an_empty_scene_leaves_nothing_to_do(panel: Any) -> None:
    assert panel.parent.isEntered
    assert not panel.ui.summariseButton.enabled
    assert "Choose a volume" in panel.ui.summariseButton.toolTip


def test_sample_data_is_made_chosen_and_summarised(panel: Any, slicer: Any) -> None:
    panel.ui.sampleDataButton.click()
    chosen = panel.ui.inputSelector.currentNode()
    assert chosen is panel.logic.getParameterNode().inputVolume
    assert slicer.app.layoutManager().sliceWidget("Red").sliceLogic().GetBackgroundLayer().GetVolumeNode() is chosen
    panel.ui.summariseButton.click()
    model = panel.ui.summaryTableView.model()
    assert model.index(0, 0).data() == "modality"
    panel.ui.summariseButton.click()
    assert len(slicer.util.getNodesByClass("vtkMRMLTableNode")) == 1


def test_choosing_a_volume_is_choosing_the_parameter(panel: Any, slicer: Any) -> None:
    first, second = volume(slicer, "first"), volume(slicer, "second")
    panel.ui.inputSelector.setCurrentNode(second)
    assert panel.logic.getParameterNode().inputVolume is second
    assert panel.ui.summariseButton.enabled
    panel.logic.getParameterNode().inputVolume = first
    assert panel.ui.inputSelector.currentNode() is first
    slicer.mrmlScene.RemoveNode(first)
    assert panel.ui.inputSelector.currentNode() is None
    assert not panel.ui.summariseButton.enabled


def test_another_panel_is_visited(panel: Any, name: str, desktop: Any, slicer: Any) -> None:
    other = next(each for each in NAMES if each != name)
    volume(slicer)
    desktop.open(other)
    assert not panel.parent.isEntered
    slicer.mrmlScene.Clear(False)
    volume(slicer, "next patient")
    slicer.util.selectModule(name)
    assert panel.parent.isEntered
    assert panel.ui.inputSelector.currentNode().GetName() == "next patient"


def test_a_saved_scene_brings_the_panel_back(panel: Any, slicer: Any, tmp_path: Path) -> None:
    volume(slicer, "first")
    panel.ui.inputSelector.setCurrentNode(volume(slicer, "second"))
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    assert panel.ui.inputSelector.currentNode() is None
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    panel.exit()
    panel.enter()
    assert panel.ui.inputSelector.currentNode().GetName() == "second"


def test_a_panel_that_is_unloaded_hears_nothing_more(desktop: Any, panel: Any, slicer: Any) -> None:
    ui = panel.ui
    desktop.close_modules()
    assert not ui.inputSelector
    assert panel.Observations == []
    del panel
    gc.collect()
    volume(slicer)
    slicer.mrmlScene.Clear(False)


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("colour", ["light", "dark"])
def test_a_panel_fits_and_can_be_seen(panel: Any, name: str, colour: str, scale: float, output: Path) -> None:
    from slicer_desktop.pictures import colours, picture

    panel.ui.sampleDataButton.click()
    panel.ui.summariseButton.click()
    with colours(colour):
        image = picture(panel.parent, output / f"{name}-{colour}-{scale:.0f}x.png", scale=scale)
    assert image.width() == 400 * scale
    assert panel.parent.minimumSizeHint.width() <= 400
    assert (image.pixelColor(2, 2).lightness() < 128) == (colour == "dark")
    lightness = [image.pixelColor(x, y).lightness() for x in range(0, image.width(), 3) for y in range(0, 400, 3)]
    assert max(lightness) - min(lightness) > 150  # letters against their ground


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


def test_the_modules_own_test_passes(desktop: Any, name: str, slicer: Any) -> None:
    """What the button *Reload and Test* runs; what needs a whole patient is tested elsewhere."""
    python = desktop.load(desktop.file_of(name))
    test = getattr(python, f"{name}Test")()
    test.setUp()
    test.test_sample_patient_is_summarised()
