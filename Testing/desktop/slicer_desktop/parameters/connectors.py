"""Which widget can show which type, and how. The exact class counts, as in Slicer: a subclass is not enough."""

from __future__ import annotations

import enum
import pathlib
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import slicer

from slicer_desktop.parameters.serializers import FloatRange, split
from slicer_desktop.parameters.validators import (
    Choice,
    Decimals,
    Maximum,
    Minimum,
    RangeBounds,
    SingleStep,
    WithinRange,
)

_INTEGER_RANGE = (-(2**31), 2**31 - 1)


@dataclass
class Connector:
    """Reads and writes one widget; ``signal`` tells of a change."""

    widget: Any
    signal: str
    read: Callable[[], Any]
    write: Callable[[Any], None]
    _callback: Callable[[], None] | None = None

    def on_changed(self, callback: Callable[[], None] | None) -> None:
        """Call back at each change; None ends it."""
        told = getattr(self.widget, self.signal)
        if self._callback is not None:
            told.disconnect(self._changed)
        self._callback = callback
        if callback is not None:
            told.connect(self._changed)

    def _changed(self) -> None:
        if self._callback is not None:
            self._callback()


def connector_for(widget: Any, kind: Any) -> Connector:
    """RuntimeError where Slicer has no connector for this pair of widget class and type."""
    plain, notes = split(kind)
    name = widget.className() if type(widget).__mro__[1].__name__ == "Wrapper" else ""
    made = _MAKERS.get((name, _family(plain)))
    if made is None:
        raise RuntimeError(f"Unable to create GUI connector from datatype '{kind}' to widget type '{type(widget)}'")
    return made(widget, plain, notes)


def _family(kind: Any) -> str:
    if kind in (bool, int, float, str):
        return str(kind.__name__)
    if kind is FloatRange:
        return "range"
    options = typing.get_args(kind) or (kind,)
    if all(isinstance(each, type) and issubclass(each, slicer.vtkMRMLNode | type(None)) for each in options):
        return "node"
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return "enum"
    if isinstance(kind, type) and issubclass(kind, pathlib.PurePath):
        return "path"
    return ""


def _note(notes: tuple[Any, ...], kind: type) -> Any:
    return next((each for each in notes if isinstance(each, kind)), None)


def _attribute(widget: Any, signal: str, name: str, kind: Any = None) -> Connector:
    def read() -> Any:
        value = getattr(widget, name)
        return value if kind is None else kind(value)

    return Connector(widget, signal, read, lambda value: setattr(widget, name, value if kind is None else str(value)))


def _check(widget: Any, kind: Any, notes: Any) -> Connector:
    return _attribute(widget, "stateChanged", "checked")


def _button(widget: Any, kind: Any, notes: Any) -> Connector:
    widget.checkable = True
    return _attribute(widget, "toggled", "checked")


def _number(widget: Any, kind: Any, notes: Any) -> Connector:
    step, decimals = _note(notes, SingleStep), _note(notes, Decimals)
    if decimals is not None:
        widget.decimals = decimals.value
    if step is not None:
        widget.singleStep = step.value
    within = _note(notes, WithinRange)
    low = within or _note(notes, Minimum)
    high = within or _note(notes, Maximum)
    if (low is None or high is None) and widget.className() in {"QSlider", "ctkSliderWidget"}:
        raise RuntimeError("Cannot have a connection to a slider where the number is unbounded.")
    unbounded = _INTEGER_RANGE if kind is int else (float("-inf"), float("inf"))
    widget.minimum = low.minimum if low is not None else unbounded[0]
    widget.maximum = high.maximum if high is not None else unbounded[1]
    return _attribute(widget, "valueChanged", "value")


def _combo(widget: Any, kind: Any, notes: Any) -> Connector:
    choice = _note(notes, Choice)
    if choice is None:
        raise RuntimeError("A QComboBox requires the Choice annotation to be used.")
    return _of_items(widget, [(str(each), each) for each in choice.choices])


def _enum_combo(widget: Any, kind: Any, notes: Any) -> Connector:
    label = getattr(kind, "label", lambda each: each.name)
    return _of_items(widget, [(label(each), each) for each in kind])


def _of_items(widget: Any, items: list[tuple[str, Any]]) -> Connector:
    values = [value for _, value in items]
    widget.clear()
    for text, _ in items:
        widget.addItem(text)
    return Connector(
        widget,
        "currentIndexChanged",
        lambda: values[widget.currentIndex],
        lambda value: setattr(widget, "currentIndex", values.index(value)),
    )


def _line(widget: Any, kind: Any, notes: Any) -> Connector:
    return _attribute(widget, "textChanged", "text")


def _text(widget: Any, kind: Any, notes: Any) -> Connector:
    return Connector(widget, "textChanged", lambda: widget.toPlainText(), lambda value: widget.setPlainText(value))


def _path(widget: Any, kind: Any, notes: Any) -> Connector:
    return _attribute(widget, "currentPathChanged", "currentPath", kind)


def _directory(widget: Any, kind: Any, notes: Any) -> Connector:
    return _attribute(widget, "directoryChanged", "directory", kind)


def _range(widget: Any, kind: Any, notes: Any) -> Connector:
    bounds = _note(notes, RangeBounds)
    if bounds is None:
        raise RuntimeError("Cannot have a connection to ctkRangeWidget without a RangeBounds annotation.")
    widget.setRange(bounds.minimum, bounds.maximum)
    return Connector(
        widget,
        "valuesChanged",
        lambda: FloatRange(widget.minimumValue, widget.maximumValue),
        lambda value: widget.setValues(value.minimum, value.maximum),
    )


def _node(widget: Any, kind: Any, notes: Any) -> Connector:
    widget.nodeTypes = [each.__name__ for each in typing.get_args(kind) or (kind,) if each is not type(None)]
    return Connector(
        widget, "currentNodeChanged", lambda: widget.currentNode(), lambda node: widget.setCurrentNode(node)
    )


def _tree(widget: Any, kind: Any, notes: Any) -> Connector:
    made = _node(widget, kind, notes)
    made.signal = "currentItemsChanged"
    return made


_MAKERS: dict[tuple[str, str], Callable[[Any, Any, Any], Connector]] = {
    ("QCheckBox", "bool"): _check,
    ("QPushButton", "bool"): _button,
    ("QSlider", "int"): _number,
    ("QSpinBox", "int"): _number,
    ("QDoubleSpinBox", "float"): _number,
    ("ctkSliderWidget", "float"): _number,
    ("ctkRangeWidget", "range"): _range,
    ("QComboBox", "enum"): _enum_combo,
    ("QLineEdit", "str"): _line,
    ("QTextEdit", "str"): _text,
    ("ctkPathLineEdit", "path"): _path,
    ("ctkDirectoryButton", "path"): _directory,
    ("qMRMLNodeComboBox", "node"): _node,
    ("qMRMLSubjectHierarchyTreeView", "node"): _tree,
} | {("QComboBox", family): _combo for family in ("bool", "int", "float", "str")}
