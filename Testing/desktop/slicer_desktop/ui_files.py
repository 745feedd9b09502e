"""``.ui`` files through Qt's own loader, as Slicer loads them, but nothing that Slicer would pass over in silence.

A class without a Designer plugin, a property that the class lacks and a connection that does not connect are errors.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

from PySide6 import QtCore, QtUiTools

from slicer_desktop import facts, native, signals
from slicer_desktop.members import class_info
from slicer_desktop.wrapper import wrap


class UiFileError(RuntimeError):
    """Slicer would load this file into a panel that does not work."""


class _Loader(QtUiTools.QUiLoader):
    """Makes the Slicer and CTK widgets; Qt makes its own."""

    def createWidget(self, name: str, parent: Any = None, label: str = "") -> Any:
        if name not in facts.known():
            return super().createWidget(name, parent, label)
        made = native.make(name, class_info(name).qt, parent)
        made.setObjectName(label)
        return made


def load(text: str, parent: Any = None) -> Any:
    """The widget tree that the text of a ``.ui`` file describes."""
    root = ElementTree.fromstring(text)
    own = _take_own_properties(root)
    connections = root.find("connections")
    if connections is not None:
        root.remove(connections)
    data = QtCore.QBuffer()
    data.setData(ElementTree.tostring(root))
    data.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
    panel = _Loader().load(data, parent)
    if panel is None:
        raise UiFileError("Qt's loader made no widget of this file")
    for name, property_name, value in own:
        try:
            setattr(wrap(_named(panel, name)), property_name, value)
        except AttributeError as error:
            raise UiFileError(f"{name}: {error}") from error
    for each in connections if connections is not None else ():
        _connect(panel, each)
    return panel


def _take_own_properties(root: ElementTree.Element) -> list[tuple[str, str, Any]]:
    """Properties of Slicer's and CTK's own classes: (object, property, value). Qt sees to all others."""
    found = []
    for widget in root.iter("widget"):
        kind, name = str(widget.get("class")), str(widget.get("name"))
        if kind.startswith("Q") and not kind.startswith("QVTK"):
            continue
        if kind not in facts.known():
            raise UiFileError(f"{name}: the class {kind} is not among the facts (see make_facts.py)")
        if not facts.facts_of(kind).designer_plugin:
            raise UiFileError(f"{name}: {kind} has no Designer plugin; Slicer would put a plain QWidget there")
        declared = {each for fact in facts.lineage(kind) for each in fact.properties}
        for each in widget.findall("property"):
            label = str(each.get("name"))
            if each.get("stdset") == "0":
                continue
            if label in declared:
                found.append((name, label, _value(each[0])))
                widget.remove(each)
            elif class_info(kind).member(label) is None:
                raise UiFileError(f"{name}: {kind} has no property '{label}'")
    return found


def _value(element: ElementTree.Element) -> Any:
    text = element.text or ""
    match element.tag:
        case "bool":
            return text == "true"
        case "number":
            return int(text)
        case "double":
            return float(text)
        case "stringlist":
            return [each.text or "" for each in element.findall("string")]
        case _:
            return text  # string, enum, set


def _connect(panel: Any, element: ElementTree.Element) -> None:
    sender, signal, receiver, slot = (str(element.findtext(tag)) for tag in ("sender", "signal", "receiver", "slot"))
    try:
        done = signals.connect(wrap(_named(panel, sender)), signal, wrap(_named(panel, receiver)), slot)
    except ValueError as error:
        raise UiFileError(f"{sender}.{signal} → {receiver}.{slot}: {error}") from error
    if not done:
        raise UiFileError(f"{sender} has no signal {signal}")


def _named(panel: Any, name: str) -> Any:
    found = panel if panel.objectName() == name else panel.findChild(QtCore.QObject, name)
    if found is None:
        raise UiFileError(f"there is no object named '{name}'")
    return found
