"""Timing takes turns, counts the median, and says what it could not run."""

from __future__ import annotations

import json
import time
from collections import Counter
from importlib import import_module

import pytest

from abdominal_oncology.bench import SUITES
from abdominal_oncology.bench.measure import Contender, compare
from abdominal_oncology.cli import main
from abdominal_oncology.errors import MissingDependencyError


def test_contenders_take_turns_and_ratios_follow_the_medians() -> None:
    calls: list[str] = []

    def work(name: str, seconds: float) -> None:
        calls.append(name)
        time.sleep(seconds)

    rows = compare(
        "sleep",
        [
            Contender("quick", lambda: work("quick", 0.02), ours=True, goal_seconds=0.1),
            Contender("slow", lambda: work("slow", 0.06)),
        ],
    )
    assert calls == ["quick", "slow"] * 4  # one warm-up, three that count
    quick, slow = rows
    assert quick.ratio == 1
    assert slow.ratio == pytest.approx(3, rel=0.4)
    assert quick.fastest is not None
    assert quick.seconds is not None
    assert quick.slowest is not None
    assert quick.fastest <= quick.seconds <= quick.slowest
    assert quick.goal_seconds == 0.1


def test_what_is_not_installed_is_skipped_once_with_its_reason() -> None:
    calls = Counter[str]()

    def missing() -> None:
        calls["missing"] += 1
        raise MissingDependencyError("monai is not installed")

    rows = compare("task", [Contender("ours", lambda: None, ours=True), Contender("theirs", missing, repeats=5)])
    assert calls["missing"] == 1
    assert rows[1].seconds is None
    assert rows[1].note == "skipped: monai is not installed"


def test_time_is_given_per_item() -> None:
    row = compare("task", [Contender("ten slices", lambda: time.sleep(0.05), ours=True, per=10)])[0]
    assert row.seconds == pytest.approx(0.005, rel=0.5)


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_can_be_narrowed_to_nothing(suite: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(import_module(f"abdominal_oncology.bench.{suite}").run)
    assert main(["bench", suite, "--only", "no task is called this", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
