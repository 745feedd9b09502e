"""Fixtures every test may use."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

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
def whole_bundle() -> Callable[..., Any]:
    """Opens a shipped bundle, once it is seen to be whole, below ``megabytes``, and to say how it was made.

    >>> bundle = whole_bundle(folder, "phase", ("phase-efficientnet-b0",), megabytes=20)  # doctest: +SKIP
    """
    from abdominal_oncology.learning.bundle.card import make_card
    from abdominal_oncology.learning.bundle.hashes import verify
    from abdominal_oncology.learning.bundle.layout import CARD
    from abdominal_oncology.learning.bundle.load import load_bundle
    from abdominal_oncology.learning.bundle.origin import Origin, origin_of
    from abdominal_oncology.learning.recipe import Recipe
    from abdominal_oncology.tasks import load_task

    def opened(folder: Path, task: str, names: Sequence[str], megabytes: float) -> Any:
        verify(folder)
        load_task(task)
        bundle = load_bundle(folder, task=task)
        assert bundle.facts.name in names
        assert origin_of(bundle.facts.trained_on) is Origin.PHANTOMS  # what ships here has never seen a patient
        assert (folder / CARD).read_text(encoding="utf-8") == make_card(bundle.facts)
        assert sum(path.stat().st_size for path in folder.rglob("*")) < megabytes * 1_000_000
        Recipe.from_mapping(json.loads(json.dumps(dict(bundle.facts.training["recipe"]), default=dict)))
        return bundle

    return opened


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
