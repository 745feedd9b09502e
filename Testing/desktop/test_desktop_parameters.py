"""Typed parameter nodes: their types, their defaults, their widgets, and the scene that keeps them."""

# no ``from __future__ import annotations`` here: the annotations name classes that exist only inside of the fixtures

import enum
from pathlib import Path
from typing import Annotated, Any

import pytest


class Device(enum.Enum):
    CPU = "cpu"
    CUDA = "cuda"

    def label(self) -> str:
        return f"on {self.value}"


@pytest.fixture
def node(slicer: Any) -> Any:
    return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode", "parameters")


@pytest.fixture
def kind(slicer: Any) -> Any:
    from slicer.parameterNodeWrapper import Choice, Minimum, WithinRange, parameterNodeWrapper, parameterPack

    @parameterPack
    class Box:
        label: str = "box"
        size: Annotated[float, Minimum(0)] = 2.5

    @parameterPack
    class Boxes:
        first: Box
        count: int = 1

    @parameterNodeWrapper
    class Parameters:
        fraction: Annotated[float, WithinRange(0.1, 1.0)] = 0.3
        seed: int
        overlay: bool = True
        network: Annotated[str, Choice(["tiny", "small"])] = "tiny"
        device: Device
        manifest: Path
        volume: slicer.vtkMRMLScalarVolumeNode
        volumes: list[slicer.vtkMRMLScalarVolumeNode]
        folds: list[int]
        window: tuple[int, int]
        names: dict[str, float]
        limit: int | None
        boxes: Boxes

    return Parameters


def test_defaults(kind: Any, node: Any) -> None:
    made = kind(node)
    assert (made.fraction, made.seed, made.overlay, made.network) == (0.3, 0, True, "tiny")
    assert (made.device, made.manifest, made.volume, made.volumes) == (Device.CPU, Path(), None, [])
    assert (made.folds, made.window, made.names, made.limit) == ([], (0, 0), {}, None)
    assert (made.boxes.first.label, made.boxes.count) == ("box", 1)
    assert made.default("fraction") == 0.3


def test_values_are_kept_in_the_node_and_seen_by_another_wrapper(kind: Any, node: Any, slicer: Any) -> None:
    made, volume = kind(node), slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "ct")
    made.fraction, made.seed, made.overlay, made.network = 1, 7, False, "small"
    made.device, made.manifest, made.volume = Device.CUDA, Path("/data/cases.csv"), volume
    made.volumes = [volume]
    made.folds = [1, 2]
    made.folds.append(3)
    made.folds[0] = 5
    made.window, made.names, made.limit = (-160, 240), {"a": 0.5}, 4
    made.boxes.first.size = 9
    made.boxes.count = 2
    again = kind(node)
    assert (again.fraction, again.seed, again.overlay, again.network) == (1.0, 7, False, "small")
    assert (again.device, again.manifest, again.volume) == (Device.CUDA, Path("/data/cases.csv"), volume)
    assert list(again.volumes) == [volume]
    assert (again.folds, again.window, again.names, again.limit) == ([5, 2, 3], (-160, 240), {"a": 0.5}, 4)
    assert (again.boxes.first.size, again.boxes.count, again.boxes.first.label) == (9.0, 2, "box")
    again.limit = None
    assert made.limit is None
    again.setValue("boxes.first.label", "other")
    assert made.getValue("boxes.first.label") == "other"


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("fraction", 0.05, ValueError),
        ("fraction", "0.5", TypeError),
        ("fraction", None, ValueError),
        ("seed", 1.5, TypeError),
        ("network", "huge", ValueError),
        ("device", "cuda", TypeError),
        ("manifest", "/a/b", TypeError),
        ("folds", ["a"], TypeError),
        ("window", (1, 2, 3), ValueError),
        ("limit", "many", TypeError),
    ],
)
def test_a_wrong_value_is_refused_and_the_old_one_stays(
    kind: Any, node: Any, name: str, value: Any, error: type[Exception]
) -> None:
    made = kind(node)
    before = getattr(made, name)
    with pytest.raises(error):
        setattr(made, name, value)
    assert getattr(made, name) == before
    with pytest.raises(ValueError, match="within"):
        made.fraction = 2


def test_a_node_of_another_class_is_refused(kind: Any, node: Any, slicer: Any) -> None:
    with pytest.raises(TypeError):
        kind(node).volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode")


def test_a_deleted_node_is_none(kind: Any, node: Any, slicer: Any) -> None:
    made = kind(node)
    made.volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    slicer.mrmlScene.RemoveNode(made.volume)
    assert made.volume is None


