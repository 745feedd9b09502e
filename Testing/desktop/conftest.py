"""A desktop for each test file, tidied up between tests."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from slicer_desktop.fixtures import ctk, desktop, desktop_of_file, qt, slicer

__all__ = ["ctk", "desktop", "desktop_of_file", "output", "qt", "slicer"]


def _usable() -> bool:
    """PySide6 may be there and the libraries that it draws with may not."""
    try:
        import_module("PySide6.QtWidgets")
    except ImportError:
        return False
    return find_spec("slicer") is not None


# doctests of the stand-in import what it needs; where that is absent they are left out, as the tests are skipped
collect_ignore_glob = [] if _usable() else ["slicer_desktop/*"]


@pytest.fixture(scope="session")
def output() -> Path:
    """Where pictures of the panels are left to be looked at; never committed."""
    folder = Path(__file__).resolve().parents[1] / "output"
    folder.mkdir(exist_ok=True)
    return folder
