"""Pictures of panels: 400 pixels wide, at any scaling, light or dark."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PySide6 import QtCore, QtGui, QtWidgets

from slicer_desktop.wrapper import unwrap

_LABEL_HEIGHT = 20


def picture(
    widget: Any, path: Path | None = None, width: int = 400, height: int = 0, scale: float = 1.0, label: str = ""
) -> QtGui.QImage:
    """The widget drawn ``width`` wide, as tall as it wants to be unless ``height`` is given, at ``scale``.

    ``label`` is written over its lower edge.
    """
    target: QtWidgets.QWidget = unwrap(widget)
    target.resize(width, height or 10)
    target.show()
    QtWidgets.QApplication.processEvents()
    hint = target.layout().totalHeightForWidth(width) if target.layout() is not None else -1
    wanted = height or max(hint, target.minimumSizeHint().height(), target.sizeHint().height())
    target.resize(width, wanted)
    QtWidgets.QApplication.processEvents()
    image = QtGui.QImage(target.size() * scale, QtGui.QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(scale)
    image.fill(target.palette().color(QtGui.QPalette.ColorRole.Window))
    target.render(image, QtCore.QPoint())
    if label:
        painter = QtGui.QPainter(image)
        strip = QtCore.QRect(0, wanted - _LABEL_HEIGHT, width, _LABEL_HEIGHT)
        painter.fillRect(strip, QtGui.QColor("#303030"))
        painter.setPen(QtGui.QColor("#f0f0f0"))
        painter.drawText(strip, QtCore.Qt.AlignmentFlag.AlignCenter, label)
        painter.end()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not image.save(str(path)):
            raise OSError(f"{path}: the picture could not be written")
    return image


@contextmanager
def colours(name: str) -> Iterator[None]:
    """ "light" or "dark", as Slicer's styles are."""
    before = QtWidgets.QApplication.palette()
    QtWidgets.QApplication.setPalette(_dark() if name == "dark" else _light())
    try:
        yield
    finally:
        QtWidgets.QApplication.setPalette(before)


def _light() -> QtGui.QPalette:
    return _palette("#efefef", "#ffffff", "#1a1a1a", "#f6f6f6", "#3070c0", "#8a8a8a")


def _dark() -> QtGui.QPalette:
    return _palette("#323232", "#242424", "#e6e6e6", "#3c3c3c", "#2a82da", "#808080")


def _palette(window: str, base: str, text: str, button: str, highlight: str, disabled: str) -> QtGui.QPalette:
    role = QtGui.QPalette.ColorRole
    made = QtGui.QPalette(QtGui.QColor(button), QtGui.QColor(window))
    for each, colour in {
        role.Base: base,
        role.AlternateBase: window,
        role.ToolTipBase: base,
        role.WindowText: text,
        role.Text: text,
        role.ButtonText: text,
        role.ToolTipText: text,
        role.Highlight: highlight,
        role.HighlightedText: "#ffffff",
    }.items():
        made.setColor(each, QtGui.QColor(colour))
    for each in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QtGui.QPalette.ColorGroup.Disabled, each, QtGui.QColor(disabled))
    return made
