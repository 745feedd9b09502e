"""Voxels lying in a file, plain or deflated: any slices of them, and an error instead of zeros when the file is short.

ITK gives back zeros for a truncated NIfTI file and reads a whole NRRD for one slice; hence this small block reader.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import ChangedFileError, MissingInputError, UnreadableFileError
from abdominal_oncology.progress import Progress, silent

_CHUNK = 1 << 20
_GZIP_OR_ZLIB = 47  # zlib's window bits for "look at the header which of the two it is"
_DAMAGED = "copy or export the file again; this copy is damaged"


@dataclass(frozen=True)
class FileState:
    """Size and time of a file, to notice that another program rewrote it after we read its header."""

    path: Path
    size: int
    changed_ns: int

    @classmethod
    def of(cls, path: Path) -> FileState:
        try:
            facts = path.stat()
        except OSError as missing:
            raise MissingInputError(
                "the file cannot be opened", where=path, remedy="check its name and that you may read it"
            ) from missing
        return cls(path, facts.st_size, facts.st_mtime_ns)

    def check(self) -> None:
        if FileState.of(self.path) != self:
            raise ChangedFileError(
                "the file changed after it was opened",
                where=self.path,
                remedy="wait for it to be written, open it anew",
            )


@dataclass(frozen=True)
class StoredVoxels:
    """A (k, j, i) block of ``dtype`` (byte order included) from byte ``offset`` on; deflated if ``compressed``.

    With ``whole_file_compressed`` the offset counts decompressed bytes (``.nii.gz``), else bytes of the file.
    """

    state: FileState
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    compressed: bool = False
    whole_file_compressed: bool = False

    def read(self, slices: NDArray[np.intp], progress: Progress = silent) -> NDArray[Any]:
        """The slices named (n, j, i), in native byte order, as a fresh array."""
        self.state.check()
        result = np.empty((len(slices), *self.shape[1:]), self.dtype)
        order = np.argsort(slices, kind="stable")
        try:
            with self.state.path.open("rb") as file:
                stream = self._stream(file)
                previous = -1
                for done, n in enumerate(order):
                    if slices[n] == slices[previous] and done > 0:
                        result[n] = result[previous]
                    else:
                        stream.seek(self._start + int(slices[n]) * result[0].nbytes)
                        stream.fill(memoryview(result[n]).cast("B"))
                    previous = n
                    progress((done + 1) / len(order), "reading slices")
                if len(slices) and slices[order[-1]] == self.shape[0] - 1:
                    stream.finish()
        except (EOFError, zlib.error) as short:
            raise UnreadableFileError(
                f"the voxels are cut off or damaged ({short})", where=self.state.path, remedy=_DAMAGED
            ) from short
        self.state.check()
        return result if result.dtype.isnative else result.astype(result.dtype.newbyteorder("="))

    @property
    def _start(self) -> int:
        return 0 if self.compressed and not self.whole_file_compressed else self.offset

    def _stream(self, file: BufferedReader) -> _Plain | _Deflated:
        if not self.compressed:
            return _Plain(file)
        if not self.whole_file_compressed:
            file.seek(self.offset)
        return _Deflated(file)


def decompressed_start(path: Path, count: int) -> bytes:
    """The first ``count`` bytes of a deflated file."""
    head = bytearray(count)
    try:
        with path.open("rb") as file:
            _Deflated(file).fill(memoryview(head))
    except (EOFError, zlib.error) as short:
        raise UnreadableFileError(
            f"the file is not a whole gzip file ({short})", where=path, remedy=_DAMAGED
        ) from short
    return bytes(head)


class _Plain:
    def __init__(self, file: BufferedReader) -> None:
        self._file = file

    def seek(self, position: int) -> None:
        self._file.seek(position)

    def fill(self, target: memoryview) -> None:
        if self._file.readinto(target) != len(target):
            raise EOFError("the file ends too early")

    def finish(self) -> None:
        """Nothing follows that could be checked."""


class _Deflated:
    """Forward-only reading of one or more gzip members (bgzip writes many) or of one zlib stream."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._waiting = b""
        self._position = 0

    def seek(self, position: int) -> None:
        while self._position < position:
            self._more(min(_CHUNK, position - self._position))

    def fill(self, target: memoryview) -> None:
        done = 0
        while done < len(target):
            piece = self._more(min(_CHUNK, len(target) - done))
            target[done : done + len(piece)] = piece
            done += len(piece)

    def finish(self) -> None:
        """Read to the end mark of the stream, where its checksum is compared."""
        while not self._inflater.eof:
            self._more(_CHUNK)

    def _more(self, most: int) -> bytes:
        if self._inflater.eof:
            self._waiting = self._inflater.unused_data or self._file.read(_CHUNK)
            if not self._waiting:
                raise EOFError("the compressed data end too early")
            self._inflater = zlib.decompressobj(_GZIP_OR_ZLIB)
        waiting = self._inflater.unconsumed_tail or self._waiting or self._file.read(_CHUNK)
        self._waiting = b""
        piece = self._inflater.decompress(waiting, most)
        if not piece and not waiting and not self._inflater.eof:
            raise EOFError("the compressed data end too early")
        self._position += len(piece)
        return piece
