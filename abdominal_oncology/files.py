"""Files: a reader never meets half of one, a change is seen without opening them, and a refusal has a name."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from abdominal_oncology.errors import FileRefusedError

_ROOM = "make room there, or choose another disk"
_OTHER = "choose another place, or change who may use this one"
_REFUSALS = {
    **dict.fromkeys((errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)), _ROOM),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _OTHER),
    **dict.fromkeys((errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG), "choose another name"),
    errno.EIO: "check the disk or the connection to it",
    errno.EMFILE: "close other programs, or let this one open more files",
}
"""What a person can do about what the system says. Other errors of the system are faults of ours."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name in the same folder that becomes ``path`` when the block ends well, and vanishes when it fails.

    The temporary name keeps the ending, so writers that choose a format by it work.
    """
    temporary = path.with_name(f".{uuid4().hex[:12]}-{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` so that ``path`` is there whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


Stamps = tuple[tuple[str, int, int], ...]


def stamps(*places: Path) -> Stamps:
    """Name, bytes and time of change (ns) of every file at or below ``places``; none of a place that is not there.

    As long as two of them are equal nobody has written there. No file is opened.
    """
    names = [str(place) for place in places if place.is_file()]
    names += [str(Path(folder, name)) for place in places for folder, _, found in os.walk(place) for name in found]
    states = []
    for name in sorted(names):
        with suppress(FileNotFoundError):  # gone since it was listed
            state = os.lstat(name)
            states.append((name, state.st_size, state.st_mtime_ns))
    return tuple(states)


def refusal(error: OSError) -> FileRefusedError | None:
    """The system's refusal as a named error; None where it is no refusal.

    >>> print(refusal(OSError(errno.ENOSPC, "No space left on device", "out/report.html")))
    No space left on device [out/report.html]. To go on: make room there, or choose another disk.
    """
    if error.errno not in _REFUSALS:
        return None
    where = error.filename if isinstance(error.filename, str | os.PathLike) else ""
    return FileRefusedError(error.strerror or str(error), where=where, remedy=_REFUSALS[error.errno])
