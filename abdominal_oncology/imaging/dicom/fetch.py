"""Get the bytes of single frames from a file, noticing when it is not the file whose header was read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, BinaryIO

from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.encaps import generate_fragments, get_frame, parse_basic_offsets, parse_fragments

from abdominal_oncology.errors import ChangedFileError, UnreadableFileError
from abdominal_oncology.imaging.dicom.decode import Backend, compressed_frame, native_frame, to_bits
from abdominal_oncology.imaging.dicom.paths import open_path
from abdominal_oncology.imaging.dicom.records import Header, PixelLayout
from abdominal_oncology.imaging.dicom.syntax import NATIVE_SYNTAXES

_READABLE_BITS = (8, 16, 32)
_ENCAPSULATION_ERRORS = (ValueError, EOFError, IndexError, RuntimeError)


def stored_frames(
    header: Header, indices: Sequence[int], backends: Sequence[Backend] | None = None
) -> Iterator[NDArray[Any]]:
    """The stored values (rows, columns) of the frames ``indices`` of one file, one after the other."""
    layout = header.pixels
    if layout is None:
        raise UnreadableFileError("the file holds no picture", where=header.path, remedy="leave it out")
    if header.trouble:
        raise UnreadableFileError(header.trouble, where=header.path, remedy="copy the file again from its source")
    if layout.bits_allocated not in _READABLE_BITS or layout.samples != 1:
        raise UnreadableFileError(
            f"{layout.samples} samples of {layout.bits_allocated} bits are not supported",
            where=header.path,
            remedy="convert the series to 16-bit greyscale",
        )
    with _opened(header) as stream:
        if layout.transfer_syntax in NATIVE_SYNTAXES:
            for index in indices:
                yield to_bits(native_frame(_native_bytes(stream, header, layout, index), layout), layout)
        else:
            for data in _encapsulated_frames(stream, header, layout, indices):
                yield to_bits(compressed_frame(data, layout, header.path, backends), layout)


@contextmanager
def _opened(header: Header) -> Iterator[BinaryIO]:
    """The file, looked at before and after: size, time of change and instance UID must be those of the header."""
    if header.memory is not None:
        yield BytesIO(header.memory)
        return
    try:
        stream = open_path(header.path).open("rb")
    except FileNotFoundError as missing:
        raise _changed(header, "was removed") from missing
    except OSError as problem:
        raise UnreadableFileError(
            f"the file cannot be opened: {problem.strerror or problem}",
            where=header.path,
            remedy="check its permissions",
        ) from problem
    with stream:
        _check_unchanged(header, stream)
        _check_uid(header, stream)
        yield stream
        _check_unchanged(header, stream)


def _check_unchanged(header: Header, stream: BinaryIO) -> None:
    status = os.fstat(stream.fileno())
    if (status.st_size, status.st_mtime_ns) != (header.size, header.mtime_ns):
        raise _changed(header, "changed")


def _check_uid(header: Header, stream: BinaryIO) -> None:
    """A file can be replaced by another of the same size and time; its UID gives it away."""
    layout = header.pixels
    if not header.instance_uid or layout is None or layout.offset is None:
        return
    if header.instance_uid.encode("ascii", "replace") not in stream.read(layout.offset):
        raise _changed(header, "was replaced by another")


def _changed(header: Header, how: str) -> ChangedFileError:
    return ChangedFileError(
        f"the file {how} after its header was read", where=header.path, remedy="open the series again"
    )


def _native_bytes(stream: BinaryIO, header: Header, layout: PixelLayout, index: int) -> bytes:
    if layout.offset is None:  # deflated: no place to seek to
        stream.seek(0)
        pixels: bytes = dcmread(stream).PixelData
        data = pixels[index * layout.frame_bytes : (index + 1) * layout.frame_bytes]
    else:
        stream.seek(layout.offset + index * layout.frame_bytes)
        data = stream.read(layout.frame_bytes)
    if len(data) < layout.frame_bytes:
        raise _truncated(header, f"{layout.frame_bytes} bytes expected, {len(data)} there")
    return data


def _encapsulated_frames(
    stream: BinaryIO, header: Header, layout: PixelLayout, indices: Sequence[int]
) -> Iterator[bytes]:
    if layout.offset is None:
        raise _truncated(header, "no pixel data found")
    try:
        stream.seek(layout.offset)
        if layout.frames == 1:
            yield get_frame(stream.read(), 0, number_of_frames=1)
            return
        if not parse_basic_offsets(stream):
            count, starts = parse_fragments(stream)
            if count == layout.frames:  # one piece per frame and no table of offsets: look for them once, not per frame
                for index in indices:
                    stream.seek(starts[index])
                    yield next(generate_fragments(stream))
                return
        for index in indices:
            stream.seek(layout.offset)
            yield get_frame(stream, index, number_of_frames=layout.frames)
    except _ENCAPSULATION_ERRORS as problem:
        raise _truncated(header, str(problem)) from problem


def _truncated(header: Header, detail: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"truncated pixel data ({detail})", where=header.path, remedy="copy the file again from its source"
    )
