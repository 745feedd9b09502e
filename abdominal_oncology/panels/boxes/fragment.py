"""A ``.ui`` fragment in the place that a panel keeps for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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


def say(label: Any, text: str) -> None:
    """Show a label with a text; without one it takes no place."""
    label.text = text
    label.visible = bool(text)
