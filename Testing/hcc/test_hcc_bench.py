"""The bench of a liver study on a small one: ours is timed per lesion, and nothing is drawn idly."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="the bench times a network")

from abdominal_oncology.bench.hcc import Setting, measure
from abdominal_oncology.progress import silent


def test_measuring_is_timed_per_lesion() -> None:
    every, one = measure(Setting(matrix=128, slices=28, repeats=1), "measuring", silent)
    assert every.ours
    assert one.ours
    assert every.seconds is not None
    assert one.seconds is not None
    assert every.goal_seconds == 0.2
    assert 0.2 < every.seconds / one.seconds < 5


def test_a_stage_that_nobody_asked_for_draws_no_study() -> None:
    assert measure(Setting(), "no such stage", silent) == []