def test_names_that_the_wrapper_needs_are_refused(slicer: Any) -> None:
    from slicer.parameterNodeWrapper import parameterNodeWrapper

    with pytest.raises(ValueError, match="reserved"):

        @parameterNodeWrapper
        class Wrong:
            default: int

    with pytest.raises(TypeError, match="serializer"):

        @parameterNodeWrapper
        class AlsoWrong:
            anything: complex


@pytest.fixture
def gui(qt: Any, ctk: Any, slicer: Any) -> Any:
    combo = slicer.qMRMLNodeComboBox()
    combo.noneEnabled = True
    combo.setMRMLScene(slicer.mrmlScene)
    widgets = {
        "fraction": ctk.ctkSliderWidget(),
        "seed": qt.QSpinBox(),
        "overlay": qt.QCheckBox(),
        "network": qt.QComboBox(),
        "device": qt.QComboBox(),
        "manifest": ctk.ctkPathLineEdit(),
        "volume": combo,
        "boxes.first.label": qt.QLineEdit(),
    }
    ui = type("", (), {})()
    for number, (name, widget) in enumerate(widgets.items()):
        widget.setProperty("SlicerParameterName", name)
        setattr(ui, f"widget{number}", widget)
    ui.unbound = qt.QLabel("no parameter")
    return type("Gui", (), {"ui": ui, "of": widgets})


def test_widgets_show_parameters_and_parameters_follow_widgets(kind: Any, node: Any, gui: Any, slicer: Any) -> None:
    made = kind(node)
    tag = made.connectGui(gui.ui)
    of = gui.of
    assert (of["fraction"].minimum, of["fraction"].maximum, of["fraction"].value) == (0.1, 1.0, 0.3)
    assert [of["network"].itemText(index) for index in range(of["network"].count)] == ["tiny", "small"]
    assert of["device"].currentText == "on cpu"
    assert of["volume"].nodeTypes == ("vtkMRMLScalarVolumeNode",)
    of["fraction"].value = 0.5
    of["overlay"].checked = False
    of["network"].currentIndex = 1
    of["device"].currentIndex = 1
    of["manifest"].currentPath = "/data/cases.csv"
    of["boxes.first.label"].text = "liver"
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    of["volume"].setCurrentNode(volume)
    assert (made.fraction, made.overlay, made.network, made.device) == (0.5, False, "small", Device.CUDA)
    assert (made.manifest, made.volume, made.boxes.first.label) == (Path("/data/cases.csv"), volume, "liver")
    made.seed = 12
    made.fraction = 0.7
    assert (of["seed"].value, of["fraction"].value) == (12, 0.7)
    made.disconnectGui(tag)
    of["seed"].value = 13
    made.fraction = 0.9
    assert (made.seed, of["fraction"].value) == (12, 0.7)


def test_pairs_that_slicer_cannot_bind_are_errors(kind: Any, node: Any, qt: Any, ctk: Any, slicer: Any) -> None:
    made = kind(node)
    for mapping in (
        {"seed": ctk.ctkSliderWidget()},  # a slider of floats for an int
        {"fraction": ctk.ctkDoubleSpinBox()},  # no connector for this class
        {"overlay": ctk.ctkCheckBox()},  # derives from QCheckBox, which is not enough
        {"volume": slicer.qMRMLCheckableNodeComboBox()},
    ):
        with pytest.raises(RuntimeError, match="Unable to create GUI connector"):
            made.connectParametersToGui(mapping)
    with pytest.raises(ValueError, match="Cannot find a param"):
        made.connectParametersToGui({"fracture": qt.QLineEdit()})


def test_one_change_of_a_widget_is_one_change_of_the_node(kind: Any, node: Any, gui: Any) -> None:
    import vtk

    made, changes = kind(node), []
    made.connectGui(gui.ui)
    made.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: changes.append(event))
    gui.of["fraction"].value = 0.6
    assert changes == ["ModifiedEvent"]


def test_a_saved_scene_brings_the_parameters_back(kind: Any, slicer: Any, tmp_path: Path) -> None:
    from slicer.ScriptedLoadableModule import ScriptedLoadableModuleLogic

    class ThingLogic(ScriptedLoadableModuleLogic):
        def getParameterNode(self) -> Any:
            return kind(super().getParameterNode())

    made = ThingLogic().getParameterNode()
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "not a volume")
    made.fraction, made.folds, made.device = 0.8, [4, 5], Device.CUDA
    assert slicer.util.saveScene(str(tmp_path / "scene.mrml"))
    slicer.mrmlScene.Clear(False)
    assert ThingLogic().getParameterNode().fraction == 0.3
    slicer.util.loadScene(str(tmp_path / "scene.mrml"))
    again = ThingLogic().getParameterNode()
    assert (again.fraction, again.folds, again.device) == (0.8, [4, 5], Device.CUDA)
    assert volume.GetScene() is None
    assert len(ThingLogic().getAllParameterNodes()) == 1
