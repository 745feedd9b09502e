"""Asking for a sample patient. Light to import: what paints it is :mod:`~.sample_work`."""

from __future__ import annotations

from abdominal_oncology.worker.jobs.request import JobRequest

IMAGE, LABELS = "image ", "labels "
"""Before a role, in the names of the result's images."""


def sample_request(room: str) -> JobRequest:
    """The phantom of a clinical room, the same every time.

    The result's images are called ``image <role>`` and ``labels <role>``; its facts say what the labels mean:
    ``label_names`` as a list of [value, name].
    """
    return JobRequest("sample", {"room": room})
