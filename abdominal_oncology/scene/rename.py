"""Names that carry a result, and the way back to the name that the user gave."""

from __future__ import annotations

from abdominal_oncology.scene.attributes import fact, remove_fact, set_fact
from abdominal_oncology.scene.nodes import Node, require_node

_FACT = "Renamed"


def plain_name(node: Node) -> str:
    """The name without what we added to it; a name that the user has changed since is the user's."""
    require_node(node, "vtkMRMLNode", "node")
    name = str(node.GetName() or "")
    kept = fact(node, _FACT)
    return str(kept["before"]) if kept and kept["given"] == name else name


def add_to_name(node: Node, text: str) -> str:
    """``name [text]``, instead of what was added before; gives the new name."""
    before = plain_name(node)
    given = f"{before} [{text}]"
    node.SetName(given)
    set_fact(node, _FACT, {"before": before, "given": given})
    return given


def undo_rename(node: Node) -> str:
    """Back to the name from before; gives it. A name that the user has changed since stays."""
    before = plain_name(node)
    if before != node.GetName():
        node.SetName(before)
    remove_fact(node, _FACT)
    return before
