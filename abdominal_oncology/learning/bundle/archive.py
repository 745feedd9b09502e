"""A bundle as one zip file, to carry; unpacked only when every member stays inside and is as big as it says."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from abdominal_oncology.errors import UnreadableFileError
from abdominal_oncology.files import replacing
from abdominal_oncology.learning.bundle.layout import HASHES, files_of

_MOST_MEMBERS = 1000
_MOST_BYTES = 4 << 30
_FREE_BYTES = 64 << 20
"""So much may a zip grow to whatever its own size."""
_MOST_GROWTH = 50
"""Beyond that, the greatest ratio of unpacked to packed; weights hardly shrink, so a true bundle has about 1."""
_CHUNK = 1 << 20
_UNSAFE = re.compile(r'[\\:*?"<>|\x00-\x1f]')


def pack(folder: Path, path: Path) -> None:
    """Write the files of a bundle into a zip, below a folder of the bundle's name as MONAI wants it."""
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in files_of(folder):
            # a fixed date: the same bundle gives the same zip
            info = zipfile.ZipInfo(f"{folder.name}/{name}")
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            # level 1: of weights a higher one saves 3 % and takes six times as long
            archive.writestr(info, (folder / name).read_bytes(), compresslevel=1)


def unpack(path: Path, folder: Path) -> None:
    """Unpack into an existing empty folder. A folder around all members is taken away."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = _checked(archive, path)
            around = _folder_around(members)
            left = _allowed(path)
            for member, name in members.items():
                target = folder / name.relative_to(around)
                target.parent.mkdir(parents=True, exist_ok=True)
                left = _write(archive, member, target, left, path)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UnreadableFileError(f"this zip cannot be read: {error}", where=path, remedy="fetch it again") from error


def _checked(archive: zipfile.ZipFile, path: Path) -> dict[zipfile.ZipInfo, PurePosixPath]:
    """The files in it by their harmless names."""
    infos = archive.infolist()
    if len(infos) > _MOST_MEMBERS:
        raise _refused(path, f"it has {len(infos)} members; a bundle has a dozen")
    if sum(info.file_size for info in infos) > _allowed(path):
        raise _refused(path, "it would unpack to far more than its own size")
    members: dict[zipfile.ZipInfo, PurePosixPath] = {}
    seen: set[str] = set()
    for info in infos:
        name = info.orig_filename  # `filename` is already mended: cut at a zero byte, other slashes turned
        parts = name.removesuffix("/").split("/")
        if name.startswith("/") or _UNSAFE.search(name) or any(part in ("", ".", "..") for part in parts):
            raise _refused(path, f"its member {name!r} would be written outside of the folder")
        if any(part != part.rstrip(". ") for part in parts):
            raise _refused(path, f"its member {name!r} has a name that not every file system keeps")
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _refused(path, f"its member {name!r} is a link or a device")
        if info.is_dir():
            continue
        if name.lower() in seen:
            raise _refused(path, f"it has {name!r} twice")
        seen.add(name.lower())
        members[info] = PurePosixPath(name)
    if any(parent.as_posix().lower() in seen for name in members.values() for parent in name.parents):
        raise _refused(path, "one of its members is a file and a folder")
    if not members:
        raise UnreadableFileError("this zip is empty", where=path)
    return members


def _folder_around(members: dict[zipfile.ZipInfo, PurePosixPath]) -> PurePosixPath:
    first = {name.parts[0] for name in members.values()}
    all_deeper = all(len(name.parts) > 1 for name in members.values())
    is_around = len(first) == 1 and all_deeper and PurePosixPath(HASHES).parts[0] not in first
    return PurePosixPath(first.pop()) if is_around else PurePosixPath()


def _allowed(path: Path) -> int:
    return min(_MOST_BYTES, max(_FREE_BYTES, path.stat().st_size * _MOST_GROWTH))


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, left: int, path: Path) -> int:
    """Copy while counting: what a member says of its size need not be true."""
    with archive.open(member) as source, target.open("xb") as file:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise _refused(path, "it unpacks to far more than its own size")
            file.write(chunk)
    return left


def _refused(path: Path, reason: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"this zip is not unpacked: {reason}", where=path, remedy="use a zip that `bundle export --zip` wrote"
    )
