"""A worker whose clinical jobs do what a file says (its path is the only argument), so that tests can act meanwhile.

``wait``: work until the file says something else; ``deaf``: the same without listening; ``fail``; ``die``; ``answer``.
"""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from small_patients import SMALL_PATIENTS

from abdominal_oncology.errors import MissingInputError
from abdominal_oncology.worker.jobs import find_job, sample_patients
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult, Work
from abdominal_oncology.worker.log import LOGGER
from abdominal_oncology.worker.process import main


def scripted(script: Path, request: JobRequest, context: JobContext) -> JobResult:
    LOGGER.info("the job %s does as it is told", request.name)
    started = time.monotonic()
    while (told := script.read_text(encoding="utf-8")) in ("wait", "deaf"):
        if told == "wait" or time.monotonic() - started < 0.05:
            context.progress(0.4, "waiting for a word")
        time.sleep(0.01)
    if told == "die":
        LOGGER.warning("about to end")
        os._exit(7)
    if told == "fail":
        raise MissingInputError("the liver's outline is missing", where="portal", remedy="draw it")
    return JobResult()


def find(script: Path, name: str) -> Work:
    if name == "warm":
        return lambda request, context: JobResult(facts={"device": "cpu", "device_reason": "there is no other"})
    return partial(scripted, script) if name in ("phase", "hcc", "rectal") else find_job(name)


if __name__ == "__main__":
    for name, maker in SMALL_PATIENTS.items():
        setattr(sample_patients, name, maker)
    raise SystemExit(main(partial(find, Path(sys.argv[1]))))
