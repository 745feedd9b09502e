"""The LiverHCC panel as a radiologist uses it: lesions in, categories out, and a reader who knows better."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 gives real Qt (libEGL, libGL)", exc_type=ImportError)

from liver_study import LiverStudy
from panel_tools import PumpedInProcess, apply_and_wait, find_quick
from slicer_desktop.waiting import wait_until

from abdominal_oncology.learning.finding import Finding, Provenance
from abdominal_oncology.worker.jobs.request import JobContext, JobRequest, JobResult, Work

pytestmark = pytest.mark.usefixtures("worker_with_memory")


@pytest.fixture(scope="module")
def answers() -> dict[str, JobResult]:
    return {}


@pytest.fixture
def worker_with_memory(desktop: Any, answers: dict[str, JobResult]) -> Iterator[None]:
    """A worker in this process that does not measure the same study anew for every test."""
    from abdominal_oncology.panels.session import PanelSession, close_session, keep_session

    def find(name: str) -> Work:
        def answer(request: JobRequest, context: JobContext) -> JobResult:
            asked = json.dumps([request.settings, sorted(request.images)])
            if asked not in answers:
                answers[asked] = find_quick(name)(request, context)
            return answers[asked]

        return answer if name == "hcc" else find_quick(name)

    keep_session(PanelSession(PumpedInProcess(find)))
    yield
    close_session()


@pytest.fixture(scope="module")
def liver() -> LiverStudy:
    return LiverStudy.make()


@pytest.fixture
def study(desktop: Any, liver: LiverStudy) -> LiverStudy:
    return liver.put()


@pytest.fixture
def panel(desktop: Any, study: LiverStudy) -> Any:
    opened = desktop.open("LiverHCC")
    opened.parameters.bundle = "none"
    return opened


@pytest.fixture
def answered(panel: Any) -> Any:
    panel.ui.cirrhosisCheckBox.checked = True
    apply_and_wait(panel)
    assert panel.run_box.message == ""
    return panel


def category(panel: Any) -> str:
    return str(panel.ui.categoryLabel.text)


def cell(panel: Any, row: int, column: str) -> str:
    """Of the table of results."""
    table = panel.result_box.table
    return str(table.GetCellText(row, table.GetColumnIndex(column)))


def test_an_opened_study_fills_the_panel(panel: Any, study: LiverStudy) -> None:
    chosen = panel.parameters
    for role in ("arterial", "portal", "delayed"):
        assert getattr(chosen, f"{role}Volume") is study.nodes[role]
    assert chosen.segmentation is study.nodes["segmentation"]
    assert panel.ui.liverSelector.currentSegmentID() == chosen.liverSegment == "liver"
    assert panel.segments_box.lesions.listed == ("lesion one", "lesion two")
    assert panel.run_box.ui.applyButton.enabled


def test_lesions_get_a_category_and_a_reason(answered: Any) -> None:
    assert [cell(answered, row, "lesion") for row in (0, 1)] == ["lesion one", "lesion two"]
    assert [cell(answered, row, "li_rads") for row in (0, 1)] == ["LR-5", "LR-5"]
    assert answered.result_box.ui.resultHeadline.text == "lesion one: LR-5\nlesion two: LR-5"
    assert category(answered) == "lesion one: LR-5"
    assert "nonrim APHE" in answered.ui.sentenceLabel.text
    assert "LR-4 without washout" in answered.ui.changesLabel.text


def test_a_click_overrides_a_feature_and_another_takes_it_back(answered: Any) -> None:
    grid = answered.lesion_box.features
    button = grid.button("washout")
    measured = button.text
    seen = []
    for _ in range(4):
        button.click()
        seen.append((button.text, category(answered).rpartition(" ")[2], cell(answered, 0, "li_rads")))
    assert seen == [
        ("nonperipheral *", "LR-5", "LR-5"),
        ("peripheral *", "LR-M", "LR-M"),
        ("none *", "LR-4", "LR-4"),
        (measured, "LR-5", "LR-5"),
    ]
    assert "overridden" not in cell(answered, 0, "warnings")
    assert not answered.ui.takeBackButton.enabled


def test_words_are_written_where_the_category_is(answered: Any) -> None:
    answered.lesion_box.features.button("aphe").click()
    answered.lesion_box.features.button("aphe").click()
    assert "rim APHE (targetoid)" in answered.ui.sentenceLabel.text
    assert "overridden" in cell(answered, 0, "warnings")
    assert "aphe overridden by reader" in " ".join(_notes(answered))
    assert category(answered) == "lesion one: LR-M"
    assert cell(answered, 1, "li_rads") == "LR-5"
    answered.ui.takeBackButton.click()
    assert category(answered) == "lesion one: LR-5"
    assert "overridden" not in cell(answered, 0, "warnings")


def _notes(panel: Any) -> tuple[str, ...]:
    from abdominal_oncology.hcc.finding_lirads import categorisation_of

    (finding, *_) = panel.logic.findingsOf(panel.parameters.segmentation)
    return categorisation_of(finding).notes


def test_a_reader_measures_the_size(answered: Any) -> None:
    said = answered.ui.featuresPlace.findChild("QDoubleSpinBox", "said size")
    said.value = 9.0
    assert category(answered) == "lesion one: LR-4"
    assert answered.ui.sentenceLabel.text.startswith("LR-4: 9 mm")
    said.value = 0.0
    assert category(answered) == "lesion one: LR-5"


def test_features_that_nobody_measured_can_be_shown_and_said(answered: Any) -> None:
    box = answered.ui.allFeaturesCheckBox
    box.checked = True
    mosaic = answered.lesion_box.features.button("mosaic")
    assert not mosaic.isHidden()
    mosaic.click()
    assert "mosaic" in answered.ui.sentenceLabel.text
    box.checked = False
    assert not mosaic.isHidden(), "what somebody has said stays in sight"
    mosaic.click()
    mosaic.click()
    assert mosaic.isHidden()


def test_words_outlive_another_run(answered: Any) -> None:
    for _ in range(3):
        answered.lesion_box.features.button("washout").click()
    apply_and_wait(answered)
    assert category(answered) == "lesion one: LR-4"
    assert answered.lesion_box.features.button("washout").text == "none *"


def test_what_is_said_and_chosen_during_a_run_counts(answered: Any, liver: LiverStudy) -> None:
    from abdominal_oncology.scene import segmentation_node_from_masks

    answered.run_box.ui.applyButton.click()
    for _ in range(3):
        answered.lesion_box.features.button("washout").click()
    answered.ui.treatedCheckBox.checked = True
    wait_until(lambda: not answered.is_running)
    assert answered.lesion_box.features.button("washout").text == "none *"
    assert category(answered) == "lesion one: no LI-RADS category"
    answered.ui.treatedCheckBox.checked = False
    first = answered.parameters.segmentation
    answered.run_box.ui.applyButton.click()
    answered.parameters.segmentation = segmentation_node_from_masks(liver.masks, "second reader")
    wait_until(lambda: not answered.is_running)
    assert answered.result_box.table is None, "the answer is about the outlines that were asked about"
    answered.parameters.segmentation = first
    assert category(answered) == "lesion one: LR-4"


def test_a_models_answer_stands_beside_the_category(
    answered: Any, answers: dict[str, JobResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    view = answered.result_box.ui.resultTable
    column = answered.result_box.table.GetColumnIndex("p_hcc")
    assert view.isColumnHidden(column), "no model was asked"
    assert answered.result_box.ui.resultBanner.isHidden()
    chances, without_doubt = {"hcc": 0.93, "other": 0.07}, {"hcc": 0.55, "other": 0.45}
    for asked, result in list(answers.items()):
        one, two = (replace(each, provenance=_by_a_model(each)) for each in result.findings)
        findings = (replace(one, decision="hcc", probabilities=chances), replace(two, probabilities=without_doubt))
        monkeypatch.setitem(answers, asked, replace(result, findings=findings))
    apply_and_wait(answered)
    assert answered.result_box.ui.resultHeadline.text == (
        "lesion one: LR-5, HCC 93 %\nlesion two: LR-5, HCC 55 % (answer withheld)"
    )
    assert not view.isColumnHidden(answered.result_box.table.GetColumnIndex("p_hcc"))
    assert "Trained on phantoms" in answered.result_box.ui.resultBanner.text
    answered.lesion_box.features.button("aphe").click()
    assert "HCC 93 %" in answered.result_box.ui.resultHeadline.text, "a word on a feature leaves the probability alone"


def _by_a_model(finding: Finding) -> Provenance:
    return replace(finding.provenance, bundle="tiny", trained_on="phantoms")


def test_the_population_decides_whether_lirads_applies(answered: Any) -> None:
    ui = answered.ui
    assert ui.populationLabel.text == "LI-RADS applies."
    assert not ui.noRiskCheckBox.enabled
    ui.cirrhosisCheckBox.checked = False
    assert category(answered) == "lesion one: LR-5, not applicable until confirmed"
    ui.noRiskCheckBox.checked = True
    assert not ui.cirrhosisCheckBox.enabled
    assert "no cirrhosis" in ui.populationLabel.text
    assert category(answered) == "lesion one: no LI-RADS category"
    assert cell(answered, 1, "li_rads") == "no LI-RADS category"
    ui.noRiskCheckBox.checked = False
    ui.hepatitisBCheckBox.checked = True
    assert category(answered) == "lesion one: LR-5"


def test_growth_follows_from_an_earlier_size(answered: Any, qt: Any) -> None:
    ui, features = answered.ui, answered.lesion_box.features
    _, size = answered.segments_box.lesions.controls("lesion one")
    size.value = 15.0
    assert "needs the day of the earlier study" in answered.run_box.ui.whyLabel.text
    assert not answered.run_box.ui.applyButton.enabled
    ui.treatedCheckBox.checked = True
    assert category(answered) == "lesion one: no LI-RADS category", "who the patient is counts meanwhile"
    ui.treatedCheckBox.checked = False
    ui.studyDateEdit.date = qt.QDate(2024, 6, 1)
    ui.priorDateEdit.date = qt.QDate(2024, 7, 1)
    assert "not before" in ui.priorNote.text
    ui.priorDateEdit.date = qt.QDate(2024, 2, 1)
    assert answered.run_box.ui.applyButton.enabled
    assert features.button("threshold_growth").text == "present"
    assert "threshold growth" in ui.sentenceLabel.text
    ui.priorModalityCombo.currentText = "ultrasound"
    assert features.button("threshold_growth").text == "absent"
    apply_and_wait(answered)
    assert features.button("threshold_growth").text == "absent"
    ui.priorModalityCombo.currentText = "MR"
    assert features.button("threshold_growth").text == "present"


def test_what_the_console_was_told_of_the_patient_stays(desktop: Any, liver: LiverStudy) -> None:
    from abdominal_oncology.hcc.lirads.growth import PriorSize

    study = liver.put()
    logic = desktop.load(desktop.file_of("LiverHCC")).LiverHCCLogic()
    study.nodes["portal"].SetAttribute("DICOM.StudyDate", "20240601")
    volumes = (study.nodes[role] for role in ("arterial", "portal", "delayed"))
    priors = {"lesion one": PriorSize(15.0, months=4)}
    findings = logic.analyze(*volumes, study.nodes["segmentation"], prior=priors, bundle="none", population="hbv")
    logic.writeResults(findings, study.nodes["segmentation"], study.nodes["portal"])
    panel = desktop.open("LiverHCC")
    assert panel.parameters.studyDate == "2024-06-01"
    assert category(panel) == "lesion one: LR-5", "nobody has ticked anything, but the console was told"
    panel.ui.treatedCheckBox.checked = True
    assert category(panel) == "lesion one: no LI-RADS category"
    panel.ui.treatedCheckBox.checked = False
    panel.ui.cirrhosisCheckBox.checked = True
    assert "threshold growth (15 → " in panel.ui.sentenceLabel.text


def test_what_was_said_of_one_patient_is_not_said_of_the_next(
    panel: Any, study: LiverStudy, liver: LiverStudy, qt: Any
) -> None:
    from abdominal_oncology.scene import put_study, segmentation_node_from_masks

    ui, chosen = panel.ui, panel.parameters
    ui.cirrhosisCheckBox.checked = True
    ui.studyDateEdit.date, ui.priorDateEdit.date = qt.QDate(2024, 6, 1), qt.QDate(2024, 2, 1)
    for control in ("lesion one", "lesion two"):
        panel.segments_box.lesions.controls(control)[1].value = 15.0
    panel.segments_box.lesions.controls("lesion two")[0].checked = False
    chosen.segmentation = segmentation_node_from_masks(liver.masks, "second reader", beside=study.nodes["portal"])
    assert [panel.segments_box.lesions.controls(each)[0].checked for each in ("lesion one", "lesion two")] == [True] * 2
    assert panel.segments_box.lesions.controls("lesion one")[1].value == 0.0
    assert ui.cirrhosisCheckBox.checked, "the patient is the same"
    portal = liver.phases["portal"]
    source = replace(portal.source, patient_id="P2", study_uid="2.2", header={"StudyDate": "20251224"})
    chosen.portalVolume = put_study({"portal": replace(portal, source=source)}).volumes["portal"]
    assert not ui.cirrhosisCheckBox.checked
    assert chosen.priorDate == ""
    assert ui.studyDateEdit.date == qt.QDate(2025, 12, 24)


def test_lesions_are_ticked_and_drawn(panel: Any, study: LiverStudy, slicer: Any) -> None:
    first, _ = panel.segments_box.lesions.controls("lesion one")
    first.checked = False
    apply_and_wait(panel)
    assert [cell(panel, row, "lesion") for row in range(panel.result_box.table.GetNumberOfRows())] == ["lesion two"]
    second, _ = panel.segments_box.lesions.controls("lesion two")
    second.checked = False
    assert "tick it in the list" in panel.run_box.ui.whyLabel.text
    segmentation = study.nodes["segmentation"].GetSegmentation()
    segmentation.AddEmptySegment("spleen", "spleen")
    segmentation.AddEmptySegment("new", "something new")
    segmentation.AddEmptySegment("cyst", "kidney_cyst_left")
    listed = panel.segments_box.lesions
    wait_until(lambda: listed.listed == ("lesion one", "lesion two", "new", "cyst"))
    assert [listed.controls(each)[0].checked for each in listed.listed] == [False, False, True, False]
    segmentation.GetSegment("new").SetName("a third lesion")
    wait_until(lambda: listed.controls("new")[0].text == "a third lesion")
    segmentation.RemoveSegment("new")
    wait_until(lambda: listed.listed == ("lesion one", "lesion two", "cyst"))


def test_phases_are_seen_side_by_side_around_the_lesion(answered: Any, study: LiverStudy, slicer: Any) -> None:
    manager = slicer.app.layoutManager()
    before = manager.layout
    answered.ui.sideBySideButton.click()
    assert manager.layout != before
    views = {role: manager.sliceWidget(f"Phase{role.title()}") for role in ("arterial", "portal", "delayed")}
    for role, view in views.items():
        composite = view.mrmlSliceCompositeNode()
        assert composite.GetBackgroundVolumeID() == study.nodes[role].GetID()
        assert composite.GetLinkedControl()
        assert place(view) == pytest.approx((20.0, 0.0, 55.0), abs=4.0)
    answered.result_box.select(1)
    assert category(answered).startswith("lesion two")
    for view in views.values():
        assert place(view) == pytest.approx((-25.0, -5.0, 60.0), abs=4.0)
    answered.ui.sideBySideButton.click()
    assert manager.layout == before


def place(view: Any) -> tuple[float, float, float]:
    """The middle of a slice view, in RAS mm."""
    matrix = view.mrmlSliceNode().GetSliceToRAS()
    return (matrix.GetElement(0, 3), matrix.GetElement(1, 3), matrix.GetElement(2, 3))


def test_maps_are_drawn_when_they_are_wanted(answered: Any, slicer: Any) -> None:
    def foreground() -> str:
        node = slicer.app.layoutManager().sliceWidget("Red").sliceLogic().GetForegroundLayer().GetVolumeNode()
        return "" if node is None else str(node.GetName())

    assert not slicer.util.getNodes("*enhancement*")
    answered.ui.overlayCombo.currentIndex = 1
    assert foreground() == "lesion one enhancement"
    answered.result_box.select(1)
    assert foreground() == "lesion two enhancement"
    answered.ui.overlayCombo.currentIndex = 2
    assert foreground() == "lesion two washout"
    answered.lesion_box.features.button("capsule").click()
    assert foreground() == "lesion two washout", "a word on a feature leaves the maps alone"
    answered.ui.shellCheckBox.checked = True
    shells = slicer.util.getNode("Lesion shells")
    assert shells.GetDisplayNode().GetVisibility()
    answered.ui.shellCheckBox.checked = False
    assert not shells.GetDisplayNode().GetVisibility()
    answered.ui.overlayCombo.currentIndex = 0
    assert foreground() == ""
    assert answered.parameters.segmentation.GetName() == "outlines", "the shells are no outlines of lesions"


def test_a_saved_scene_brings_lesions_and_words_back(answered: Any, slicer: Any, tmp_path: Path) -> None:
    answered.ui.hepatitisBCheckBox.checked = True
    for _ in range(3):
        answered.lesion_box.features.button("washout").click()
    assert slicer.util.saveScene(str(tmp_path / "scene.mrb"))
    slicer.mrmlScene.Clear(False)
    assert answered.result_box.table is None
    assert answered.ui.lesionCollapsibleButton.isHidden()
    slicer.util.loadScene(str(tmp_path / "scene.mrb"))
    answered.exit()
    answered.enter()
    assert category(answered) == "lesion one: LR-4"
    assert answered.ui.hepatitisBCheckBox.checked
    answered.ui.overlayCombo.currentIndex = 1
    assert "Click Apply" in answered.ui.overlayNote.text
    answered.ui.overlayCombo.currentIndex = 0
    answered.lesion_box.features.button("washout").click()
    assert category(answered) == "lesion one: LR-5"


def test_a_report_shows_every_lesion_in_every_phase(answered: Any, tmp_path: Path) -> None:
    path = answered.report().write(tmp_path)
    text = path.read_text(encoding="utf-8")
    assert "LR-5: " in text
    assert text.count("<img ") == 6
    assert sorted(file.name for file in tmp_path.glob("*.png"))[:2] == ["arterial-1.png", "arterial-2.png"]
    assert (tmp_path / "lesions.csv").read_text(encoding="utf-8").count("\n") == 3
    assert "Research use only" in text
    assert "Trained on phantoms" not in text, "no network was asked"


def test_a_report_says_what_its_model_was_trained_on(answered: Any) -> None:
    from abdominal_oncology.panels.hcc_report import lesion_report

    first, second = answered._readings.findings
    first = replace(first, provenance=replace(first.provenance, trained_on="phantoms"))
    assert len(lesion_report([first, second], {}, None).cautions) == 1
    assert lesion_report([second], {}, None).cautions == []


def test_results_that_somebody_deleted_are_gone(answered: Any, slicer: Any) -> None:
    slicer.mrmlScene.RemoveNode(answered.result_box.table)
    wait_until(lambda: answered.ui.lesionCollapsibleButton.isHidden())
    apply_and_wait(answered)
    assert category(answered) == "lesion one: LR-5"


def test_another_segmentation_has_other_results(answered: Any, liver: LiverStudy) -> None:
    from abdominal_oncology.scene import segmentation_node_from_masks

    first = answered.parameters.segmentation
    other = segmentation_node_from_masks(liver.masks, "second reader")
    answered.parameters.segmentation = other
    assert answered.result_box.table is None
    assert answered.ui.lesionCollapsibleButton.isHidden()
    answered.parameters.segmentation = first
    assert category(answered) == "lesion one: LR-5"


def test_pictures_of_the_main_states(answered: Any, output: Path) -> None:
    from slicer_desktop.pictures import colours, picture

    def draw(name: str, colour: str = "light", scale: float = 1.0) -> None:
        with colours(colour):
            picture(answered.parent, output / f"LiverHCC-{name}.png", scale=scale)
        assert answered.parent.minimumSizeHint.width() <= 400

    answered.ui.patientCollapsibleButton.collapsed = True
    draw("answered")
    for _ in range(3):
        answered.lesion_box.features.button("washout").click()
    draw("overridden-dark-2x", "dark", 2.0)
    answered.ui.allFeaturesCheckBox.checked = True
    draw("all-features")
    answered.ui.allFeaturesCheckBox.checked = False
    segmentation = answered.parameters.segmentation.GetSegmentation()
    segmentation.GetSegment("lesion two").SetName(
        "a_lesion_with_a_name_that_somebody_made_as_long_as_the_panel_is_wide"
    )
    answered.ui.patientCollapsibleButton.collapsed = False
    answered.ui.under18CheckBox.checked = True
    answered.segments_box.lesions.controls("lesion one")[1].value = 15.0
    answered.ui.priorCollapsibleButton.collapsed = False
    draw("outside-the-population")
