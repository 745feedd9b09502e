"""Observers of VTK objects that end with the widget that set them."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import vtk

from slicer_desktop.wrapper import exists


class Observing:
    """Remembers observers of one widget; ``watch`` them, ``forget`` them.

    VTK lets Python's garbage collector see through its objects to the observers on them: one that held its widget
    would be cleared together with it while VTK still calls it. So VTK is given a weak reference only.
    """

    def __init__(self, target: Any) -> None:
        self._target = target
        self._watched: dict[int, tuple[Any, int, Callable[[Any], None]]] = {}
        self._next = 0
        target.destroyed.connect(self.forget)

    def watch(self, subject: Any, event: Any, function: Callable[[Any], None]) -> None:
        """``function`` gets the call data, where the event has a node to tell of, or None."""
        me, key = weakref.ref(self), self._next

        @vtk.calldata_type(vtk.VTK_OBJECT)
        def with_data(caller: Any, name: str, data: Any = None) -> None:
            _tell(me(), key, data)

        def without_data(caller: Any, name: str) -> None:
            _tell(me(), key, None)

        told = isinstance(event, int) and subject.IsA("vtkMRMLScene") and event in _with_node(subject)
        tag = subject.AddObserver(event, with_data if told else without_data)
        self._watched[key] = (subject, tag, function)
        self._next += 1

    def tell(self, key: int, data: Any) -> None:
        """The event has happened."""
        if key in self._watched and exists(self._target):
            self._watched[key][2](data)

    def forget(self, subject: Any = None) -> None:
        """End the observation of one object, or of all. Qt hands nothing of use when the widget is destroyed."""
        every = not hasattr(subject, "IsA")
        for key, (watched, tag, _) in list(self._watched.items()):
            if every or watched is subject:
                watched.RemoveObserver(tag)
                del self._watched[key]


def _tell(observing: Observing | None, key: int, data: Any) -> None:
    if observing is not None:
        observing.tell(key, data)


def _with_node(scene: Any) -> tuple[int, ...]:
    return (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.NodeAboutToBeRemovedEvent)
