"""Paths as the operating system will take them, however long."""

from __future__ import annotations

import os
from pathlib import Path

_LONGEST_PLAIN_WINDOWS_PATH = 240


def open_path(path: str | os.PathLike[str]) -> Path:
    """The path to open; on Windows a long one gets the prefix that lifts its limit of 260 characters."""
    text = os.fspath(path)
    if os.name == "nt" and len(text) > _LONGEST_PLAIN_WINDOWS_PATH and not text.startswith("\\\\?\\"):
        absolute = str(Path(text).absolute())
        text = "\\\\?\\UNC" + absolute[1:] if absolute.startswith("\\\\") else "\\\\?\\" + absolute
    return Path(text)
