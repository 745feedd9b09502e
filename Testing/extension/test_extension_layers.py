"""Who may import whom, read from the syntax tree of every file; imports inside functions count too."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from extension_tools import ROOT

PACKAGE = ROOT / "abdominal_oncology"
COMMON = {"errors", "progress", "files", "plain", "column_titles", "__init__"}
CLINICAL = {"phase", "hcc", "rectal"}
BELOW_CLINICAL = {"learning", "phantom", "imaging"}
ROOMS: dict[str, set[str]] = {
    "imaging": set(),
    "phantom": {"imaging"},
    "learning": {"imaging"},
    **dict.fromkeys(CLINICAL, BELOW_CLINICAL),
    "scene": CLINICAL | BELOW_CLINICAL,
    "worker": CLINICAL | BELOW_CLINICAL,
    "panels": {"scene", "worker", "report"} | CLINICAL | BELOW_CLINICAL,
}
"""Room → the rooms it may know, beside itself and what is common to all."""
COMPOSITION = {"cli", "bench", "demo", "report", "tasks", "__main__"}
"""They call everything (but no panel) and decide nothing."""

SLICER = {"slicer", "vtk", "vtkmodules", "sitkUtils", "DICOMLib", "SampleData", "mrml"}
QT = {"qt", "ctk", "PySide6", "PyQt5", "PythonQt"}
HEAVY = {
    "torch",
    "monai",
    "imagecodecs",
    "matplotlib",
    "onnx",
    "onnxscript",
    "onnxruntime",
    "sklearn",
    "skimage",
    "lightning_fabric",
}


@dataclass(frozen=True)
class Import:
    file: Path
    line: int
    name: str
    at_file_scope: bool

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.name}"


def imports_of(path: Path, text: str | None = None) -> Iterator[Import]:
    def visit(node: ast.AST, file_scope: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(path, child.lineno, alias.name, file_scope) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                home = path.relative_to(ROOT).parts[: -child.level] if child.level else ()
                source = ".".join([*home, *([child.module] if child.module else [])])
                for alias in child.names:
                    yield Import(path, child.lineno, f"{source}.{alias.name}", file_scope)
            else:
                typing_only = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
                function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
                yield from visit(child, file_scope and not function and not typing_only)

    yield from visit(ast.parse(path.read_text(encoding="utf-8") if text is None else text), True)


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def target_of(name: str) -> str | None:
    """The room an import leads to; None for other packages. ``from abdominal_oncology import scene`` leads to scene."""
    parts = name.split(".")
    if parts[0] != "abdominal_oncology":
        return None
    known = {path.name.removesuffix(".py") for path in PACKAGE.iterdir()}
    return parts[1] if len(parts) > 1 and parts[1] in known else "__init__"


FILES = sorted(PACKAGE.rglob("*.py"))
IMPORTS = [found for path in FILES for found in imports_of(path)]


def test_every_room_is_known_to_this_test() -> None:
    rooms = {room_of(path) for path in FILES}
    assert rooms <= set(ROOMS) | COMPOSITION | COMMON


def test_arrows_between_rooms() -> None:
    wrong = []
    for found in IMPORTS:
        room, target = room_of(found.file), target_of(found.name)
        if target is None or target == room or target in COMMON:
            continue
        allowed = target != "panels" if room in COMPOSITION else target in ROOMS.get(room, set())
        if not allowed:
            wrong.append(str(found))
    assert wrong == []


def test_clinical_rooms_do_not_know_each_other() -> None:
    met = [
        str(found)
        for found in IMPORTS
        if room_of(found.file) in CLINICAL and target_of(found.name) in CLINICAL - {room_of(found.file)}
    ]
    assert met == []


def test_only_the_scene_and_the_panels_meet_slicer() -> None:
    met = [found for found in IMPORTS if found.name.split(".")[0] in SLICER | QT]
    assert {room_of(found.file) for found in met} == {"scene", "panels"}
    assert [str(found) for found in met if found.name.split(".")[0] in QT and room_of(found.file) != "panels"] == []
    early = [str(found) for found in met if room_of(found.file) == "panels" and found.at_file_scope]
    assert early == [], "a panel is imported at Slicer's start and in tests without Slicer"


@pytest.mark.parametrize("package", sorted(HEAVY))
def test_heavy_packages_are_imported_where_they_are_used(package: str) -> None:
    """By the function that needs them; torch also by those files of learning and clinical rooms that are networks."""
    early = [found for found in IMPORTS if found.name.split(".")[0] == package and found.at_file_scope]
    if package == "torch":
        early = [found for found in early if room_of(found.file) not in CLINICAL | {"learning"}]
    assert [str(found) for found in early] == []


def test_looking_at_a_room_does_not_import_torch() -> None:
    """A panel, a phantom, the command line and the packages themselves must not pay for it."""
    rooms = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py") if path.parent.name != "scene")
    phantoms = [f"{room}.phantom" for room in sorted(CLINICAL) if (PACKAGE / room / "phantom.py").is_file()]
    program = (
        "import importlib, sys\n"
        f"for room in {rooms + phantoms}:\n"
        "    importlib.import_module('abdominal_oncology.' + room)\n"
        "    assert 'torch' not in sys.modules and 'monai' not in sys.modules, room\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr


def test_nothing_reaches_into_tests_or_modules() -> None:
    strangers = {"Testing", "PhaseClassifier", "LiverHCC", "RectalStaging", "pytest", "hypothesis"}
    assert [str(found) for found in IMPORTS if found.name.split(".")[0] in strangers] == []


def test_relative_imports_are_followed() -> None:
    """``from ..hcc import lesions`` in a file of the phase room is an import of the hcc room."""
    text = "from ..hcc import lesions\nfrom . import labels\n"
    found = [one.name for one in imports_of(PACKAGE / "phase" / "probe.py", text)]
    assert found == ["abdominal_oncology.hcc.lesions", "abdominal_oncology.phase.labels"]


@pytest.mark.parametrize(
    ("code", "name", "at_file_scope"),
    [
        ("import torch", "torch", True),
        ("def f():\n    from vtk import vtkCommand", "vtk.vtkCommand", False),
        ("if TYPE_CHECKING:\n    import torch", "torch", False),
        ("class A:\n    import torch", "torch", True),
        ("try:\n    import qt\nexcept ImportError:\n    qt = None", "qt", True),
    ],
)
def test_the_reader_of_imports_sees_them_all(code: str, name: str, at_file_scope: bool) -> None:
    (found,) = imports_of(PACKAGE / "probe.py", code)
    assert (found.name, found.at_file_scope) == (name, at_file_scope)
