"""Which behaviour a class of the facts has: its own, that of a base, or the plain one that holds values."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from slicer_desktop.behaviour import Behaviour
from slicer_desktop.behaviours.application import Application, IOManager
from slicer_desktop.behaviours.containers import CollapsibleButton, CollapsibleGroupBox, ExpandButton
from slicer_desktop.behaviours.hierarchy import HierarchyComboBox, HierarchyTree
from slicer_desktop.behaviours.modules import MainWindow, Module, ModuleManager, ModulePanel, ModuleSelector
from slicer_desktop.behaviours.node_combo_box import CheckableNodeComboBox, NodeComboBox
from slicer_desktop.behaviours.paths import DirectoryButton, PathLineEdit
from slicer_desktop.behaviours.plots import PlotView, PlotWidget
from slicer_desktop.behaviours.scene_widget import SceneWidget
from slicer_desktop.behaviours.segments import SegmentSelector, SegmentsTable
from slicer_desktop.behaviours.tables import TableView
from slicer_desktop.behaviours.values import RangeWidget, SliderWidget
from slicer_desktop.behaviours.views import LayoutManager, SliceWidget
from slicer_desktop.facts import lineage

BEHAVIOURS: Mapping[str, type[Behaviour]] = MappingProxyType(
    {
        "ctkCollapsibleButton": CollapsibleButton,
        "ctkCollapsibleGroupBox": CollapsibleGroupBox,
        "ctkDirectoryButton": DirectoryButton,
        "ctkDoubleRangeSlider": RangeWidget,
        "ctkDoubleSlider": SliderWidget,
        "ctkDoubleSpinBox": SliderWidget,
        "ctkExpandButton": ExpandButton,
        "ctkPathLineEdit": PathLineEdit,
        "ctkRangeWidget": RangeWidget,
        "ctkSliderWidget": SliderWidget,
        "qMRMLCheckableNodeComboBox": CheckableNodeComboBox,
        "qMRMLLayoutManager": LayoutManager,
        "qMRMLNodeComboBox": NodeComboBox,
        "qMRMLPlotView": PlotView,
        "qMRMLPlotWidget": PlotWidget,
        "qMRMLSegmentSelectorWidget": SegmentSelector,
        "qMRMLSegmentsTableView": SegmentsTable,
        "qMRMLSliceWidget": SliceWidget,
        "qMRMLSubjectHierarchyComboBox": HierarchyComboBox,
        "qMRMLSubjectHierarchyTreeView": HierarchyTree,
        "qMRMLTableView": TableView,
        "qMRMLWidget": SceneWidget,
        "qSlicerApplication": Application,
        "qSlicerCoreIOManager": IOManager,
        "qSlicerMainWindow": MainWindow,
        "qSlicerModuleManager": ModuleManager,
        "qSlicerModuleSelectorToolBar": ModuleSelector,
        "qSlicerScriptedLoadableModule": Module,
        "qSlicerScriptedLoadableModuleWidget": ModulePanel,
        "qSlicerWidget": SceneWidget,
    }
)


def behaviour_of(name: str) -> type[Behaviour]:
    return next((BEHAVIOURS[each.name] for each in lineage(name) if each.name in BEHAVIOURS), Behaviour)
