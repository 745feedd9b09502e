"""A desktop for each test file, and a worker behind its panels."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from slicer_desktop.fixtures import ctk, desktop, desktop_of_file, qt, slicer

__all__ = ["ctk", "desktop", "desktop_of_file", "output", "qt", "quick_worker", "slicer", "small_patients", "worker"]


def _usable() -> bool:
    try:
        import_module("PySide6.QtWidgets")
    except ImportError:
        return False
    return True


collect_ignore_glob = [] if _usable() else ["panel_tools.py"]


@pytest.fixture(scope="session")
def output() -> Path:
    """Where pictures of the panels are left to be looked at; never committed."""
    folder = Path(__file__).resolve().parents[1] / "output"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture
def quick_worker(desktop: Any) -> Iterator[Any]:
    """A worker in this process for the panels; it loads no model before it is asked to."""
    from panel_tools import quick_session

    with quick_session() as session:
        yield session


@pytest.fixture
def worker(desktop: Any) -> Iterator[Any]:
    """The real thing: a process that Qt starts."""
    from abdominal_oncology.panels.session import close_session, worker_session

    yield worker_session()
    close_session()


@pytest.fixture
def small_patients(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample patients take seconds each; what a panel does with them can be seen on a few voxels."""
    from small_patients import SMALL_PATIENTS

    for name, maker in SMALL_PATIENTS.items():
        monkeypatch.setattr(f"abdominal_oncology.worker.jobs.sample_patients.{name}", maker)
