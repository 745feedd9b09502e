"""Where things lie in a bundle, and how a bundle's folder is called. The folders are those of MONAI bundles."""

from __future__ import annotations

import re
from pathlib import Path

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.bundle.facts import BundleFacts

FORMAT = 1
"""Of our own part of ``metadata.json`` and of ``hashes.json``. A higher one is refused."""

OWN_KEY = "abdominal_oncology"
"""The key of ``metadata.json`` that holds the facts; a bundle without it was made by others."""

METADATA = "configs/metadata.json"
INFERENCE = "configs/inference.json"
HASHES = "configs/hashes.json"
WEIGHTS = "models/model.safetensors"
TORCH_WEIGHTS = "models/model.pt"
"""What other MONAI tools read: a copy of the weights, made by exporting."""
ONNX = "models/model.onnx"
CARD = "docs/README.md"
LICENCE = "LICENSE"

OWN_FILES = frozenset({METADATA, INFERENCE, HASHES, WEIGHTS, CARD, LICENCE})
"""What each of our bundles has."""

_VERSION = re.compile(r"[0-9]+(\.[0-9]+)*([-+.]?[A-Za-z0-9]+)*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)


def folder_name(facts: BundleFacts) -> str:
    """``name-version``, of characters that every file system takes.

    >>> from abdominal_oncology.learning.bundle.facts import BundleFacts
    >>> folder_name(BundleFacts("liver", "1.2", "hcc", "net", ("a", "b"), (1, 8, 8), "phantoms"))
    'liver-1.2'
    """
    if not _NAME.fullmatch(facts.name) or _RESERVED.fullmatch(facts.name):
        raise InvalidInputError(
            f"{facts.name!r} cannot be the name of a folder", remedy="use letters a to z, digits, - and _"
        )
    if not _VERSION.fullmatch(facts.version):
        raise InvalidInputError(
            f"{facts.version!r} is not a version", where=facts.name, remedy="write it like 1.0.2 or 1.1.0-rc1"
        )
    return f"{facts.name}-{facts.version}"


def version_key(version: str) -> tuple[tuple[int, ...], bool, str]:
    """Sorts versions: 1.10 above 1.9, 1.0.0 above 1.0.0-rc1.

    >>> sorted(["1.10", "1.9.1", "1.10-rc1"], key=version_key)
    ['1.9.1', '1.10-rc1', '1.10']
    """
    found = re.match(r"[0-9]+(\.[0-9]+)*", version)
    numbers = found.group() if found else ""
    rest = version[len(numbers) :]
    return tuple(int(each) for each in numbers.split(".") if each), not rest, rest


def files_of(folder: Path) -> list[str]:
    """Every file below the folder, by its path with forward slashes, sorted; what computers leave behind is not."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if (path.is_file() or path.is_symlink()) and path.name not in (".DS_Store", "Thumbs.db", "desktop.ini")
    )
