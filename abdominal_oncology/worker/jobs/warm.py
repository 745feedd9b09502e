"""Asking to load what a question needs before it is asked, so that the first click is as quick as the second."""

from __future__ import annotations

from pathlib import Path

from abdominal_oncology.worker.jobs.request import JobRequest
from abdominal_oncology.worker.wire import to_plain


def warm_request(task: str, bundle: str | Path | None = None, device: str = "auto") -> JobRequest:
    """Import what a job ``task`` needs and load the model that it would use with this bundle and device.

    The result's ``facts`` say which ``bundle`` is ready (None: there is none), its ``device`` and ``device_reason``.
    """
    return JobRequest("warm", to_plain({"task": task, "bundle": bundle, "device": device}))
