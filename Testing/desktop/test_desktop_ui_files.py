"""``.ui`` files load through Qt's loader; what Slicer would pass over in silence is an error here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Load = Callable[..., Any]

SCENE = "mrmlSceneChanged(vtkMRMLScene*)"
SET_SCENE = "setMRMLScene(vtkMRMLScene*)"
COMBO = """
<widget class="qMRMLNodeComboBox" name="inputSelector">
 <property name="nodeTypes"><stringlist notr="true"><string>vtkMRMLScalarVolumeNode</string></stringlist></property>
 <property name="noneEnabled"><bool>true</bool></property>
 <property name="toolTip"><string>A CT</string></property>
 <property name="SlicerParameterName" stdset="0"><string notr="true">inputVolume</string></property>
</widget>"""


def ui(inside: str, connections: tuple[tuple[str, str, str, str], ...] = ()) -> str:
    tags = ("sender", "signal", "receiver", "slot")
    lines = "".join(
        "<connection>"
        + "".join(f"<{tag}>{text}</{tag}>" for tag, text in zip(tags, each, strict=True))
        + "</connection>"
        for each in connections
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<ui version="4.0"><class>Panel</class>
<widget class="qMRMLWidget" name="Panel"><layout class="QVBoxLayout" name="panelLayout">
<item>{inside}</item></layout></widget>
<resources/><connections>{lines}</connections></ui>"""


@pytest.fixture
def load(slicer: Any, tmp_path: Path) -> Load:
    def from_text(*of_ui: Any) -> Any:
        path = tmp_path / "Panel.ui"
        path.write_text(ui(*of_ui), encoding="utf-8")
        return slicer.util.loadUI(str(path))

    return from_text


def test_widgets_are_made_with_their_properties(load: Load, slicer: Any) -> None:
    panel = load(COMBO, (("Panel", SCENE, "inputSelector", SET_SCENE),))
    assert panel.className() == "qMRMLWidget"
    found = slicer.util.childWidgetVariables(panel)
    combo = found.inputSelector
    assert combo.className() == "qMRMLNodeComboBox"
    assert combo.nodeTypes == ("vtkMRMLScalarVolumeNode",)
    assert (combo.noneEnabled, combo.toolTip) == (True, "A CT")
    assert combo.property("SlicerParameterName") == "inputVolume"
    assert slicer.util.findChild(panel, "inputSelector") == combo
    with pytest.raises(RuntimeError, match="does not exist"):
        slicer.util.findChild(panel, "outputSelector")


def test_the_scene_is_passed_on_by_the_connection(load: Load, slicer: Any) -> None:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    connected = load(COMBO, (("Panel", SCENE, "inputSelector", SET_SCENE),))
    forgotten = load(COMBO)
    for panel in (connected, forgotten):
        panel.setMRMLScene(slicer.mrmlScene)
    assert connected.inputSelector.nodeFromIndex(0) is node
    assert forgotten.inputSelector.nodeCount() == 0  # the trap that a connection avoids


def test_enums_sets_and_numbers_are_read(load: Load, ctk: Any, qt: Any) -> None:
    panel = load("""
<widget class="QWidget" name="all"><layout class="QVBoxLayout" name="inside">
 <item><widget class="ctkPathLineEdit" name="path">
  <property name="filters"><set>ctkPathLineEdit::Dirs|ctkPathLineEdit::Readable</set></property></widget></item>
 <item><widget class="ctkSliderWidget" name="slider">
  <property name="maximum"><double>0.900000000000000</double></property>
  <property name="value"><double>0.300000000000000</double></property>
  <property name="decimals"><number>1</number></property></widget></item>
 <item><widget class="ctkCollapsibleButton" name="section"><property name="text"><string>Log</string></property>
  <property name="collapsed"><bool>true</bool></property>
  <layout class="QVBoxLayout" name="l"><item><widget class="QLabel" name="hidden"/></item></layout></widget></item>
 <item><widget class="QLabel" name="label">
  <property name="alignment"><set>Qt::AlignCenter</set></property></widget></item>
</layout></widget>""")
    inside = panel.all
    assert inside.path.filters == ctk.ctkPathLineEdit.Dirs | ctk.ctkPathLineEdit.Readable
    assert (inside.slider.maximum, inside.slider.value, inside.slider.decimals) == (0.9, 0.3, 1)
    assert inside.label.alignment == qt.Qt.AlignCenter
    panel.show()
    assert (inside.section.text, inside.section.hidden.visible) == ("Log", False)
    inside.section.collapsed = False
    assert inside.section.hidden.visible


@pytest.mark.parametrize(
    ("inside", "connections", "says"),
    [
        ('<widget class="qMRMLPlotView" name="plot"/>', (), "no Designer plugin"),
        ('<widget class="qMRMLNoSuchWidget" name="x"/>', (), "not among the facts"),
        (
            '<widget class="ctkSliderWidget" name="x"><property name="maximun"><double>1</double></property></widget>',
            (),
            "has no property 'maximun'",
        ),
        (
            '<widget class="ctkPathLineEdit" name="x"><property name="filters"><set>Fyles</set></property></widget>',
            (),
            "does not accept",
        ),
        (COMBO, (("Panel", "sceneChanged(vtkMRMLScene*)", "inputSelector", SET_SCENE),), "no signal"),
        (COMBO, (("Panel", SCENE, "inputSelector", "setScene(vtkMRMLScene*)"),), "does not exist"),
        (COMBO, (("Panel", SCENE, "inputSelektor", SET_SCENE),), "no object named"),
    ],
)
def test_what_slicer_would_pass_over_is_an_error(
    load: Load, desktop: Any, inside: str, connections: Any, says: str
) -> None:
    with pytest.raises(RuntimeError, match=says):
        load(inside, connections)
    desktop.journal.take()


def test_a_missing_file_is_an_error(slicer: Any) -> None:
    with pytest.raises(RuntimeError, match="file not found"):
        slicer.util.loadUI("/no/such/Panel.ui")
