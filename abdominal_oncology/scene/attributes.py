"""Facts of ours on a node: attributes called ``AbdominalOncology.<name>`` that hold plain data.

Text is stored as it is, so that a person reads it in the Data module; everything else, and text that would be mistaken
for something else, is stored as JSON. They survive saving and reopening the scene.
"""

from __future__ import annotations

import json
from typing import Any

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.scene.nodes import Node, describe, require_node

PREFIX = "AbdominalOncology."


def set_fact(node: Node, name: str, value: Any) -> None:
    """Attach a fact: text, number, True/False, None, or lists and mappings of those."""
    require_node(node, "vtkMRMLNode", "node")
    if not name.isidentifier():
        raise InvalidInputError(f"{name!r} cannot be the name of a fact", remedy="use letters, digits and _")
    node.SetAttribute(PREFIX + name, encode(value, where=describe(node)))


def fact(node: Node, name: str, default: Any = None) -> Any:
    """The fact of that name, or ``default``."""
    require_node(node, "vtkMRMLNode", "node")
    text = node.GetAttribute(PREFIX + name)
    return default if text is None else decode(text)


def facts(node: Node) -> dict[str, Any]:
    """All facts of ours on a node, by name."""
    require_node(node, "vtkMRMLNode", "node")
    names = sorted(name for name in node.GetAttributeNames() if name.startswith(PREFIX))
    return {name.removeprefix(PREFIX): decode(node.GetAttribute(name)) for name in names}


def remove_fact(node: Node, name: str) -> None:
    """Take a fact away; nothing happens where there is none."""
    require_node(node, "vtkMRMLNode", "node").RemoveAttribute(PREFIX + name)


def encode(value: Any, *, where: str = "") -> str:
    """
    >>> encode("portal venous"), encode(70.5), encode("70.5"), encode(["a", None])
    ('portal venous', '70.5', '"70.5"', '["a", null]')
    """
    if isinstance(value, str) and value and not _is_json(value):
        return value
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, sort_keys=True)
    except (TypeError, ValueError) as problem:
        raise InvalidInputError(f"only plain data can be a fact: {problem}", where=where) from problem


def decode(text: str) -> Any:
    """
    >>> decode("portal venous"), decode("70.5"), decode('"70.5"')
    ('portal venous', 70.5, '70.5')
    """
    try:
        return json.loads(text)
    except ValueError:
        return text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
