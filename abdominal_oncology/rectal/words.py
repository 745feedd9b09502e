"""What a rectal finding calls its tables, the box in one of them, and roles of masks. Light: a panel reads it."""

from __future__ import annotations

from abdominal_oncology.errors import EmptyMaskError, InvalidInputError
from abdominal_oncology.imaging.geometry import Matrix
from abdominal_oncology.learning.finding import Finding, FindingWarning
from abdominal_oncology.rectal.box import Box

QUESTION = "stage"
SLICES, VIEWS, REGION, OPERATING = "slices", "views", "region", "operating"
"""Tables of evidence."""
OVER_VIEWS = "T3 probability over views"

TUMOUR, RECTUM = "tumour", "rectum"
MASKS = (TUMOUR, RECTUM)
"""Roles of the masks that say where rectum and tumour are."""


def region_box(finding: Finding, directions: Matrix) -> Box:
    """The region of a finding as a box to draw and give back; ``directions`` are those of the axial stack."""
    try:
        (row,) = finding.tables[REGION]
        numbers = {key: float(value) for key, value in row.items() if isinstance(value, int | float)}
        centre = (numbers["centre_x_mm"], numbers["centre_y_mm"], numbers["centre_z_mm"])
        size = (numbers["columns_mm"], numbers["rows_mm"], numbers["height_mm"])
    except (KeyError, ValueError) as error:
        raise InvalidInputError("the finding does not say where the region lies", where=finding.subject) from error
    k, j, i = directions
    return Box(centre, size, (i, j, k))


def segment_not_used(role: str, empty: EmptyMaskError) -> FindingWarning:
    """Of a segment in which nothing is drawn where the volume lies."""
    return FindingWarning("segment-empty", f"the segment {role} was not used: {empty}")
