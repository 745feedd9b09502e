"""What the LiverHCC panel exports: every lesion with its reasons, features and measurements, and pictures of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from abdominal_oncology.errors import AbdominalOncologyError
from abdominal_oncology.hcc.finding import ALIGNMENT_TABLE, lesion_row
from abdominal_oncology.hcc.finding_lirads import CHANGE_TABLE, FEATURE_TABLE
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.panels.hcc_views import places_by_phase
from abdominal_oncology.panels.honesty import cautions, notice
from abdominal_oncology.panels.text import tr
from abdominal_oncology.report import Paragraph, Part, Report, ReportPicture, ReportTable
from abdominal_oncology.scene.phase_views import LIVER_WINDOW_LEVEL

_UNITS = {"size_mm": "mm", "size_low": "mm", "size_high": "mm", "volume_ml": "ml", "shift_mm": "mm"}
_AROUND_MM = 70.0
_PIXELS = 360
_SAME_PLACE_MM = 1.0


def lesion_report(findings: Sequence[Finding], volumes: Mapping[str, Any], segmentation: Any) -> Report:
    """``volumes`` by role; a lesion whose segment is gone has no picture."""
    parts: list[Part] = [ReportTable("lesions", tr("Lesions"), [lesion_row(each) for each in findings], _UNITS)]
    for number, finding in enumerate(findings, start=1):
        parts.append(Paragraph(f"{finding.subject}: {finding.reason}"))
        parts += [Paragraph(f"{each.code}: {each.message}") for each in finding.warnings]
        parts += _pictures(number, finding, volumes, segmentation)
        titles = {
            FEATURE_TABLE: tr("LI-RADS features"),
            CHANGE_TABLE: tr("What would change the category"),
            ALIGNMENT_TABLE: tr("How the phases were aligned"),
        }
        for name, title in titles.items():
            rows = [dict(row) for row in finding.tables.get(name, ())]
            if rows:
                parts.append(ReportTable(f"{name}-{number}", f"{finding.subject}: {title}", rows, _UNITS))
        measured = [vars(each) for each in finding.measurements]
        title = f"{finding.subject}: {tr('Measurements')}"
        parts.append(ReportTable(f"measurements-{number}", title, measured, {}))
    return Report(tr("Liver lesions"), notice(), parts, cautions(findings))


def _pictures(number: int, finding: Finding, volumes: Mapping[str, Any], segmentation: Any) -> Iterator[ReportPicture]:
    """The lesion in every phase, outlined, at the place where that phase has it."""
    from abdominal_oncology.scene.pictures import png_bytes
    from abdominal_oncology.scene.render import Overlay, SliceRenderer

    segment = finding.provenance.inputs.get("segment", "")
    if segmentation is None or segmentation.GetSegmentation().GetSegment(segment) is None:
        return
    ras = segmentation.GetSegmentCenterRAS(segment)
    if ras is None:
        return
    places = places_by_phase(finding, (-ras[0], -ras[1], ras[2]), volumes["portal"])
    width, level = LIVER_WINDOW_LEVEL
    overlay = Overlay(segmentation, (segment,), fill=0.0, line_pixels=1)
    with SliceRenderer(_PIXELS, _PIXELS) as renderer:
        for role, place in places.items():
            if role not in volumes:
                continue
            try:
                image = _around(volumes[role], place)
            except AbdominalOncologyError:  # this phase does not reach the lesion, and its finding says so
                continue
            # the outline is that of the portal phase: where breath has moved the liver it would lie beside the lesion
            moved = float(np.linalg.norm(np.subtract(place, places["portal"]))) > _SAME_PLACE_MM
            renderer.show(image, None if moved else overlay, (level - width / 2, level + width / 2))
            caption = tr("{lesion}, {role} phase").format(lesion=finding.subject, role=role)
            yield ReportPicture(f"{role}-{number}", caption, png_bytes(renderer.picture("axial", place[2])))


def _around(volume: Any, place: tuple[float, float, float]) -> Any:
    """The part of a volume around a point: enough to see where in the liver it is."""
    from abdominal_oncology.imaging.crop import crop_to_index
    from abdominal_oncology.scene.volumes import image_from_volume_node

    image = image_from_volume_node(volume)
    grid = image.geometry
    middle = grid.to_index(place)
    reach = _AROUND_MM / np.asarray(grid.spacing_mm)
    low = np.clip(np.floor(middle - reach).astype(int), 0, grid.shape)
    high = np.clip(np.ceil(middle + reach).astype(int) + 1, 0, grid.shape)
    return crop_to_index(image, low.tolist(), high.tolist())
