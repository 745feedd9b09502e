"""Arrays from one process to another through files that both have mapped.

Files of our own in a folder that nobody else may enter, in memory (``/dev/shm``) where the system has such a place.
Python's ``multiprocessing.shared_memory`` would not do: it starts a helper process as ``sys.executable``, which in
Slicer is another Slicer, and up to Python 3.12 whoever attaches also deletes.
"""

from __future__ import annotations

import mmap
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.worker.failures import ProtocolError, WorkerError

PIECE_BYTES = 16 << 20
"""What is handed over at once: milliseconds of copying, and so never felt by who watches a window."""

_IN_MEMORY = Path("/dev/shm")
_NAME, _NEW, _LOCK = "abdominal-oncology-", "new-abdominal-oncology-", "lock"
_SMALLEST_BYTES = 1 << 16
_ROOM_BYTES = 8 * PIECE_BYTES


class BlockFolder:
    """The folder of one client and its worker. It is gone after :meth:`close`; what dead clients left goes at once."""

    def __init__(self, base: Path | None = None) -> None:
        base = base or usual_base()
        sweep(base)
        try:
            new = Path(tempfile.mkdtemp(prefix=_NEW, dir=base))  # only for the user who made it
            self._lock: BinaryIO | None = _hold(new / _LOCK)
            self.path = new.with_name(new.name.replace(_NEW, _NAME))
            new.rename(self.path)  # under this name it is never seen without its lock being held
        except OSError as error:
            raise _no_room(base, error) from error

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        shutil.rmtree(self.path, ignore_errors=True)


def usual_base() -> Path:
    """Memory where it can be had and has room (containers may have little of it), else the temporary folder."""
    if os.access(_IN_MEMORY, os.W_OK) and shutil.disk_usage(_IN_MEMORY).free >= _ROOM_BYTES:
        return _IN_MEMORY
    return Path(tempfile.gettempdir())


def sweep(base: Path) -> None:
    """Remove the folders of clients that are no longer there."""
    for folder in base.glob(f"{_NAME}*"):
        if not _is_held(folder / _LOCK):
            shutil.rmtree(folder, ignore_errors=True)


class BlockWriter:
    """Puts arrays into the files of one folder: one file a slot, used again and again, made anew when it must grow."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._files: dict[int, tuple[str, mmap.mmap]] = {}
        self._made = 0

    def put(self, slot: int, values: NDArray[Any]) -> str:
        """Copy ``values`` to the start of the slot's file; gives the file's name."""
        file, memory = self._file(slot, values.nbytes)
        target = np.frombuffer(memory, values.dtype, values.size).reshape(values.shape)
        np.copyto(target, values)
        return file

    def close(self) -> None:
        self._files.clear()

    def _file(self, slot: int, size: int) -> tuple[str, mmap.mmap]:
        known = self._files.get(slot)
        if known is not None and len(known[1]) >= size:
            return known
        if known is not None:
            del self._files[slot]
            (self._folder / known[0]).unlink(missing_ok=True)
        self._made += 1
        name = f"{self._name}-{slot}-{self._made}"
        size = max(_SMALLEST_BYTES, 1 << (size - 1).bit_length())
        try:
            with (self._folder / name).open("xb+") as file:
                for _ in range(0, size, _SMALLEST_BYTES):
                    file.write(bytes(_SMALLEST_BYTES))  # a file without its blocks would end the process when they lack
                file.flush()
                self._files[slot] = name, mmap.mmap(file.fileno(), size)
        except OSError as error:
            raise _no_room(self._folder, error) from error
        return self._files[slot]


class BlockReader:
    """Looks into files that a :class:`BlockWriter` of the other process fills."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, tuple[str, mmap.mmap]] = {}

    def view(self, file: str, value_type: str, shape: Sequence[int]) -> NDArray[Any]:
        """A read-only view; true until the other side is told that it may use the file again."""
        slot = file.rpartition("-")[0]
        known = self._files.get(slot)
        if known is None or known[0] != file:
            known = self._files[slot] = file, self._map(file)
        try:
            if min(shape, default=0) < 0:
                raise ValueError("a negative length")
            values = np.frombuffer(known[1], np.dtype(value_type), prod(shape))
        except (TypeError, ValueError) as wrong:
            raise ProtocolError(f"{file} does not hold {tuple(shape)} values of type {value_type!r}") from wrong
        return values.reshape(tuple(shape))

    def close(self) -> None:
        self._files.clear()

    def _map(self, file: str) -> mmap.mmap:
        if Path(file).name != file:
            raise ProtocolError(f"{file!r} is no name of a block")
        try:
            with (self._folder / file).open("rb") as opened:
                return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise ProtocolError(f"the block cannot be opened: {error}", where=self._folder / file) from error


def plain_array(values: NDArray[Any]) -> NDArray[Any]:
    """Refuse arrays that hold Python objects instead of numbers."""
    if values.dtype.hasobject:
        raise InvalidInputError(f"an array of {values.dtype} cannot be handed over", remedy="give numbers")
    return values


def _no_room(where: Path, error: OSError) -> WorkerError:
    return WorkerError(
        f"there is no room to hand voxels over: {error.strerror or error}",
        where=where,
        remedy="free some space there, or name another folder with the environment variable TMPDIR",
    )


if sys.platform == "win32":

    def _hold(path: Path) -> BinaryIO:
        return path.open("wb")

    def _is_held(path: Path) -> bool:
        """Windows does not delete a file that somebody has open."""
        try:
            path.unlink(missing_ok=True)
        except PermissionError:
            return True
        return False

else:
    import fcntl

    def _hold(path: Path) -> BinaryIO:
        """The system lets go of the lock when the process ends, however it ends."""
        file = path.open("wb")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file

    def _is_held(path: Path) -> bool:
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:  # held, or not ours to look at
            return True
        return False
