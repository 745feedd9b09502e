"""The job ``rectal-locate``: a box around rectum and tumour, before anything is staged."""

from __future__ import annotations

from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.progress import part
from abdominal_oncology.rectal.located import locate_box
from abdominal_oncology.worker.jobs.rectal_locate import FOUND, VOLUME, Found
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult
from abdominal_oncology.worker.wire import to_plain


def run(request: JobRequest, context: JobContext) -> JobResult:
    image = read_image(request.image(VOLUME), progress=part(context.progress, 0.0, 0.3))
    context.progress(0.3, "looking for the rectum")
    found = locate_box(image)
    context.progress(1.0, "done")
    facts = to_plain(Found(found.box, found.confidence, tuple(each.message for each in found.doubts)))
    return JobResult(facts={FOUND: facts})
