"""``slicer.packaging`` without pip: what is installed is asked of Python, what would be installed is noted.

A test lays the answer of the confirmation ready (``dialogs.desk``) and, with ``installing``, says what the installation
does; by default it changes nothing and succeeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement


class Packaging(ModuleType):
    """The functions of Slicer's module with their parameters; ``installed`` lists what was asked for."""

    def __init__(self, slicer: Any) -> None:
        super().__init__("slicer.packaging")
        self._slicer = slicer
        self.forget()

    def forget(self) -> None:
        """As after the start."""
        self.installed: list[str] = []
        self.missing: set[str] = set()  # distributions that a test wants not to be there
        self.installing: Callable[[Sequence[str]], None] | None = None

    def load_requirements(self, path: str | Path) -> list[Requirement]:
        lines = (each.strip() for each in Path(path).read_text(encoding="utf-8").splitlines())
        return [Requirement(each) for each in lines if each and not each.startswith(("#", "-"))]

    def pip_check(self, req: Any) -> bool:
        return all(self._satisfied(each) for each in _requirements(req))

    def pip_ensure(
        self,
        requirements: Any,
        constraints: str | Path | None = None,
        skip_packages: list[str] | None = None,
        prompt_install: bool = True,
        prompt_restart: bool = True,
        requester: str | None = None,
        skip_in_testing: bool = True,
        show_progress: bool = True,
    ) -> list[str] | None:
        missing = [each for each in _requirements(requirements) if not self._satisfied(each)]
        if not missing or (skip_in_testing and self._slicer.app.testingEnabled()):
            return None
        if prompt_install:
            title = f"{requester} - Install Python Packages" if requester else "Install Python Packages"
            text = (
                f"{len(missing)} Python packages need to be installed.\n\nThis will modify Slicer's Python environment."
            )
            detail = "\n".join(f"- {each}" for each in missing)
            if not self._slicer.util.confirmOkCancelDisplay(text, title, detailedText=detail):
                raise RuntimeError("User declined package installation")
        return self.pip_install([str(each) for each in missing], constraints, skip_packages=skip_packages)

    def pip_install(
        self,
        requirements: str | list[str],
        constraints: str | Path | None = None,
        no_deps_requirements: str | list[str] | None = None,
        skip_packages: list[str] | None = None,
        blocking: bool = True,
        show_progress: bool = True,
        requester: str | None = None,
        parent: Any = None,
        logCallback: Callable[[str], None] | None = None,
        completedCallback: Callable[[int], None] | None = None,
    ) -> list[str] | None:
        if skip_packages is not None and (no_deps_requirements is not None or not blocking):
            raise ValueError("skip_packages goes neither with no_deps_requirements nor with blocking=False")
        wanted = requirements.split() if isinstance(requirements, str) else list(requirements)
        if self.installing is not None:
            self.installing(wanted)
        self.installed += wanted
        if completedCallback is not None:
            completedCallback(0)
        return [] if skip_packages is not None else None

    def pip_uninstall(self, requirements: str | list[str], blocking: bool = True) -> None:
        raise NotImplementedError("the desktop stand-in uninstalls nothing")

    def isPipInstallInProgress(self) -> bool:
        return False

    def _satisfied(self, req: Requirement) -> bool:
        if req.marker is not None and not req.marker.evaluate():
            return True
        if req.name in self.missing and not any(each.startswith(req.name) for each in self.installed):
            return False
        try:
            return req.specifier.contains(version(req.name), prereleases=True)
        except PackageNotFoundError:
            return any(Requirement(each).name == req.name for each in self.installed)


def _requirements(given: Any) -> list[Requirement]:
    if isinstance(given, str):
        try:
            return [Requirement(given)]
        except InvalidRequirement:
            return [Requirement(each) for each in given.split()]
    if isinstance(given, Requirement):
        return [given]
    if isinstance(given, list):
        return [Requirement(each) if isinstance(each, str) else each for each in given]
    raise TypeError(f"Expected str, Requirement, or list, got {type(given).__name__}")
