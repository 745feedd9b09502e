"""Slice and 3D views without pictures, and the layout that holds them; their nodes and slice logics are real."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from PySide6 import QtWidgets

from slicer_desktop.behaviour import Behaviour
from slicer_desktop.behaviours.scene_widget import SceneWidget

SLICE_VIEWS = {"Red": "Axial", "Green": "Coronal", "Yellow": "Sagittal"}


class SliceWidget(SceneWidget):
    """A named empty frame; ``sliceLogic()`` and its nodes are those of the scene."""

    _logic: Any = None

    def build_up(self) -> None:
        super().build_up()
        self._label = QtWidgets.QLabel("slice view", self.target)
        layout = QtWidgets.QVBoxLayout(self.target)
        layout.addWidget(self._label)

    def show_logic(self, name: str, logic: Any) -> None:
        self._logic = logic
        self._label.setText(name)
        self.hold_value("sliceViewName", name)

    def sliceLogic(self) -> Any:
        return self._logic

    logic = sliceLogic

    def mrmlSliceNode(self) -> Any:
        return self._logic.GetSliceNode() if self._logic is not None else None

    mrmlAbstractViewNode = mrmlSliceNode

    def mrmlSliceCompositeNode(self) -> Any:
        return self._logic.GetSliceCompositeNode() if self._logic is not None else None

    def sliceOrientation(self) -> str:
        node = self.mrmlSliceNode()
        return str(node.GetOrientation()) if node is not None else ""

    def setSliceOrientation(self, orientation: str) -> None:
        self.mrmlSliceNode().SetOrientation(orientation)

    def fitSliceToBackground(self) -> None:
        self._logic.FitSliceToBackground()


@dataclass(frozen=True)
class _LayoutLogic:
    """The part of ``vtkMRMLLayoutLogic`` that scripts use."""

    node: Any

    def GetLayoutNode(self) -> Any:
        return self.node


class LayoutManager(Behaviour):
    """Three slice views; plots and tables are shown in further ones when a layout asks for them."""

    def build_up(self) -> None:
        self._slices: dict[str, Any] = {}
        self._plot: Any = None
        self._scene: Any = None
        self._own_nodes: list[Any] = []

    def build_views(self, scene: Any, application_logic: Any, make: Any) -> None:
        """As the application does at its start; ``make`` makes a widget of a class."""
        import slicer

        self._scene, self._application_logic, self._make = scene, application_logic, make
        layout = scene.AddNode(slicer.vtkMRMLLayoutNode())
        self._own_nodes = [layout]
        for name, orientation in SLICE_VIEWS.items():
            self._add_slice_view(name, orientation)
        plot_node = scene.AddNode(slicer.vtkMRMLPlotViewNode())
        self._own_nodes.append(plot_node)
        self._plot = make("qMRMLPlotWidget")
        self._plot.behaviour.setMRMLPlotViewNode(plot_node)

    def _add_slice_view(self, name: str, orientation: str) -> None:
        import slicer

        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(self._application_logic)
        logic.SetMRMLScene(self._scene)
        node = logic.AddSliceNode(name)
        node.SetOrientation(orientation)
        self._application_logic.GetSliceLogics().AddItem(logic)
        self._own_nodes += [node, logic.GetSliceCompositeNode()]
        self._slices[name] = self._make("qMRMLSliceWidget")
        self._slices[name].behaviour.show_logic(name, logic)

    def take_down(self, application_logic: Any) -> None:
        """Leave the scene as it was before."""
        for each in self._slices.values():
            logic = each.behaviour.sliceLogic()
            application_logic.GetSliceLogics().RemoveItem(logic)
            logic.SetMRMLScene(None)
        for node in self._own_nodes:
            if node.GetScene() is not None:
                self._scene.RemoveNode(node)

    def mrmlScene(self) -> Any:
        return self._scene

    def layoutLogic(self) -> _LayoutLogic:
        return _LayoutLogic(self._own_nodes[0])

    def sliceViewNames(self) -> tuple[str, ...]:
        return tuple(self._slices)

    def sliceWidget(self, name: str) -> Any:
        return self._slices.get(name)

    def mrmlSliceLogics(self) -> Any:
        import vtk

        found = vtk.vtkCollection()
        for each in self._slices.values():
            found.AddItem(each.behaviour.sliceLogic())
        return found

    def plotViewCount(self) -> int:
        return 1

    def plotWidget(self, index: int) -> Any:
        return self._plot if index == 0 else None

    def viewWidgets(self) -> list[Any]:
        return [*self._slices.values(), self._plot]

    def setLayout(self, layout: int) -> None:
        """A layout of one's own (``AddLayoutDescription``) brings the slice views that it names."""
        if layout != self.held_value("layout"):
            text = self._own_nodes[0].GetLayoutDescription(layout) or "<layout/>"
            for view in ElementTree.fromstring(text).iter("view"):
                name = view.get("singletontag")
                if view.get("class") == "vtkMRMLSliceNode" and name and name not in self._slices:
                    orientation = view.findtext("property[@name='orientation']")
                    self._add_slice_view(name, orientation or "Axial")
            self._own_nodes[0].SetViewArrangement(layout)
            self.hold_value("layout", layout, tells="layoutChanged")

    def resetSliceViews(self) -> None:
        for logic in self._logics():
            logic.FitSliceToBackground()

    def _logics(self) -> Iterator[Any]:
        return (each.behaviour.sliceLogic() for each in self._slices.values())
