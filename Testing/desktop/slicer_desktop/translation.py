"""``slicer.i18n``: texts pass through Qt's translation, so that a test can ask which texts are translatable."""

from __future__ import annotations

import inspect
from pathlib import Path

from PySide6 import QtCore


def translate(context: str, text: str) -> str:
    """``text`` in the application's language."""
    return QtCore.QCoreApplication.translate(context, text)


def tr(text: str) -> str:
    """As :func:`translate`; the context is the name of the calling file."""
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return translate(Path(frame.f_back.f_code.co_filename).stem, text)
