"""Where the locator puts rectum and tumour, as a box that a person can correct and give back."""

from __future__ import annotations

from dataclasses import dataclass

from abdominal_oncology.imaging.image import Image
from abdominal_oncology.learning.finding import FindingWarning
from abdominal_oncology.rectal.box import Box
from abdominal_oncology.rectal.mr_checks import body_voxels, check_magnitude_image, stack_warnings
from abdominal_oncology.rectal.plane import as_axial_stack
from abdominal_oncology.rectal.prepare import found_region


@dataclass(frozen=True)
class LocatedBox:
    """``confidence`` from 0 to 1 that the tumour lies in the box, its height included; None where not even the rectum
    was found and the box is around the body's middle.
    """

    box: Box
    confidence: float | None
    doubts: tuple[FindingWarning, ...]


def locate_box(image: Image) -> LocatedBox:
    """On an axial MR volume in any storage order. What cannot be looked at (CT, sagittal slices) is a named error."""
    check_magnitude_image(image)
    stack, _ = as_axial_stack(image)
    body, _ = body_voxels(stack)
    region, told = found_region(stack, body)
    doubts = [*stack_warnings(stack), *(each for each in told if each.code != "region-located")]
    grid = stack.geometry
    first, last = region.slices
    x, y, z = (float(each) for each in grid.to_world([(first + last - 1) / 2, *region.centre]))
    voxels = (region.columns[1] - region.columns[0], region.rows[1] - region.rows[0], last - first)
    width, depth, height = (count * step for count, step in zip(voxels, grid.spacing_mm[::-1], strict=True))
    k, j, i = grid.directions
    confidence = region.confidence if region.source == "located" else None
    return LocatedBox(Box((x, y, z), (width, depth, height), (i, j, k)), confidence, tuple(doubts))
