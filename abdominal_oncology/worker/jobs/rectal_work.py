"""The job ``rectal``: T2 or T3 on one volume, with the class-activation map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from abdominal_oncology.errors import EmptyMaskError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.imaging.resample import resample
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.progress import part
from abdominal_oncology.rectal.box import Box
from abdominal_oncology.rectal.bundles import BUNDLES
from abdominal_oncology.rectal.stage import StageSettings, stage
from abdominal_oncology.rectal.words import segment_not_used
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
    image = read_image(request.image(VOLUME))
    masks: dict[str, Image] = {}
    doubts = [*no_network, *asked.warnings]
    for key, reader in request.images.items():
        if key.startswith(MASK):
            role = key.removeprefix(MASK)
            try:
                masks[role] = _on_grid(read_image(reader), image.geometry)
            except EmptyMaskError as empty:
                doubts.append(segment_not_used(role, empty))
    staged = stage(
        image,
        predictor=predictor,
        box=asked.box,
        masks=masks,
        settings=settings,
        warnings=doubts,
        progress=part(context.progress, 0.02, 1.0),
    )
    images = {} if staged.overlay is None else {OVERLAY: staged.overlay}
    return JobResult((replace(staged.finding, subject=asked.name),), images)


def _on_grid(mask: Image, grid: Geometry) -> Image:
    """A mask where the volume has its voxels: segments are sent on their own grid."""
    placed = mask if mask.geometry.same_grid(grid) else resample(mask, grid, "nearest", outside=0)
    if not placed.voxels.any():
        raise EmptyMaskError(
            "the segment has no voxel on this grid",
            where=mask.source.path,
            remedy="choose a segmentation that overlaps the volume, or check the transforms above both",
        )
    return placed
