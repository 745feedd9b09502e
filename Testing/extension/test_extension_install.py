"""Configure, build and install as Slicer does; then import everything from the installed tree alone."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from extension_tools import ROOT, Built, Tool, copy_of_extension

MODULES = ("PhaseClassifier", "LiverHCC", "RectalStaging")
INDEPENDENT_ROOMS = ("errors", "progress", "files", "imaging", "phantom", "cli", "panels")
"""Rooms that must work in a Slicer that has none of the optional packages."""


def _run_bare(tree: Path, mode: str, where: Path) -> dict[str, object]:
    """``-I -S``: no site-packages, so no editable install of this checkout either; third-party packages by path."""
    runner = Path(__file__).with_name("installed_tree.py")
    packages = ":".join(dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))
    command = [sys.executable, "-I", "-S", str(runner), str(tree), packages, mode]
    result = subprocess.run(command, capture_output=True, text=True, cwd=where)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_every_file_is_installed(built: Built) -> None:
    package = {
        path.relative_to(built.source).as_posix()
        for path in (built.source / "abdominal_oncology").rglob("*")
        if path.is_file()
    }
    installed = {path.relative_to(built.installed).as_posix() for path in built.installed.rglob("*") if path.is_file()}
    beside = {f"{name}.py" for name in MODULES} | {"requirements.txt"}
    beside |= {f"Resources/UI/{name}.ui" for name in MODULES} | {f"Resources/Icons/{name}.png" for name in MODULES}
    models = {path for path in installed if path.startswith("Resources/Models/")}
    assert installed - models == package | beside
    assert len(models) == sum(
        path.is_file() and not path.name.startswith(".") for path in (built.source / "Resources" / "Models").rglob("*")
    )


def test_the_build_tree_can_be_used_too(built: Built) -> None:
    tree = built.build / "lib" / "Slicer-5.13" / "qt-scripted-modules"
    assert (tree / "PhaseClassifier.py").read_bytes() == (ROOT / "PhaseClassifier" / "PhaseClassifier.py").read_bytes()
    assert (tree / "abdominal_oncology" / "__init__.py").is_file()


def test_a_new_file_of_the_shared_layer_cannot_be_missed(cmake: Tool, tmp_path: Path) -> None:
    source = copy_of_extension(tmp_path / "source")
    assert cmake.configure(source, tmp_path / "build").returncode == 0
    assert cmake.run("--build", str(tmp_path / "build")).returncode == 0
    (source / "abdominal_oncology" / "imaging" / "newcomer.py").write_text("")
    (source / "abdominal_oncology" / "table.json").write_text("{}")
    result = cmake.run("--build", str(tmp_path / "build"))  # no configure in between
    assert result.returncode == 0, result.stderr
    tree = tmp_path / "build" / "lib" / "Slicer-5.13" / "qt-scripted-modules" / "abdominal_oncology"
    assert (tree / "imaging" / "newcomer.py").is_file()
    assert (tree / "table.json").is_file()


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("PhaseClassifier/CMakeLists.txt", "UI/${MODULE_NAME}.ui", "UI/Gone.ui", "nonexistent file"),
        ("LiverHCC/CMakeLists.txt", "SCRIPTS ${MODULE_NAME}.py", "SCRIPTS Gone.py", "nonexistent file"),
        ("RectalStaging/CMakeLists.txt", "WITH_GENERIC_TESTS", "WITH_GENERIC_TEST", "nonexistent file"),
        ("RectalStaging/CMakeLists.txt", "(SCRIPT ${MODULE_NAME}.py)", "(SCRIPT Gone.py)", "nonexistent file"),
        ("CMakeLists.txt", "NAME AbdominalOncologyShared", "NAMED AbdominalOncologyShared", "Unknown keywords"),
        ("CMakeLists.txt", "requirements.txt", "requirement.txt", "nonexistent file"),
        ("CMakeLists.txt", "set(EXTENSION_ICONURL", "set(EXTENSION_ICON", "EXTENSION_ICONURL"),
        ("CMakeLists.txt", "include(${Slicer_EXTENSION_GENERATE_CONFIG})", "", "before Slicer_EXTENSION_CPACK"),
    ],
)
def test_a_mistake_in_a_list_stops_the_configuration(
    cmake: Tool, tmp_path: Path, file: str, old: str, new: str, reason: str
) -> None:
    source = copy_of_extension(tmp_path / "source")
    text = (source / file).read_text()
    assert old in text
    (source / file).write_text(text.replace(old, new))
    result = cmake.configure(source, tmp_path / "build")
    assert result.returncode != 0
    assert reason in " ".join(result.stderr.split()), result.stderr


def test_what_the_extension_says_of_itself(built: Built) -> None:
    said = json.loads((built.build / "AbdominalOncology.description.json").read_text())
    assert said["DEPENDS"] == "PyTorch"
    assert said["MODULES"].split(";")[1:] == list(MODULES)
    assert said["HOMEPAGE"] == "https://github.com/AbdominalOncology/SlicerAbdominalOncology"
    assert len(said["DESCRIPTION"]) < 200
    assert (built.build / "AbdominalOncology.packaged").is_file()
    raw = "https://raw.githubusercontent.com/AbdominalOncology/SlicerAbdominalOncology/main/"
    for url in [said["ICONURL"], *said["SCREENSHOTURLS"].split()]:
        assert url.startswith(raw)
        assert (ROOT / url.removeprefix(raw)).is_file(), url


def test_the_shared_layer_imports_from_the_installed_tree(built: Built, tmp_path: Path) -> None:
    """In a Python without torch and the like, as in a fresh Slicer."""
    answer = _run_bare(built.installed, "shared", tmp_path)
    assert Path(answer["file"]).is_relative_to(built.installed)
    blocked = {name for name in answer["failed"] if name.split(".")[1] in INDEPENDENT_ROOMS}
    assert blocked == set(), answer["failed"]
    assert len(answer["imported"]) > 50


def test_every_panel_opens_from_the_installed_tree(built: Built, tmp_path: Path) -> None:
    pytest.importorskip("slicer", reason="slicer-core gives the scene that module files need")
    pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)
    answer = _run_bare(built.installed, "modules", tmp_path)
    assert Path(answer["file"]).is_relative_to(built.installed)
    assert {Path(path).parents[2] for path in answer["resources"].values()} == {built.installed}
    assert answer["errors"] == []


def test_opening_a_panel_costs_no_heavy_import(built: Built, tmp_path: Path) -> None:
    """Slicer imports module files at start; what they import must be next to nothing."""
    answer = _run_bare(built.installed, "panels", tmp_path)
    assert Path(answer["file"]).is_relative_to(built.installed)
    assert answer["heavy"] == []
