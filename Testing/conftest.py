"""Fixtures every test may use."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# deadline: a loaded machine is no bug; derandomize: continuous integration must not fail on another draw
settings.register_profile("house", deadline=None, derandomize=os.environ.get("CI") == "true")
settings.load_profile("house")

REPOSITORY = Path(__file__).resolve().parents[1]
REFERENCE_SECONDS = 0.064


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real scans kept beside the checkout, never in it. A test that needs them is skipped where they are absent."""
    folder = Path(os.environ.get("ABDOMINAL_ONCOLOGY_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "MANIFEST.tsv").is_file():
        pytest.skip("the real scans are not beside this checkout (set ABDOMINAL_ONCOLOGY_DATA to their folder)")
    return folder


@pytest.fixture
def quiet_seconds() -> Callable[..., float]:
    """Measures work in seconds of a quiet reference machine, so that a slower or busier one fails no bound.

    Each run stands between two runs of a fixed piece of single-threaded arithmetic that takes ``REFERENCE_SECONDS``
    where the bounds were set; the smallest ratio of several counts.

    >>> seconds = quiet_seconds(lambda: prepare(image), runs=3)  # doctest: +SKIP
    """
    import numpy as np

    values = np.random.default_rng(0).standard_normal(600_000).astype(np.float32)

    def piece() -> float:
        started = time.perf_counter()
        np.exp(np.sort(values, kind="stable")).cumsum()
        return time.perf_counter() - started

    def measure(work: Callable[[], object], runs: int = 5) -> float:
        found = []
        for _ in range(runs):
            before = piece()
            started = time.perf_counter()
            work()
            spent = time.perf_counter() - started
            found.append(spent / max(before, piece()))
        return min(found) * REFERENCE_SECONDS

    return measure
