"""Asking which networks a room can train. Light to import: what knows them is :mod:`~.networks_work`."""

from __future__ import annotations

from abdominal_oncology.worker.jobs.request import JobRequest


def networks_request(room: str) -> JobRequest:
    """The result's facts: ``networks``, the names that are registered, sorted."""
    return JobRequest("networks", {"room": room})
