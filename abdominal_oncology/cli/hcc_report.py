"""The report of a liver study: one table of all lesions, then per lesion its answers, features and measurements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from abdominal_oncology.cli.phase_report import NOTICE
from abdominal_oncology.hcc.finding import ALIGNMENT_TABLE, LESION_TABLE, lesion_row
from abdominal_oncology.hcc.finding_lirads import CHANGE_TABLE, FEATURE_TABLE, categorisation_of
from abdominal_oncology.hcc.finding_parts import FUSION_TABLE, HCC
from abdominal_oncology.learning.bundle.origin import cautions_of
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.report import Paragraph, Part, Report, ReportTable

LESIONS = LESION_TABLE
_UNITS = {"size_mm": "mm", "size_low": "mm", "size_high": "mm", "volume_ml": "ml", "shift_mm": "mm"}
_TITLES: Mapping[str, str] = {
    FEATURE_TABLE: "LI-RADS features",
    CHANGE_TABLE: "what would change the category",
    FUSION_TABLE: "what each input adds to the log-odds of HCC",
    ALIGNMENT_TABLE: "how the phases were aligned",
}


def hcc_report(whole: Finding) -> Report:
    """Of a case's finding, its lesions in its parts."""
    parts: list[Part] = [ReportTable(LESIONS, "Lesions", [lesion_row(each) for each in whole.parts], _UNITS)]
    for number, finding in enumerate(whole.parts, start=1):
        parts += _of_lesion(number, finding)
    return Report("Liver lesions", NOTICE, parts, cautions_of(whole.parts))


def _of_lesion(number: int, finding: Finding) -> list[Part]:
    parts: list[Part] = [
        Paragraph(f"{finding.subject}: {finding.reason}"),
        ReportTable(f"answers-{number}", f"{finding.subject}: answers", _answers(finding), {}),
    ]
    for name, title in _TITLES.items():
        rows = [dict(row) for row in finding.tables.get(name, ())]
        if rows:
            parts.append(ReportTable(f"{name}-{number}", f"{finding.subject}: {title}", rows, _UNITS))
    measured = [vars(each) for each in finding.measurements]
    parts.append(ReportTable(f"measurements-{number}", f"{finding.subject}: measurements", measured, {}))
    return parts


def _answers(finding: Finding) -> list[dict[str, Any]]:
    """The whole and each method alone, LI-RADS among them."""
    rows = []
    for each in (finding, *finding.parts):
        label = categorisation_of(each).label if each in finding.parts[-1:] else each.decision or "withheld"
        p = each.probabilities.get(HCC, each.probability)
        rows.append({"method": each.provenance.method, "answer": label, "probability": p})
    return rows
