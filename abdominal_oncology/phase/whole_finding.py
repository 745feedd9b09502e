"""The finding of a series from its methods' findings: combined where there are two, each shown apart, doubts told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from abdominal_oncology.imaging.reader import SliceReader
from abdominal_oncology.learning.finding import Cell, Finding, FindingWarning, Provenance
from abdominal_oncology.phase.combine import LEAST_WHEN_DISAGREEING, WEIGHT, Combined, combine
from abdominal_oncology.phase.decide import FEWEST_SLICES
from abdominal_oncology.phase.description import with_description
from abdominal_oncology.phase.kinetic_finding import fits_patients, timing_of
from abdominal_oncology.phase.kinetics import KineticEstimate
from abdominal_oncology.phase.labels import Phase
from abdominal_oncology.phase.locate import Slab
from abdominal_oncology.phase.locate.upright import slice_heights_mm
from abdominal_oncology.phase.mining import mine_phase
from abdominal_oncology.phase.series_finding import Extent, abdomen_of
from abdominal_oncology.phase.words import ABDOMEN, SLICES, TIMING

_NOT_ABDOMEN = "no-abdomen"
_STRANGE_WEIGHT = 0.5


@dataclass(frozen=True)
class Voices:
    """What each method said. ``slices`` were decoded, by whichever."""

    estimate: KineticEstimate | None
    kinetic: Finding | None
    network: Finding | None
    slab: Slab | None
    slices: tuple[int, ...]


def whole_finding(
    subject: str,
    reader: SliceReader,
    voices: Voices,
    warnings: Sequence[FindingWarning],
    provenance: Provenance,
    least: float = 0.0,
) -> Finding:
    """Network and kinetics combined where both are evidence; else the one there is. ``least`` is the probability below
    which the two together do not answer; what each alone answers it has decided itself."""
    parts = tuple(each for each in (voices.kinetic, voices.network) if each is not None)
    finding = _joint(subject, voices, provenance, least)
    doubts = [*warnings, *(w for each in parts for w in each.warnings), *finding.warnings]
    count = reader.geometry.shape[0]
    if count < FEWEST_SLICES:
        doubts.append(FindingWarning("few-slices", f"the series has only {count} slices"))
    finding = replace(
        finding,
        warnings=_once(doubts),
        parts=parts,
        measurements=tuple(m for each in parts for m in each.measurements),
        tables={name: rows for each in parts for name, rows in each.tables.items()}
        | {SLICES: _slice_rows(reader, voices)}
        | _abdomen_table(reader, voices.slab),
    )
    finding = _without_abdomen(finding, voices)
    finding = with_description(finding, reader.source.header)
    return _with_timing(finding, voices, reader)


def withheld(subject: str, reason: str, warnings: Sequence[FindingWarning], provenance: Provenance) -> Finding:
    """No answer, and why."""
    return Finding(
        "phase", subject, None, {}, replace(provenance, method="checks of the input"), reason, warnings=tuple(warnings)
    )


def abdomen_mm(finding: Finding) -> Extent | None:
    """Where along LPS z liver and kidneys lie; None where they were not looked for or not located with certainty."""
    for row in finding.tables.get(ABDOMEN, ()):
        low, high = row.get("from_mm"), row.get("to_mm")
        if isinstance(low, int | float) and isinstance(high, int | float):
            return float(low), float(high)
    return None


def _abdomen_table(reader: SliceReader, slab: Slab | None) -> dict[str, tuple[Mapping[str, Cell], ...]]:
    if slab is None or not slab.found:
        return {}
    low, high = abdomen_of(reader.geometry, slab) or (None, None)
    row: dict[str, Cell] = {"first_slice": slab.start, "last_slice": slab.stop - 1, "confidence": slab.confidence}
    return {ABDOMEN: ({**row, "from_mm": low, "to_mm": high},)}


def _joint(subject: str, voices: Voices, provenance: Provenance, least: float) -> Finding:
    kinetic, network, found = voices.kinetic, voices.network, voices.estimate
    if network is None:
        assert kinetic is not None
        return _alone(kinetic, provenance)
    if kinetic is None or found is None or not fits_patients(found):
        alone = _alone(network, provenance)
        if kinetic is None or found is None:
            return alone
        return replace(alone, reason=f"{alone.reason} (network alone; the kinetics {kinetic.reason})")
    elsewhere = voices.slab is not None and not voices.slab.found
    strange = elsewhere or network.has_warning("unlike-training")
    weight = WEIGHT * (_STRANGE_WEIGHT if strange else 1.0)
    both = combine(network.probabilities, found.probabilities, network_weight=weight)
    decision, reason = _decide(both, network, kinetic, least)
    warnings: tuple[FindingWarning, ...] = ()
    if both.disagree:
        text = f"the network says {_best(network)}, the kinetics {_best(kinetic)}; neither is preferred"
        warnings = (FindingWarning("methods-disagree", text),)
    made_by = replace(
        network.provenance,
        method=f"{network.provenance.method} and {kinetic.provenance.method}",
        settings={
            **network.provenance.settings,
            **provenance.settings,
            "overlap": round(both.overlap, 4),
            "network_weight": weight,
            "kinetic_weight": WEIGHT,
        },
    )
    probabilities = {str(phase): p for phase, p in both.probabilities.items()}
    return Finding("phase", subject, decision, probabilities, made_by, reason, warnings=warnings)


def _alone(finding: Finding, provenance: Provenance) -> Finding:
    settings = {**finding.provenance.settings, **provenance.settings}
    return replace(finding, provenance=replace(finding.provenance, settings=settings), parts=())


def _decide(both: Combined, network: Finding, kinetic: Finding, least: float) -> tuple[str | None, str]:
    best = max(both.probabilities, key=lambda phase: both.probabilities[phase])
    p = both.probabilities[best]
    said = f"network {_best(network)} ({network.reason}); kinetics {_best(kinetic)} ({kinetic.reason})"
    if both.disagree and p < LEAST_WHEN_DISAGREEING:
        return None, f"cannot tell: the methods disagree: {said}"
    if p < least:
        return None, f"no phase is likely enough: {best} {p:.2f}, below {least:.2f}; {said}"
    return str(best), f"{best} with probability {p:.2f}: {said}"


def _best(finding: Finding) -> str:
    name = max(finding.probabilities, key=lambda each: finding.probabilities[each])
    return f"{name} {finding.probabilities[name]:.2f}"


def _without_abdomen(finding: Finding, voices: Voices) -> Finding:
    """Outside the abdomen only a vessel that was found and measured says anything."""
    slab = voices.slab
    if slab is None or slab.found:
        return finding
    measured = voices.estimate is not None and bool(voices.estimate.evidence)
    where = "; ".join(each.message for each in finding.warnings if each.code in (_NOT_ABDOMEN, "no-body"))
    if measured or finding.decision is None:
        return finding
    return replace(finding, decision=None, reason=f"cannot tell: {where or 'the abdomen is not in the scan'}")


def _with_timing(finding: Finding, voices: Voices, reader: SliceReader) -> Finding:
    """Early or late arterial, where kinetics or, if these are silent, the description tell."""
    if finding.decision != Phase.ARTERIAL:
        return finding
    told = timing_of(voices.estimate) if voices.estimate is not None and fits_patients(voices.estimate) else None
    row: dict[str, Cell]
    if told is not None:
        row = {"finer": str(told[0]), "share": round(told[1], 3), "by": "kinetics"}
    else:
        described = mine_phase(reader.source.header).finer
        if described is None:
            return finding
        row = {"finer": str(described), "share": None, "by": "description"}
    return replace(finding, tables={**finding.tables, TIMING: (row,)})


def _slice_rows(reader: SliceReader, voices: Voices) -> tuple[Mapping[str, Cell], ...]:
    """Every slice that was decoded, and what for."""
    heights = slice_heights_mm(reader.geometry)
    voted = {row["slice"] for row in voices.network.tables["votes"]} if voices.network else set()
    regions = voices.kinetic.tables["regions"] if voices.kinetic else ()
    measured = {int(k) for row in regions for k in str(row["slices"]).split()}
    return tuple(
        {"slice": k, "z_mm": round(float(heights[k]), 2), "voted": k in voted, "measured": k in measured}
        for k in sorted({*voices.slices, *measured})
    )


def _once(warnings: Sequence[FindingWarning]) -> tuple[FindingWarning, ...]:
    """One warning per code and text; the first of a kind counts where two methods saw the same."""
    return tuple(dict.fromkeys(warnings))
