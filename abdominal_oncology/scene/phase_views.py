"""Slice views side by side, one for each contrast phase, linked and centred on one place in the patient."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import slicer

from abdominal_oncology.errors import SceneError
from abdominal_oncology.scene.headless import boot
from abdominal_oncology.scene.nodes import Node

_FIRST_ID = 27182  # of layouts; Slicer's own are below 1000
_NAMES: Mapping[str, tuple[str, str]] = {  # by role: the view's name, and the letter in its corner
    "arterial": ("PhaseArterial", "A"),
    "portal": ("PhasePortal", "P"),
    "delayed": ("PhaseDelayed", "D"),
}
_GROUP = 1  # apart from Slicer's own views: these are linked to each other only
_WIDTH_MM = 220.0
LIVER_WINDOW_LEVEL = (200.0, 90.0)
"""In this window enhancement and washout are seen; the same for every phase, so that phases can be compared."""


def layout_of(roles: Sequence[str]) -> tuple[int, str]:
    """A layout's number and its description, for the phases that are there.

    >>> number, text = layout_of(["arterial", "portal"])
    >>> number, text.count("<view ")
    (27185, 2)
    """
    chosen = [role for role in _NAMES if role in roles]
    views = "".join(
        f'<item><view class="vtkMRMLSliceNode" singletontag="{_NAMES[role][0]}">'
        '<property name="orientation" action="default">Axial</property>'
        f'<property name="viewlabel" action="default">{_NAMES[role][1]}</property>'
        '<property name="viewcolor" action="default">#6d8196</property>'
        f'<property name="viewgroup" action="default">{_GROUP}</property></view></item>'
        for role in chosen
    )
    number = _FIRST_ID + sum(2**n for n, role in enumerate(_NAMES) if role in chosen)
    return number, f'<layout type="horizontal" split="true">{views}</layout>'


def register_layout(layout_node: Any, roles: Sequence[str]) -> int:
    """Let the application know the layout; gives the number to set it by."""
    number, text = layout_of(roles)
    if layout_node.IsLayoutDescription(number):
        layout_node.SetLayoutDescription(number, text)
    else:
        layout_node.AddLayoutDescription(number, text)
    return number


def show_phases(volumes: Mapping[str, Node]) -> None:
    """Put each phase into its view, in the liver window, and link the views. The views must exist."""
    composites = []
    for role, slice_node in _views(volumes):
        composite = slicer.vtkMRMLSliceLogic.GetSliceCompositeNode(slice_node)
        composite.SetLinkedControl(False)  # a linked view would hand its volume on to the others
        composite.SetBackgroundVolumeID(volumes[role].GetID())
        slice_node.SetOrientation("Axial")
        display = volumes[role].GetDisplayNode()
        if display is not None:
            display.AutoWindowLevelOff()
            display.SetWindowLevel(*LIVER_WINDOW_LEVEL)
        composites.append(composite)
    for composite in composites:
        composite.SetLinkedControl(True)


def centre_on(roles: Sequence[str], points_lps_mm: Mapping[str, Sequence[float]]) -> None:
    """Show each role's place in the middle of its view, 22 cm wide; every place its own, as phases may be shifted."""
    for role, slice_node in _views(roles):
        x, y, z = points_lps_mm[role]
        width, height, depth = slice_node.GetFieldOfView()
        if width > 0:
            slice_node.SetFieldOfView(_WIDTH_MM, _WIDTH_MM * height / width, depth)
        slice_node.JumpSliceByCentering(-x, -y, z)


def _views(roles: Sequence[str] | Mapping[str, Node]) -> Iterator[tuple[str, Node]]:
    present = _slice_nodes()
    for role in _NAMES:
        if role not in roles:
            continue
        if _NAMES[role][0] not in present:
            raise SceneError(f"there is no view for the {role} phase", remedy="show the layout of the phases first")
        yield role, present[_NAMES[role][0]]


def _slice_nodes() -> dict[str, Node]:
    nodes = boot().GetNodesByClass("vtkMRMLSliceNode")
    nodes.UnRegister(None)
    found = [nodes.GetItemAsObject(n) for n in range(nodes.GetNumberOfItems())]
    return {node.GetLayoutName(): node for node in found}
