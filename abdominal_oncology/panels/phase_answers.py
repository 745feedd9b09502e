"""Phase findings of the scene as a person reads them: a line per volume, its place in the images, a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from abdominal_oncology.errors import AbdominalOncologyError, MissingDependencyError
from abdominal_oncology.panels.exports import table_part
from abdominal_oncology.panels.honesty import cautions, notice, phantom_banner
from abdominal_oncology.panels.text import tr

if TYPE_CHECKING:
    from abdominal_oncology.learning.finding import Finding
    from abdominal_oncology.report import Part, Report

COLUMNS = ("volume", "phase", "probability", "agreement", "warnings")
"""Of the summary table, those that fit a narrow panel."""
REGION_COLUMNS = ("structure", "hu", "expected_hu", "spread_hu", "unusual")


def headline(finding: Finding) -> str:
    """The answer and what it rests on in the finding's own words, then its warnings."""
    unknown = tr("phase unknown. ") if finding.decision is None else ""
    reason = _sentence(finding.reason) or _sentence(finding.decision or "")
    return " ".join([f"{finding.subject}: {unknown}{reason}", *(_sentence(each.message) for each in finding.warnings)])


def banner(findings: Sequence[Finding]) -> str:
    """What must be said above answers that rest on a model of phantoms."""
    said = (phantom_banner(each.provenance.trained_on) for each in findings)
    return next((text for text in said if text), "")


def best_slice(volume: Any, finding: Finding) -> float:
    """The slice whose vote speaks most for the answer, else the middle one."""
    from abdominal_oncology.scene.phase_results import results_of
    from abdominal_oncology.scene.tables import table_from_node

    votes = results_of(volume).votes
    rows = () if votes is None else table_from_node(votes).rows
    sure = [row for row in rows if finding.decision is not None and finding.decision in row]
    if sure:
        best = max(sure, key=lambda row: float(row[str(finding.decision)] or 0.0))
        return float(best["slice"] or 0)
    slices = int(volume.GetImageData().GetDimensions()[2])
    return (slices - 1) / 2


def region_place(regions: Any, row: int) -> tuple[float, float, float] | None:
    """A point (x, y, z) in a region that was measured, LPS mm; None where the table does not say."""
    from abdominal_oncology.scene.tables import table_from_node

    return _place_of(table_from_node(regions).rows[row])


def report_of(volumes: Sequence[Any], summary: Any) -> Report:
    """The summary; then of each volume a picture, its votes and the regions measured."""
    from abdominal_oncology.report import Paragraph, Report
    from abdominal_oncology.scene.phase_fact import finding_of
    from abdominal_oncology.scene.phase_results import results_of

    parts: list[Part] = [] if summary is None else [table_part(summary)]
    found = [(volume, finding) for volume in volumes if (finding := finding_of(volume)) is not None]
    for volume, finding in found:
        parts.append(Paragraph(headline(finding)))
        parts += _pictures(volume, finding)
        written = results_of(volume)
        parts += _places(volume, finding, written.regions)
        parts += [table_part(node) for node in (written.regions, written.votes) if node is not None]
    return Report(tr("Contrast phases"), notice(), parts, cautions(finding for _, finding in found))


def _pictures(volume: Any, finding: Finding) -> list[Part]:
    from abdominal_oncology.phase.vote_plot import vote_plot
    from abdominal_oncology.phase.words import VOTES
    from abdominal_oncology.report import Paragraph, ReportPicture
    from abdominal_oncology.scene.grids import geometry_of_volume_node
    from abdominal_oncology.scene.phase_results import results_of
    from abdominal_oncology.scene.pictures import png_bytes
    from abdominal_oncology.scene.render import slice_picture
    from abdominal_oncology.scene.tables import table_from_node

    name = finding.subject
    found: list[Part] = []
    if volume.GetImageData() is not None:
        k = best_slice(volume, finding)
        height = float(geometry_of_volume_node(volume).to_world((k, 0, 0))[2])
        try:
            drawn = png_bytes(slice_picture(volume, "axial", height, size=(384, 384)))
            found.append(ReportPicture(f"{name} slice", tr("{name}, slice {k:.0f}").format(name=name, k=k), drawn))
        except AbdominalOncologyError as error:
            found.append(Paragraph(str(error)))
    votes = results_of(volume).votes
    if votes is not None:
        rows = tuple(dict(row) for row in table_from_node(votes).rows)
        try:
            png = vote_plot(replace(finding, tables={VOTES: rows}))
            found.append(ReportPicture(f"{name} votes", tr("{name}: votes along z").format(name=name), png))
        except MissingDependencyError as missing:
            found.append(Paragraph(str(missing)))
    return found


def _places(volume: Any, finding: Finding, regions: Any) -> list[Part]:
    """Where the regions of the table were measured."""
    from abdominal_oncology.panels.phase_places import WIDE_MM, picture_of_places
    from abdominal_oncology.phase.region_hu import called
    from abdominal_oncology.report import Paragraph, ReportPicture
    from abdominal_oncology.scene.pictures import png_bytes
    from abdominal_oncology.scene.tables import table_from_node
    from abdominal_oncology.scene.volumes import reader_from_volume_node

    if regions is None or volume.GetImageData() is None:
        return []
    rows = table_from_node(regions).rows
    seen = [(row, place) for row in rows if (place := _place_of(row)) is not None]
    if not seen:
        return []
    named = ", ".join(f"{called(str(row['structure']))} {float(row['hu'] or 0):.0f} HU" for row, _ in seen)
    caption = tr("{name}: where was measured, each {wide:.0f} mm wide, row by row: {named}").format(
        name=finding.subject, wide=WIDE_MM, named=named
    )
    try:
        drawn = png_bytes(picture_of_places(reader_from_volume_node(volume), [place for _, place in seen]))
    except AbdominalOncologyError as error:
        return [Paragraph(str(error))]
    return [ReportPicture(f"{finding.subject} regions", caption, drawn)]


def _place_of(row: Mapping[str, Any]) -> tuple[float, float, float] | None:
    from abdominal_oncology.phase.words import PLACE_MM

    x, y, z = (row.get(name) for name in PLACE_MM)
    return (float(x), float(y), float(z)) if x is not None and y is not None and z is not None else None


def _sentence(text: str) -> str:
    text = text.strip()
    return text and text[0].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
