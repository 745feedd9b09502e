"""Widgets that know the scene: ``qMRMLWidget`` passes it on, others list what is in it."""

from __future__ import annotations

from typing import Any

from slicer_desktop.behaviour import Behaviour
from slicer_desktop.behaviours.observing import Observing


class SceneWidget(Behaviour):
    """Holds the scene and tells of it. Subclasses list something in ``refresh``."""

    _scene: Any = None

    def build_up(self) -> None:
        self.observing = Observing(self.target)

    def setMRMLScene(self, scene: Any) -> None:
        if scene is self._scene:
            return
        self.observing.forget()
        self._scene = scene
        if scene is not None:
            self.watch_scene(scene)
        self.refresh()
        self.tell_signal("mrmlSceneChanged", scene)

    def mrmlScene(self) -> Any:
        return self._scene

    def watch_scene(self, scene: Any) -> None:
        """What of the scene the widget follows."""

    def refresh(self) -> None:
        """The scene is another one, or what is followed in it has changed."""
