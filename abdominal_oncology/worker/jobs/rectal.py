"""Asking for the stage of a rectal volume. Light to import: what does the work is :mod:`~.rectal_work`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.worker.jobs.request import JobRequest
from abdominal_oncology.worker.wire import to_plain

if TYPE_CHECKING:
    from abdominal_oncology.rectal.box import Box
    from abdominal_oncology.rectal.stage import StageSettings

OVERLAY = "overlay"
"""The class-activation map among the images of a result, where a network answered."""
VOLUME, MASK = "volume", "mask "


def rectal_request(
    name: str,
    volume: SliceReader,
    *,
    masks: Mapping[str, SliceReader] | None = None,
    box: Box | None = None,
    bundle: str | Path | None = None,
    device: str = "auto",
    settings: StageSettings | Mapping[str, Any] | None = None,
    warnings: Sequence[FindingWarning] = (),
) -> JobRequest:
    """One finding called ``name``. ``masks`` by role (``tumour``, ``rectum``) may lie on grids of their own.

    ``bundle``: name or path; None takes the one that is installed and does without where there is none; ``none`` asks
    for no network. ``settings`` are StageSettings, or those of its fields that are not as usual.
    """
    images = {VOLUME: volume, **{f"{MASK}{role}": mask for role, mask in (masks or {}).items()}}
    plain = {
        "name": name,
        "stage": settings or {},
        "box": box,
        "warnings": warnings,
        "bundle": bundle,
        "device": device,
    }
    return JobRequest("rectal", to_plain(plain), images)
