"""``qMRMLNodeComboBox``: the nodes of some classes, one of them chosen; it follows the scene."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import vtk
from PySide6 import QtWidgets

from slicer_desktop.behaviours.scene_widget import SceneWidget


class NodeComboBox(SceneWidget):
    defaults = MappingProxyType(
        {"addEnabled": True, "removeEnabled": True, "showChildNodeTypes": True, "noneDisplay": "None"}
        | {"selectNodeUponCreation": True}
    )

    def build_up(self) -> None:
        super().build_up()
        self._nodes: list[Any] = []
        self._current: Any = None
        self._asked_for = ""  # chosen before the scene was there, or before the node was in it
        self._attributes: dict[tuple[str, str], Any] = {}
        self._labels: dict[str, str] = {}
        self.box = QtWidgets.QComboBox(self.target)
        self.box.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        layout = QtWidgets.QHBoxLayout(self.target)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.box)
        self.target.setFocusProxy(self.box)
        self.box.activated.connect(self._chosen_by_hand)

    # the scene

    def watch_scene(self, scene: Any) -> None:
        self.observing.watch(scene, scene.NodeAddedEvent, self._node_added)
        self.observing.watch(scene, scene.NodeAboutToBeRemovedEvent, self._node_leaves)
        for event in (scene.EndBatchProcessEvent, scene.EndCloseEvent, scene.EndImportEvent):
            self.observing.watch(scene, event, lambda _: self.refresh())

    def refresh(self) -> None:
        """List what fits, keep the choice if it is still there, and choose the first where None is no choice."""
        for node in self._nodes:
            self.observing.forget(node)
        self._nodes = [node for node in self._of_scene() if self._fits(node)]
        for node in self._nodes:
            self.observing.watch(node, vtk.vtkCommand.ModifiedEvent, lambda _: self._show())
        self._show()
        asked = next((node for node in self._nodes if node.GetID() == self._asked_for), None)
        if asked is not None:
            self._choose(asked)
        elif self._current not in self._nodes:
            self._choose(self._nodes[0] if self._nodes and not self.held_value("noneEnabled") else None)

    def _of_scene(self) -> list[Any]:
        scene = self._scene
        return [scene.GetNthNode(index) for index in range(scene.GetNumberOfNodes())] if scene is not None else []

    def _fits(self, node: Any) -> bool:
        if node.GetHideFromEditors() and not self.held_value("showHidden"):
            return False
        if any(node.IsA(kind) for kind in self.held_value("hideChildNodeTypes")):
            return False
        for kind in self.held_value("nodeTypes"):
            if node.IsA(kind) if self.held_value("showChildNodeTypes") else node.GetClassName() == kind:
                return all(_has(node, name, value) for (of, name), value in self._attributes.items() if of == kind)
        return False

    def _node_added(self, node: Any) -> None:
        if self._scene.IsBatchProcessing() or not self._fits(node):
            return
        self.refresh()
        self.tell_signal("nodeAdded", node)

    def _node_leaves(self, node: Any) -> None:
        if node not in self._nodes:
            return
        self.tell_signal("nodeAboutToBeRemoved", node)
        self.observing.forget(node)
        self._nodes.remove(node)
        self._show()
        if node is self._current:
            self._choose(self._nodes[0] if self._nodes and not self.held_value("noneEnabled") else None)

    # the choice

    def _show(self) -> None:
        names = [self.held_value("noneDisplay")] if self.held_value("noneEnabled") else []
        names += [node.GetName() or "" for node in self._nodes]
        if names != [self.box.itemText(index) for index in range(self.box.count())]:
            before = self._shown_name()
            self.box.clear()
            self.box.addItems(names)
            self._show_choice()
            if self._current is not None and before not in ("", self._current.GetName()):
                self.tell_signal("currentNodeRenamed", self._current.GetName())

    def _shown_name(self) -> str:
        return self.box.currentText() if self._current is not None else ""

    def _show_choice(self) -> None:
        offset = int(self.held_value("noneEnabled"))
        place = self._nodes.index(self._current) + offset if self._current in self._nodes else offset - 1
        self.box.setCurrentIndex(place)

    def _choose(self, node: Any) -> None:
        changed = node is not self._current
        self._current = node
        self._asked_for = ""
        self._show_choice()
        if changed:
            self.tell_signal("currentNodeIDChanged", self.currentNodeID())
            self.emit_signal("currentNodeChanged(vtkMRMLNode*)", node)
            self.emit_signal("currentNodeChanged(bool)", node is not None)

    def _chosen_by_hand(self, place: int) -> None:
        index = place - int(self.held_value("noneEnabled"))
        node = self._nodes[index] if index >= 0 else None
        self._choose(node)
        self.tell_signal("nodeActivated", node)

    # what the class offers

    def setNodeTypes(self, kinds: tuple[str, ...]) -> None:
        self._hold_and_refresh("nodeTypes", kinds)

    def setShowHidden(self, shown: bool) -> None:
        self._hold_and_refresh("showHidden", shown)

    def setShowChildNodeTypes(self, shown: bool) -> None:
        self._hold_and_refresh("showChildNodeTypes", shown)

    def setHideChildNodeTypes(self, kinds: tuple[str, ...]) -> None:
        self._hold_and_refresh("hideChildNodeTypes", kinds)

    def setNoneEnabled(self, enabled: bool) -> None:
        self._hold_and_refresh("noneEnabled", enabled)

    def setNoneDisplay(self, text: str) -> None:
        self._hold_and_refresh("noneDisplay", text)

    def _hold_and_refresh(self, name: str, value: Any) -> None:
        if self.hold_value(name, value):
            self.refresh()

    def addAttribute(self, kind: str, name: str, value: Any = None) -> None:
        self._attributes[kind, name] = value
        self.refresh()

    def removeAttribute(self, kind: str, name: str) -> None:
        self._attributes.pop((kind, name), None)
        self.refresh()

    def setNodeTypeLabel(self, label: str, kind: str) -> None:
        self._labels[kind] = label

    def nodeTypeLabel(self, kind: str) -> str:
        return self._labels.get(kind, kind.removeprefix("vtkMRML").removesuffix("Node"))

    def currentNode(self) -> Any:
        return self._current

    def currentNodeID(self) -> str:
        return "" if self._current is None else str(self._current.GetID())

    currentNodeId = currentNodeID

    def setCurrentNode(self, node: Any) -> None:
        """A node, or its ID. One that is not listed leaves nothing chosen."""
        if isinstance(node, str):
            self.setCurrentNodeID(node)
            return
        self._choose(node if node in self._nodes else None)
        if node is not None and self._current is None:
            self._asked_for = node.GetID() or ""

    def setCurrentNodeID(self, identifier: str) -> None:
        self._choose(next((node for node in self._nodes if node.GetID() == identifier), None))
        if self._current is None:
            self._asked_for = identifier

    def setCurrentNodeIndex(self, index: int) -> None:
        self._choose(self._nodes[index] if 0 <= index < len(self._nodes) else None)

    def nodeCount(self) -> int:
        return len(self._nodes)

    def nodeFromIndex(self, index: int) -> Any:
        return self._nodes[index] if 0 <= index < len(self._nodes) else None

    def addNode(self, kind: str = "") -> Any:
        """As the menu's *Create new …* does."""
        kinds = self.held_value("nodeTypes")
        base = self.held_value("baseName") or self.nodeTypeLabel(kind or kinds[0])
        node = self._scene.AddNewNodeByClass(kind or kinds[0], self._scene.GenerateUniqueName(base))
        for (of, name), value in self._attributes.items():
            if of == node.GetClassName() and value is not None:
                node.SetAttribute(name, str(value))
        self.refresh()
        if self.held_value("selectNodeUponCreation"):
            self._choose(node)
        for name in ("nodeAddedByUser", "nodeAddedByUserAction"):
            self.tell_signal(name, node)
        return node

    def removeCurrentNode(self) -> None:
        if self._current is not None:
            self._scene.RemoveNode(self._current)

    def editCurrentNode(self) -> None:
        self.tell_signal("nodeAboutToBeEdited", self._current)


class CheckableNodeComboBox(NodeComboBox):
    """Several nodes chosen by check marks; new ones are unchecked."""

    def build_up(self) -> None:
        super().build_up()
        self._checked: list[Any] = []

    def checkedNodes(self) -> list[Any]:
        return [node for node in self._nodes if node in self._checked]

    def uncheckedNodes(self) -> list[Any]:
        return [node for node in self._nodes if node not in self._checked]

    def check(self, node: Any) -> None:
        if node in self._nodes and node not in self._checked:
            self._checked.append(node)
            self.tell_signal("checkedNodesChanged")

    def uncheck(self, node: Any) -> None:
        if node in self._checked:
            self._checked.remove(node)
            self.tell_signal("checkedNodesChanged")

    def allChecked(self) -> bool:
        return not self.uncheckedNodes()

    def noneChecked(self) -> bool:
        return not self.checkedNodes()

    def checkState(self, node: Any) -> int:
        return 2 if node in self._checked else 0

    def setCheckState(self, node: Any, state: int) -> None:
        self.check(node) if int(state) == 2 else self.uncheck(node)


def _has(node: Any, name: str, value: Any) -> bool:
    found = node.GetAttribute(name)
    return found is not None and (value is None or found == str(value))
