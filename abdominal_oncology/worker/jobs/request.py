"""A job as the client asks for it and as the worker answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from abdominal_oncology.errors import MissingInputError
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.progress import Progress

if TYPE_CHECKING:
    from abdominal_oncology.worker.models import Models


@dataclass(frozen=True)
class JobRequest:
    """A job's name, its settings as plain data, and readers by key. On the worker's side the readers are remote."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    images: Mapping[str, SliceReader] = field(default_factory=dict)

    def image(self, key: str) -> SliceReader:
        if key not in self.images:
            raise MissingInputError(
                f"the job {self.name} has no image {key!r}; it has {', '.join(self.images) or 'none'}"
            )
        return self.images[key]


@dataclass(frozen=True)
class JobResult:
    """``facts`` are plain data; ``arrays`` are those that have no place in the patient (votes of a map per slice)."""

    findings: tuple[Finding, ...] = ()
    images: Mapping[str, Image] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JobContext:
    """What a job works with: models kept warm, and where it tells how far it is. ``progress`` raises Cancelled."""

    models: Models
    progress: Progress


Work = Callable[[JobRequest, JobContext], JobResult]
