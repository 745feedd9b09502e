"""The job ``rectal``: T2 or T3 on one volume, with the class-activation map as the image ``overlay``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from abdominal_oncology.imaging.reader import SliceReader, read_image
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.progress import part
from abdominal_oncology.rectal.bundles import BUNDLES
from abdominal_oncology.rectal.region import Box
from abdominal_oncology.rectal.stage import StageSettings, stage
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult
from abdominal_oncology.worker.wire import from_plain, to_plain

OVERLAY = "overlay"
_VOLUME, _MASK = "volume", "mask "
_USUAL = StageSettings()


@dataclass(frozen=True)
class _Settings:
    name: str
    stage: StageSettings
    box: Box | None
    warnings: tuple[FindingWarning, ...]
    bundle: str | None
    device: str


def rectal_request(
    name: str,
    volume: SliceReader,
    *,
    masks: Mapping[str, SliceReader] | None = None,
    box: Box | None = None,
    bundle: str | Path | None = None,
    device: str = "auto",
    settings: StageSettings = _USUAL,
    warnings: Sequence[FindingWarning] = (),
) -> JobRequest:
    """One finding called ``name``. ``masks`` by role (``tumour``, ``rectum``) on the volume's grid. ``bundle``: name or
    path; None takes the one that is installed and does without where there is none; ``none`` asks for no network.
    """
    images = {_VOLUME: volume, **{f"{_MASK}{role}": mask for role, mask in (masks or {}).items()}}
    named = None if bundle is None else str(bundle)
    return JobRequest("rectal", to_plain(_Settings(name, settings, box, tuple(warnings), named, device)), images)


def run(request: JobRequest, context: JobContext) -> JobResult:
    settings: _Settings = from_plain(_Settings, request.settings, "settings of the job rectal")
    context.progress(0.0, "looking for the model")
    predictor, no_network = context.models.predictor("rectal", settings.bundle, BUNDLES, settings.device)
    masks = {
        key.removeprefix(_MASK): read_image(reader) for key, reader in request.images.items() if key.startswith(_MASK)
    }
    staged = stage(
        request.image(_VOLUME),
        predictor=predictor,
        box=settings.box,
        masks=masks,
        settings=settings.stage,
        warnings=[*no_network, *settings.warnings],
        progress=part(context.progress, 0.02, 1.0),
    )
    images = {} if staged.overlay is None else {OVERLAY: staged.overlay}
    return JobResult((replace(staged.finding, subject=settings.name),), images)
