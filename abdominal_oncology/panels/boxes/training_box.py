"""The Training section: data, network, folds; start and stop; curves while it runs; the result becomes a model.

A training takes hours, so it has a process of its own beside the worker. It ends with Slicer, and goes on where it was
when it is started again with the same folder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels.boxes.fragment import put_fragment, say
from abdominal_oncology.panels.boxes.result_box import plot_view, show_table
from abdominal_oncology.panels.text import tr
from abdominal_oncology.panels.training_command import TrainingChoice, as_text

if TYPE_CHECKING:
    from abdominal_oncology.worker.jobs.request import JobResult

_LOOK_EVERY_MS = 2000
_PAUSE = 30  # times as long as the look took
_VIEW = "AbdominalOncologyTrainingPlot"


class TrainingBox:
    """``encodings`` are (label, loss) pairs for the chooser of label encodings; without them it is not shown.

    ``ask_networks`` asks for the room's networks when the section is opened first and calls back with their names;
    ``on_trained`` is called when a new model is in the list.
    """

    def __init__(
        self,
        place: Any,
        room: str,
        encodings: Sequence[tuple[str, str]],
        ask_networks: Callable[[Callable[[JobResult], None]], None],
        on_trained: Callable[[], None],
    ) -> None:
        import qt  # type: ignore[import-not-found]  # PythonQt's, in the Slicer application

        from abdominal_oncology.panels.command_process import CommandProcess
        from abdominal_oncology.panels.training_curves import CurveNodes

        self.ui = put_fragment(place, "training")
        self._room, self._encodings = room, (("", ""), *encodings)
        self._ask_networks, self._on_trained = ask_networks, on_trained
        self._asked = False
        self.process = CommandProcess(self._line, self._ended)
        self.curves = CurveNodes()
        self._timer: Any = qt.QTimer()
        self._timer.interval = _LOOK_EVERY_MS
        self._timer.connect("timeout()", self._look)
        own = tr("as in the recipe")
        self.ui.networkCombo.addItem(own)
        for label, _ in self._encodings:
            self.ui.encodingCombo.addItem(label or own)
        self.ui.encodingLabel.visible = self.ui.encodingCombo.visible = bool(encodings)
        self.ui.manifestPath.connect("currentPathChanged(QString)", self.refresh)
        self.ui.outputPath.connect("currentPathChanged(QString)", self.refresh)
        self.ui.bundleEdit.connect("textChanged(QString)", self.refresh)
        for name in ("phantomsSpin", "foldsSpin", "epochsSpin"):
            getattr(self.ui, name).connect("valueChanged(int)", self.refresh)
        for name in ("networkCombo", "encodingCombo"):
            getattr(self.ui, name).connect("currentIndexChanged(int)", self.refresh)
        self.ui.startButton.connect("clicked(bool)", self._clicked)
        self.ui.copyCommandButton.connect("clicked(bool)", self._copy)
        self.device = "auto"
        show_table(self.ui.curvesTable, None)
        self.ui.curvesPlot.visible = False
        say(self.ui.trainingNote, "")
        self.refresh()

    @property
    def choice(self) -> TrainingChoice:
        """What the widgets say."""
        ui = self.ui
        network = ui.networkCombo.currentText if ui.networkCombo.currentIndex > 0 else ""
        return TrainingChoice(
            self._room,
            manifest=ui.manifestPath.currentPath,
            phantoms=ui.phantomsSpin.value,
            network=network,
            loss=self._encodings[max(0, ui.encodingCombo.currentIndex)][1],
            epochs=ui.epochsSpin.value,
            folds=ui.foldsSpin.value,
            output=ui.outputPath.currentPath,
            bundle=ui.bundleEdit.text,
            device=self.device,
        )

    def opened(self) -> None:
        """Somebody looks at the section: now it is worth asking for the networks."""
        if not self._asked:
            self._asked = True
            self._ask_networks(self._networks_known)

    def refresh(self) -> None:
        """Start is on where training can start, and the command below is the one that it runs."""
        choice = self.choice
        why = choice.why_not()
        running = self.process.is_running
        self.ui.startButton.text = tr("Stop training") if running else tr("Start training")
        self.ui.startButton.enabled = running or not why
        self.ui.startButton.toolTip = (
            tr("Stop; started again with the same folder, it goes on where it was")
            if running
            else why or tr("Runs for minutes to days in a process of its own; it ends with Slicer")
        )
        say(self.ui.trainingWhy, "" if running else why)
        self.ui.commandText.setPlainText("" if why else as_text(choice.commands()))
        self.ui.copyCommandButton.enabled = not why

    def close(self) -> None:
        self._timer.stop()
        self.process.close()

    # inside

    def _clicked(self) -> None:
        if self.process.is_running:
            say(self.ui.trainingNote, tr("Stopping ..."))
            self.process.stop()
            return
        choice = self.choice
        try:
            Path(choice.output).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            say(self.ui.trainingNote, tr("The folder cannot be made: {error}").format(error=error))
            return
        self.ui.trainingLog.clear()
        say(self.ui.trainingNote, tr("Training runs ..."))
        self.curves.forget()
        self._running = choice
        self.process.start(choice.commands())
        self._timer.start()
        self.refresh()

    def _look(self) -> None:
        started = time.monotonic()
        if self.curves.follow(Path(self._running.output)):
            self._show_curves()
        spent_ms = 1000 * (time.monotonic() - started)
        self._timer.interval = max(_LOOK_EVERY_MS, round(_PAUSE * spent_ms))  # long curves are looked at less often

    def _show_curves(self) -> None:
        show_table(self.ui.curvesTable, self.curves.table)
        view = plot_view(_VIEW)
        view.SetPlotChartNodeID(self.curves.chart.GetID())
        self.ui.curvesPlot.visible = True
        self.ui.curvesPlot.setMRMLPlotViewNode(view)

    def _line(self, line: str) -> None:
        self.ui.trainingLog.appendPlainText(line)

    def _ended(self, well: bool) -> None:
        self._timer.stop()
        self._look()
        if well and self._running.validates:
            say(self.ui.trainingNote, tr("Cross-validated; its figures stand at the end of the log."))
        elif well:
            say(self.ui.trainingNote, tr("Trained. The model is in the list above."))
            self._on_trained()
        else:
            say(self.ui.trainingNote, tr("The training ended before its end; the log says why. It can go on."))
        self.refresh()

    def _networks_known(self, result: JobResult) -> None:
        for name in result.facts.get("networks", ()):
            self.ui.networkCombo.addItem(name)

    def _copy(self) -> None:
        import qt

        qt.QApplication.clipboard().setText(as_text(self.choice.commands()))
