"""The worker's benchmark measures what it says."""

from __future__ import annotations

import pytest
from worker_tools import ramp

from abdominal_oncology.bench import worker
from abdominal_oncology.bench.measure import Timing
from abdominal_oncology.worker.models import Models

TINY = worker.Setting(drawn=8, copies=2, matrix=64, repeats=1)


def test_all_voxels_go_through_a_worker() -> None:
    rows = worker.measure(TINY, "voxels")
    assert [(row.ours, row.note) for row in rows] == [(True, ""), (False, "")]
    assert all(row.seconds is not None and row.seconds > 0 for row in rows)
    assert {row.task for row in rows} == {"all voxels to the worker, 16 slices in memory"}


def test_a_series_is_as_long_as_it_is_called() -> None:
    image = worker._image(TINY)
    assert image.voxels.shape == (16, 64, 64)
    assert image.geometry.size_mm[0] == pytest.approx(16 * image.geometry.spacing_mm[0])


def test_without_a_model_a_click_is_skipped_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    from abdominal_oncology.bench.measure import compare
    from abdominal_oncology.learning.finding import FindingWarning

    monkeypatch.setattr(Models, "predictor", lambda *asked: (None, (FindingWarning("no-network", "no torch"),)))
    image = ramp(3)
    rows = compare("click", worker._click(TINY, image, None, None))  # type: ignore[arg-type]
    assert [row.note for row in rows] == ["skipped: no torch"]


def test_a_click_is_judged_by_the_networks_own_time() -> None:
    def row(name: str, seconds: float) -> Timing:
        return Timing("click", name, name == "warm worker", seconds, seconds, seconds, 1.0, None)

    names = {
        "warm worker": 3.0,
        "cold worker: start, import, load": 9.0,
        "network alone on the 9 slices that voted": 2.0,
    }
    warm, cold, alone = worker._judged([row(name, seconds) for name, seconds in names.items()])
    assert warm.note == "1.50 × the network alone (goal 1.5)"
    assert cold.note == "6.0 s more than warm (goal 8)"
    assert alone.note == ""


def test_a_panels_reader_gives_the_same_voxels() -> None:
    image = ramp(3)
    assert (worker._reader(image).read([1]) == image.voxels[[1]]).all()
