"""LiverHCC's logic on nodes: which segments are lesions, findings in the scene and back, a reader's word, bad input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from liver_scene import LiverScene

slicer = pytest.importorskip("slicer", reason="slicer-core gives the scene")

from abdominal_oncology.errors import (  # noqa: E402
    DifferentPatientsError,
    InvalidInputError,
    MissingInputError,
    SceneError,
    WrongModalityError,
)
from abdominal_oncology.hcc.finding_lirads import lirads_of  # noqa: E402
from abdominal_oncology.hcc.lirads.growth import PriorSize  # noqa: E402
from abdominal_oncology.imaging.image import Image, Source  # noqa: E402
from abdominal_oncology.learning.finding import Finding, Provenance  # noqa: E402
from abdominal_oncology.panels import HccLogic  # noqa: E402
from abdominal_oncology.scene import (  # noqa: E402
    boot,
    clear_scene,
    open_scene,
    place_of,
    put_study,
    save_scene,
    segmentation_node_from_masks,
    segments,
    table_from_node,
    volume_node_from_image,
)
from abdominal_oncology.scene.hcc_nodes import PriorStudy  # noqa: E402
from abdominal_oncology.scene.hierarchy import hierarchy, item_of  # noqa: E402
from abdominal_oncology.scene.phase_results import write_findings as write_phases  # noqa: E402

_SMALL = LiverScene(spacing_mm=(3.0, 2.0, 2.0), shape=(48, 80, 92))
_DARK = LiverScene(spacing_mm=(3.0, 2.0, 2.0), shape=(48, 80, 92), centre_mm=(22.0, -12.0, 12.0), lesion_mm=14.0)


class Logic(HccLogic):
    expects = "CT"
    sample_role = "portal"

    def phantom(self) -> Any:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def _empty_scene(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    from abdominal_oncology.learning.bundle.store import Store

    clear_scene()
    empty = Store(tmp_path_factory.mktemp("bundles"))  # what is installed on this machine must not matter
    monkeypatch.setattr("abdominal_oncology.learning.bundle.store.installed_store", lambda: empty)


@pytest.fixture
def logic() -> Logic:
    return Logic()


Study = SimpleNamespace


@pytest.fixture
def study() -> Study:
    return in_scene(_SMALL)


def in_scene(scene: LiverScene, **masks: Image) -> Study:
    images = {}
    for role in ("arterial", "portal", "delayed"):
        image = scene.image(role)
        source = Source("", "P1", "1.2", f"1.2.{role}", "1.9", (), {"Modality": "CT", "SeriesDescription": role})
        images[role] = replace(image, source=source)
    nodes = put_study(images).volumes
    masks = {"liver": scene.liver_mask(), "lesion_1": scene.lesion_mask(), **masks}
    segmentation = segmentation_node_from_masks(masks, "outlines", beside=nodes["portal"])
    return SimpleNamespace(**nodes, segmentation=segmentation)


def analyze(logic: Logic, study: Study, **more: Any) -> list[Finding]:
    given = {"population": "cirrhosis", "bundle": "none"} | more
    return logic.analyze(study.arterial, study.portal, study.delayed, study.segmentation, **given)


def ids(kind: str) -> set[str]:
    nodes = boot().GetNodesByClass(kind)
    nodes.UnRegister(None)
    return {nodes.GetItemAsObject(n).GetID() for n in range(nodes.GetNumberOfItems())}


def test_a_lesion_in_the_scene_is_measured_and_the_scene_stays_as_it_is(logic: Logic, study: Study) -> None:
    before = ids("vtkMRMLNode")
    seen: list[float] = []
    (finding,) = analyze(logic, study, progress=lambda done, stage: seen.append(done))
    assert ids("vtkMRMLNode") == before
    assert finding.subject == "lesion_1"
    assert lirads_of(finding).decision in ("LR-4", "LR-5")
    assert finding.measurement("size").value == pytest.approx(20, abs=1.6)  # type: ignore[union-attr]
    assert not finding.has_warning("lesion-cut")
    assert not finding.has_warning("mask-on-other-grid")
    assert finding.provenance.inputs["portal"] == study.portal.GetID()
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_row_per_lesion_beside_the_study_maps_shells_and_back(logic: Logic, tmp_path: Path) -> None:
    study = in_scene(_SMALL, lesion_2=_DARK.lesion_mask())
    findings = analyze(logic, study)
    assert [each.subject for each in findings] == ["lesion_1", "lesion_2"]
    written = logic.writeResults(findings, study.segmentation, study.portal, maps=True)
    rows = table_from_node(written.summary).rows
    assert [row["lesion"] for row in rows] == ["lesion_1", "lesion_2"]
    assert {row["decision"] for row in rows} == {"withheld"}
    assert rows[0]["li_rads"] == lirads_of(findings[0]).decision
    assert rows[0]["p_hcc"] is None
    features = table_from_node(written.features).rows
    assert {row["lesion"] for row in features} == {"lesion_1", "lesion_2"}
    assert place_of(written.summary).study_uid == place_of(study.portal).study_uid == "1.2"
    tree = hierarchy()
    assert tree.GetItemParent(item_of(written.summary)) == tree.GetItemParent(item_of(study.portal))
    assert set(written.maps["lesion_1"]) == {"enhancement", "washout"}
    (shell, *_) = segments(written.shells)
    assert shell.structure is not None
    assert shell.structure.name == "lesion_capsule"
    assert shell.terminology is not None
    assert logic.findingsOf(study.segmentation) == findings
    save_scene(tmp_path / "study.mrb")
    open_scene(tmp_path / "study.mrb")
    again = boot().GetFirstNodeByName("outlines")
    assert logic.findingsOf(again) == findings
    changed = logic.recategorise(logic.findingsOf(again)[0], {"aphe": "none", "washout": "none"})
    assert lirads_of(changed).decision == "LR-3"


def test_writing_again_replaces_and_removing_leaves_nothing(logic: Logic, study: Study) -> None:
    before = ids("vtkMRMLNode")
    findings = analyze(logic, study)
    first = logic.writeResults(findings, study.segmentation, study.portal, maps=True)
    assert first.shells is not None
    changed = [logic.recategorise(findings[0], {"aphe": "rim"}, by="Dr A", why="seen")]
    second = logic.writeResults(changed, study.segmentation, study.portal, maps=True)
    assert first.summary.GetScene() is None
    assert first.shells.GetScene() is None
    row = table_from_node(second.summary).rows[0]
    assert row["li_rads"] == "LR-M"
    assert logic.findingsOf(study.segmentation) == changed
    logic.removeResults(study.segmentation)
    kinds = ("vtkMRMLTableNode", "vtkMRMLSegmentationNode", "vtkMRMLScalarVolumeNode")
    assert all(ids(kind) <= before for kind in kinds)
    assert logic.findingsOf(study.segmentation) == []


def test_what_cannot_be_written_leaves_the_old_results(
    logic: Logic, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = analyze(logic, study)
    logic.writeResults(findings, study.segmentation, study.portal)
    before = ids("vtkMRMLNode")

    def fails(*_: Any, **__: Any) -> Any:
        raise SceneError("no room")

    monkeypatch.setattr("abdominal_oncology.scene.hcc_results.features_table", fails)
    with pytest.raises(SceneError, match="no room"):
        logic.writeResults(findings, study.segmentation, study.portal)
    assert ids("vtkMRMLNode") == before
    assert logic.findingsOf(study.segmentation) == findings
    with pytest.raises(InvalidInputError, match="no finding"):
        logic.writeResults([], study.segmentation, study.portal)
    stranger = Finding("phase", "x", None, {}, Provenance("y"))
    with pytest.raises(InvalidInputError, match="not hcc"):
        logic.writeResults([stranger], study.segmentation, study.portal)


def test_maps_need_the_measurements_they_are_drawn_from(logic: Logic, study: Study) -> None:
    findings = analyze(logic, study)
    logic.releaseModels()
    with pytest.raises(InvalidInputError, match="nothing is measured any more"):
        logic.writeResults(findings, study.segmentation, study.portal, maps=True)
    logic.writeResults(findings, study.segmentation, study.portal)


def test_anatomy_parts_of_lesions_and_what_lies_elsewhere_are_no_lesions(logic: Logic) -> None:
    scene = _SMALL
    points = scene.points(scene.grid)
    outside = LiverScene(spacing_mm=scene.spacing_mm, shape=scene.shape, centre_mm=(80.0, 0.0, 0.0)).lesion_mask()
    vessel = Image((np.abs(points[..., :2]).max(axis=-1) < 4).astype(np.uint8), scene.grid, "MASK")
    study = in_scene(
        scene,
        portal_vein=vessel,
        lesion_capsule=scene.lesion_mask(),
        mark=_DARK.lesion_mask(),
        elsewhere=outside,
    )
    findings = analyze(logic, study)
    assert [each.subject for each in findings] == ["lesion_1", "mark"]
    (left_out,) = (each.message for each in findings[0].warnings if each.code == "segments-left-out")
    assert "elsewhere" in left_out
    assert "portal_vein" not in left_out
    (chosen,) = analyze(logic, study, lesionSegments=["mark"])
    assert chosen.subject == "mark"


def test_without_any_lesion_the_reasons_are_told(logic: Logic) -> None:
    scene = _SMALL
    images = {role: scene.image(role) for role in ("arterial", "portal", "delayed")}
    nodes = put_study(images).volumes
    aorta = Image(scene.lesion_mask().voxels, scene.grid, "MASK")
    outlines = segmentation_node_from_masks({"liver": scene.liver_mask(), "aorta": aorta}, "o", beside=nodes["portal"])
    with pytest.raises(MissingInputError, match="aorta: it is aorta"):
        logic.analyze(nodes["arterial"], nodes["portal"], nodes["delayed"], outlines, bundle="none")


def test_bad_choices_are_refused_by_name(logic: Logic, study: Study) -> None:
    with pytest.raises(MissingInputError, match="liver's outline is missing"):
        analyze(logic, study, liverSegment="spleen")
    with pytest.raises(InvalidInputError, match="one volume was given as two phases"):
        logic.analyze(study.portal, study.portal, None, study.segmentation)
    with pytest.raises(MissingInputError, match="arterial phase is missing"):
        logic.analyze(None, study.portal, study.delayed, study.segmentation)
    with pytest.raises(MissingInputError, match="no lesion was chosen"):
        analyze(logic, study, lesionSegments=[])
    with pytest.raises(SceneError, match="arterial volume"):
        logic.analyze(study.segmentation, study.portal, None, study.segmentation)
    with pytest.raises(InvalidInputError, match="knows no population"):
        analyze(logic, study, population="tall")
    with pytest.raises(InvalidInputError, match="no lesion has that name"):
        analyze(logic, study, overrides={"lesion_9": {"aphe": "rim"}})
    with pytest.raises(InvalidInputError, match="lesion_9"):
        analyze(logic, study, prior={"lesion_9": PriorSize(11.0, months=5)})
    mr = volume_node_from_image(
        Image(np.full((8, 9, 9), 300, np.int16), _SMALL.grid.crop((0,) * 3, (8, 9, 9)), "MR"), "mr"
    )
    with pytest.raises(WrongModalityError, match="MR image"):
        logic.analyze(mr, study.portal, None, study.segmentation)
    other = replace(_SMALL.image("arterial"), source=Source("", "P2", "1.3"))
    with pytest.raises(DifferentPatientsError):
        logic.analyze(volume_node_from_image(other, "other"), study.portal, None, study.segmentation)


def test_phases_found_before_are_compared_with_the_roles_given(logic: Logic, study: Study) -> None:
    def phase(decision: str, p: float) -> Finding:
        return Finding("phase", "s", decision, {decision: p}, Provenance("votes"))

    write_phases(
        [phase("arterial", 0.9), phase("arterial", 0.8), phase("delayed", 0.6)],
        [study.arterial, study.portal, study.delayed],
    )
    (finding,) = analyze(logic, study)
    assert finding.has_warning("phase-contradicted")
    assert finding.has_warning("phase-doubtful")
    with pytest.raises(MissingInputError, match="no series is the portal phase"):
        logic.phasesOf([study.arterial, study.portal, study.delayed])
    write_phases([phase("venous", 0.8)], [study.portal])
    found = logic.phasesOf([study.delayed, study.portal, study.arterial])
    assert {role: node.GetID() for role, node in found.items()} == {
        role: getattr(study, role).GetID() for role in ("arterial", "portal", "delayed")
    }
    (finding,) = analyze(logic, study)
    assert not finding.has_warning("phase-contradicted")


@pytest.mark.parametrize("how", ["size", "by name", "study"])
def test_growth_since_an_earlier_study(logic: Logic, study: Study, how: str) -> None:
    smaller = LiverScene(spacing_mm=_SMALL.spacing_mm, shape=_SMALL.shape, lesion_mm=11.0).lesion_mask()
    before = segmentation_node_from_masks({"liver": _SMALL.liver_mask(), "lesion_1": smaller}, "earlier")
    prior: Callable[[], Any] = {
        "size": lambda: PriorSize(11.0, months=5),
        "by name": lambda: {"lesion_1": PriorSize(11.0, months=5)},
        "study": lambda: PriorStudy(before, months=5),
    }[how]
    (finding,) = analyze(logic, study, prior=prior())
    assert "threshold growth" in lirads_of(finding).reason
    assert finding.measurement("growth").value > 55  # type: ignore[union-attr]


def test_whether_lirads_applies_is_not_assumed(logic: Logic, study: Study) -> None:
    (finding,) = analyze(logic, study, population=None)
    assert finding.has_warning("population-unconfirmed")
    written = logic.writeResults([finding], study.segmentation, study.portal)
    assert "not applicable until confirmed" in str(table_from_node(written.summary).rows[0]["li_rads"])


def test_a_segmentation_under_a_transform_lies_where_it_is_shown(logic: Logic, study: Study) -> None:
    import vtk

    shift = boot().AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = vtk.vtkMatrix4x4()
    matrix.SetElement(2, 3, 7.0)
    shift.SetMatrixTransformToParent(matrix)
    for node in (study.arterial, study.portal, study.delayed, study.segmentation):
        node.SetAndObserveTransformNodeID(shift.GetID())
    (moved,) = analyze(logic, study)
    assert lirads_of(moved).decision in ("LR-4", "LR-5")
    assert moved.measurement("size").value == pytest.approx(20, abs=1.6)  # type: ignore[union-attr]
