"""The MRML scene without the Slicer application: boots ``slicer-core`` the way the application boots itself.

Inside Slicer nothing is done. Outside, after :func:`boot`, these exist as in the application: ``slicer.mrmlScene``,
``slicer.app`` (scene, application logic, ``coreIOManager``) and ``slicer.modules.<name>.logic()``; with them
``slicer.util`` loads and saves nodes. The state lives on the ``slicer`` package, where Slicer keeps it.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from types import SimpleNamespace
from typing import Any

import slicer
import vtk

from abdominal_oncology.imaging.anatomy import lookup
from abdominal_oncology.scene.headless_io import HeadlessIOManager
from abdominal_oncology.scene.quiet import quiet

_LOGICS = {  # module → class of its logic; segmentations first, segments need it
    "Segmentations": "vtkSlicerSegmentationsModuleLogic",
    "Terminologies": "vtkSlicerTerminologiesModuleLogic",
    "SubjectHierarchy": "vtkSlicerSubjectHierarchyModuleLogic",
    "Units": "vtkSlicerUnitsLogic",
    "Colors": "vtkSlicerColorLogic",
    "Volumes": "vtkSlicerVolumesLogic",
    "Models": "vtkSlicerModelsLogic",
    "Transforms": "vtkSlicerTransformLogic",
    "Markups": "vtkSlicerMarkupsLogic",
    "Tables": "vtkSlicerTablesLogic",
    "Texts": "vtkSlicerTextsLogic",
    "Plots": "vtkSlicerPlotsLogic",
    "Sequences": "vtkSlicerSequencesLogic",
    "CropVolume": "vtkSlicerCropVolumeLogic",
}


class HeadlessApplication:
    """What stands in for ``slicer.app``: only the parts that have a meaning without a window."""

    def __init__(self, scene: Any, logic: Any, keep_alive: tuple[Any, ...] = ()) -> None:
        self._scene = scene
        self._logic = logic
        self._keep_alive = keep_alive  # observers of the scene: they must live as long as it does
        self._io = HeadlessIOManager()

    def mrmlScene(self) -> Any:
        return self._scene

    def applicationLogic(self) -> Any:
        return self._logic

    def coreIOManager(self) -> HeadlessIOManager:
        return self._io

    def layoutManager(self) -> None:
        """There are no views."""

    def testingEnabled(self) -> bool:
        return True

    def processEvents(self) -> None:
        """There are no events."""


def boot() -> Any:
    """Make sure there is a scene, and return it. Cheap when there is one."""
    if getattr(slicer, "app", None) is None:
        _boot()
    return slicer.mrmlScene


def is_headless() -> bool:
    """True where this module, not the Slicer application, keeps the scene."""
    return isinstance(getattr(slicer, "app", None), HeadlessApplication)


def clear_scene() -> None:
    """Remove everything but singletons, as File > Close Scene does."""
    boot().Clear(False)


def _boot() -> None:
    scene = slicer.vtkMRMLScene()
    scene.AddNode(slicer.vtkMRMLCrosshairNode())
    logic = slicer.vtkSlicerApplicationLogic()
    logic.SetMRMLScene(scene)
    logic.GetColorLogic().SetMRMLScene(scene)
    logic.GetColorLogic().AddDefaultColorNodes()
    scene.AddNode(_generic_colours())
    logic.SetSliceLogics(vtk.vtkCollection())
    logic.SetViewLogics(vtk.vtkCollection())
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene, True)
    scene.AddObserver(scene.NodeAboutToBeRemovedEvent, vtk.calldata_type(vtk.VTK_OBJECT)(_forget_item))
    scene.AddObserver(scene.StartCloseEvent, _forget_items)
    scene.AddObserver(scene.EndCloseEvent, _keep_hierarchy)
    remote_io, data_io, cache = _io_logics(scene, logic)
    slicer.mrmlScene = scene
    slicer.modules = SimpleNamespace()
    for name, kind in _LOGICS.items():
        setattr(slicer.modules, name.lower(), _module(name, kind, scene, logic))
    slicer.app = HeadlessApplication(scene, logic, (remote_io, data_io))
    atexit.register(_shut_down, cache)


def _forget_item(scene: Any, event: str, node: Any) -> None:
    """A node's hierarchy item goes with it, or it keeps the node alive; in the application a Qt plugin does this."""
    if scene.IsClosing() or node is None or node.IsA("vtkMRMLSubjectHierarchyNode"):
        return
    tree = scene.GetFirstNodeByClass("vtkMRMLSubjectHierarchyNode")
    item = tree.GetItemByDataNode(node) if tree is not None else 0
    if item:
        tree.RemoveItem(item, False, False)


def _forget_items(scene: Any, event: str) -> None:
    """All items go while their nodes still live: the hierarchy finds items by the address of a node, and the next
    scene's nodes may lie where the closed one's did."""
    tree = scene.GetFirstNodeByClass("vtkMRMLSubjectHierarchyNode")
    if tree is not None:
        tree.RemoveAllItems(False)


def _keep_hierarchy(scene: Any, event: str) -> None:
    """A hierarchy that a caller still holds is taken out of a closed scene, yet goes on to be its hierarchy."""
    tree = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    if tree.GetScene() is not scene:
        scene.AddNode(tree)


def _io_logics(scene: Any, logic: Any) -> tuple[Any, Any, str]:
    """Scene bundles are unpacked in the cache folder of these."""
    cache = tempfile.mkdtemp(prefix="abdominal-oncology-scene-")
    remote_io = slicer.vtkMRMLRemoteIOLogic()
    remote_io.SetMRMLScene(scene)
    remote_io.GetCacheManager().SetMRMLScene(scene)
    remote_io.GetCacheManager().SetRemoteCacheDirectory(cache)
    scene.SetCacheManager(remote_io.GetCacheManager())
    scene.SetDataIOManager(remote_io.GetDataIOManager())
    data_io = slicer.vtkDataIOManagerLogic()
    data_io.SetMRMLApplicationLogic(logic)
    data_io.SetAndObserveDataIOManager(remote_io.GetDataIOManager())
    return remote_io, data_io, cache


def _generic_colours() -> Any:
    """The table that label maps use by default; the application reads it from a file that the wheel does not have."""
    table = slicer.vtkMRMLColorTableNode()
    table.SetSingletonTag("FileGenericColors.txt")  # with it the node gets the identifier that display nodes ask for
    table.SetName("GenericColors")
    table.SetTypeToUser()
    table.SetNumberOfColors(256)
    table.SetColor(0, "background", 0.0, 0.0, 0.0, 0.0)
    for label in range(1, 256):
        structure = lookup(label)
        red, green, blue = structure.colour if structure else (label * 73 % 256, label * 151 % 256, label * 199 % 256)
        name = structure.label if structure else f"label {label}"
        table.SetColor(label, name, red / 255, green / 255, blue / 255, 1.0)
    table.SetSaveWithScene(False)
    table.SetHideFromEditors(True)
    return table


def _module(name: str, kind: str, scene: Any, application_logic: Any) -> SimpleNamespace:
    logic = getattr(slicer, kind)()
    with quiet():  # the wheel has no share folder; its colour and terminology files are absent and not needed
        logic.SetMRMLApplicationLogic(application_logic)
        logic.SetMRMLScene(scene)
    application_logic.SetModuleLogic(name, logic)
    return SimpleNamespace(name=name, logic=lambda: logic)


def _shut_down(cache: str) -> None:
    # nodes must go while the logics that observe them still exist, or VTK reports leaks at exit
    slicer.mrmlScene.Clear(True)
    shutil.rmtree(cache, ignore_errors=True)
