"""The job ``sample``: paints a room's sample patient."""

from __future__ import annotations

from dataclasses import dataclass

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.worker.jobs import sample_patients
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult
from abdominal_oncology.worker.jobs.sample import IMAGE, LABELS
from abdominal_oncology.worker.wire import from_plain


@dataclass(frozen=True)
class _Settings:
    room: str


def run(request: JobRequest, context: JobContext) -> JobResult:
    asked: _Settings = from_plain(_Settings, request.settings, "settings of the job sample")
    makers = {
        "phase": sample_patients.abdominal_ct,
        "hcc": sample_patients.liver_lesion_ct,
        "rectal": sample_patients.rectal_mr,
    }
    if asked.room not in makers:
        raise InvalidInputError(f"there is no sample patient {asked.room!r}", remedy=f"one of {', '.join(makers)}")
    context.progress(0.05, "painting the sample patient")
    patient = makers[asked.room]()
    context.progress(0.95, "the sample patient is painted")
    images = {f"{IMAGE}{role}": image for role, image in patient.images.items()}
    images |= {f"{LABELS}{role}": labels for role, labels in patient.labels.items() if role in patient.images}
    return JobResult(images=images, facts={"label_names": [[v, n] for v, n in sorted(patient.label_names.items())]})
