"""The sha256 of every file of a bundle: written once, checked before a weight is used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abdominal_oncology.errors import ChangedFileError, InvalidInputError, MissingInputError, UnreadableFileError
from abdominal_oncology.files import write_atomically
from abdominal_oncology.learning.bundle.layout import FORMAT, HASHES, TORCH_WEIGHTS, files_of

_AGAIN = "fetch the bundle again from where it came"


@dataclass(frozen=True)
class FileHash:
    """``size`` in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Verified:
    """A bundle's files are those that were written. ``sha256`` stands for all of them together."""

    folder: Path
    files: Mapping[str, FileHash]

    @property
    def sha256(self) -> str:
        return _together(self.files, self.files)

    @property
    def content_sha256(self) -> str:
        """The same without what exporting adds (a copy of the weights in another form)."""
        return _together(self.files, [name for name in self.files if name != TORCH_WEIGHTS])


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(folder: Path) -> dict[str, FileHash]:
    """Of every file there, except the list of hashes itself. A link is refused: it may lead out of the folder."""
    found = {}
    for name in files_of(folder):
        path = folder / name
        if path.is_symlink():
            raise UnreadableFileError("a bundle must not hold links", where=path, remedy="copy the file itself")
        if name != HASHES:
            found[name] = FileHash(sha256_of(path), path.stat().st_size)
    return found


def write_hashes(folder: Path) -> Verified:
    """Write ``configs/hashes.json`` for what lies in the folder now."""
    files = hash_files(folder)
    write_atomically(folder / HASHES, _text(files))
    return Verified(folder, files)


def verify(folder: Path) -> Verified:
    """Read every byte; the first file that is changed, missing or not listed is named in the error."""
    listed = check_listing(folder)
    for name, wanted in listed.items():
        if sha256_of(folder / name) != wanted.sha256:
            raise ChangedFileError("this file of a bundle was changed", where=folder / name, remedy=_AGAIN)
    return Verified(folder, listed)


def check_listing(folder: Path) -> dict[str, FileHash]:
    """The quick part of :func:`verify`: the files are there, have their size, and there are no others."""
    listed = read_hashes(folder)
    present = [name for name in files_of(folder) if name != HASHES]
    for name, wanted in listed.items():
        path = folder / name
        if name not in present:
            raise MissingInputError("this file of a bundle is missing", where=path, remedy=_AGAIN)
        if path.is_symlink():
            raise ChangedFileError("this file of a bundle became a link", where=path, remedy=_AGAIN)
        if path.stat().st_size != wanted.size:
            raise ChangedFileError("this file of a bundle was changed", where=path, remedy=_AGAIN)
    for name in present:
        if name not in listed:
            raise ChangedFileError(
                "this file does not belong to the bundle", where=folder / name, remedy="remove the file"
            )
    return listed


def read_hashes(folder: Path) -> dict[str, FileHash]:
    path = folder / HASHES
    data = read_bytes(path)
    table = read_json(path, data)
    check_format(table.get("format"), path)
    try:
        files = {str(name): FileHash(str(each["sha256"]), int(each["bytes"])) for name, each in table["files"].items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableFileError("this is not a list of hashes", where=path, remedy=_AGAIN) from error
    if _text(files) != data:  # also a changed space or order is a change
        raise ChangedFileError("this file of a bundle was changed", where=path, remedy=_AGAIN)
    return files


def read_json(path: Path, data: bytes | None = None) -> dict[str, Any]:
    """The table in a JSON file."""
    try:
        table = json.loads(read_bytes(path) if data is None else data)
    except (ValueError, RecursionError) as error:  # also bytes that are no UTF-8
        raise UnreadableFileError(f"this is not JSON: {error}", where=path, remedy=_AGAIN) from error
    if not isinstance(table, dict):
        raise UnreadableFileError("this is not a table in JSON", where=path, remedy=_AGAIN)
    return table


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise MissingInputError("this file of a bundle is missing", where=path, remedy=_AGAIN) from error
    except OSError as error:
        raise UnreadableFileError(f"this file cannot be read: {error.strerror}", where=path) from error


def check_format(found: Any, where: Path) -> None:
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise UnreadableFileError("this bundle does not say its format", where=where, remedy=_AGAIN)
    if found > FORMAT:
        raise InvalidInputError(
            f"this bundle has format {found}; known up to {FORMAT}", where=where, remedy="update AbdominalOncology"
        )


def _text(files: Mapping[str, FileHash]) -> bytes:
    listed = {name: {"sha256": each.sha256, "bytes": each.size} for name, each in sorted(files.items())}
    return (json.dumps({"format": FORMAT, "files": listed}, indent=1, ensure_ascii=False) + "\n").encode()


def _together(files: Mapping[str, FileHash], names: Iterable[str]) -> str:
    lines = "".join(f"{files[name].sha256}  {name}\n" for name in sorted(names))
    return hashlib.sha256(lines.encode()).hexdigest()
