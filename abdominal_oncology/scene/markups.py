"""Points that a person placed, by the structure that their labels name."""

from __future__ import annotations

from abdominal_oncology.errors import MissingInputError
from abdominal_oncology.imaging.anatomy import lookup
from abdominal_oncology.imaging.geometry import Vector
from abdominal_oncology.scene.nodes import Node, describe, require_node


def points_by_structure(node: Node) -> dict[str, list[Vector]]:
    """LPS mm of a point list's placed points: ``aorta-1``, ``aorta-2`` and ``IVC`` are two structures.

    A point whose label names no structure is a MissingInputError: a misspelt organ must not be lost.
    """
    require_node(node, "vtkMRMLMarkupsNode", "point list")
    found: dict[str, list[Vector]] = {}
    for n in range(node.GetNumberOfControlPoints()):
        if node.GetNthControlPointPositionStatus(n) != node.PositionDefined:
            continue
        label = str(node.GetNthControlPointLabel(n) or "")
        structure = lookup(label)
        if structure is None:
            raise MissingInputError(
                f"the point {label!r} names no structure", where=describe(node), remedy="call it aorta, portal vein …"
            )
        right, anterior, superior = node.GetNthControlPointPositionWorld(n)
        found.setdefault(structure.name, []).append((-float(right), -float(anterior), float(superior)))
    if not found:
        raise MissingInputError("no point is placed", where=describe(node), remedy="place one in the aorta")
    return found
