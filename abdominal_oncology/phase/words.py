"""How a phase finding names its tables and measurements, and what can be measured. Light: a panel reads findings by it
without the rooms that make them.
"""

from __future__ import annotations

from abdominal_oncology.errors import AbdominalOncologyError
from abdominal_oncology.learning.finding import FindingWarning

VOTES, REGIONS, DESCRIPTION, SLICES, TIMING, ABDOMEN = (
    "votes",
    "regions",
    "description",
    "slices",
    "timing",
    "abdomen",
)
"""Tables: votes of slices, HU of regions, what the header says, slices read, early or late, where the abdomen lies."""

SECONDS = "seconds since injection"
HEADER_SECONDS = "seconds since injection by the header"
"""Measurements."""

PLACE_MM = ("x_mm", "y_mm", "z_mm")
"""Columns of the table of regions: a point (LPS) that was measured."""

AGREES, CONTRADICTS, SILENT, WITHHELD = "agrees", "contradicts", "silent", "answer withheld"
"""Whether the header's description agrees with the answer."""

MEASURED = (
    *("aorta", "portal_vein", "portal_vein_and_splenic_vein", "inferior_vena_cava", "hepatic_veins"),
    *("liver", "spleen", "pancreas", "kidney_left", "kidney_right", "renal_cortex", "renal_medulla", "renal_pelvis"),
    *("iliac_vena_left", "iliac_vena_right", "urinary_bladder"),
)
"""Structures that say something about time; others in a label map are passed over."""


def segmentation_elsewhere(why: AbdominalOncologyError) -> FindingWarning:
    """Of a segmentation that does not reach the volume."""
    text = f"the segmentation shows nothing in this volume, regions were found automatically: {why}"
    return FindingWarning("segmentation-elsewhere", text)
