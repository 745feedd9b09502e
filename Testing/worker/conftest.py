"""Clients of real processes that leave nothing behind."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from worker_tools import odd_launch

from abdominal_oncology.worker import blocks
from abdominal_oncology.worker.client import WorkerClient
from abdominal_oncology.worker.process_transport import ProcessTransport


@pytest.fixture(scope="session", autouse=True)
def _own_base() -> Iterator[None]:
    """Shared memory apart from that of tests in other processes, so that what is left there is ours."""
    base = Path(tempfile.mkdtemp(prefix="worker-tests-", dir=blocks.usual_base()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "_IN_MEMORY", base)
        yield
    shutil.rmtree(base)


@pytest.fixture(scope="module")
def shared() -> Iterator[WorkerClient]:
    """One process for all tests of a file that leave it well; who ends it leaves the next a fresh one."""
    with WorkerClient(ProcessTransport(odd_launch())) as client:
        yield client
