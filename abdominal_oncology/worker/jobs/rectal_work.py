"""The job ``rectal``: T2 or T3 on one volume, with the class-activation map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.progress import part
from abdominal_oncology.rectal.box import Box
from abdominal_oncology.rectal.bundles import BUNDLES
from abdominal_oncology.rectal.stage import StageSettings, stage
from abdominal_oncology.worker.jobs.rectal import MASK, OVERLAY, VOLUME
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult
from abdominal_oncology.worker.wire import from_plain, with_defaults


@dataclass(frozen=True)
class _Settings:
    name: str
    stage: Mapping[str, Any]
    box: Box | None
    warnings: tuple[FindingWarning, ...]
    bundle: str | None
    device: str


def run(request: JobRequest, context: JobContext) -> JobResult:
    asked: _Settings = from_plain(_Settings, request.settings, "settings of the job rectal")
    settings = with_defaults(StageSettings(), asked.stage, "settings of the stage")
    context.progress(0.0, "looking for the model")
    predictor, no_network = context.models.predictor("rectal", asked.bundle, BUNDLES, asked.device)
    masks = {
        key.removeprefix(MASK): read_image(reader) for key, reader in request.images.items() if key.startswith(MASK)
    }
    staged = stage(
        request.image(VOLUME),
        predictor=predictor,
        box=asked.box,
        masks=masks,
        settings=settings,
        warnings=[*no_network, *asked.warnings],
        progress=part(context.progress, 0.02, 1.0),
    )
    images = {} if staged.overlay is None else {OVERLAY: staged.overlay}
    return JobResult((replace(staged.finding, subject=asked.name),), images)
