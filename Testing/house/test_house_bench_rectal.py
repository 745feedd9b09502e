"""The rectal benchmark: every row answers, goals and operations are told, and only what was asked for is measured."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

torch = pytest.importorskip("torch", reason="the networks need torch")

from abdominal_oncology.bench import rectal  # noqa: E402

TINY = rectal.Setting(size=32, depth=4, matrix=96, slices=8, repeats=1)


@pytest.fixture(autouse=True)
def _torch_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread, and no export to ONNX, which takes longer than all these networks."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    warm = rectal._warm
    monkeypatch.setattr(rectal, "_warm", lambda setting, network, engine, cache: warm(setting, network, "torch", cache))
    yield
    torch.set_num_threads(before)


def test_every_task_is_measured_and_says_what_it_counts() -> None:
    timings = rectal.measure(TINY)
    assert [timing.task for timing in timings] == [
        *[TINY.tasks[0]] * 2,
        *[TINY.tasks[1]] * 4,
        TINY.tasks[2],
    ]
    assert all(timing.seconds is not None and timing.seconds > 0 for timing in timings)
    goals = {timing.name: timing.goal_seconds for timing in timings if timing.goal_seconds}
    assert goals == {"ours, without N4": 0.5, "ours, with N4": 15.0, "ours": 6.0}
    ours, _, plain, _ = (float(timing.note.split()[0]) for timing in timings if timing.task == TINY.tasks[1])
    assert plain > 1.5 * ours > 0  # the encoder that is deep everywhere costs about twice as much


def test_only_what_was_asked_for_is_measured() -> None:
    assert {timing.task for timing in rectal.measure(TINY, "preparation")} == {TINY.tasks[0]}
