"""The contrast phase by what a header says: descriptions, contrast agent, injection and acquisition times.

Evidence is weighed by one principle: what is said counts, what contradicts itself or is not said gives no answer.
A phase that the picture shows is another question (:mod:`~abdominal_oncology.phase.kinetics`, networks); where the two
disagree, a person should know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from abdominal_oncology.phase.injection_time import Elapsed, elapsed_seconds
from abdominal_oncology.phase.labels import SECONDS, ArterialTiming, Phase, arterial_timing_of, phase_of
from abdominal_oncology.phase.mining_rules import NO_AGENT, Says
from abdominal_oncology.phase.mining_text import Match, Reading, in_words, named, pattern_of, read_text

_FITS: Mapping[Phase, tuple[float, float]] = {
    Phase.ARTERIAL: (12.0, 60.0),
    Phase.VENOUS: (45.0, 150.0),
    Phase.DELAYED: (90.0, 3600.0),
}
"""Seconds that do not contradict a phase that is named: wider than the phase, as habits differ."""
_STILL_DELAYED_SECONDS = 3600.0


@dataclass(frozen=True)
class MinedLabel:
    """``phase`` None: unknown, because nothing was said or because of ``conflicts``.

    ``seconds`` is the time from injection to acquisition where header or description tell it.
    """

    phase: Phase | None
    finer: ArterialTiming | None = None
    reasons: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    seconds: float | None = None

    def __str__(self) -> str:
        return "unknown" if self.phase is None else str(self.phase)


def mine_phase(facts: Mapping[str, Any], siblings: Sequence[Mapping[str, Any]] = ()) -> MinedLabel:
    """The phase that header facts (by DICOM keyword, as in ``Source.header``) name.

    ``siblings`` are the facts of the study's other series: beside a "PVP" an "AP" is an arterial phase.

    >>> mine_phase({"SeriesDescription": "Leber spätarteriell 1.0"}).finer
    <ArterialTiming.LATE: 'late arterial'>
    >>> str(mine_phase({"SeriesDescription": "ABD W/O AND ART"}))
    'unknown'
    >>> study = [{"SeriesDescription": text} for text in ("AP 2.5", "PVP 2.5")]
    >>> str(mine_phase(study[0])), str(mine_phase(study[0], study[1:]))
    ('unknown', 'arterial')
    """
    described, protocol = read_text(_text(facts, "SeriesDescription")), read_text(_text(facts, "ProtocolName"))
    reasons = [*in_words(described.matches, "SeriesDescription"), *in_words(protocol.matches, "ProtocolName")]
    elapsed = elapsed_seconds(facts)
    reasons += [elapsed.reason] if elapsed.reason else []
    if described.of(Says.UNUSABLE):
        return MinedLabel(None, None, tuple(reasons))
    told = (elapsed.seconds,) if elapsed.seconds is not None else described.seconds or protocol.seconds
    reasons += [f"a delay of {second:g} s is written" for second in described.seconds or protocol.seconds]
    beside = any(read_text(_text(other, "SeriesDescription")).phases for other in siblings)
    claims, conflicts = _claims(described, protocol, elapsed, beside)
    phase = claims[0].phase if claims else None
    conflicts += [
        f"{claims[0].by} means {phase}, {claim.by} {claim.phase}" for claim in claims[1:] if claim.phase != phase
    ]
    conflicts += _contradictions(phase, described, elapsed, told)
    if _says_no_agent(facts):
        reasons.append(f'ContrastBolusAgent says "{_text(facts, "ContrastBolusAgent")}"')
        if phase is None and not described.of(Says.ENHANCED):
            phase = Phase.NON_CONTRAST
        elif phase not in (None, Phase.NON_CONTRAST):
            conflicts.append(f"no contrast agent, but {phase}")
    seconds = told[0] if len(told) == 1 else None
    if conflicts or phase is None:
        return MinedLabel(None, None, tuple(reasons), tuple(conflicts), seconds)
    return MinedLabel(phase, _finer(phase, described, protocol, seconds), tuple(reasons), (), seconds)


def mine_study(series: Sequence[Mapping[str, Any]]) -> list[MinedLabel]:
    """One label per series of a study; each is read beside the others."""
    return [mine_phase(facts, [*series[:index], *series[index + 1 :]]) for index, facts in enumerate(series)]


@dataclass(frozen=True)
class _Claim:
    phase: Phase
    by: str


def _claims(described: Reading, protocol: Reading, elapsed: Elapsed, beside: bool) -> tuple[list[_Claim], list[str]]:
    """What each source means, the weightiest first; a description that names two phases is a conflict at once."""
    phase, conflicts = _meant(described, elapsed, beside)
    if conflicts:
        return [], conflicts
    claims = [_Claim(phase, "SeriesDescription")] if phase is not None else []
    # the protocol often is the whole examination's: what it says of several phases, or of contrast, is no news here
    other, disputed = _meant(protocol, elapsed, beside)
    if other is not None and not disputed and not protocol.of(Says.UNUSABLE) and not _is_examination(protocol):
        claims.append(_Claim(other, "ProtocolName"))
    if not claims and elapsed.seconds is not None:
        claims.append(_Claim(_phase_at(elapsed.seconds), "the time since injection"))
    return claims, []


def _meant(reading: Reading, elapsed: Elapsed, beside: bool) -> tuple[Phase | None, list[str]]:
    """The phase one text means, or what in it contradicts itself."""
    phases = reading.phases
    if len(phases) > 1:
        return None, [f"one text names {named(phases)}"]
    if phases:
        if phases[0] is Phase.NON_CONTRAST and reading.of(Says.ENHANCED):
            return None, ["one text says with and without contrast"]
        return phases[0], []
    at = {_phase_at(second) for second in reading.seconds} or (
        {_phase_at(elapsed.seconds)} if elapsed.seconds is not None else set()
    )
    perhaps = {
        phase for match in reading.of(Says.PERHAPS) if _holds(match, reading, at, beside) for phase in match.rule.phases
    }
    if reading.of(Says.PERHAPS) and at:
        perhaps &= at
    if len(perhaps) == 1:
        return perhaps.pop(), []
    if reading.of(Says.PERHAPS):
        return None, []
    if reading.of(Says.EXAMINATION) and not reading.seconds:
        return Phase.ARTERIAL, []
    if len(reading.seconds) == 1:
        return _phase_at(reading.seconds[0]), []
    return None, []


def _holds(match: Match, reading: Reading, at: set[Phase], beside: bool) -> bool:
    """Whether something speaks for this meaning of an abbreviation."""
    if len(match.rule.phases) > 1:
        return bool(at)
    return reading.supported or beside or match.rule.phases[0] in at


def _is_examination(reading: Reading) -> bool:
    return bool(reading.of(Says.EXAMINATION)) and not reading.phases


def _contradictions(phase: Phase | None, described: Reading, elapsed: Elapsed, told: Sequence[float]) -> list[str]:
    """Times that a named phase cannot have."""
    if phase is None or phase is Phase.OTHERS:
        return []
    if phase is Phase.NON_CONTRAST:
        return [f"non-contrast, but {elapsed.seconds:g} s after an injection"] if elapsed.seconds is not None else []
    earliest, latest = _FITS[phase]
    seconds = dict.fromkeys([*told, *described.seconds])
    if _phase_at(next(iter(seconds), 0.0)) is phase:
        return []
    return [f"{phase}, but at {second:g} s" for second in seconds if not earliest <= second <= latest]


def _phase_at(seconds: float) -> Phase:
    late = SECONDS[Phase.DELAYED][0] <= seconds <= _STILL_DELAYED_SECONDS  # adrenals and ureters: up to an hour
    return Phase.DELAYED if late else phase_of(seconds)


def _finer(phase: Phase, described: Reading, protocol: Reading, seconds: float | None) -> ArterialTiming | None:
    if phase is not Phase.ARTERIAL:
        return None
    worded = {match.rule.timing for reading in (described, protocol) for match in reading.matches if match.rule.timing}
    if len(worded) == 1:
        return worded.pop()
    return arterial_timing_of(seconds) if seconds is not None and not worded else None


def _says_no_agent(facts: Mapping[str, Any]) -> bool:
    return pattern_of(NO_AGENT).fullmatch(_text(facts, "ContrastBolusAgent").strip(" .").casefold()) is not None


def _text(facts: Mapping[str, Any], keyword: str) -> str:
    value = facts.get(keyword)
    if isinstance(value, list | tuple):
        return " ".join(str(item) for item in value)
    return "" if value is None else str(value)
