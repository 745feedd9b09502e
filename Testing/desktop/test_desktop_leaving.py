"""A desktop leaves nothing behind: other tests of the same process find the scene without a window."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)
pytest.importorskip("slicer", reason="slicer-core gives the scene")

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
        assert set(vars(slicer)) == known
        assert {name: sys.modules.get(name) for name in MADE} == names
        assert sys.path == paths
        assert not hasattr(slicer.modules, "phaseclassifier")
        left = {each.objectName() for each in QtWidgets.QApplication.topLevelWidgets()}
        assert "qSlicerMainWindow" not in left
        scene.Clear(False)
        extra = scene.GetNumberOfNodes() - nodes
        assert extra <= 1  # the module's parameter node is a singleton, which a closed scene keeps
