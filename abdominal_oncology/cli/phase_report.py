"""The report of classified series: one table of all, then per series the votes along z and the regions measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from abdominal_oncology.errors import MissingDependencyError
from abdominal_oncology.learning.batch_files import CaseResult
from abdominal_oncology.learning.bundle.origin import cautions_of
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.learning.folder_contents import LeftOut
from abdominal_oncology.phase.study import PairedStudy
from abdominal_oncology.phase.vote_plot import vote_plot
from abdominal_oncology.phase.words import DESCRIPTION, REGIONS, SECONDS, TIMING, VOTES
from abdominal_oncology.report import Paragraph, Part, Report, ReportPicture, ReportTable

NOTICE = "Research use only. Not a medical device; no diagnosis may rest on it."
_UNITS = {"hu": "HU", "error_hu": "HU", "expected_hu": "HU", "spread_hu": "HU", "seconds": "s"}


def phase_report(
    results: Sequence[CaseResult], left_out: Sequence[LeftOut] = (), studies: PairedStudy | None = None
) -> Report:
    """``summary`` first, so that a reader who stops there knows each answer and each refusal."""
    parts: list[Part] = [ReportTable("summary", "Series", [_summary(result) for result in results], _UNITS)]
    if studies is not None and len(studies):
        parts.append(ReportTable("studies", "Multiphase sets", _sets(studies), {}))
    if left_out:
        rows = [{"path": each.path, "description": each.description, "reason": each.reason} for each in left_out]
        parts.append(ReportTable("left-out", "Left out", rows, {}))
    for number, result in enumerate(results, start=1):
        if result.finding is not None:
            parts += _of_finding(number, result.case, result.finding)
    return Report("Contrast phases", NOTICE, parts, cautions_of(result.finding for result in results))


def _summary(result: CaseResult) -> dict[str, Any]:
    finding = result.finding
    if finding is None:
        trouble = dict(result.trouble or {})
        return _row(result.case, "failed", reason=f"{trouble.get('error')}: {trouble.get('problem')}")
    described = finding.tables.get(DESCRIPTION, ({},))[0]
    timing = finding.tables.get(TIMING, ({},))[0]
    seconds = finding.measurement(SECONDS)
    return _row(
        result.case,
        finding.decision or "withheld",
        finer=timing.get("finer", ""),
        probability=None if finding.probability is None else round(finding.probability, 3),
        seconds=None if seconds is None else seconds.value,
        description=described.get("agreement", ""),
        reason=finding.reason,
        warnings="; ".join(dict.fromkeys(each.message for each in finding.warnings)),
    )


def _row(case: str, phase: str, **values: Any) -> dict[str, Any]:
    columns = ("finer", "probability", "seconds", "description", "reason", "warnings")
    return {"series": case, "phase": phase} | {name: values.get(name, "") for name in columns}


def _of_finding(number: int, case: str, finding: Finding) -> list[Part]:
    parts: list[Part] = [Paragraph(f"{case}: {finding.reason}")]
    for own in finding.parts:
        rows = [{"phase": name, "probability": round(p, 3)} for name, p in own.probabilities.items()]
        title = f"{case}, {own.provenance.method}: {own.decision or 'withheld'}"
        parts.append(ReportTable(f"probabilities-{number}-{own.provenance.method[:7]}", title, rows, {}))
    if finding.tables.get(VOTES):
        try:
            parts.append(ReportPicture(f"votes-{number}", f"{case}: votes along z", vote_plot(finding)))
        except MissingDependencyError as missing:
            parts.append(Paragraph(str(missing)))
    if finding.tables.get(REGIONS):
        rows = [dict(row) for row in finding.tables[REGIONS]]
        parts.append(ReportTable(f"regions-{number}", f"{case}: regions", rows, _UNITS))
    return parts


def _sets(studies: PairedStudy) -> list[dict[str, Any]]:
    return [
        {
            "patient": each.patient_id,
            "part": each.part,
            **{str(phase): name for phase, name in each.series.items()},
            "missing": "; ".join(f"{phase}: {why}" for phase, why in each.missing.items()),
            "warnings": "; ".join(warning.message for warning in each.warnings),
        }
        for each in studies
    ]
