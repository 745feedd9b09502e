"""The elements a header needs, straight from the bytes of an ordinary little endian file.

pydicom reads everything that DICOM ever allowed, an element at a time; most files need little of that. What is not
plainly laid out here is refused with UnusualHeaderError and left to pydicom: this walk gives the same or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from struct import error as StructError
from typing import Any

from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag
from pydicom.valuerep import EXPLICIT_VR_LENGTH_32, STANDARD_VR

from abdominal_oncology.imaging.dicom.elements import character_set_named, plain_bytes, plain_elements
from abdominal_oncology.imaging.dicom.syntax import TransferSyntax

ENDS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
"""The tags of pixel data: a header goes no further."""

_START = 132  # behind the preamble and its mark
_MARK = b"DICM"
_UNDEFINED = 0xFFFFFFFF
_DEEPEST = 8  # sequences within sequences
_EXPLICIT = Struct("<I2sH").unpack_from
_IMPLICIT = Struct("<II").unpack_from
_LENGTH = Struct("<I").unpack_from
_HEADS = {vr.value.encode(): 12 if vr in EXPLICIT_VR_LENGTH_32 else 8 for vr in STANDARD_VR}
"""Bytes before the value, by value representation."""
_SYNTAXES = {
    syntax.value.encode() + b"\0" * (len(syntax.value) % 2): syntax.value
    for syntax in TransferSyntax
    if syntax not in (TransferSyntax.DEFLATED, TransferSyntax.BIG_ENDIAN)
}


def _key(tag: int) -> int:
    """A tag as four little endian bytes have it: its halves change places."""
    return (tag & 0xFFFF) << 16 | tag >> 16


_META_FIRST, _META_CLASS, _META_INSTANCE, _META_SYNTAX = map(_key, (0x00020000, 0x00020002, 0x00020003, 0x00020010))
_META_UIDS = frozenset({_META_CLASS, _META_INSTANCE, _META_SYNTAX})
_CHARACTER_SET = _key(0x00080005)
_PIXEL_REPRESENTATION = _key(0x00280103)
_PADDING = tuple(map(_key, (0x00280120, 0x00280121)))
_ITEM, _ITEM_END, _SEQUENCE_END = map(_key, (0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD))
_ENDS = frozenset(map(_key, ENDS))
_NOT_TOP_LEVEL = frozenset({_ITEM, _ITEM_END, _SEQUENCE_END})


class UnusualHeaderError(ValueError):
    """This file is not for the quick way."""


@dataclass(frozen=True, slots=True)
class QuickHeader:
    """What the walk found. ``end`` is where the pixel data element begins."""

    transfer_syntax: str
    meta_class: str
    meta_instance: str
    values: dict[str, Any]
    end: int


class Wanted:
    """The elements to collect, by tag; a file with a sequence among them is unusual."""

    def __init__(self, tags: Iterable[int]) -> None:
        names = {_key(tag): (int(tag), keyword_for_tag(tag), dictionary_VR(tag).encode()) for tag in tags}
        self.elements = {key: found for key, found in names.items() if found[2] != b"SQ"}
        self.stops = frozenset(set(names) - set(self.elements)) | _NOT_TOP_LEVEL
        self.noticed = frozenset(names) | self.stops | _ENDS


def quick_header(data: bytes, wanted: Wanted) -> QuickHeader:
    """The header at the beginning of a file; EOFError when ``data`` ends before the pixel data element does begin."""
    try:
        return _walk(data, wanted)
    except StructError as over:
        raise EOFError from over


def _walk(data: bytes, wanted: Wanted) -> QuickHeader:
    if data[_START - 4 : _START] != _MARK:
        raise UnusualHeaderError("no preamble")
    meta, at = _file_meta(data)
    syntax = _SYNTAXES.get(meta.get(_META_SYNTAX, b""))
    if syntax is None or at + 12 > len(data):
        raise UnusualHeaderError("transfer syntax")
    implicit = syntax == TransferSyntax.IMPLICIT
    if data[at : at + 2] == b"\0\0" or implicit == (0x40 < data[at + 4] < 0x5B and 0x40 < data[at + 5] < 0x5B):
        raise UnusualHeaderError("command set, or not as the transfer syntax says")
    found, end = _elements(data, at, implicit, wanted)
    return QuickHeader(
        transfer_syntax=syntax,
        meta_class=_uid(meta.get(_META_CLASS, b"")),
        meta_instance=_uid(meta.get(_META_INSTANCE, b"")),
        values=_values(found, implicit, wanted),
        end=end,
    )


Found = dict[int, tuple[str | None, bytes]]
"""Value representation (None: not written) and value, by key."""


def _file_meta(data: bytes) -> tuple[dict[int, bytes], int]:
    """The UIDs of the file meta group, and where the data set begins."""
    key, vr, length = _EXPLICIT(data, _START)
    if key != _META_FIRST or vr != b"UL" or length != 4:
        raise UnusualHeaderError("file meta")
    meta: dict[int, bytes] = {}
    at = _START
    while key & 0xFFFF == 2:
        head = _HEADS.get(vr, 0)
        if head == 12:
            (length,) = _LENGTH(data, at + 8)
        if not head or length == _UNDEFINED or (key in _META_UIDS and vr != b"UI"):
            raise UnusualHeaderError("file meta")
        if key in _META_UIDS:
            meta[key] = data[at + head : at + head + length]
        at += head + length
        key, vr, length = _EXPLICIT(data, at)
    return meta, at


def _elements(data: bytes, at: int, implicit: bool, wanted: Wanted) -> tuple[Found, int]:
    """The wanted elements from ``at`` on, and where the pixel data element begins."""
    found: Found = {}
    vr: bytes = b""
    head = 8
    while True:
        if implicit:
            key, length = _IMPLICIT(data, at)
        else:
            key, vr, length = _EXPLICIT(data, at)
            head = _HEADS.get(vr, 0)
            if head == 12:
                (length,) = _LENGTH(data, at + 8)
            elif not head:
                raise UnusualHeaderError("value representation")
        start = at + head
        if key in wanted.noticed:
            if key in _ENDS:
                if at + 12 > len(data):
                    raise EOFError
                return found, at
            if key in wanted.stops or length == _UNDEFINED or vr == b"SQ":
                raise UnusualHeaderError("a sequence that matters")
            if start + length > len(data):
                raise EOFError
            if length:
                found[key] = (None if implicit else vr.decode(), data[start : start + length])
            else:
                found.pop(key, None)
            at = start + length
        elif length == _UNDEFINED:
            at = _behind_sequence(data, start, key, vr, implicit, 0)
        else:
            at = start + length


def _behind_sequence(data: bytes, at: int, key: int, vr: bytes, implicit: bool, depth: int) -> int:
    """Where the sequence of undefined length that begins at ``at`` ends."""
    if not (_is_sequence(key) if implicit else vr == b"SQ") or depth > _DEEPEST:
        raise UnusualHeaderError("undefined length")
    while True:
        item, length = _IMPLICIT(data, at)
        at += 8
        if item == _SEQUENCE_END:
            return at
        if item != _ITEM:
            raise UnusualHeaderError("no item")
        at = _behind_item(data, at, None if length == _UNDEFINED else at + length, implicit, depth)


def _behind_item(data: bytes, at: int, end: int | None, implicit: bool, depth: int) -> int:
    head, vr = 8, b""
    while at != end:
        key, length = _IMPLICIT(data, at)
        if end is None and key == _ITEM_END:
            return at + 8
        if not implicit:
            key, vr, length = _EXPLICIT(data, at)
            head = _HEADS.get(vr, 0)
            if head == 12:
                (length,) = _LENGTH(data, at + 8)
        if not head or key & 0xFFFF == 0xFFFE or key == _CHARACTER_SET or (end is not None and at > end):
            raise UnusualHeaderError("item")
        at += head
        at = _behind_sequence(data, at, key, vr, implicit, depth + 1) if length == _UNDEFINED else at + length
    return at


@lru_cache(maxsize=1024)
def _is_sequence(key: int) -> bool:
    try:
        return dictionary_VR((key & 0xFFFF) << 16 | key >> 16) == "SQ"
    except KeyError:
        return False


def _values(found: Found, implicit: bool, wanted: Wanted) -> dict[str, Any]:
    """What ``plain_elements`` makes of the same elements."""
    charset = character_set_named(found[_CHARACTER_SET][1] if _CHARACTER_SET in found else b"")
    if _CHARACTER_SET in found and found[_CHARACTER_SET][0] not in (None, "CS"):
        raise UnusualHeaderError("character set")
    values: dict[str, Any] = {}
    for key, (vr, raw) in found.items():
        tag, keyword, usual_vr = wanted.elements[key]
        if key in _PADDING:
            continue
        quick = _QUICK.get(usual_vr) if vr is None or vr.encode() == usual_vr else None
        value = quick(raw) if quick is not None else None
        if value is None:
            value = plain_bytes(tag, vr, raw, implicit, True, charset)
        if value is not None:
            values[keyword] = list(value) if isinstance(value, tuple) else value
    for key in _PADDING:
        if key in found:
            tag, keyword, _ = wanted.elements[key]
            padding = _padding(tag, *found[key], *found.get(_PIXEL_REPRESENTATION, (None, b"")), implicit)
            if padding is not None:
                values[keyword] = padding
    return values


@lru_cache(maxsize=64)
def _padding(tag: int, vr: str | None, raw: bytes, sign_vr: str | None, sign: bytes, implicit: bool) -> Any:
    """Signed or not as PixelRepresentation says, which pydicom must see beside it."""
    raws = [(tag, vr, raw)] + ([(0x00280103, sign_vr, sign)] if sign else [])
    elements: dict[BaseTag, DataElement | RawDataElement] = {
        BaseTag(one): RawDataElement(BaseTag(one), kind, len(value), value, 0, implicit, True)
        for one, kind, value in raws
    }
    data = Dataset(elements)
    data.set_original_encoding(implicit, True, "iso8859")
    return plain_elements(data).get(keyword_for_tag(tag))


def _uid(raw: bytes) -> str:
    """A UID of the file meta group; its writer may have left it out."""
    if raw and not _UID(raw):
        raise UnusualHeaderError("file meta")
    return raw.rstrip(b"\0").decode()


def _quick_uid(raw: bytes) -> str | None:
    return _uid(raw) if _UID(raw) else None


def _quick_numbers(raw: bytes) -> Any:
    if not _DECIMALS(raw):
        return None
    return [float(part) for part in raw.split(b"\\")] if b"\\" in raw else float(raw)


def _quick_whole(raw: bytes) -> int | None:
    return int(raw) if _WHOLE(raw) else None


def _quick_time(raw: bytes) -> str | None:
    return raw.decode().rstrip(" ") if _TIME(raw) else None


_UID = re.compile(rb"[0-9.]+\0?").fullmatch
_DECIMALS = re.compile(rb"-?\d{1,12}(\.\d{1,14})?(\\-?\d{1,12}(\.\d{1,14})?)* ?").fullmatch
_WHOLE = re.compile(rb"-?\d{1,9} ?").fullmatch
_TIME = re.compile(rb"[0-9.]+ ?").fullmatch
_QUICK: dict[bytes, Callable[[bytes], Any]] = {
    b"UI": _quick_uid,
    b"DS": _quick_numbers,
    b"IS": _quick_whole,
    b"TM": _quick_time,
    b"DA": _quick_time,
}
"""What most values look like needs no library; anything else about them goes to pydicom."""
