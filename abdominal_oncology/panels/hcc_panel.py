"""The LiverHCC panel: three phases and a segmentation, a row per lesion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels.choices import volume_trouble
from abdominal_oncology.panels.text import tr
from abdominal_oncology.panels.widget import PanelWidget

if TYPE_CHECKING:
    from abdominal_oncology.report import Report
    from abdominal_oncology.worker.jobs.request import JobRequest, JobResult


class HccPanel(PanelWidget):
    room = "hcc"
    without_model = "LI-RADS and measurements only"

    def why_not(self) -> str:
        for name, what in (("arterialVolume", tr("the arterial phase")), ("portalVolume", tr("the portal phase"))):
            trouble = volume_trouble(getattr(self.parameters, name), what)
            if trouble:
                return trouble
        return "" if self.parameters.segmentation is not None else tr("Choose the segmentation of the liver first.")

    def inputs(self) -> Sequence[Any]:
        chosen = (self.parameters.arterialVolume, self.parameters.portalVolume, self.parameters.delayedVolume)
        return [node for node in (*chosen, self.parameters.segmentation) if node is not None]

    def request(self) -> JobRequest:
        from abdominal_oncology.imaging.reader import ArrayReader
        from abdominal_oncology.scene.hcc_case import case_from_nodes
        from abdominal_oncology.scene.hcc_nodes import LiverNodes
        from abdominal_oncology.worker.jobs.hcc import LiverStudy, hcc_request

        chosen = self.parameters
        case = case_from_nodes(
            LiverNodes(chosen.arterialVolume, chosen.portalVolume, chosen.delayedVolume, chosen.segmentation)
        ).case
        study = LiverStudy(
            case.name,
            case.phases,
            dict(case.livers),
            {lesion.name: ArrayReader(lesion.mask) for lesion in case.lesions},
        )
        return hcc_request(study, bundle=chosen.bundle or None, device=chosen.device, maps=False)

    def show(self, result: JobResult) -> None:
        from abdominal_oncology.scene.hcc_results import write_findings

        written = write_findings(result.findings, self.parameters.segmentation, self.parameters.portalVolume)
        self.result_box.show(written.summary)

    def show_stored(self) -> None:
        self.result_box.show(None)

    def report(self) -> Report:
        from abdominal_oncology.panels.exports import report_of_tables

        return report_of_tables(tr("Liver lesions"), [self.result_box.table])

    def place(self, row: int) -> None:
        import slicer

        slicer.util.setSliceViewerLayers(background=self.parameters.portalVolume, fit=True)

    def fill_inputs(self) -> None:
        """The phases are the person's choice so far."""

    def sample_made(self, volumes: Any) -> None:
        import slicer

        for role in ("arterial", "portal", "delayed"):
            setattr(self.parameters, f"{role}Volume", volumes[role])
        self.parameters.segmentation = slicer.util.getNode("portal segmentation")

    def bind(self) -> None:
        """The room has no widgets of its own beside what the parameters bind."""

    def refresh(self) -> None:
        """All that is seen follows the parameters by itself."""
