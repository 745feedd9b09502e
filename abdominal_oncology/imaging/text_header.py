"""Where the voxels of a NRRD or MetaImage file lie, from its text header; None when only ITK can fetch them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_MOST_HEADER_BYTES = 1 << 20


@dataclass(frozen=True)
class VoxelPlace:
    """The file that holds the voxels, the byte they start at, their byte order ("<" or ">") and packing."""

    path: Path
    offset: int
    byte_order: str
    compressed: bool


def nrrd_voxels(path: Path) -> VoxelPlace | None:
    """For raw and gzip encodings in this file or in one other; not for lists, skips, text or bzip2."""
    head = _start_of(path)
    end = min((at + len(mark) for mark in (b"\n\n", b"\r\n\r\n") if (at := head.find(mark)) >= 0), default=len(head))
    fields: dict[str, str] = {}
    for line in head[:end].decode("utf-8", "replace").splitlines()[1:]:
        name, colon, value = line.partition(": ")
        if colon and not line.startswith("#"):
            fields[name.strip().lower().replace(" ", "")] = value.strip()
    encoding = fields.get("encoding", "").lower()
    if encoding not in ("raw", "gzip", "gz") or {"byteskip", "lineskip"} & fields.keys():
        return None
    order = ">" if fields.get("endian", "little").lower() == "big" else "<"
    other = fields.get("datafile")
    if other is None:
        return VoxelPlace(path, end, order, encoding != "raw") if end < len(head) or encoding == "raw" else None
    place = path.parent / other
    return VoxelPlace(place, 0, order, encoding != "raw") if place.is_file() else None


def meta_voxels(path: Path) -> VoxelPlace | None:
    """For binary voxels in this file or in one other; not for lists of files, text or a skipped header."""
    head = _start_of(path)
    fields: dict[str, str] = {}
    position = 0
    while position < len(head) and "ElementDataFile" not in fields:
        stop = head.find(b"\n", position)
        if stop < 0:
            return None
        name, _, value = head[position:stop].decode("utf-8", "replace").partition("=")
        fields[name.strip()] = value.strip()
        position = stop + 1
    other = fields.get("ElementDataFile", "LIST")
    if "HeaderSize" in fields or not _true(fields.get("BinaryData", "True")):
        return None
    big = _true(fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "False")))
    compressed = _true(fields.get("CompressedData", "False"))
    if other == "LOCAL":
        return VoxelPlace(path, position, ">" if big else "<", compressed)
    place = path.parent / other
    return VoxelPlace(place, 0, ">" if big else "<", compressed) if place.is_file() else None


def _start_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MOST_HEADER_BYTES)


def _true(text: str) -> bool:
    return text.strip().lower() in ("true", "t", "1")
