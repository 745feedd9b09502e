"""The RectalStaging panel: one T2 volume, its stage, and the slices and places that it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from abdominal_oncology.panels import rectal_answers
from abdominal_oncology.panels.boxes.fragment import say
from abdominal_oncology.panels.boxes.result_box import show_table
from abdominal_oncology.panels.choices import first_volume, volume_trouble
from abdominal_oncology.panels.rectal_inputs import RectalQuestion, locate_request_of, request_of
from abdominal_oncology.panels.rectal_overlay import Overlay
from abdominal_oncology.panels.rectal_point import PointWords
from abdominal_oncology.panels.rectal_region import RegionBox, leave_region_of_another, roi_trouble
from abdominal_oncology.panels.text import tr
from abdominal_oncology.panels.views import jump_to_ras, show_volume
from abdominal_oncology.panels.widget import PanelWidget

if TYPE_CHECKING:
    from abdominal_oncology.learning.finding import Finding
    from abdominal_oncology.report import Report
    from abdominal_oncology.scene.rectal_results import RectalResults
    from abdominal_oncology.worker.jobs.request import JobRequest, JobResult


class RectalPanel(PanelWidget):
    room = "rectal"
    without_model = "no stage, measurements only"
    _asked: Any
    """The volume that the last run is about; another may have been chosen since."""
    _finding: Finding | None
    _written: RectalResults | None

    # what is asked

    def why_not(self) -> str:
        return volume_trouble(self.parameters.inputVolume, tr("the T2 volume")) or roi_trouble(self.parameters.roi)

    def inputs(self) -> Sequence[Any]:
        chosen = self.parameters
        return [node for node in (chosen.inputVolume, chosen.roi, chosen.segmentation) if node is not None]

    def request(self) -> JobRequest:
        chosen = self.parameters
        self._asked = chosen.inputVolume
        return request_of(
            RectalQuestion(
                chosen.inputVolume,
                chosen.roi,
                chosen.segmentation,
                self._sensitivity(),
                chosen.tta,
                True if chosen.biasCorrection else None,
                chosen.bundle or None,
                chosen.device,
            )
        )

    def fill_inputs(self) -> None:
        if self.parameters.inputVolume is None:
            self.parameters.inputVolume = first_volume("MR")

    def sample_made(self, volumes: Any) -> None:
        self.parameters.inputVolume = volumes["t2"]

    # what is answered

    def show(self, result: JobResult) -> Iterator[None]:
        from abdominal_oncology.scene.rectal_results import writing_stage
        from abdominal_oncology.worker.jobs.rectal import OVERLAY

        yield from writing_stage(result.findings[0], self._asked, result.images.get(OVERLAY))
        yield
        self.show_stored()

    def show_stored(self) -> None:
        self._finding, self._written = self._stored()
        finding, written = self._finding, self._written
        if finding is None or written is None:
            self.result_box.show(None)
        else:
            by_slice = written.slices is not None
            self.result_box.show(
                written.slices if by_slice else written.summary,
                written.chart,
                banner=rectal_answers.banner(finding),
                headline=rectal_answers.headline(finding),
                columns=rectal_answers.SLICE_COLUMNS if by_slice else rectal_answers.EVIDENCE_COLUMNS,
            )
        summary = None if written is None or written.slices is None else written.summary
        show_table(self.ui.evidenceTable, summary, rectal_answers.EVIDENCE_COLUMNS)
        self.ui.evidenceCollapsibleButton.visible = summary is not None
        self._listen_to_plot()
        self._show_overlay()

    def report(self) -> Report:
        assert self._finding is not None  # there is nothing to export otherwise
        assert self._written is not None
        return rectal_answers.report_of(self._finding, self.parameters.inputVolume, self._written)

    def place(self, row: int) -> None:
        """To the slice of a row."""
        written = self._written
        if self._finding is None or written is None or written.slices is None:
            return
        from abdominal_oncology.scene.rectal_places import place_of_slice

        table = written.slices
        index = int(table.GetTable().GetValueByName(row, "slice").ToInt())
        x, y, z = place_of_slice(self._finding, self.parameters.inputVolume, index)
        show_volume(self.parameters.inputVolume)
        jump_to_ras(-x, -y, z)

    # the panel's own widgets

    def bind(self) -> None:
        self._asked = self._finding = self._written = None
        self._overlay, self._point = Overlay(), PointWords()
        self._volume_seen: Any = None
        self._heard_plot = False
        self.region_box = RegionBox(self.ui)
        self.ui.locateButton.connect("clicked(bool)", self.onLocate)

    def refresh(self) -> None:
        chosen = self.parameters
        self.region_box.show(chosen, self.is_running)
        self.ui.sensitivitySlider.enabled = chosen.wishSensitivity
        say(self.ui.pointLabel, self._point.text(self.model_box.choice, self._sensitivity()))
        self.ui.overlayOpacitySlider.enabled = chosen.showOverlay
        if self.is_running:
            return
        if chosen.inputVolume is not self._volume_seen:
            self._volume_seen = chosen.inputVolume
            leave_region_of_another(chosen)
            self.region_box.forget()
            self.show_stored()
        elif self._results_are_gone():
            self.show_stored()
        else:
            self._show_overlay()

    def onLocate(self, checked: bool = False) -> None:
        """Put a ROI where the locator finds the rectum; what it finds is only a proposal."""
        from abdominal_oncology.errors import AbdominalOncologyError

        if self.is_running:
            return
        volume = self.parameters.inputVolume
        try:
            request = locate_request_of(volume)
        except AbdominalOncologyError as error:
            self.run_box.fail(error)
            return
        self._asked = volume
        self.region_box.forget()
        self._start(request, [volume], self._show_located)

    # inside

    def _show_located(self, result: JobResult) -> None:
        region = self.region_box.put(result, self._asked)
        if self.parameters.inputVolume is self._asked:
            self.parameters.roi = region
        else:  # another was chosen meanwhile: the ROI waits for who comes back
            self.region_box.forget()

    def _sensitivity(self) -> float | None:
        return float(self.parameters.sensitivity) if self.parameters.wishSensitivity else None

    def _stored(self) -> tuple[Finding | None, RectalResults | None]:
        volume = None if self.parameters is None else self.parameters.inputVolume
        if volume is None:
            return None, None
        from abdominal_oncology.scene.rectal_results import stage_of, stage_results

        finding = stage_of(volume)
        written = None if finding is None else stage_results(volume)
        if written is None or written.summary is None:  # somebody has deleted the table
            return None, None
        return finding, written

    def _results_are_gone(self) -> bool:
        written = self._written
        if written is None:
            return False
        return any(node is not None and node.GetScene() is None for node in (written.summary, written.slices))

    def _show_overlay(self) -> None:
        chosen, written = self.parameters, self._written
        node = None if written is None else written.overlay
        there = node is not None and node.GetScene() is not None
        self.ui.overlayCheckBox.enabled = there
        self._overlay.show(node if there and chosen.showOverlay else None, float(chosen.overlayOpacity))

    def _listen_to_plot(self) -> None:
        """A click on a point of the plot is a click on its row."""
        if not self._heard_plot:
            view = self.result_box.ui.resultPlot.plotView()
            self._heard_plot = view.connect("dataSelected(vtkStringArray*,vtkCollection*)", self.onPlotSelected)

    def onPlotSelected(self, series: Any, chosen: Any) -> None:
        """``chosen`` has the numbers of the chosen points of each of ``series``."""
        for n in range(chosen.GetNumberOfItems()):
            points = chosen.GetItemAsObject(n)
            if points.GetNumberOfValues():
                row = int(points.GetValue(0))
                self.result_box.select(row)
                return
