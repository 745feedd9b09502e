"""Dialogs that wait for a person. In a test nobody sits there: an answer is laid ready before, or the test fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6 import QtWidgets

_WAITING = {  # class → its methods that return only when the person is done
    QtWidgets.QDialog: {"exec", "exec_", "open"},
    QtWidgets.QMenu: {"exec", "exec_"},
    QtWidgets.QMessageBox: {"question", "information", "warning", "critical", "about"},
    QtWidgets.QFileDialog: {"getOpenFileName", "getOpenFileNames", "getSaveFileName", "getExistingDirectory"},
    QtWidgets.QInputDialog: {"getText", "getInt", "getDouble", "getItem", "getMultiLineText"},
}


class UnansweredDialogError(AssertionError):
    """A dialog was opened and the test has no answer for it."""


@dataclass(frozen=True)
class Shown:
    """A dialog that was opened: its class, window title and what it says or asks."""

    kind: str
    title: str
    text: str


class Desk:
    """``desk.lay(answer)`` before the dialog opens; ``desk.shown`` afterwards."""

    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self._answers: list[Any] = []

    def lay(self, *answers: Any) -> None:
        """What the next dialogs return, in their order: a button, a file name …"""
        self._answers += answers

    def clear(self) -> list[Any]:
        """Forget what was shown; gives the answers that nobody asked for."""
        unasked, self._answers, self.shown = self._answers, [], []
        return unasked

    def answer(self, kind: str, method: str, owner: Any, arguments: tuple[Any, ...]) -> Any:
        if owner is None:
            texts = [each for each in arguments if isinstance(each, str)]
            self.shown.append(Shown(f"{kind}.{method}", *[*texts, "", ""][:2]))
        else:
            self.shown.append(Shown(owner.className(), owner.windowTitle, getattr(owner, "text", "")))
        if not self._answers:
            raise UnansweredDialogError(f"nobody answers {self.shown[-1]}")
        return self._answers.pop(0)


def waits_for_a_person(kind: type[Any], name: str) -> bool:
    return any(issubclass(kind, each) and name in names for each, names in _WAITING.items())


desk = Desk()
