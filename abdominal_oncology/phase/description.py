"""What the DICOM header says of the phase, beside what the picture says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.finding import Cell, Finding, FindingWarning, Measurement
from abdominal_oncology.phase.combine import phase_of_class
from abdominal_oncology.phase.injection_time import elapsed_seconds
from abdominal_oncology.phase.mining import MinedLabel, mine_phase
from abdominal_oncology.phase.words import AGREES, CONTRADICTS, DESCRIPTION, HEADER_SECONDS, SILENT, WITHHELD


def with_description(finding: Finding, facts: Mapping[str, Any]) -> Finding:
    """The finding with a table of one row: what the header says, and whether it agrees. The answer stays the same."""
    mined = mine_phase(facts)
    verdict = _verdict(finding, mined)
    row: dict[str, Cell] = {
        "says": str(mined),
        "agreement": verdict,
        "finer": str(mined.finer) if mined.finer else "",
        "why": "; ".join((*mined.reasons, *(f"conflict: {each}" for each in mined.conflicts))),
    }
    warnings = list(finding.warnings)
    if verdict == CONTRADICTS:
        text = f"the DICOM description says {mined} ({'; '.join(mined.reasons)}), the picture {finding.decision}"
        warnings.append(FindingWarning("contradicts-description", text))
    measurements = list(finding.measurements)
    elapsed = elapsed_seconds(facts)
    if elapsed.seconds is not None:
        measurements.append(Measurement(HEADER_SECONDS, elapsed.seconds, "s", note=elapsed.reason))
    return replace(
        finding,
        tables={**finding.tables, DESCRIPTION: (row,)},
        warnings=tuple(warnings),
        measurements=tuple(measurements),
    )


def _verdict(finding: Finding, mined: MinedLabel) -> str:
    if mined.phase is None:
        return SILENT
    if finding.decision is None:
        return WITHHELD
    try:
        meant = phase_of_class(finding.decision, tuple(finding.probabilities))
    except InvalidInputError:  # a user's own classes: nobody can say what they would be called in a header
        return SILENT
    return AGREES if mined.phase in meant else CONTRADICTS
