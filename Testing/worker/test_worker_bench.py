"""The worker's benchmark measures what it says."""

from __future__ import annotations

import pytest
from worker_tools import ramp

from abdominal_oncology.bench import worker
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
