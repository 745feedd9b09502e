"""The files of a staged volume: finding, tables, picture, activation map, and the region as a ROI for Slicer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from abdominal_oncology.cli.phase_report import NOTICE
from abdominal_oncology.errors import MissingDependencyError
from abdominal_oncology.files import write_atomically
from abdominal_oncology.imaging.volume_file import write_volume_file
from abdominal_oncology.learning.bundle.origin import cautions_of
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.rectal.roi_file import write_roi_file
from abdominal_oncology.rectal.stage import StagedVolume
from abdominal_oncology.rectal.stage_picture import stage_picture
from abdominal_oncology.rectal.words import SLICES, VIEWS
from abdominal_oncology.report import Paragraph, Part, Report, ReportPicture, ReportTable

FINDING, OVERLAY, REGION = "finding.json", "activation.nii.gz", "region.mrk.json"


def write_staged(staged: StagedVolume, folder: Path, how: str) -> Path:
    """Write everything into ``folder``; gives the path of the report."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / FINDING, staged.finding.to_json().encode())
    write_roi_file(staged.box, folder / REGION)
    if staged.overlay is not None:
        write_volume_file(staged.overlay, folder / OVERLAY)
    return _report(staged, how).write(folder)


def _report(staged: StagedVolume, how: str) -> Report:
    finding = staged.finding
    parts: list[Part] = [Paragraph(f"{finding.decision or 'withheld'}: {finding.reason}"), Paragraph(how)]
    parts += [Paragraph(f"Warning: {each.message}") for each in finding.warnings]
    if staged.evidence is not None:
        try:
            parts.append(
                ReportPicture("stage", "the slice that moved the answer most; all slices", stage_picture(staged))
            )
        except MissingDependencyError as missing:
            parts.append(Paragraph(str(missing)))
    if finding.measurements:
        parts.append(ReportTable("measurements", "Measured", _measured(finding), {}))
    for name, title in ((SLICES, "Slices"), (VIEWS, "Looks")):
        if finding.tables.get(name):
            parts.append(ReportTable(name, title, [dict(row) for row in finding.tables[name]], {}))
    return Report(f"Rectal stage: {finding.subject}", NOTICE, parts, cautions_of([finding]))


def _measured(finding: Finding) -> list[dict[str, Any]]:
    return [
        {"name": m.name, "value": m.value, "unit": m.unit, "low": m.low, "high": m.high, "note": m.note}
        for m in finding.measurements
    ]
