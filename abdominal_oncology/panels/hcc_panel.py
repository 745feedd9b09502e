"""The LiverHCC panel: phases and a segmentation in, a row per lesion out, and a reader who may know better."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from abdominal_oncology.errors import AbdominalOncologyError
from abdominal_oncology.panels.choices import volume_trouble
from abdominal_oncology.panels.hcc_lesion_box import LesionBox
from abdominal_oncology.panels.hcc_patient import (
    PatientBox,
    PatientFacts,
    PatientMemory,
    facts_of,
    forget_patient,
    known_facts,
    patient_trouble,
    study_date,
)
from abdominal_oncology.panels.hcc_phases import VIEWED, VOLUMES, PhaseFiller, chosen_volumes
from abdominal_oncology.panels.hcc_readings import Readings
from abdominal_oncology.panels.hcc_segments import SegmentsBox, fill_liver, fill_segmentation, lesion_segments
from abdominal_oncology.panels.hcc_views import PhaseViews
from abdominal_oncology.panels.text import tr
from abdominal_oncology.panels.widget import PanelWidget

if TYPE_CHECKING:
    from abdominal_oncology.report import Report
    from abdominal_oncology.scene.hcc_nodes import LiverNodes
    from abdominal_oncology.worker.jobs.request import JobRequest, JobResult

_EVENTS = ("SegmentAdded", "SegmentRemoved", "SegmentModified")


class HccPanel(PanelWidget):
    room = "hcc"
    without_model = "LI-RADS and measurements only"
    _asked: LiverNodes | None
    """What the last run is about."""
    _facts: PatientFacts | None
    """What was known of the patient when the categories were made that are shown."""

    # what is asked

    def why_not(self) -> str:
        chosen = self.parameters
        needed = {"arterialVolume": tr("the arterial phase"), "portalVolume": tr("the portal venous phase")}
        volumes = chosen_volumes(self.parameters).values()
        trouble = [volume_trouble(getattr(chosen, name), what) for name, what in needed.items()]
        trouble += [volume_trouble(node, "") for node in volumes]
        if len({node.GetID() for node in volumes}) < len(volumes):
            trouble.append(tr("One volume was chosen for two phases: choose a volume of its own for each."))
        if chosen.segmentation is None:
            trouble.append(tr("Choose the segmentation of liver and lesions first."))
        elif not chosen.liverSegment:
            trouble.append(tr("Choose the segment of the liver; if there is none, segment it on the portal phase."))
        elif not lesion_segments(chosen):
            trouble.append(tr("Draw each lesion as a segment of its own, and tick it in the list of lesions."))
        trouble.append(patient_trouble(chosen))
        return next((each for each in trouble if each), "")

    def inputs(self) -> Sequence[Any]:
        segmentation = self.parameters.segmentation
        return [*chosen_volumes(self.parameters).values(), *([] if segmentation is None else [segmentation])]

    def request(self) -> JobRequest:
        from abdominal_oncology.panels.hcc_inputs import LiverQuestion, request_of
        from abdominal_oncology.scene.hcc_nodes import find_chosen_lesions

        facts = facts_of(self.parameters)
        asked = self._asked = self._nodes()
        there = {each.name for each in find_chosen_lesions(asked)}  # words on others are of no use this time
        return request_of(
            LiverQuestion(
                asked,
                facts.population,
                facts.priors,
                facts.imaged_on,
                {name: said for name, said in self._readings.overrides.items() if name in there},
                self.parameters.bundle or None,
                self.parameters.device,
            )
        )

    # what becomes of the answer

    def show(self, result: JobResult) -> Iterator[None]:
        from abdominal_oncology.panels.hcc_inputs import with_nodes
        from abdominal_oncology.worker.jobs.hcc import maps_of

        asked, self._asked = self._asked, None  # others may have been chosen since
        assert asked is not None
        findings = with_nodes(result.findings, asked)
        self._readings.write(findings, asked.segmentation, asked.portal, maps_of(result))
        yield
        self.lesion_box.draw_nothing()
        facts = known_facts(self.parameters)
        if facts is not None:
            self._readings.follow(facts)
        self.show_stored()
        yield
        self._go_to_lesion()

    def show_stored(self) -> None:
        self._facts = known_facts(self.parameters)  # what the scene holds was answered for this patient
        self._readings.open(self.parameters.segmentation, self.parameters.portalVolume)
        self._row = 0
        self._show_readings()

    def report(self) -> Report:
        from abdominal_oncology.panels.hcc_report import lesion_report

        return lesion_report(
            self._readings.findings, chosen_volumes(self.parameters, VIEWED), self.parameters.segmentation
        )

    def place(self, row: int) -> None:
        """A row is a lesion: its features are shown, and the views go there."""
        if self._marking or row >= len(self._readings.findings):
            return
        self._row = row
        self.lesion_box.show(self._readings.findings[row])
        self._go_to_lesion()
        self._draw()

    # what is chosen

    def fill_inputs(self) -> None:
        """What is filled in here is nobody's word about the patient: categories stay as they are."""
        self._filling = True
        try:
            self._fill_inputs()
        finally:
            self._filling = False
        self._facts = known_facts(self.parameters)

    def _fill_inputs(self) -> None:
        chosen = self.parameters
        self._phases.fill(chosen)
        if chosen.segmentation is None:
            fill_segmentation(chosen)
        fill_liver(chosen)
        if not chosen.studyDate and chosen.portalVolume is not None:
            chosen.studyDate = study_date(chosen.portalVolume)

    def sample_made(self, volumes: Any) -> None:
        chosen = self.parameters
        for role, name in VOLUMES.items():
            setattr(chosen, name, volumes.get(role))
        chosen.liverSegment, chosen.lesionTicks, chosen.studyDate = "", {}, ""
        forget_patient(chosen)

    def bind(self) -> None:
        self._readings, self._views = Readings(), PhaseViews()
        self._row = 0
        self._marking, self._filling, self._overlay_is_on = False, False, False
        self._facts, self._asked = None, None
        self._watched: Any = None
        self._memory: PatientMemory | None = None
        self._phases = PhaseFiller()
        self.segments_box = SegmentsBox(self.ui, lambda: self.parameters)
        self.patient_box = PatientBox(self.ui, self._set_fact, self._set_day)
        self.lesion_box = LesionBox(self.ui, self._say, self._take_back, self._draw)
        self.ui.sideBySideButton.connect("toggled(bool)", self._side_by_side)
        self.result_box.ui.layoutButton.visible = False  # lesions have no plot

    def refresh(self) -> None:
        chosen = self.parameters
        if self._memory is None or not self._memory.is_of(chosen):
            self._memory = PatientMemory(chosen)
        self._memory.notice()
        self._watch(chosen.segmentation)
        self.segments_box.show()
        self.patient_box.show(chosen)
        self._show_views()
        if not self.is_running and not self._filling:
            self._follow_parameters()

    def onSceneStartClose(self, caller: Any, event: Any) -> None:
        """Nothing of the scene is kept: the next one's nodes may have the same identifiers."""
        super().onSceneStartClose(caller, event)
        self._watch(None)
        self._readings, self._phases, self._memory, self._asked = Readings(), PhaseFiller(), None, None
        self.lesion_box.show(None)

    # inside

    def _show_views(self) -> None:
        """Phases that are chosen otherwise are seen otherwise; without two phases there is nothing side by side."""
        names = ("arterialVolume", "portalVolume")
        button = self.ui.sideBySideButton
        button.enabled = not any(volume_trouble(getattr(self.parameters, name), "") for name in names)
        if button.enabled:
            self._views.follow(chosen_volumes(self.parameters, VIEWED))
        elif button.checked:
            button.checked = False

    def _nodes(self) -> LiverNodes:
        from abdominal_oncology.scene.hcc_nodes import LiverNodes

        chosen = self.parameters
        return LiverNodes(
            chosen.arterialVolume,
            chosen.portalVolume,
            chosen.delayedVolume,
            chosen.segmentation,
            chosen.liverSegment,
            lesion_segments(chosen),
            chosen.nonContrastVolume,
        )

    def _watch(self, segmentation: Any) -> None:
        """Segments that are drawn, renamed or deleted change the list of lesions."""
        if segmentation is self._watched:
            return
        from slicer import vtkSegmentation

        for event in (getattr(vtkSegmentation, name) for name in _EVENTS):
            if self._watched is not None:
                self.removeObserver(self._watched, event, self._scene_changed)
            if segmentation is not None:
                self.addObserver(segmentation, event, self._scene_changed)
        self._watched = segmentation

    def _set_fact(self, fact: str, ticked: bool) -> None:
        if self.parameters is not None:
            others = [each for each in self.parameters.patientFacts if each != fact]
            self.parameters.patientFacts = [*others, fact] if ticked else others

    def _set_day(self, name: str, day: str) -> None:
        if self.parameters is not None:
            setattr(self.parameters, name, day)

    def _follow_parameters(self) -> None:
        """Another segmentation has other results; what a person changes about the patient changes the categories."""
        if self._readings.are_of_another(self.parameters.segmentation):
            self.show_stored()
            return
        facts, before = known_facts(self.parameters), self._facts
        if facts is None or facts == before:
            return
        self._facts = facts
        if before is not None and self._readings.findings:
            self._change(lambda: self._readings.follow(facts))

    def _say(self, what: str, word: str | float | None) -> None:
        self._change(lambda: self._readings.say(self._row, what, word))

    def _take_back(self) -> None:
        self._change(lambda: self._readings.take_back(self._row))

    def _change(self, change: Any) -> None:
        """Other words on lesions that are there; what is wrong with them is told beside the lesion."""
        self.lesion_box.note("")
        try:
            change()
        except AbdominalOncologyError as error:
            self.lesion_box.note(str(error))
        self._show_readings()

    def _show_readings(self) -> None:
        """The table and the chosen lesion; the views stay where the person looks."""
        readings = self._readings
        table = readings.table
        self.lesion_box.show(readings.findings[self._row] if readings.findings else None)
        if table is None:
            self.result_box.show(None)
            return
        self.result_box.show(table, banner=readings.banner, headline=readings.headline, columns=readings.columns)
        self._marking = True
        self.result_box.select(self._row)
        self._marking = False

    def _go_to_lesion(self) -> None:
        if self._readings.findings:
            finding = self._readings.findings[self._row]
            self._views.go_to(finding, self.parameters.segmentation, chosen_volumes(self.parameters, VIEWED))

    def _side_by_side(self, on: bool) -> None:
        if on:
            self._views.turn_on(chosen_volumes(self.parameters, VIEWED))
            self._go_to_lesion()
        else:
            self._views.turn_off()

    def _draw(self) -> None:
        """The overlay and the shell that are wanted, of the lesion that is chosen."""
        import slicer

        wanted, readings = self.lesion_box.overlay, self._readings
        if not readings.findings or not (
            wanted or self._overlay_is_on or self.lesion_box.wants_shell or readings.shells
        ):
            return
        if (wanted or self.lesion_box.wants_shell) and not readings.draw():
            self.lesion_box.note(
                tr("The maps of this lesion are not kept with the scene. Click Apply to measure again.")
            )
            return
        node = readings.map_of(self._row, wanted) if wanted else None
        if node is not None or self._overlay_is_on:
            slicer.util.setSliceViewerLayers(foreground=node, foregroundOpacity=0.5 if node is not None else 0.0)
        self._overlay_is_on = node is not None
        if readings.shells is not None:
            readings.shells.GetDisplayNode().SetVisibility(self.lesion_box.wants_shell)
        empty = bool(wanted) and node is None
        self.lesion_box.note(tr("Nothing could be measured in this lesion, so there is no map of it.") if empty else "")
