"""A desktop leaves nothing behind: other tests of the same process find the scene without a window."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

psutil = pytest.importorskip("psutil")
pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)
pytest.importorskip("slicer", reason="slicer-core gives the scene")

_WORKER = "abdominal_oncology.worker"

MADE = (
    "qt",
    "ctk",
    "SampleData",
    "slicer.i18n",
    "slicer.packaging",
    "slicer.ScriptedLoadableModule",
    "PhaseClassifier",
)


def test_everything_is_as_before() -> None:
    import slicer
    from PySide6 import QtWidgets
    from slicer_desktop.desktop import Desktop

    from abdominal_oncology.scene import boot, is_headless

    scene = boot()
    nodes, known = scene.GetNumberOfNodes(), set(vars(slicer))
    names, paths = {name: sys.modules.get(name) for name in MADE}, list(sys.path)
    for _ in range(2):
        with Desktop() as desktop:
            assert not is_headless()
            home = Path(slicer.app.temporaryPath)
            assert home.is_dir()
            desktop.open("PhaseClassifier")
        assert is_headless()
        assert not home.exists()
        assert not [each for each in psutil.Process().children(True) if _WORKER in each.cmdline()]
        assert set(vars(slicer)) == known
        assert {name: sys.modules.get(name) for name in MADE} == names
        assert sys.path == paths
        assert not hasattr(slicer.modules, "phaseclassifier")
        left = {each.objectName() for each in QtWidgets.QApplication.topLevelWidgets()}
        assert "qSlicerMainWindow" not in left
        scene.Clear(False)
        extra = scene.GetNumberOfNodes() - nodes
        assert extra <= 1  # the module's parameter node is a singleton, which a closed scene keeps


def test_no_window_dies_in_another_thread() -> None:
    """There it would wait for the main thread's events, and the main thread may wait for that very thread."""
    from PySide6 import QtWidgets
    from slicer_desktop.desktop import Desktop

    died: list[threading.Thread] = []

    def leave_a_window() -> None:
        window = QtWidgets.QWidget()
        window.itself = window  # type: ignore[attr-defined]  # garbage that counting references does not find
        window.show()
        weakref.finalize(window, lambda: died.append(threading.current_thread()))

    def elsewhere(work: Callable[[], object]) -> None:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    with Desktop() as desktop:
        leave_a_window()
        elsewhere(lambda: [[] for _ in range(60_000)])  # more than starts a collection elsewhere
        assert not died
        kept = [[] for _ in range(60_000)]  # type: ignore[var-annotated]
        desktop.clear()
        assert len(died) == 1, "much garbage is collected between tests"
        leave_a_window()
        del kept
    assert gc.isenabled()
    elsewhere(gc.collect)
    assert died == [threading.main_thread()] * 2
    assert not QtWidgets.QApplication.topLevelWidgets()
