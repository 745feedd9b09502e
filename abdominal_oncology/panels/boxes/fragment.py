"""A ``.ui`` fragment in the place that a panel keeps for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

_CONTAINERS = ("qMRMLWidget", "ctkCollapsibleButton", "QWidget", "QGroupBox")
_FOLDER = Path(__file__).resolve().parents[1] / "ui"


def put_fragment(place: Any, name: str) -> Any:
    """Load ``panels/ui/<name>.ui`` into the empty widget ``place``; gives the fragment's widgets by name."""
    import qt  # type: ignore[import-not-found]  # PythonQt's, in the Slicer application
    import slicer

    fragment = slicer.util.loadUI(str(_FOLDER / f"{name}.ui"))
    if place.layout() is None:
        qt.QVBoxLayout(place).setContentsMargins(0, 0, 0, 0)
    place.layout().addWidget(fragment)
    fragment.setMRMLScene(slicer.mrmlScene)
    return slicer.util.childWidgetVariables(fragment)


def order_by_place(panel: Any) -> None:
    """Let the tabulator key go through a panel as the eye does, its fragments included.

    Widgets stand in the ``.ui`` files in the order in which they are seen, and a fragment lies within its place.
    """
    import qt

    before = None
    for widget in _focusable(panel):
        if before is not None:
            qt.QWidget.setTabOrder(before, widget)
        before = widget


def _focusable(widget: Any) -> Iterator[Any]:
    import qt

    if widget.focusPolicy != qt.Qt.NoFocus:
        yield widget
    name = widget.className()
    if name in _CONTAINERS:  # others see to their own inside
        for child in widget.children():
            if child.inherits("QWidget"):
                yield from _focusable(child)


def say(label: Any, text: str) -> None:
    """Show a label with a text; without one it takes no place."""
    label.text = text
    label.visible = bool(text)
