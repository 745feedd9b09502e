"""Every message between a client and its worker: one JSON object a line, strictly read.

Client → worker: Hello · Run · Cancel · Here | Refused · Taken.
Worker → client: Welcome · Reported · Need · Part · Done | Failed.

A job's voxels never travel in a message. The worker asks for slices (Need); the client puts them into a file that both
have mapped and says where (Here). Arrays of a result go the other way (Part, Taken), in pieces.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from abdominal_oncology import __version__, errors
from abdominal_oncology.errors import AbdominalOncologyError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, ImageWarning, Modality, Source
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.worker.failures import ProtocolError, WorkerVersionError
from abdominal_oncology.worker.wire import from_plain, to_plain

PROTOCOL = 1
"""To be raised with every change of a message."""


@dataclass(frozen=True)
class ImageFacts:
    """Everything about an image but its voxels."""

    geometry: Geometry
    modality: Modality
    source: Source
    warnings: tuple[ImageWarning, ...]

    @classmethod
    def of(cls, image: SliceReader | Image) -> ImageFacts:
        """Header entries that are neither numbers nor texts become texts, as the scene keeps them."""
        source = image.source
        header = {key: _readable(value) for key, value in source.header.items()}
        plain = Source(**{**{each.name: getattr(source, each.name) for each in fields(source)}, "header": header})
        return cls(image.geometry, image.modality, plain, tuple(image.warnings))


@dataclass(frozen=True)
class ErrorFacts:
    """A named error on its way. ``type`` is the name of a class of :mod:`abdominal_oncology.errors`."""

    type: str
    problem: str
    where: str
    remedy: str

    @classmethod
    def of(cls, error: AbdominalOncologyError) -> ErrorFacts:
        """An error of a room's own travels as the nearest one that all rooms know."""
        known = next(kind for kind in type(error).__mro__ if getattr(errors, kind.__name__, None) is kind)
        return cls(known.__name__, error.problem, error.where, error.remedy)

    def error(self) -> AbdominalOncologyError:
        """The error itself again.

        >>> ErrorFacts("EmptyMaskError", "the mask is empty", "liver", "").error()
        EmptyMaskError('the mask is empty', 'liver', '')
        """
        kind = getattr(errors, self.type, None)
        if not (isinstance(kind, type) and issubclass(kind, AbdominalOncologyError)):
            raise ProtocolError(f"no error is called {self.type!r}")
        return kind(self.problem, where=self.where, remedy=self.remedy)


@dataclass(frozen=True)
class Hello:
    """The client's answer to Welcome. Slices are handed over in files of ``folder``.

    After ``gpu_idle_seconds`` without a job the memory of GPUs is given back, later that of all models.
    """

    folder: str
    gpu_idle_seconds: float
    model_idle_seconds: float


@dataclass(frozen=True)
class Run:
    """Do a job. ``settings`` are what the job's own module says; ``images`` are those it may ask slices of."""

    job: int
    name: str
    settings: Mapping[str, Any]
    images: Mapping[str, ImageFacts]


@dataclass(frozen=True)
class Cancel:
    """Stop a job; nobody waits for its answer."""

    job: int


@dataclass(frozen=True)
class Here:
    """The first slices of those needed: an array of ``shape`` (n, j, i) at the start of ``file``."""

    request: int
    file: str
    value_type: str
    shape: tuple[int, int, int]


@dataclass(frozen=True)
class Refused:
    """Slices that cannot be had, and why."""

    request: int
    error: ErrorFacts


@dataclass(frozen=True)
class Taken:
    """A part was copied; its file may be used again."""

    request: int


@dataclass(frozen=True)
class Welcome:
    """The worker's first line. Of this one, later versions must keep type, protocol and version."""

    protocol: int
    version: str
    process: int


@dataclass(frozen=True)
class Reported:
    """How far a job is: 0 … 1 and a short phrase."""

    job: int
    fraction: float
    stage: str


@dataclass(frozen=True)
class Need:
    """Slices of an image, to be put into the file of ``slot``."""

    request: int
    job: int
    image: str
    slices: tuple[int, ...]
    slot: int


@dataclass(frozen=True)
class Part:
    """``count`` values from ``start`` on, in storage order, of the array ``name`` of a result, in ``file``."""

    request: int
    job: int
    name: str
    value_type: str
    shape: tuple[int, ...]
    start: int
    count: int
    file: str


@dataclass(frozen=True)
class Done:
    """The result: findings, what is known of the images whose voxels came as parts, and anything else in plain data."""

    job: int
    findings: tuple[Mapping[str, Any], ...]
    images: Mapping[str, ImageFacts]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Failed:
    """A job ended with a named error."""

    job: int
    error: ErrorFacts


ToWorker = Hello | Run | Cancel | Here | Refused | Taken
FromWorker = Welcome | Reported | Need | Part | Done | Failed
Message = ToWorker | FromWorker

TO_WORKER: tuple[type[ToWorker], ...] = (Hello, Run, Cancel, Here, Refused, Taken)
FROM_WORKER: tuple[type[FromWorker], ...] = (Welcome, Reported, Need, Part, Done, Failed)
_START = b'{"type": '


def encode(message: Message) -> bytes:
    """A message as one line, its end included.

    >>> encode(Cancel(3))
    b'{"type": "Cancel", "job": 3}\\n'
    """
    return json.dumps({"type": type(message).__name__, **to_plain(message)}).encode("ascii") + b"\n"


def decode_to_worker(line: bytes) -> ToWorker:
    message: ToWorker = _decode(line, TO_WORKER)
    return message


def decode_from_worker(line: bytes) -> FromWorker:
    message: FromWorker = _decode(line, FROM_WORKER)
    return message


def is_message(line: bytes) -> bool:
    """False for what a library has printed in between."""
    return line.startswith(_START)


def check_greeting(line: bytes) -> None:
    """Refuse a worker of another version, whatever else its first line says."""
    table = _table(line)
    if table.get("type") != "Welcome":
        raise ProtocolError(f"the first message must be Welcome, not {table.get('type')}")
    theirs, version = table.get("protocol"), table.get("version")
    if theirs != PROTOCOL or version != __version__:
        raise WorkerVersionError(
            f"the worker is of version {version} (protocol {theirs}), and this is {__version__} (protocol {PROTOCOL})",
            remedy="restart Slicer: the extension was updated while it ran; if that does not help, install it again",
        )


def _decode(line: bytes, kinds: tuple[type[Any], ...]) -> Any:
    table = _table(line)
    name = table.pop("type", None)
    kind = next((each for each in kinds if each.__name__ == name), None)
    if kind is None:
        raise ProtocolError(f"no message is called {name!r}", where=line[:80].decode("utf-8", "replace"))
    return from_plain(kind, table, str(name))


def _table(line: bytes) -> dict[str, Any]:
    try:
        table = json.loads(line)
    except ValueError as wrong:
        raise ProtocolError(f"this is no message: {wrong}", where=line[:80].decode("utf-8", "replace")) from wrong
    if not isinstance(table, dict):
        raise ProtocolError("a message is a table", where=line[:80].decode("utf-8", "replace"))
    return table


def _readable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _readable(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_readable(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return _readable(value.tolist()) if hasattr(value, "tolist") else str(value)
