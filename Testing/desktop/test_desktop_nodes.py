"""Widgets that choose or show nodes follow the real scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Add = Callable[..., Any]


@pytest.fixture
def add(slicer: Any) -> Add:
    def make(kind: str, name: str) -> Any:
        return slicer.mrmlScene.AddNewNodeByClass(f"vtkMRML{kind}Node", name)

    return make


@pytest.fixture
def combo(slicer: Any) -> Any:
    made = slicer.qMRMLNodeComboBox()
    made.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    made.noneEnabled = True
    made.setMRMLScene(slicer.mrmlScene)
    return made


@pytest.fixture
def segmentation(slicer: Any) -> Any:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "organs")
    for name in ("liver", "spleen"):
        node.GetSegmentation().AddEmptySegment(name, name)
    return node


def names(combo: Any) -> list[str]:
    return [combo.nodeFromIndex(index).GetName() for index in range(combo.nodeCount())]


def test_nodes_come_and_go(combo: Any, add: Add, slicer: Any) -> None:
    seen: list[Any] = []
    combo.connect("currentNodeChanged(vtkMRMLNode*)", seen.append)
    first, _ = add("ScalarVolume", "first"), add("Table", "no volume")
    second = add("ScalarVolume", "second")
    assert names(combo) == ["first", "second"]
    assert combo.currentNode() is None
    combo.setCurrentNode(second)
    assert combo.currentNodeID == second.GetID()
    slicer.mrmlScene.RemoveNode(second)
    assert combo.currentNode() is None
    combo.currentNodeID = first.GetID()
    slicer.mrmlScene.Clear(False)
    assert combo.currentNode() is None
    assert combo.nodeCount() == 0
    assert seen == [second, None, first, None]


def test_without_none_something_is_always_chosen(combo: Any, add: Add, slicer: Any) -> None:
    combo.noneEnabled = False
    first = add("ScalarVolume", "first")
    second = add("ScalarVolume", "second")
    assert combo.currentNode() is first
    slicer.mrmlScene.RemoveNode(first)
    assert combo.currentNode() is second


def test_names_follow_and_a_hidden_node_is_not_listed(combo: Any, add: Add) -> None:
    renamed: list[str] = []
    combo.connect("currentNodeRenamed(QString)", renamed.append)
    node, hidden = add("ScalarVolume", "before"), add("ScalarVolume", "hidden")
    hidden.SetHideFromEditors(True)
    combo.setCurrentNode(node)
    node.SetName("after")
    box = combo.findChild("QComboBox")
    assert box.currentText == "after"
    assert renamed == ["after"]
    combo.showHidden = True
    assert names(combo) == ["after", "hidden"]
    combo.showHidden = False
    assert names(combo) == ["after"]


def test_classes_and_attributes_select_what_is_listed(combo: Any, add: Add) -> None:
    add("ScalarVolume", "ct")
    add("LabelMapVolume", "mask")
    assert names(combo) == ["ct", "mask"]
    combo.showChildNodeTypes = False
    assert names(combo) == ["ct"]
    combo.showChildNodeTypes = True
    combo.hideChildNodeTypes = ["vtkMRMLLabelMapVolumeNode"]
    assert names(combo) == ["ct"]
    combo.addAttribute("vtkMRMLScalarVolumeNode", "Phase", "venous")
    assert names(combo) == []
    add("ScalarVolume", "portal").SetAttribute("Phase", "venous")
    combo.removeAttribute("vtkMRMLScalarVolumeNode", "Phase")
    combo.addAttribute("vtkMRMLScalarVolumeNode", "Phase")
    assert names(combo) == ["portal"]


def test_a_node_that_does_not_fit_leaves_nothing_chosen(combo: Any, add: Add) -> None:
    combo.setCurrentNode(add("ScalarVolume", "ct"))
    combo.setCurrentNode(add("Table", "table"))
    assert combo.currentNode() is None
    with pytest.raises(ValueError, match="overload"):
        combo.setCurrentNodeIndex(object())


def test_a_person_picks_creates_and_deletes(combo: Any, add: Add, slicer: Any) -> None:
    by_hand: list[Any] = []
    combo.nodeAddedByUser.connect(by_hand.append)
    node = add("ScalarVolume", "ct")
    box = combo.findChild("QComboBox")
    assert [box.itemText(index) for index in range(box.count)] == ["None", "ct"]
    box.setCurrentIndex(1)
    box.activated.emit(1)
    assert combo.currentNode() is node
    combo.baseName = "New volume"
    made = combo.addNode()
    assert (made.GetName(), combo.currentNode(), by_hand) == ("New volume", made, [made])
    combo.removeCurrentNode()
    assert made.GetScene() is None


def test_a_node_asked_for_before_the_scene_is_chosen_when_it_is_there(slicer: Any, add: Add) -> None:
    add("ScalarVolume", "first")
    wanted = add("ScalarVolume", "wanted")
    combo = slicer.qMRMLNodeComboBox()
    combo.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    combo.setCurrentNodeID(wanted.GetID())
    combo.setMRMLScene(slicer.mrmlScene)
    assert combo.currentNode() is wanted


def test_a_destroyed_combo_box_is_deaf(combo: Any, add: Add, desktop: Any) -> None:
    combo.delete()
    add("ScalarVolume", "after")  # an observer left behind would fail and be in the journal


def test_several_nodes_are_checked(slicer: Any, add: Add) -> None:
    combo, told = slicer.qMRMLCheckableNodeComboBox(), []
    combo.nodeTypes = ["vtkMRMLScalarVolumeNode"]
    combo.setMRMLScene(slicer.mrmlScene)
    combo.checkedNodesChanged.connect(lambda: told.append(1))
    first, second = add("ScalarVolume", "a"), add("ScalarVolume", "b")
    assert combo.noneChecked()
    combo.setCheckState(second, 2)
    assert combo.checkedNodes() == (second,)
    assert combo.uncheckedNodes() == (first,)
    slicer.mrmlScene.RemoveNode(second)
    assert combo.checkedNodes() == ()
    assert told == [1]


def test_segments_are_listed_and_followed(slicer: Any, segmentation: Any) -> None:
    chosen: list[str] = []
    selector = slicer.qMRMLSegmentSelectorWidget()
    selector.connect("currentSegmentChanged(QString)", chosen.append)
    selector.setMRMLScene(slicer.mrmlScene)
    assert selector.currentNode() is segmentation
    assert selector.segmentIDs() == ("liver", "spleen")
    assert selector.currentSegmentID() == "liver"
    selector.setCurrentSegmentID("spleen")
    segmentation.GetSegmentation().RemoveSegment("spleen")
    assert selector.currentSegmentID() == "liver"
    assert chosen == ["liver", "spleen", "liver"]
    slicer.mrmlScene.RemoveNode(segmentation)
    assert selector.currentNode() is None
    assert selector.segmentIDs() == ()


def test_several_segments_are_chosen(slicer: Any, segmentation: Any) -> None:
    selector, told = slicer.qMRMLSegmentSelectorWidget(), []
    selector.multiSelection = True
    selector.connect("segmentSelectionChanged(QStringList)", told.append)
    selector.setMRMLScene(slicer.mrmlScene)
    assert selector.selectedSegmentIDs() == ()
    selector.setSelectedSegmentIDs(["spleen", "no such segment"])
    assert selector.selectedSegmentIDs() == ("spleen",)
    assert told == [("spleen",)]


def test_segments_in_a_table(slicer: Any, segmentation: Any) -> None:
    table = slicer.qMRMLSegmentsTableView()
    table.setMRMLScene(slicer.mrmlScene)
    table.setSegmentationNode(segmentation)
    assert table.segmentCount == 2
    table.setSelectedSegmentIDs(["spleen"])
    segmentation.GetSegmentation().AddEmptySegment("kidney", "kidney")
    assert table.segmentCount == 3
    assert table.selectedSegmentIDs() == ("spleen",)


def test_a_table_shows_its_node(slicer: Any, add: Add, qt: Any) -> None:
    view, node = slicer.qMRMLTableView(), add("Table", "phases")
    view.setMRMLScene(slicer.mrmlScene)
    view.setMRMLTableNode(node)
    slicer.util.updateTableFromArray(node, (np.array([1.5, 2.5]),), ["probability"])
    model = view.model()
    assert (model.rowCount(), model.columnCount()) == (2, 1)
    assert float(model.index(1, 0).data()) == 2.5
    assert model.headerData(0, qt.Qt.Horizontal) == "probability"
    view.selectRow(1)
    view.copySelection()
    assert float(slicer.app.clipboard().text()) == 2.5
    slicer.mrmlScene.RemoveNode(node)
    assert view.mrmlTableNode() is None
    assert model.rowCount() == 0
    with pytest.raises(ValueError, match="overload"):
        view.setMRMLTableNode("phases")


def test_a_plot_shows_its_chart(slicer: Any, qt: Any) -> None:
    from slicer_desktop.behaviours.plots import points_of
    from slicer_desktop.pictures import picture

    table = np.array([[0.0, 1.0, 2.0], [0.2, 0.9, 0.4]]).T
    chart = slicer.util.plot(table, 0, columnNames=["slice", "vote"], title="votes", show=False)
    assert points_of(chart.GetNthPlotSeriesNode(0)) == [(0.0, 0.2), (1.0, 0.9), (2.0, 0.4)]
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotViewNode")
    view = slicer.qMRMLPlotWidget()
    view.setMRMLScene(slicer.mrmlScene)
    view.setMRMLPlotViewNode(node)
    empty = picture(view, width=300, height=200)
    node.SetPlotChartNodeID(chart.GetID())
    drawn = picture(view, width=300, height=200)
    assert drawn != empty
    chart.GetNthPlotSeriesNode(0).SetColor(1.0, 0.0, 0.0)
    assert picture(view, width=300, height=200) != drawn


def test_a_study_is_chosen_in_the_hierarchy(slicer: Any, add: Add) -> None:
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    patient = tree.CreateSubjectItem(tree.GetSceneItemID(), "patient")
    study = tree.CreateStudyItem(patient, "study")
    volume = add("ScalarVolume", "arterial")
    item = tree.CreateItem(study, volume)
    view, told = slicer.qMRMLSubjectHierarchyTreeView(), []
    view.connect("currentItemChanged(vtkIdType)", told.append)
    view.setMRMLScene(slicer.mrmlScene)
    assert view.displayedItemCount() == 3
    view.levelFilter = ["Study"]
    assert view.displayedItemCount() == 2  # the patient leads to it
    view.setCurrentItem(study)
    assert view.currentItem() == study
    assert view.currentNode() is None
    view.levelFilter = []
    view.setCurrentNode(volume)
    assert (view.currentItem(), view.currentNode()) == (item, volume)
    slicer.mrmlScene.RemoveNode(volume)
    assert view.currentItem() == 0
    assert told == [study, item, 0]
    combo = slicer.qMRMLSubjectHierarchyComboBox()
    combo.noneEnabled = True
    combo.setMRMLScene(slicer.mrmlScene)
    combo.setCurrentItem(study)
    assert combo.currentItem() == study
    assert combo.currentText == "study"
    combo.clearSelection()
    assert combo.currentItem() == 0


def test_slices_are_shown_in_the_views(slicer: Any, add: Add) -> None:
    volume = slicer.util.addVolumeFromArray(np.zeros((3, 4, 5), np.int16))
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    red = slicer.app.layoutManager().sliceWidget("Red")
    assert red.sliceLogic().GetBackgroundLayer().GetVolumeNode() is volume
    assert red.mrmlSliceNode().GetLayoutName() == "Red"
    assert red.mrmlSliceCompositeNode().GetBackgroundVolumeID() == volume.GetID()
    changed: list[int] = []
    manager = slicer.app.layoutManager()
    manager.layoutChanged.connect(changed.append)
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalPlotView)
    assert changed == [slicer.vtkMRMLLayoutNode.SlicerLayoutConventionalPlotView] == [manager.layout]
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)


def test_a_layout_of_ones_own_brings_its_slice_views(slicer: Any) -> None:
    view = (
        '<item><view class="vtkMRMLSliceNode" singletontag="{name}">'
        '<property name="orientation" action="default">Axial</property></view></item>'
    )
    names = ("Arterial", "Portal", "Delayed")
    layout = f'<layout type="horizontal">{"".join(view.format(name=name) for name in names)}</layout>'
    manager = slicer.app.layoutManager()
    manager.layoutLogic().GetLayoutNode().AddLayoutDescription(7312, layout)
    manager.setLayout(7312)
    assert manager.sliceViewNames()[-3:] == names
    volume = slicer.util.addVolumeFromArray(np.zeros((3, 4, 5), np.int16))
    portal = manager.sliceWidget("Portal").sliceLogic()
    portal.GetSliceCompositeNode().SetBackgroundVolumeID(volume.GetID())
    portal.GetSliceNode().JumpSliceByCentering(1, 2, 3)
    assert portal.GetBackgroundLayer().GetVolumeNode() is volume
    assert portal.GetSliceNode().GetSliceToRAS().GetElement(2, 3) == 3
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
