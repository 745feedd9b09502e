"""The job ``warm``: imports a question's room and loads its model."""

from __future__ import annotations

from dataclasses import dataclass

from abdominal_oncology.worker import jobs
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult
from abdominal_oncology.worker.wire import from_plain


@dataclass(frozen=True)
class _Settings:
    task: str
    bundle: str | None
    device: str


def run(request: JobRequest, context: JobContext) -> JobResult:
    asked: _Settings = from_plain(_Settings, request.settings, "settings of the job warm")
    context.progress(0.0, "getting ready")
    order = jobs.get_ready(asked.task)
    context.progress(0.3, "loading the model")
    predictor, _ = context.models.predictor(asked.task, asked.bundle, order, asked.device)
    if predictor is None:
        return JobResult(facts={"bundle": None, "device": "", "device_reason": ""})
    if not predictor.is_loaded:
        predictor.warm_up()
    made_by = predictor.provenance()
    context.progress(1.0, "the model is ready")
    return JobResult(facts={"bundle": made_by.bundle, "device": made_by.device, "device_reason": made_by.device_reason})
