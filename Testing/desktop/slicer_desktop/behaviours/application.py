"""``slicer.app``: the scene, its logic, reading and writing, settings, views and modules behind one object."""

from __future__ import annotations

import platform
from types import MappingProxyType
from typing import Any

from PySide6 import QtCore, QtWidgets

from slicer_desktop.behaviour import Behaviour


class Application(Behaviour):
    """What ``headless`` (the application without a window) has, and all that needs Qt."""

    defaults = MappingProxyType(
        {"majorVersion": 5, "minorVersion": 13, "mainApplicationMajorVersion": 5, "mainApplicationMinorVersion": 13}
        | {"mainApplicationName": "Slicer", "applicationLocaleName": "en_US", "releaseType": "Experimental"}
        | {"documentationBaseUrl": "https://slicer.readthedocs.io/en/latest/", "revision": "stand-in"}
        | {"isInstalled": True, "os": platform.system().lower(), "arch": platform.machine()}
    )
    testing = True  # slicer.app.testingEnabled()
    headless: Any
    layout_manager: Any
    module_manager: Any
    io_manager: Any
    home: str

    def mrmlScene(self) -> Any:
        return self.headless.mrmlScene()

    def applicationLogic(self) -> Any:
        return self.headless.applicationLogic()

    def moduleLogic(self, name: str) -> Any:
        return self.headless.applicationLogic().GetModuleLogic(name)

    def coreIOManager(self) -> Any:
        return self.io_manager

    ioManager = coreIOManager

    def layoutManager(self) -> Any:
        return self.layout_manager

    def moduleManager(self) -> Any:
        return self.module_manager

    def testingEnabled(self) -> bool:
        return self.testing

    def processEvents(self) -> None:
        QtWidgets.QApplication.processEvents()

    def settings(self) -> QtCore.QSettings:
        return QtCore.QSettings()

    userSettings = revisionUserSettings = defaultSettings = settings

    def slicerHome(self) -> str:
        return self.home

    def temporaryPath(self) -> str:
        return self.home

    def startupEnvironment(self) -> QtCore.QProcessEnvironment:
        return QtCore.QProcessEnvironment.systemEnvironment()

    environment = startupEnvironment

    def moduleDocumentationUrl(self, name: str) -> str:
        return f"https://slicer.readthedocs.io/en/latest/user_guide/modules/{name.lower()}.html"


class IOManager(Behaviour):
    """Reading and writing of nodes by the headless scene's own manager."""

    headless: Any

    def fileType(self, name: str) -> str:
        return str(self.headless.fileType(name))

    def fileWriterFileType(self, node: Any, extension: str = "") -> str:
        return str(self.headless.fileWriterFileType(node, extension))

    def loadNodes(self, *arguments: Any) -> bool:
        return bool(self.headless.loadNodes(*arguments))

    def saveNodes(self, kind: str, properties: Any, messages: Any = None, scene: Any = None) -> bool:
        return bool(self.headless.saveNodes(kind, properties, messages))

    def loadScene(self, path: str, clear: bool = True, messages: Any = None) -> bool:
        return bool(self.headless.loadNodes("SceneFile", {"fileName": path, "clear": clear}, None, messages))

    def saveScene(self, path: str, picture: Any, messages: Any = None) -> bool:
        return bool(self.headless.saveNodes("SceneFile", {"fileName": path}, messages))
