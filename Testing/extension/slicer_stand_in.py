"""The Qt-less parts of the Slicer application that module files touch, on the real MRML scene of slicer-core.

Small and strict: what a module uses and this lacks is an AttributeError. Widgets come from a panel's ``.ui`` file and
have only the names in it; each lets itself be used as ``ALLOWED`` says and no further.
"""

from __future__ import annotations

import sys
import typing
import unittest
import xml.etree.ElementTree as ElementTree
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

ALLOWED = {
    "qMRMLWidget": ("setMRMLScene",),
    "qMRMLNodeComboBox": ("setMRMLScene",),
    "qMRMLTableView": ("setMRMLScene", "setMRMLTableNode"),
    "QPushButton": ("enabled", "text", "toolTip"),
    "QLabel": ("text", "toolTip"),
    "ctkCollapsibleButton": ("collapsed", "text"),
}
SIGNALS = {"QPushButton": ("clicked(bool)",)}


class Widget:
    """One object of a ``.ui`` file."""

    def __init__(self, kind: str, name: str, parameter: str | None) -> None:
        object.__setattr__(self, "facts", SimpleNamespace(kind=kind, name=name, parameter=parameter, slots={}, last={}))

    def __getattr__(self, name: str) -> object:
        if name not in ALLOWED[self.facts.kind]:
            raise AttributeError(f"{self.facts.kind} has no attribute {name!r} here")
        if name.startswith("set"):
            return lambda value: self.facts.last.__setitem__(name, value)
        return self.facts.last.get(name)

    def __setattr__(self, name: str, value: object) -> None:
        if name not in ALLOWED[self.facts.kind] or name.startswith("set"):
            raise AttributeError(f"{self.facts.kind}.{name} cannot be set")
        self.facts.last[name] = value

    def connect(self, signal: str, slot: object) -> bool:
        if signal not in SIGNALS.get(self.facts.kind, ()):
            raise AttributeError(f"{self.facts.kind} has no signal {signal}")
        self.facts.slots[signal] = slot
        return True

    def click(self) -> None:
        if not self.enabled and self.enabled is not None:
            raise AssertionError(f"{self.facts.name} is disabled: {self.toolTip}")
        self.facts.slots["clicked(bool)"](False)


def load_ui(path: str) -> Widget:
    root = ElementTree.parse(path).getroot().find("widget")
    panel = Widget(root.get("class"), root.get("name"), None)
    children = {}
    for element in root.iter("widget"):
        named = element.find("./property[@name='SlicerParameterName']/string")
        parameter = None if named is None else named.text
        children[element.get("name")] = Widget(element.get("class"), element.get("name"), parameter)
    panel.facts.children = children
    return panel


def parameter_node_wrapper(kind: type) -> type:
    """Typed attributes kept as node references of a real vtkMRMLScriptedModuleNode."""
    members = typing.get_type_hints(kind)

    def reference(name: str, node_class: type) -> property:
        def read(self: object) -> object:
            return self.parameterNode.GetNodeReference(name)

        def write(self: object, node: object) -> None:
            if node is not None and not node.IsA(node_class.__name__):
                raise TypeError(f"{name} needs a {node_class.__name__}")
            self.parameterNode.SetNodeReferenceID(name, node.GetID() if node is not None else None)

        return property(read, write)

    def connect_gui(self: object, ui: SimpleNamespace) -> int:
        for widget in vars(ui).values():
            if widget.facts.parameter is not None and widget.facts.parameter not in members:
                raise ValueError(f"Cannot find a param with the given name: {widget.facts.parameter}")
        return 1

    def begin(self: object, parameter_node: object) -> None:
        self.parameterNode = parameter_node

    for name, node_class in members.items():
        setattr(kind, name, reference(name, node_class))
    kind.__init__ = begin
    kind.connectGui = connect_gui
    kind.disconnectGui = lambda self, tag: None
    kind.AddObserver = lambda self, event, callback, priority=0.0: self.parameterNode.AddObserver(
        event, callback, priority
    )
    kind.RemoveObserver = lambda self, tag: self.parameterNode.RemoveObserver(tag)
    return kind


class ScriptedLoadableModule:
    def __init__(self, parent: object) -> None:
        self.parent = parent
        self.moduleName = type(self).__name__

    def resourcePath(self, name: str) -> str:
        return str(Path(self.parent.path).parent / "Resources" / name)


class ScriptedLoadableModuleLogic:
    def __init__(self, parent: object = None) -> None:
        super().__init__()
        self.moduleName = type(self).__name__.removesuffix("Logic")

    def getParameterNode(self) -> object:
        import slicer

        node = slicer.mrmlScene.GetSingletonNode(self.moduleName, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
            node.UnRegister(None)
            node.SetSingletonTag(self.moduleName)
            node.SetAttribute("ModuleName", self.moduleName)
            node = slicer.mrmlScene.AddNode(node)
        return node


class ScriptedLoadableModuleWidget:
    def __init__(self, parent: object = None) -> None:
        super().__init__()
        self.moduleName = type(self).__name__.removesuffix("Widget")
        self.parent = parent
        self.layout = SimpleNamespace(addWidget=lambda widget: None)

    def setup(self) -> None:
        """Slicer makes its developer section here."""

    def resourcePath(self, name: str) -> str:
        return str(Path(sys.modules[type(self).__module__].__file__).parent / "Resources" / name)


class ScriptedLoadableModuleTest(unittest.TestCase):
    pass


@contextmanager
def _try_with_error_display(message: str, show: bool = True, waitCursor: bool = False) -> typing.Iterator[None]:
    yield  # under test an error must reach the test


def install() -> None:
    """Make ``import slicer...`` work as module files expect it. The scene is real and booted by our own bridge."""
    import slicer
    import slicer.util

    from abdominal_oncology.scene import boot

    scene = boot()
    if not scene.GetTagByClassName("vtkMRMLScriptedModuleNode"):
        scene.RegisterNodeClass(slicer.vtkMRMLScriptedModuleNode())
    module = ModuleType("slicer.ScriptedLoadableModule")
    for kind in (
        ScriptedLoadableModule,
        ScriptedLoadableModuleLogic,
        ScriptedLoadableModuleTest,
        ScriptedLoadableModuleWidget,
    ):
        setattr(module, kind.__name__, kind)
    wrapper = ModuleType("slicer.parameterNodeWrapper")
    wrapper.parameterNodeWrapper = parameter_node_wrapper
    i18n = ModuleType("slicer.i18n")
    i18n.tr = lambda text: text
    i18n.translate = lambda context, text: text
    samples = ModuleType("SampleData")
    samples.sources = []
    samples.SampleDataLogic = SimpleNamespace(
        registerCustomSampleDataSource=lambda **source: samples.sources.append(source)
    )
    for name, made in (("ScriptedLoadableModule", module), ("parameterNodeWrapper", wrapper), ("i18n", i18n)):
        sys.modules[f"slicer.{name}"] = made
        setattr(slicer, name, made)
    sys.modules["SampleData"] = samples
    slicer.util.loadUI = load_ui
    slicer.util.childWidgetVariables = lambda panel: SimpleNamespace(**panel.facts.children)
    slicer.util.tryWithErrorDisplay = _try_with_error_display
    slicer.util.setSliceViewerLayers = lambda background=None, fit=False: None
    slicer.app.startup = []
    slicer.app.connect = lambda signal, slot: slicer.app.startup.append(slot)
