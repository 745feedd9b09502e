"""Clients of real processes that leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from worker_tools import odd_launch

from abdominal_oncology.worker.client import WorkerClient
from abdominal_oncology.worker.process_transport import ProcessTransport


@pytest.fixture(scope="module")
def shared() -> Iterator[WorkerClient]:
    """One process for all tests of a file that leave it well; who ends it leaves the next a fresh one."""
    with WorkerClient(ProcessTransport(odd_launch())) as client:
        yield client
