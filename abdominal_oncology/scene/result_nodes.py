"""Nodes that hold results of a volume: found again by a fact, replaced when the question is asked again.

Results refer to their volume, not the other way round: a copy of a volume does not own the results of the original.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from abdominal_oncology.scene.attributes import fact, set_fact
from abdominal_oncology.scene.headless import boot
from abdominal_oncology.scene.nodes import Node, remove_node
from abdominal_oncology.scene.plots import series_of_plot
from abdominal_oncology.scene.volumes import set_source_node, source_node_of

TABLES_AND_CHARTS = ("vtkMRMLTableNode", "vtkMRMLPlotChartNode")


def mark_result(node: Node, question: str, kind: str, volume: Node | None = None) -> Node:
    """Say on ``node`` which result of which question it is (``question`` is the fact's name), and of which volume."""
    set_fact(node, question, kind)
    if volume is not None:
        set_source_node(node, volume)
    return node


def marked_results(question: str, classes: Iterable[str] = TABLES_AND_CHARTS) -> list[Node]:
    """Every result of this question in the scene."""
    found = []
    for kind in classes:
        nodes = boot().GetNodesByClass(kind)
        nodes.UnRegister(None)
        each = [nodes.GetItemAsObject(n) for n in range(nodes.GetNumberOfItems())]
        found += [node for node in each if fact(node, question) is not None]
    return found


def results_of_volume(question: str, volume: Node, classes: Iterable[str] = TABLES_AND_CHARTS) -> list[Node]:
    """The results of one volume."""
    return [node for node in marked_results(question, classes) if source_node_of(node) is volume]


def results_by_kind(question: str, volume: Node, classes: Iterable[str] = TABLES_AND_CHARTS) -> dict[str, Node]:
    """The results of one volume, by what they are."""
    return {str(fact(node, question)): node for node in results_of_volume(question, volume, classes)}


def remove_results(nodes: Iterable[Node]) -> None:
    """Charts with their series; what somebody has deleted already is no trouble."""
    for node in nodes:
        if node.GetScene() is None:
            continue
        if node.IsA("vtkMRMLPlotChartNode"):
            for series in series_of_plot(node):
                remove_node(series)
        remove_node(node)


@contextmanager
def all_or_nothing() -> Iterator[list[Node]]:
    """Nodes put into the list are removed again where the block fails."""
    made: list[Node] = []
    done = False
    try:
        yield made
        done = True
    finally:
        if not done:
            remove_results(made)
