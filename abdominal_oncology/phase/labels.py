"""The contrast phases that the phase room tells apart, when they are, and the papers' four classes as views of them.

The borders between phases are conventions, not facts of nature, and radiologists differ; what lies between two phases
is ``others``. Seconds count from the start of injection; None means that none was given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abdominal_oncology.errors import InvalidInputError


class Phase(StrEnum):
    """``others`` holds what lies between two phases and what no phase fits."""

    NON_CONTRAST = "non-contrast"
    ARTERIAL = "arterial"
    VENOUS = "venous"
    DELAYED = "delayed"
    OTHERS = "others"


class ArterialTiming(StrEnum):
    """The finer answer for an arterial scan, where the evidence allows one."""

    EARLY = "early arterial"
    LATE = "late arterial"


SECONDS: Mapping[Phase, tuple[float, float]] = {
    Phase.ARTERIAL: (20.0, 48.0),
    Phase.VENOUS: (60.0, 105.0),
    Phase.DELAYED: (150.0, 600.0),
}
"""From and up to (excluded) which second each enhanced phase reaches."""

EARLY_ARTERIAL_UNTIL_SECONDS = 30.0
LATE_ARTERIAL_FROM_SECONDS = 35.0


def phase_of(seconds: float | None) -> Phase:
    """The phase of a second.

    >>> [str(phase_of(s)) for s in (None, 25.0, 55.0, 96.0, 300.0)]
    ['non-contrast', 'arterial', 'others', 'venous', 'delayed']
    """
    if seconds is None:
        return Phase.NON_CONTRAST
    if seconds < 0:
        raise InvalidInputError(f"{seconds:g} s is before the injection", remedy="use None for a scan without contrast")
    for phase, (start, stop) in SECONDS.items():
        if start <= seconds < stop:
            return phase
    return Phase.OTHERS


def arterial_timing_of(seconds: float) -> ArterialTiming | None:
    """Early or late within the arterial phase; None outside it and where the two meet.

    >>> [str(arterial_timing_of(s)) for s in (25.0, 32.0, 40.0, 70.0)]
    ['early arterial', 'None', 'late arterial', 'None']
    """
    if phase_of(seconds) is not Phase.ARTERIAL:
        return None
    if seconds <= EARLY_ARTERIAL_UNTIL_SECONDS:
        return ArterialTiming.EARLY
    return ArterialTiming.LATE if seconds >= LATE_ARTERIAL_FROM_SECONDS else None


@dataclass(frozen=True)
class PhaseView:
    """A set of classes seen in :class:`Phase`. ``groups`` gives each phase its class; a phase left out has none.

    >>> SAMPLING_VIEW.class_of(Phase.DELAYED), INTERCLASS_VIEW.class_of("others")
    ('others', None)
    """

    name: str
    classes: tuple[str, ...]
    groups: Mapping[Phase, str]

    def class_of(self, phase: Phase | str) -> str | None:
        return self.groups.get(Phase(phase))

    @cached_property
    def _matrix(self) -> NDArray[np.float64]:
        return np.array([[float(self.groups.get(phase) == name) for name in self.classes] for phase in Phase])

    def probabilities(self, of_phases: ArrayLike) -> NDArray[np.float64]:
        """Probabilities (…, classes) from those of all phases (…, 5), in the order of :class:`Phase`.

        What belongs to a phase without a class is shared out in proportion.

        >>> INTERCLASS_VIEW.probabilities([0.1, 0.3, 0.4, 0.0, 0.2]).round(3).tolist()
        [0.125, 0.375, 0.5, 0.0]
        """
        given = np.asarray(of_phases, dtype=np.float64)
        if given.shape[-1:] != (len(Phase),):
            raise InvalidInputError(f"probabilities need {len(Phase)} phases on their last axis, not {given.shape}")
        kept = given @ self._matrix
        total = kept.sum(axis=-1, keepdims=True)
        even = np.full_like(kept, 1 / len(self.classes))  # all of it on a phase without a class: nothing is known
        shared: NDArray[np.float64] = np.divide(kept, total, out=even, where=total > 0)
        return shared


INTERCLASS_VIEW = PhaseView(
    "interclass",
    ("non-contrast", "arterial", "venous", "delayed"),
    {phase: str(phase) for phase in Phase if phase is not Phase.OTHERS},
)
"""The four classes of the paper on interclass relations; ``others`` has no place in it."""

SAMPLING_VIEW = PhaseView(
    "sampling",
    ("non-contrast", "venous", "arterial", "others"),
    {phase: str(phase) for phase in Phase} | {Phase.DELAYED: "others"},
)
"""The four classes of the paper on random sampling: delayed scans are among the others."""

VIEWS: Mapping[str, PhaseView] = {view.name: view for view in (INTERCLASS_VIEW, SAMPLING_VIEW)}


def view_of(classes: Sequence[str]) -> PhaseView:
    """How a network with these classes, in this order, sees the phases: as a paper does, or some of them as they are.

    >>> view_of(["venous", "arterial", "others", "non-contrast"]).groups[Phase.DELAYED]
    'others'
    >>> list(view_of(["venous", "arterial"]).groups)
    [<Phase.ARTERIAL: 'arterial'>, <Phase.VENOUS: 'venous'>]
    """
    groups = next((view.groups for view in VIEWS.values() if set(view.classes) == set(classes)), None)
    if groups is None and set(classes) <= set(Phase):
        groups = {phase: str(phase) for phase in Phase if phase in classes}
    if not groups or len(set(classes)) < len(classes):
        raise InvalidInputError(
            f"no set of phase classes is {', '.join(classes)}",
            remedy=f"use {', '.join(Phase)}, or the classes of {' or '.join(VIEWS)}",
        )
    return PhaseView("", tuple(classes), groups)
