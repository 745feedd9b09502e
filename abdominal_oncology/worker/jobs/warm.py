"""The job ``warm``: import and load what a question needs before it is asked, so that the first click is a second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from abdominal_oncology.worker import jobs
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult
from abdominal_oncology.worker.wire import from_plain, to_plain


@dataclass(frozen=True)
class _Settings:
    task: str
    bundle: str | None
    device: str
    order: tuple[str, ...]


def warm_request(
    task: str, bundle: str | Path | None = None, device: str = "auto", order: Sequence[str] = ()
) -> JobRequest:
    """Load the model that a job ``task`` with this bundle and device would use; ``order``: the room's ``BUNDLES``."""
    named = None if bundle is None else str(bundle)
    return JobRequest("warm", to_plain(_Settings(task, named, device, tuple(order))))


def run(request: JobRequest, context: JobContext) -> JobResult:
    """``facts``: which model is ready (None: there is none), and where it computes."""
    settings: _Settings = from_plain(_Settings, request.settings, "settings of the job warm")
    context.progress(0.0, "getting ready")
    jobs.get_ready(settings.task)
    context.progress(0.3, "loading the model")
    predictor, _ = context.models.predictor(settings.task, settings.bundle, settings.order, settings.device)
    if predictor is None:
        return JobResult(facts={"bundle": None, "device": "", "device_reason": ""})
    if not predictor.is_loaded:
        predictor.warm_up()
    made_by = predictor.provenance()
    context.progress(1.0, "the model is ready")
    return JobResult(facts={"bundle": made_by.bundle, "device": made_by.device, "device_reason": made_by.device_reason})
