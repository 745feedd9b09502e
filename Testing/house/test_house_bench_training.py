"""The training benchmark feeds one network in comparable ways."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("monai", reason="the baselines are monai's")

from abdominal_oncology.bench import training
from abdominal_oncology.bench.dicom import abdomen_like
from abdominal_oncology.progress import silent

TINY = training.Setting("small-cnn", 16, slices=10, batch=4, epochs=2, stored_size=48, workers=(0,), repeats=1)


def test_every_feed_is_timed_beside_ours() -> None:
    rows = training.feeds(TINY, silent)
    assert [row.ours for row in rows] == [True, False, False, False]
    assert all(row.seconds is not None and row.seconds > 0 and not row.note for row in rows)
    assert {row.task for row in rows} == {"training small-cnn at 16 (per slice)"}
    assert rows[0].ratio == 1


def test_the_feeds_give_as_many_slices_of_the_same_kind(tmp_path: Path) -> None:
    setting = replace(TINY, batch=5)
    hu, labels = abdomen_like(10, 48), np.arange(10) % 4
    ours = list(training._ours(setting, hu, labels, tmp_path)())
    theirs = list(training._monai(setting, hu, labels, 0, cached=True)())
    for batches in (ours, theirs):
        assert [tuple(inputs.shape) for inputs, _ in batches] == [(5, 1, 16, 16)] * 2
        assert sorted(int(each) for _, target in batches for each in target) == sorted(labels.tolist())
        assert 0.1 < float(batches[0][0].mean()) < 0.9
    difference = np.mean([float(inputs.mean()) for inputs, _ in ours]) - np.mean([float(i.mean()) for i, _ in theirs])
    assert abs(difference) < 0.05
