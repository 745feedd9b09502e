"""A desktop for each test file, tidied up between tests."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

# doctests of the stand-in import what it needs; where that is absent they are left out, as the tests are skipped
collect_ignore_glob = [] if find_spec("PySide6") and find_spec("slicer") else ["slicer_desktop/*"]


@pytest.fixture(scope="module")
def desktop_of_file() -> Iterator[Any]:
    pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)
    pytest.importorskip("slicer", reason="slicer-core gives the scene")
    from slicer_desktop.desktop import Desktop

    with Desktop() as desktop:
        yield desktop


@pytest.fixture
def desktop(desktop_of_file: Any) -> Iterator[Any]:
    """An empty scene and no module; afterwards nothing may have gone wrong unseen."""
    desktop_of_file.clear()
    yield desktop_of_file
    errors, unasked = desktop_of_file.journal.take(), desktop_of_file.desk.clear()
    desktop_of_file.clear()
    assert not errors, "\n".join(errors)
    assert not unasked, f"answers that no dialog asked for: {unasked}"


@pytest.fixture
def qt(desktop: Any) -> Any:
    import qt

    return qt


@pytest.fixture
def ctk(desktop: Any) -> Any:
    import ctk

    return ctk


@pytest.fixture
def slicer(desktop: Any) -> Any:
    import slicer

    return slicer


@pytest.fixture(scope="session")
def output() -> Path:
    """Where pictures of the panels are left to be looked at; never committed."""
    folder = Path(__file__).resolve().parents[1] / "output"
    folder.mkdir(exist_ok=True)
    return folder
