"""The RectalStaging panel: one T2 volume, its stage and the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels.choices import first_volume, volume_trouble
from abdominal_oncology.panels.text import tr
from abdominal_oncology.panels.widget import PanelWidget

if TYPE_CHECKING:
    from abdominal_oncology.report import Report
    from abdominal_oncology.worker.jobs.request import JobRequest, JobResult


class RectalPanel(PanelWidget):
    room = "rectal"
    without_model = "no stage, measurements only"

    def why_not(self) -> str:
        return volume_trouble(self.parameters.inputVolume, tr("the T2 volume"))

    def inputs(self) -> Sequence[Any]:
        return [self.parameters.inputVolume]

    def request(self) -> JobRequest:
        from abdominal_oncology.scene.rename import plain_name
        from abdominal_oncology.scene.volumes import reader_from_volume_node
        from abdominal_oncology.worker.jobs.rectal import rectal_request

        node = self.parameters.inputVolume
        return rectal_request(
            plain_name(node),
            reader_from_volume_node(node),
            bundle=self.parameters.bundle or None,
            device=self.parameters.device,
        )

    def show(self, result: JobResult) -> None:
        from abdominal_oncology.scene.rectal_results import write_stage
        from abdominal_oncology.worker.jobs.rectal import OVERLAY

        write_stage(result.findings[0], self.parameters.inputVolume, result.images.get(OVERLAY))
        self.show_stored()

    def show_stored(self) -> None:
        from abdominal_oncology.scene.rectal_results import stage_of, stage_results

        volume = self.parameters.inputVolume
        finding = None if volume is None else stage_of(volume)
        if finding is None:
            self.result_box.show(None)
            return
        written = stage_results(volume)
        self.result_box.show(written.summary, written.chart, headline=finding.reason)

    def report(self) -> Report:
        from abdominal_oncology.panels.exports import report_of_tables

        return report_of_tables(tr("Rectal staging"), [self.result_box.table])

    def place(self, row: int) -> None:
        import slicer

        slicer.util.setSliceViewerLayers(background=self.parameters.inputVolume, fit=True)

    def fill_inputs(self) -> None:
        if self.parameters.inputVolume is None:
            self.parameters.inputVolume = first_volume("MR")

    def sample_made(self, volumes: Any) -> None:
        self.parameters.inputVolume = volumes["t2"]

    def bind(self) -> None:
        """The room has no widgets of its own beside what the parameters bind."""

    def refresh(self) -> None:
        """All that is seen follows the parameters by itself."""
