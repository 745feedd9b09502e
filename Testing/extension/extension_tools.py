"""CMake, and copies of the extension to call it on."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SLICER = ROOT / "Testing" / "slicer_cmake"


@dataclass(frozen=True)
class Tool:
    """CMake and how to call it on an extension's source folder."""

    program: str

    def configure(self, source: Path, build: Path) -> subprocess.CompletedProcess[str]:
        # a scripted extension compiles nothing, and a machine without a compiler must be able to run this
        compilers = [f"-DCMAKE_{x}_COMPILER={shutil.which('true')}" for x in ("C", "CXX")]
        forced = [f"-DCMAKE_{x}_COMPILER_{y}=TRUE" for x in ("C", "CXX") for y in ("FORCED", "ID_RUN", "WORKS")]
        return self.run("-S", str(source), "-B", str(build), f"-DSlicer_DIR={SLICER}", *compilers, *forced)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.program, *arguments], capture_output=True, text=True, cwd="/")


@dataclass(frozen=True)
class Built:
    source: Path
    build: Path
    installed: Path
    """Slicer's qt-scripted-modules folder in the installed tree."""


def copy_of_extension(target: Path) -> Path:
    """What git would give: the extension's own files, no build products."""
    junk = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
    for name in ("abdominal_oncology", "PhaseClassifier", "LiverHCC", "RectalStaging", "Resources"):
        shutil.copytree(ROOT / name, target / name, ignore=junk)
    for name in ("CMakeLists.txt", "requirements.txt"):
        shutil.copy(ROOT / name, target / name)
    return target
