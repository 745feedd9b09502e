"""``@parameterNodeWrapper``: typed attributes on a parameter node, bound to widgets by ``SlicerParameterName``."""

from __future__ import annotations

import weakref
from typing import Any

import slicer
import vtk

from slicer_desktop.parameters import packs
from slicer_desktop.parameters.connectors import Connector, connector_for

PROPERTY = "SlicerParameterName"


def parameter_node_wrapper(kind: type | None = None) -> Any:
    """The class decorator."""
    return _made if kind is None else _made(kind)


def _made(kind: type) -> type:
    parameters = packs.declared(kind)
    offered = {name: value for name, value in vars(ParameterNode).items() if callable(value) and name != "__new__"}
    offered |= {"allParameters": parameters, "dataType": staticmethod(lambda name: packs.data_type(parameters, name))}
    for name, value in offered.items():
        if not name.startswith("__") and (hasattr(kind, name) or name in parameters):
            raise ValueError(f"Cannot use reserved name '{name}' in a parameterNodeWrapper")
        setattr(kind, name, value)
    for name, each in parameters.items():
        setattr(kind, name, _attribute(each))
    return kind


def _attribute(parameter: packs.Parameter) -> property:
    def read(self: ParameterNode) -> Any:
        name = self.prefix + parameter.name
        if not parameter.serializer.has(self.parameterNode, name):
            parameter.serializer.write(self.parameterNode, name, parameter.default())
        return parameter.serializer.get(self.parameterNode, name)

    def write(self: ParameterNode, value: Any) -> None:
        with slicer.util.NodeModify(self.parameterNode):
            parameter.serializer.write(self.parameterNode, self.prefix + parameter.name, value)

    return property(read, write)


class ParameterNode:
    """What every wrapped class can do."""

    allParameters: dict[str, packs.Parameter]
    dataType: Any

    def __init__(self, parameterNode: Any, prefix: str | None = None) -> None:
        self.parameterNode = parameterNode
        self.prefix = prefix or ""
        self._bindings: dict[int, dict[str, Connector]] = {}
        self._next_tag = 0
        self._observer: int | None = None
        self._showing = False
        for name in self.allParameters:
            getattr(self, name)  # what the node lacks gets its default

    def default(self, name: str) -> Any:
        packs.check(self.allParameters, name)
        return self.allParameters[name].default()

    def getValue(self, name: str) -> Any:
        return packs.get_value(self, name)

    def setValue(self, name: str, value: Any) -> None:
        packs.set_value(self, name, value)

    def connectGui(self, gui: Any) -> int:
        """Bind every widget, of a ``ui`` object or under a widget, that names its parameter."""
        widgets = gui.findChildren("QWidget") if hasattr(gui, "_qt_object") else vars(gui).values()
        named = ((each.property(PROPERTY), each) for each in widgets if each.inherits("QObject"))
        return self.connectParametersToGui({name: each for name, each in named if name})

    def connectParametersToGui(self, mapping: dict[str, Any]) -> int:
        for name in mapping:
            packs.check(self.allParameters, name)
        bound = {name: connector_for(widget, self.dataType(name)) for name, widget in mapping.items()}
        tag = self._next_tag
        self._next_tag += 1
        self._bindings[tag] = bound
        for name, connector in bound.items():
            connector.write(self.getValue(name))
            connector.on_changed(lambda name=name, connector=connector: self._take(name, connector))
        if self._observer is None:
            me = weakref.ref(self)  # an observer that holds its node may be collected while VTK still calls it
            self._observer = self.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda caller, event: _show(me()))
        return tag

    def disconnectGui(self, tag: int) -> None:
        for connector in self._bindings.pop(tag, {}).values():
            connector.on_changed(None)
        if not self._bindings and self._observer is not None:
            self.RemoveObserver(self._observer)
            self._observer = None

    def _take(self, name: str, connector: Connector) -> None:
        if not self._showing:
            self.setValue(name, connector.read())

    def showOnWidgets(self) -> None:
        """Bring the widgets to what the node has."""
        if self._showing:
            return
        self._showing = True
        try:
            with slicer.util.NodeModify(self):
                for bound in self._bindings.values():
                    for name, connector in bound.items():
                        connector.write(self.getValue(name))
        finally:
            self._showing = False

    def StartModify(self) -> int:
        return int(self.parameterNode.StartModify())

    def EndModify(self, before: int) -> None:
        self.parameterNode.EndModify(before)

    def Modified(self) -> None:
        self.parameterNode.Modified()

    def AddObserver(self, event: Any, callback: Any, priority: float = 0.0) -> int:
        return int(self.parameterNode.AddObserver(event, callback, priority))

    def RemoveObserver(self, tag: int) -> None:
        self.parameterNode.RemoveObserver(tag)


def _show(parameters: ParameterNode | None) -> None:
    if parameters is not None:
        parameters.showOnWidgets()
