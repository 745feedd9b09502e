"""Fixtures for tests of panels. A folder's ``conftest.py`` imports those that it needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")
def desktop_of_file() -> Iterator[Any]:
    """One desktop for the tests of a file; afterwards everything is as it was before."""
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
