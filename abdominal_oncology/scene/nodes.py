"""Is this really a node, of the right kind, still in a scene? Asked first by everything that takes a node."""

from __future__ import annotations

from typing import Any

from abdominal_oncology.errors import SceneError

Node = Any
"""A vtkMRMLNode. VTK's classes carry no types that a checker could use."""


def require_node(node: Node, kind: str, what: str) -> Node:
    """``node`` itself when it is a ``kind`` (a VTK class name) inside a scene; ``what`` names it for a person."""
    if node is None:
        raise SceneError(f"no {what} was given", remedy=f"choose a {what}")
    if not hasattr(node, "IsA") or not node.IsA("vtkMRMLNode"):
        raise SceneError(f"a {what} was expected, not a {type(node).__name__}", remedy=f"pass the {what}'s node")
    if node.GetScene() is None:
        raise SceneError(
            f"the {what} is not in the scene any more: it was deleted, or the scene was closed",
            where=describe(node),
            remedy=f"choose another {what}, or load it again",
        )
    if not node.IsA(kind):
        raise SceneError(
            f"a {what} was expected, not a {node.GetNodeTagName()}",
            where=describe(node),
            remedy=f"choose a {what}",
        )
    return node


def describe(node: Node) -> str:
    """Name and identifier of a node, for messages."""
    return f"{node.GetName() or 'unnamed'} ({node.GetID() or node.GetClassName()})"


def remove_node(node: Node) -> None:
    """Delete a node with its display and storage nodes; left behind, a display node keeps the voxels in memory."""
    require_node(node, "vtkMRMLNode", "node")
    scene = node.GetScene()
    companions = []
    if node.IsA("vtkMRMLDisplayableNode"):
        companions += [node.GetNthDisplayNode(index) for index in range(node.GetNumberOfDisplayNodes())]
    if node.IsA("vtkMRMLStorableNode"):
        companions += [node.GetNthStorageNode(index) for index in range(node.GetNumberOfStorageNodes())]
    scene.RemoveNode(node)
    for companion in companions:
        if companion is not None and companion.GetScene() is scene:
            scene.RemoveNode(companion)
