"""Loading and saving nodes without the application: the part of ``qSlicerCoreIOManager`` that ``slicer.util`` uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import slicer
import vtk

_KINDS = {  # longest ending first
    ".seg.nrrd": "SegmentationFile",
    ".seg.nhdr": "SegmentationFile",
    ".seq.nrrd": "SequenceFile",
    ".mrk.json": "MarkupsFile",
    ".nii.gz": "VolumeFile",
    ".nrrd": "VolumeFile",
    ".nhdr": "VolumeFile",
    ".nii": "VolumeFile",
    ".mha": "VolumeFile",
    ".mhd": "VolumeFile",
    ".dcm": "VolumeFile",
    ".csv": "TableFile",
    ".tsv": "TableFile",
    ".h5": "TransformFile",
    ".tfm": "TransformFile",
    ".vtp": "ModelFile",
    ".vtk": "ModelFile",
    ".stl": "ModelFile",
    ".obj": "ModelFile",
    ".ply": "ModelFile",
    ".txt": "TextFile",
    ".json": "TextFile",
    ".mrb": "SceneFile",
    ".mrml": "SceneFile",
}


class HeadlessIOManager:
    """``slicer.app.coreIOManager()`` of the headless scene."""

    def fileType(self, file_name: str) -> str:
        lower = str(file_name).lower()
        return next((kind for ending, kind in _KINDS.items() if lower.endswith(ending)), "NoFile")

    def fileWriterFileType(self, node: Any, extension: str = "") -> str:
        return "NodeFile"

    def loadNodes(self, kind: str, properties: Mapping[str, Any], loaded: Any = None, messages: Any = None) -> bool:
        """Load one file; the nodes are appended to the vtkCollection ``loaded``."""
        path = Path(str(properties["fileName"]))
        loader = _LOADERS.get(str(kind))
        if loader is None or not path.exists():
            _say(messages, f"{path}: {'no such file' if loader else f'no reader for {kind}'}")
            return False
        node = loader(path, properties)
        if node is None or node is False:
            _say(messages, f"{path}: could not be read as {kind}")
            return False
        if loaded is not None and node is not True:
            loaded.AddItem(node)
        return True

    def saveNodes(self, kind: str, properties: Mapping[str, Any], messages: Any = None) -> bool:
        """Write one node, or with ``SceneFile`` the scene."""
        path = str(properties["fileName"])
        if kind == "SceneFile":
            return _save_scene(Path(path), messages)
        node = slicer.mrmlScene.GetNodeByID(properties["nodeID"])
        if node is None:
            _say(messages, f"{path}: the node to save is not in the scene")
            return False
        if not node.IsA("vtkMRMLStorableNode"):
            _say(messages, f"{path}: a {node.GetNodeTagName()} node has no file of its own")
            return False
        storage = node.GetStorageNode()
        if storage is None:
            if node.IsA("vtkMRMLTextNode"):  # a short text has a file of its own only when told so
                node.SetForceCreateStorageNode(node.CreateStorageNodeAlways)
            node.AddDefaultStorageNode(path)
            storage = node.GetStorageNode()
        storage.SetFileName(path)
        storage.SetUseCompression(bool(properties.get("useCompression", True)))
        return bool(storage.WriteData(node))


def _say(messages: Any, text: str) -> None:
    if messages is not None:
        messages.AddMessage(vtk.vtkCommand.ErrorEvent, text)


def _logic(module: str) -> Any:
    return getattr(slicer.modules, module).logic()


def _load_volume(path: Path, properties: Mapping[str, Any]) -> Any:
    name = properties.get("name") or path.name.split(".")[0]
    options = 1 if properties.get("labelmap") else 0
    if properties.get("singleFile"):
        options += 8
    return _logic("volumes").AddArchetypeVolume(str(path), name, options)


def _load_through_storage(kind: str, storage_kind: str, path: Path, properties: Mapping[str, Any]) -> Any:
    """A node read by its storage node alone, for kinds whose module logic needs the application's files to load."""
    name = properties.get("name") or path.name.split(".")[0]
    node = slicer.mrmlScene.AddNewNodeByClass(kind, name)
    storage = slicer.mrmlScene.AddNewNodeByClass(storage_kind)
    storage.SetFileName(str(path))
    node.SetAndObserveStorageNodeID(storage.GetID())
    if not storage.ReadData(node):
        slicer.mrmlScene.RemoveNode(storage)
        slicer.mrmlScene.RemoveNode(node)
        return None
    if node.IsA("vtkMRMLDisplayableNode"):
        node.CreateDefaultDisplayNodes()
    return node


def _load_scene(path: Path, properties: Mapping[str, Any]) -> bool:
    clear = bool(properties.get("clear", False))
    if path.suffix.lower() == ".mrb":
        return bool(slicer.mrmlScene.ReadFromMRB(str(path), clear))
    slicer.mrmlScene.SetURL(str(path))
    return bool(slicer.mrmlScene.Connect() if clear else slicer.mrmlScene.Import())


def _save_scene(path: Path, messages: Any) -> bool:
    if path.suffix.lower() == ".mrb":
        return bool(slicer.mrmlScene.WriteToMRB(str(path), None, messages))
    if path.suffix.lower() == ".mrml":
        return bool(slicer.mrmlScene.Commit(str(path)))
    path.mkdir(parents=True, exist_ok=True)
    return bool(slicer.mrmlScene.SaveSceneToSlicerDataBundleDirectory(str(path), None, messages))


_LOADERS: Mapping[str, Callable[[Path, Mapping[str, Any]], Any]] = {
    "VolumeFile": _load_volume,
    "SegmentationFile": partial(_load_through_storage, "vtkMRMLSegmentationNode", "vtkMRMLSegmentationStorageNode"),
    "TextFile": partial(_load_through_storage, "vtkMRMLTextNode", "vtkMRMLTextStorageNode"),
    "SceneFile": _load_scene,
    "TableFile": lambda path, properties: _logic("tables").AddTable(str(path), properties.get("name") or path.stem),
    "TransformFile": lambda path, _: _logic("transforms").AddTransform(str(path), slicer.mrmlScene),
    "ModelFile": lambda path, _: _logic("models").AddModel(str(path), 0),  # stored in LPS unless the file says RAS
    "MarkupsFile": lambda path, _: slicer.mrmlScene.GetNodeByID(_logic("markups").LoadMarkups(str(path), path.stem)),
    "SequenceFile": lambda path, _: _logic("sequences").AddSequence(str(path)),
}
