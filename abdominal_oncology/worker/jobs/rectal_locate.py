"""Asking where the rectum is. Light to import: what looks for it is :mod:`~.rectal_locate_work`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.rectal.box import Box
from abdominal_oncology.worker.jobs.request import JobRequest
from abdominal_oncology.worker.wire import from_plain

if TYPE_CHECKING:
    from abdominal_oncology.worker.jobs.request import JobResult

VOLUME, FOUND = "volume", "found"


@dataclass(frozen=True)
class Found:
    """``confidence`` that the tumour lies in the box, its height included; None where not even the rectum was found.

    ``doubts`` are what else must be said of it.
    """

    box: Box
    confidence: float | None
    doubts: tuple[str, ...]


def locate_request(volume: SliceReader) -> JobRequest:
    """One axial MR volume; :func:`found_of` reads the answer."""
    return JobRequest("rectal-locate", {}, {VOLUME: volume})


def found_of(result: JobResult) -> Found:
    found: Found = from_plain(Found, result.facts[FOUND], "answer of the job rectal-locate")
    return found
