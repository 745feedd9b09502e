"""A desktop for each test file, and a worker behind its panels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    from panel_tools import PumpedInProcess, find_quick

    from abdominal_oncology.panels.session import PanelSession, close_session, keep_session

    session = PanelSession(PumpedInProcess(find_quick))
    keep_session(session)
    yield session
    close_session()


@pytest.fixture
def worker(desktop: Any) -> Iterator[Any]:
    """The real thing: a process that Qt starts."""
    from abdominal_oncology.panels.session import close_session, worker_session

    yield worker_session()
    close_session()


@pytest.fixture
def small_patients(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample patients take seconds each; what a panel does with them can be seen on a few voxels."""
    import numpy as np

    from abdominal_oncology.imaging.geometry import Geometry
    from abdominal_oncology.imaging.image import Image, Modality
    from abdominal_oncology.phantom.result import Phantom

    def patient(roles: tuple[str, ...], modality: Modality) -> Callable[[], Phantom]:
        geometry = Geometry((4, 5, 6), (2.5, 0.7, 0.8))
        voxels = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
        labels = (voxels > 60).astype(np.uint8) + (voxels > 100)
        return lambda: Phantom(
            {role: Image(voxels, geometry, modality) for role in roles},
            {role: Image(labels, geometry, Modality.MASK) for role in roles},
            {1: "liver", 2: "liver_lesion"},
        )

    roles_ct = ("non-contrast", "arterial", "venous", "portal", "delayed")
    for name, roles, modality in (
        ("abdominal_ct", roles_ct, Modality.CT),
        ("liver_lesion_ct", roles_ct, Modality.CT),
        ("rectal_mr", ("t2",), Modality.MR),
    ):
        monkeypatch.setattr(f"abdominal_oncology.worker.jobs.sample_patients.{name}", patient(roles, modality))
