"""The PhaseClassifier panel: CT volumes, their contrast phases and what these rest on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels import phase_answers, phase_inputs
from abdominal_oncology.panels.boxes.result_box import show_table
from abdominal_oncology.panels.choices import volume_trouble
from abdominal_oncology.panels.text import tr
from abdominal_oncology.panels.views import jump_to_ras, jump_to_slice, show_volume
from abdominal_oncology.panels.widget import PanelWidget

if TYPE_CHECKING:
    from abdominal_oncology.report import Report
    from abdominal_oncology.worker.jobs.request import JobRequest, JobResult

_ROLES = {
    "arterial": "arterialVolume",
    "portal": "portalVolume",
    "delayed": "delayedVolume",
    "non-contrast": "nonContrastVolume",
}
"""Parameters of the LiverHCC panel by the role that a volume has in a liver study."""


class PhasePanel(PanelWidget):
    room = "phase"
    without_model = "kinetics only"
    encodings = (
        ("One-hot", "soft-cross-entropy"),
        ("Circular SORD, s = 1", "circular-sord:s=1"),
        ("Circular SORD, s = 0.625", "circular-sord:s=0.625"),
        ("PL-SORD, s = 1", "pl-sord:s=1"),
        ("Learned, s = 0.855", "learned-encoding:s=0.855"),
    )
    _asked: Sequence[Any] = ()
    _listed: Sequence[Any] = ()
    _row = 0
    _showing = False

    # what is asked

    @property
    def volumes(self) -> list[Any]:
        """The chosen volumes that are still there."""
        return [node for node in self.parameters.inputVolumes if node is not None]

    def why_not(self) -> str:
        if not self.volumes:
            return tr("Choose one or more CT volumes, or a study, first.")
        return next((text for node in self.volumes if (text := volume_trouble(node, ""))), "")

    def inputs(self) -> Sequence[Any]:
        others = (self.parameters.segmentation, self.parameters.points)
        return [*self.volumes, *(node for node in others if node is not None)]

    def request(self) -> JobRequest:
        self._asked = self.volumes
        return phase_inputs.request_of(
            phase_inputs.PhaseQuestion(
                self._asked,
                self.parameters.segmentation,
                self.parameters.points,
                self.parameters.fraction,
                self.parameters.bundle or None,
                self.parameters.device,
            )
        )

    def fill_inputs(self) -> None:
        if not self.volumes:
            found = phase_inputs.sensible_volumes()
            if found:
                self.parameters.inputVolumes = found

    def sample_made(self, volumes: Any) -> None:
        self.parameters.inputVolumes = list(volumes.values())

    # what is answered

    def show(self, result: JobResult) -> Iterator[None]:
        from abdominal_oncology.scene.phase_results import writing_findings

        yield from writing_findings(result.findings, self._asked, rename=self.parameters.rename)
        yield
        self._row = 0
        self.show_stored()

    def show_stored(self) -> None:
        from abdominal_oncology.scene.phase_fact import finding_of
        from abdominal_oncology.scene.phase_results import summary_node, summary_volumes

        summary = summary_node()
        self._listed = () if summary is None else summary_volumes(summary)
        found = [finding_of(node) for node in self._listed if node is not None]
        banner = phase_answers.banner([each for each in found if each is not None])
        self.result_box.show(summary, banner=banner, columns=phase_answers.COLUMNS)
        there = [row for row, node in enumerate(self._listed) if node is not None]
        self._show_row(self._row if self._row in there or not there else there[0])
        self._refresh_hand_over()

    def report(self) -> Report:
        return phase_answers.report_of([node for node in self._listed if node is not None], self.result_box.table)

    def place(self, row: int) -> None:
        """To the slice that speaks most for the answer."""
        from abdominal_oncology.scene.phase_fact import finding_of

        self._show_row(row)
        volume = self._listed[row] if row < len(self._listed) else None
        finding = None if volume is None else finding_of(volume)
        if finding is not None and not volume_trouble(volume, ""):
            jump_to_slice(volume, phase_answers.best_slice(volume, finding))

    def hand_over(self) -> None:
        """Give the phases found to the LiverHCC panel and go there."""
        import slicer

        found = self._phases()
        liver = slicer.util.getModuleLogic("LiverHCC").getParameterNode()
        for role, parameter in _ROLES.items():
            if role in found and parameter in liver.allParameters:
                setattr(liver, parameter, found[role])
        slicer.util.selectModule("LiverHCC")

    # the panel's own widgets

    def bind(self) -> None:
        self.ui.volumeTree.connect("currentItemsChanged(QList<vtkIdType>)", self._items_chosen)
        self.ui.studyButton.connect("clicked(bool)", self._whole_study)
        self.ui.liverButton.connect("clicked(bool)", self.hand_over)
        self.ui.regionsTable.connect("selectionChanged()", self._region_chosen)

    def refresh(self) -> None:
        import vtk

        items = vtk.vtkIdList()
        for item in phase_inputs.items_of_volumes(self.volumes):
            items.InsertNextId(item)
        self._showing = True
        self.ui.volumeTree.setCurrentItems(items)
        self._showing = False
        self.ui.chosenLabel.text = phase_inputs.names_of(self.volumes)
        self.ui.studyButton.enabled = bool(self.volumes)
        if any(node is not None and node.GetScene() is None for node in self._listed) and not self.is_running:
            self.show_stored()
        self._refresh_hand_over()

    def _items_chosen(self) -> None:
        import vtk

        if self._showing or self.parameters is None:
            return
        items = vtk.vtkIdList()
        self.ui.volumeTree.currentItems(items)
        chosen = phase_inputs.volumes_of_items(items.GetId(n) for n in range(items.GetNumberOfIds()))
        if chosen:
            self.parameters.inputVolumes = chosen

    def _whole_study(self) -> None:
        self.parameters.inputVolumes = phase_inputs.study_of(self.volumes[0])

    def _show_row(self, row: int) -> None:
        """Plot, words and organs of one volume of the summary table."""
        from abdominal_oncology.scene.phase_fact import finding_of
        from abdominal_oncology.scene.phase_results import results_of

        volume = self._listed[row] if 0 <= row < len(self._listed) else None
        finding = None if volume is None else finding_of(volume)
        self._row = max(0, row)
        written = None if volume is None else results_of(volume)
        self.result_box.show_chart(None if written is None else written.chart)
        if finding is not None:
            self.result_box.say(phase_answers.headline(finding))
        elif self._listed:
            self.result_box.say(tr("This volume is not in the scene any more."))
        regions = None if written is None else written.regions
        show_table(self.ui.regionsTable, regions, phase_answers.REGION_COLUMNS)
        self.ui.evidenceCollapsibleButton.visible = regions is not None

    def _region_chosen(self) -> None:
        view, volume = self.ui.regionsTable, self._listed[self._row] if self._row < len(self._listed) else None
        node = view.mrmlTableNode()
        chosen: Any = view.selectionModel().selectedRows() if node is not None else ()
        if len(chosen) and volume is not None and not volume_trouble(volume, ""):
            place = phase_answers.region_place(node, view.sortFilterProxyModel().mapToSource(chosen[0]).row())
            if place is not None:
                show_volume(volume)
                jump_to_ras(-place[0], -place[1], place[2])

    def _phases(self) -> dict[str, Any]:
        """The chosen volumes by their role in a liver study; empty where arterial or portal is not among them."""
        from abdominal_oncology.errors import AbdominalOncologyError
        from abdominal_oncology.scene.hcc_nodes import phases_by_finding
        from abdominal_oncology.scene.phase_fact import finding_of

        looked_at = [node for node in self.volumes if finding_of(node) is not None]
        try:
            return dict(phases_by_finding(looked_at)) if looked_at else {}
        except AbdominalOncologyError:  # says which phase is missing; the button says so in its own words
            return {}

    def _refresh_hand_over(self) -> None:
        found = self._phases()
        button = self.ui.liverButton
        button.enabled = bool(found)
        button.toolTip = (
            tr("Open LiverHCC with {phases}").format(phases=", ".join(found))
            if found
            else tr("LiverHCC needs an arterial and a portal (venous) phase among the chosen volumes")
        )
