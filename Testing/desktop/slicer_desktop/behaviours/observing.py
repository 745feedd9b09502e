"""Observers of VTK objects that end with the widget that set them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import vtk

from slicer_desktop.wrapper import exists


class Observing:
    """Remembers observers of one widget; ``watch`` them, ``forget`` them."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self._tags: list[tuple[Any, int]] = []
        target.destroyed.connect(self.forget)

    def watch(self, subject: Any, event: Any, function: Callable[[Any], None]) -> None:
        """``function`` gets the call data, where the event has a node to tell of, or None."""

        @vtk.calldata_type(vtk.VTK_OBJECT)
        def with_data(caller: Any, name: str, data: Any = None) -> None:
            if exists(self._target):
                function(data)

        def without_data(caller: Any, name: str) -> None:
            if exists(self._target):
                function(None)

        told = isinstance(event, int) and subject.IsA("vtkMRMLScene") and event in _with_node(subject)
        self._tags.append((subject, subject.AddObserver(event, with_data if told else without_data)))

    def forget(self, subject: Any = None) -> None:
        """End the observation of one object, or of all. Qt hands nothing of use when the widget is destroyed."""
        every = not hasattr(subject, "IsA")
        for each, tag in self._tags:
            if every or each is subject:
                each.RemoveObserver(tag)
        self._tags = [] if every else [each for each in self._tags if each[0] is not subject]


def _with_node(scene: Any) -> tuple[int, ...]:
    return (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.NodeAboutToBeRemovedEvent)
