"""The extension, configured, built and installed once for all tests of this folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from extension_tools import Built, Tool, copy_of_extension
from slicer_desktop.fixtures import desktop, desktop_of_file

__all__ = ["built", "cmake", "desktop", "desktop_of_file"]


@pytest.fixture(scope="session")
def cmake() -> Tool:
    beside = Path(sys.executable).with_name("cmake")
    program = str(beside) if beside.exists() else shutil.which("cmake")
    if program is None:
        pytest.skip("CMake is not installed (pip install cmake)")
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[2]
    if tuple(int(part) for part in version.split(".")[:2]) < (3, 28):
        pytest.skip(f"CMake {version} is older than Slicer's 3.28")
    return Tool(program)


@pytest.fixture(scope="session")
def built(cmake: Tool, tmp_path_factory: pytest.TempPathFactory) -> Built:
    home = tmp_path_factory.mktemp("extension")
    source = copy_of_extension(home / "source")
    for step in (
        lambda: cmake.configure(source, home / "build"),
        lambda: cmake.run("--build", str(home / "build")),
        lambda: cmake.run("--install", str(home / "build"), "--prefix", str(home / "installed")),
    ):
        result = step()
        assert result.returncode == 0, result.stdout + result.stderr
    return Built(source, home / "build", home / "installed" / "lib" / "Slicer-5.13" / "qt-scripted-modules")
