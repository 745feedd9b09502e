"""Apply and Cancel, how far the work has come, what went wrong, and the log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from abdominal_oncology.errors import AbdominalOncologyError
from abdominal_oncology.panels.boxes.fragment import put_fragment, say
from abdominal_oncology.panels.text import tr

_STEPS = 1000


class RunBox:
    """Three states: waiting for a click (or for what is missing), running, and stopping.

    ``on_apply`` and ``on_cancel`` are called by the one button.
    """

    def __init__(self, place: Any, on_apply: Callable[[], None], on_cancel: Callable[[], None]) -> None:
        self.ui = put_fragment(place, "run")
        self._on_apply, self._on_cancel = on_apply, on_cancel
        self._running = False
        self._why = ""
        self.ui.applyButton.connect("clicked(bool)", self._clicked)
        self.ui.copyLogButton.connect("clicked(bool)", self._copy_log)
        self._show_waiting()
        say(self.ui.messageLabel, "")

    @property
    def is_running(self) -> bool:
        return self._running

    @property
    def message(self) -> str:
        """What is said of the last run: "", how it ended, or what went wrong."""
        return str(self.ui.messageLabel.text)

    def set_why_not(self, why: str) -> None:
        """Apply is on where ``why`` is empty; else the button and the line below it say why it is off."""
        self._why = why
        if not self._running:
            self._show_waiting()

    def start(self, stage: str = "") -> None:
        """Something runs now: Apply becomes Cancel."""
        self._running = True
        self.ui.applyButton.text = tr("Cancel")
        self.ui.applyButton.toolTip = tr("Stop; nothing is written")
        self.ui.applyButton.enabled = True
        self.ui.progressBar.visible = True
        self.ui.progressBar.value = 0
        self.ui.logText.clear()
        say(self.ui.whyLabel, "")
        say(self.ui.messageLabel, "")
        say(self.ui.stageLabel, stage or tr("starting"))

    def report(self, fraction: float, stage: str) -> None:
        """Fraction done (0 … 1) and what is being done."""
        if self._running:
            self.ui.progressBar.value = round(fraction * _STEPS)
            say(self.ui.stageLabel, stage)

    def stopping(self) -> None:
        """Cancel was clicked; a second click changes nothing."""
        self.ui.applyButton.enabled = False
        say(self.ui.stageLabel, tr("stopping"))

    def writing(self) -> None:
        """The answer is there and is written into the scene, which is not stopped half-way."""
        self.ui.applyButton.enabled = False
        self.report(1.0, tr("writing the results"))

    def finish(self, message: str = "") -> None:
        """Nothing runs any more."""
        self._running = False
        self._show_waiting()
        say(self.ui.messageLabel, message)

    def fail(self, error: AbdominalOncologyError, log: Sequence[str] = ()) -> None:
        """How a run ended that gave no answer; ``log`` is added to what was told already."""
        for line in log:
            self.log(line)
        self.finish(str(error))

    def log(self, line: str) -> None:
        self.ui.logText.appendPlainText(line)

    def _clicked(self) -> None:
        (self._on_cancel if self._running else self._on_apply)()

    def _show_waiting(self) -> None:
        self.ui.applyButton.text = tr("Apply")
        self.ui.applyButton.enabled = not self._why
        self.ui.applyButton.toolTip = self._why or tr("Answer the question of this panel for the inputs above")
        self.ui.progressBar.visible = False
        say(self.ui.stageLabel, "")
        say(self.ui.whyLabel, self._why)

    def _copy_log(self) -> None:
        import qt  # type: ignore[import-not-found]

        qt.QApplication.clipboard().setText(self.ui.logText.toPlainText())
