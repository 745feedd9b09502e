"""Which contrast phase, and how many seconds after the injection, from the HU of a few structures. No network.

The phantoms' physiologic curves say what every structure looks like at every second in many patients; the measured
values say which seconds fit. Any subset of structures will do: what was not measured is left out, never taken as zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.phase.kinetics_posterior import Likelihood, likelihood
from abdominal_oncology.phase.kinetics_prior import TimePrior, cell_phases
from abdominal_oncology.phase.kinetics_table import CENTRES_SECONDS, EDGES_SECONDS, bend, bend_slope, unbend
from abdominal_oncology.phase.kinetics_usable import usable
from abdominal_oncology.phase.labels import Phase
from abdominal_oncology.phase.region_hu import RegionHU, called

Floats = NDArray[np.float64]

EARLY_ARTERIAL_UNTIL_SECONDS = 32.0
"""Before: hardly any contrast in the portal vein yet."""

_ENOUGH = 0.5
_STRANGE = 3.5  # standard deviations; one region may be a mistake, all of them mean that the scan is no scan we know
_STRANGER = "cannot tell: the values fit patients at no time; regions or HU scale may be wrong"
Interval = tuple[float, float]


@dataclass(frozen=True)
class RegionEvidence:
    """One region beside what patients show at the estimated time. ``unusual`` counts standard deviations, the region's
    own error included; ``mistaken`` is the chance that the region does not show what it is called."""

    structure: str
    hu: float
    error_hu: float
    expected_hu: float
    spread_hu: float
    unusual: float
    mistaken: float


@dataclass(frozen=True)
class KineticEstimate:
    """The answer. ``phase`` is None where the values do not decide; ``reason`` then says why, and otherwise what the
    answer rests on. ``probabilities`` is empty only where nothing usable was measured.

    ``seconds`` is the median since the start of injection, given that contrast is present; None where it is not likely.
    ``time_probabilities`` belong to no contrast and then to the cells of
    :data:`~abdominal_oncology.phase.kinetics_table.EDGES_SECONDS`.
    """

    phase: Phase | None
    probabilities: Mapping[Phase, float]
    reason: str
    seconds: float | None = None
    seconds_50: Interval | None = None
    seconds_90: Interval | None = None
    early_arterial: float = 0.0
    late_arterial: float = 0.0
    evidence: tuple[RegionEvidence, ...] = ()
    warnings: tuple[FindingWarning, ...] = ()
    time_probabilities: tuple[float, ...] = ()

    @property
    def abstained(self) -> bool:
        return self.phase is None

    def has_warning(self, code: str) -> bool:
        return any(warning.code == code for warning in self.warnings)


_DEFAULT_PRIOR = TimePrior()


def estimate(regions: Sequence[RegionHU], prior: TimePrior = _DEFAULT_PRIOR) -> KineticEstimate:
    """Phase and seconds of the scan in which ``regions`` were measured.

    >>> found = estimate([RegionHU("aorta", 140.0), RegionHU("portal_vein", 150.0), RegionHU("liver", 108.0)])
    >>> str(found.phase), 60 < found.seconds < 90
    ('venous', True)
    >>> estimate([]).reason
    'cannot tell: no region was measured'
    """
    chosen, warnings, trouble = usable(regions)
    if not chosen:
        return KineticEstimate(None, MappingProxyType({}), f"cannot tell: {trouble}", warnings=warnings)
    fit = likelihood(chosen)
    weight = np.exp(fit.log - fit.log.max()) * prior.mass
    if not weight.sum() > 0:
        raise InvalidInputError("the prior forbids every second at which the values are possible")
    posterior = weight / weight.sum()
    phases = np.array([list(Phase).index(phase) for phase in cell_phases()])
    sums = np.bincount(phases, posterior, minlength=len(Phase))
    probabilities = {phase: float(p) for phase, p in zip(Phase, sums, strict=True)}
    seconds, half, most = _times(posterior) if posterior[0] < _ENOUGH else (None, None, None)
    evidence = _evidence(chosen, fit, posterior, seconds)
    strange = float(posterior @ fit.all_stray) > _ENOUGH or all(abs(each.unusual) > _STRANGE for each in evidence)
    phase, why_not = (None, _STRANGER) if strange else _decide(probabilities)
    warnings = (*warnings, *_doubts(evidence, probabilities, phase))
    early = float(posterior[1:][phases[1:] == list(Phase).index(Phase.ARTERIAL)][: _early_cells()].sum())
    return KineticEstimate(
        phase,
        MappingProxyType(probabilities),
        why_not if phase is None else _explain(phase, probabilities[phase], seconds, most, evidence),
        seconds,
        half,
        most,
        early,
        max(probabilities[Phase.ARTERIAL] - early, 0.0),
        evidence,
        warnings,
        tuple(posterior.tolist()),
    )


def phase_among(found: KineticEstimate, phases: Iterable[Phase | str]) -> dict[Phase, float]:
    """Probabilities when only ``phases`` come into question (a protocol without a delayed scan, say); they sum to one.

    Empty where the estimate has none.

    >>> found = estimate([RegionHU("aorta", 300.0), RegionHU("portal_vein", 90.0)])
    >>> among = phase_among(found, ["non-contrast", "arterial", "venous"])
    >>> str(max(among, key=among.get))
    'arterial'
    """
    allowed = [phase for phase in Phase if phase in {Phase(each) for each in phases}]
    if not allowed:
        raise InvalidInputError("there is no phase to choose from", remedy="name at least one phase")
    if not found.probabilities:
        return {}
    total = sum(found.probabilities[phase] for phase in allowed)
    return {phase: found.probabilities[phase] / total if total > 0 else 1 / len(allowed) for phase in allowed}


def _early_cells() -> int:
    starts = EDGES_SECONDS[:-1][[phase is Phase.ARTERIAL for phase in cell_phases()[1:]]]
    return int((starts < EARLY_ARTERIAL_UNTIL_SECONDS).sum())


def _decide(probabilities: Mapping[Phase, float]) -> tuple[Phase | None, str]:
    """``others`` only when it outweighs all else together: it is the gap between phases more often than an answer."""
    if probabilities[Phase.OTHERS] > _ENOUGH:
        return Phase.OTHERS, ""
    named = {phase: p for phase, p in probabilities.items() if phase is not Phase.OTHERS}
    first, second = sorted(named, key=lambda phase: -named[phase])[:2]
    if named[first] / sum(named.values()) < _ENOUGH:
        return None, f"cannot tell: the values fit {first} ({named[first]:.0%}) and {second} ({named[second]:.0%})"
    return first, ""


def _times(posterior: Floats) -> tuple[float, Interval, Interval]:
    """Median, central half and central 90 % of the seconds, given contrast."""
    below = np.concatenate([[0.0], np.cumsum(posterior[1:])])
    at = np.interp(np.array([0.5, 0.25, 0.75, 0.05, 0.95]) * below[-1], below, EDGES_SECONDS)
    return float(at[0]), (float(at[1]), float(at[2])), (float(at[3]), float(at[4]))


def _evidence(
    regions: Sequence[RegionHU], fit: Likelihood, posterior: Floats, seconds: float | None
) -> tuple[RegionEvidence, ...]:
    cell = 0 if seconds is None else 1 + int(np.argmin(np.abs(CENTRES_SECONDS - seconds)))
    mean, spread = fit.predicted.mean[cell], np.sqrt(np.diagonal(fit.predicted.covariance[cell]))
    expected = unbend(mean)
    rows = zip(
        regions,
        expected,
        spread / bend_slope(expected),
        (bend([each.hu for each in regions]) - mean) / spread,
        posterior @ fit.stray,
        strict=True,
    )
    return tuple(
        RegionEvidence(each.structure, each.hu, each.error_hu, float(e), float(s), float(u), float(m))
        for each, e, s, u, m in rows
    )


def _doubts(
    evidence: Sequence[RegionEvidence], probabilities: Mapping[Phase, float], phase: Phase | None
) -> tuple[FindingWarning, ...]:
    found = [
        FindingWarning(
            "region_doubtful",
            f"{called(each.structure)} shows {each.hu:.0f} HU, not {each.expected_hu:.0f} ± {each.spread_hu:.0f}; "
            "it hardly counts. Check that the region lies where it should",
        )
        for each in evidence
        if each.mistaken > _ENOUGH
    ]
    if len(evidence) == 1:
        found.append(
            FindingWarning("one_region", f"only {called(evidence[0].structure)} was measured; two vessels say far more")
        )
    if phase is not Phase.OTHERS and probabilities[Phase.OTHERS] > 0.3:
        found.append(FindingWarning("between_phases", "the time may well lie between two phases"))
    return tuple(found)


def _explain(
    phase: Phase,
    probability: float,
    seconds: float | None,
    most: Interval | None,
    evidence: Sequence[RegionEvidence],
) -> str:
    when = f", about {seconds:.0f} s (90 %: {most[0]:.0f} to {most[1]:.0f} s)" if seconds and most else ""
    shown = sorted(evidence, key=lambda each: each.mistaken)[:4]
    values = (f"{called(e.structure)} {e.hu:.0f} (expected {e.expected_hu:.0f} ± {e.spread_hu:.0f})" for e in shown)
    return f"{phase} with probability {probability:.2f}{when}: {', '.join(values)} HU"
