"""The PhaseClassifier panel: CT volumes, their contrast phases and what these rest on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels.choices import first_volume, volume_trouble
from abdominal_oncology.panels.text import tr
from abdominal_oncology.panels.widget import PanelWidget

if TYPE_CHECKING:
    from abdominal_oncology.report import Report
    from abdominal_oncology.worker.jobs.request import JobRequest, JobResult


class PhasePanel(PanelWidget):
    room = "phase"
    without_model = "kinetics only"

    def why_not(self) -> str:
        return volume_trouble(self.parameters.inputVolume, tr("a CT volume"))

    def inputs(self) -> Sequence[Any]:
        return [self.parameters.inputVolume]

    def request(self) -> JobRequest:
        from abdominal_oncology.scene.rename import plain_name
        from abdominal_oncology.scene.volumes import reader_from_volume_node
        from abdominal_oncology.worker.jobs.phase import Series, phase_request

        node = self.parameters.inputVolume
        series = Series(plain_name(node), reader_from_volume_node(node))
        return phase_request([series], bundle=self.parameters.bundle or None, device=self.parameters.device)

    def show(self, result: JobResult) -> None:
        from abdominal_oncology.scene.phase_results import write_findings

        write_findings(result.findings, [self.parameters.inputVolume])
        self.show_stored()

    def show_stored(self) -> None:
        from abdominal_oncology.scene.phase_results import results_of, summary_node

        summary, volume = summary_node(), self.parameters.inputVolume
        self.result_box.show(summary, None if volume is None else results_of(volume).chart)

    def report(self) -> Report:
        from abdominal_oncology.panels.exports import report_of_tables

        return report_of_tables(tr("Contrast phases"), [self.result_box.table])

    def place(self, row: int) -> None:
        import slicer

        slicer.util.setSliceViewerLayers(background=self.parameters.inputVolume, fit=True)

    def fill_inputs(self) -> None:
        if self.parameters.inputVolume is None:
            self.parameters.inputVolume = first_volume("CT")

    def sample_made(self, volumes: Any) -> None:
        self.parameters.inputVolume = volumes["venous"]

    def bind(self) -> None:
        """The room has no widgets of its own beside what the parameters bind."""

    def refresh(self) -> None:
        """All that is seen follows the parameters by itself."""
