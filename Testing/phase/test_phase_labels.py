"""Seconds and phases agree, and the papers' classes are views of the five phases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.phase.labels import (
    INTERCLASS_VIEW,
    SAMPLING_VIEW,
    SECONDS,
    VIEWS,
    ArterialTiming,
    Phase,
    arterial_timing_of,
    phase_of,
    view_of,
)


@pytest.mark.parametrize("phase", SECONDS)
def test_borders_belong_to_the_later_phase(phase: Phase) -> None:
    start, stop = SECONDS[phase]
    assert phase_of(start) is phase
    assert phase_of(np.nextafter(stop, 0)) is phase
    assert phase_of(stop) is Phase.OTHERS
    assert phase_of(np.nextafter(start, 0)) is Phase.OTHERS


@given(st.floats(0, 2000))
def test_early_and_late_are_arterial_and_in_order(seconds: float) -> None:
    timing = arterial_timing_of(seconds)
    assert timing is None or phase_of(seconds) is Phase.ARTERIAL
    if timing is ArterialTiming.EARLY:
        assert arterial_timing_of(seconds + 20) is not ArterialTiming.EARLY


def test_the_papers_classes() -> None:
    assert INTERCLASS_VIEW.classes == ("non-contrast", "arterial", "venous", "delayed")
    assert [INTERCLASS_VIEW.class_of(phase) for phase in Phase] == [*INTERCLASS_VIEW.classes, None]
    assert SAMPLING_VIEW.classes == ("non-contrast", "venous", "arterial", "others")
    assert [SAMPLING_VIEW.class_of(phase) for phase in Phase] == [
        "non-contrast", "arterial", "venous", "others", "others",
    ]  # fmt: skip


@pytest.mark.parametrize("view", VIEWS.values(), ids=lambda view: view.name)
@given(st.lists(st.floats(0.001, 1), min_size=5, max_size=5))
def test_probabilities_of_a_view_sum_to_one_and_keep_their_ratios(view: object, weights: list[float]) -> None:
    from abdominal_oncology.phase.labels import PhaseView

    assert isinstance(view, PhaseView)
    given_ = np.array(weights) / np.sum(weights)
    seen = view.probabilities(given_)
    assert seen.sum() == pytest.approx(1)
    arterial, venous = view.classes.index("arterial"), view.classes.index("venous")
    assert seen[arterial] * given_[2] == pytest.approx(seen[venous] * given_[1])
    assert np.allclose(view.probabilities(np.stack([given_, given_])), seen)


def test_delayed_counts_among_the_others_of_the_sampling_view() -> None:
    assert SAMPLING_VIEW.probabilities([0.1, 0.2, 0.3, 0.25, 0.15]).tolist() == pytest.approx([0.1, 0.3, 0.2, 0.4])
    assert INTERCLASS_VIEW.probabilities([0, 0, 0, 0, 1]).tolist() == [0.25] * 4
    with pytest.raises(InvalidInputError, match="5 phases"):
        SAMPLING_VIEW.probabilities([0.5, 0.5])


@pytest.mark.parametrize(
    "classes", [tuple(Phase), SAMPLING_VIEW.classes[::-1], INTERCLASS_VIEW.classes, ("venous", "arterial")]
)
def test_a_network_s_classes_see_the_phases_in_their_order(classes):
    view = view_of(classes)
    assert view.classes == tuple(classes)
    assert view.probabilities(np.eye(5)).sum(axis=1) == pytest.approx(1)
    for phase, name in view.groups.items():
        row = view.probabilities(np.eye(5)[list(Phase).index(phase)])
        assert row.tolist() == [float(each == name) for each in classes]


@pytest.mark.parametrize("classes", [(), ("cat", "dog"), ("venous", "venous"), ("venous", "liver")])
def test_other_classes_are_refused(classes):
    with pytest.raises(InvalidInputError, match="no set of phase classes"):
        view_of(classes)
