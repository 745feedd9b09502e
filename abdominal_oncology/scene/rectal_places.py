"""Where in the patient a row of a rectal finding lies."""

from __future__ import annotations

import math

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.geometry import Vector
from abdominal_oncology.learning.finding import Finding
from abdominal_oncology.rectal.plane import acquisition_plane
from abdominal_oncology.rectal.words import REGION
from abdominal_oncology.scene.grids import geometry_of_volume_node
from abdominal_oncology.scene.nodes import Node, describe


def place_of_slice(finding: Finding, volume: Node, slice_index: int) -> Vector:
    """LPS mm of the region's middle in a slice, which is counted as the volume stores it."""
    where = describe(volume)
    stored = geometry_of_volume_node(volume)
    plane = acquisition_plane(stored, where)
    stack = plane.geometry(stored)
    if not 0 <= slice_index < stack.shape[0]:
        raise InvalidInputError(f"there is no slice {slice_index}: the volume has {stack.shape[0]}", where=where)
    (row,) = finding.tables[REGION]
    centre = [float(row[f"centre_{axis}_mm"] or 0) for axis in "xyz"]
    _, at_row, at_column = stack.to_index(centre)
    place = stack.to_world([plane.stored_slice(slice_index, stack.shape[0]), at_row, at_column])
    x, y, z = (float(each) for each in place)
    if not all(map(math.isfinite, (x, y, z))):
        raise InvalidInputError("the finding does not say where the region lies", where=where)
    return (x, y, z)
