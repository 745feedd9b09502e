"""PhaseClassifierLogic as a person uses it in Slicer's Python console."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core gives the scene")

from abdominal_oncology.errors import (
    Cancelled,
    InvalidInputError,
    MissingDependencyError,
    MissingInputError,
    SceneError,
)
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality, Source
from abdominal_oncology.learning.finding import Provenance
from abdominal_oncology.phase.labels import Phase
from abdominal_oncology.phase.whole_finding import withheld
from abdominal_oncology.scene import (
    fact,
    put_study,
    segmentation_node_from_masks,
    table_from_node,
    volume_node_from_image,
)

GRID = Geometry((20, 64, 64), (5.0, 4.0, 4.0))
ORGANS = {"aorta": (slice(2, 18), slice(36, 44), slice(28, 36)), "liver": (slice(6, 16), slice(16, 40), slice(6, 26))}
ORGANS["portal_vein"] = (slice(8, 14), slice(24, 30), slice(26, 28))
VENOUS_HU = {"aorta": 145, "liver": 108, "portal_vein": 160}
ARTERIAL_HU = {"aorta": 320, "liver": 62, "portal_vein": 75}


def body(organs_hu: dict[str, int], **header: Any) -> Image:
    """A cylinder of soft tissue with an aorta, a portal vein and a liver in it, made of blocks."""
    noise = np.random.default_rng(3).normal(0, 8, GRID.shape)
    j, i = np.mgrid[:64, :64]
    voxels = np.where(((j - 32) ** 2 + (i - 32) ** 2 < 30**2)[None], 40 + noise, -1000)
    for name, where in ORGANS.items():
        voxels[where] = organs_hu[name] + noise[where]
    source = Source("", "P1", "1.2", "", "1.2.9", (), {"Modality": "CT"} | header)
    return Image(voxels.astype(np.int16), GRID, Modality.CT, source)


@pytest.fixture
def logic(desktop: Any, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Any:
    import slicer

    from abdominal_oncology.learning.bundle.store import Store

    slicer.mrmlScene.Clear(False)
    empty = Store(tmp_path_factory.mktemp("bundles"))  # what is installed on this machine must not matter
    monkeypatch.setattr("abdominal_oncology.learning.bundle.store.installed_store", lambda: empty)
    return desktop.load(desktop.file_of("PhaseClassifier")).PhaseClassifierLogic()


def segmentation(*names: str, beside: Any) -> Any:
    masks = {}
    for name in names:
        mask = np.zeros(GRID.shape, bool)
        mask[ORGANS[name]] = True
        masks[name] = Image(mask, GRID, Modality.MASK)
    return segmentation_node_from_masks(masks, "organs", beside=beside)


def test_a_segmentation_in_the_scene_gives_the_phase_without_any_network(logic: Any) -> None:
    nodes = [volume_node_from_image(body(hu), name) for name, hu in (("v", VENOUS_HU), ("a", ARTERIAL_HU))]
    organs = segmentation("aorta", "liver", "portal_vein", beside=nodes[0])
    seen: list[float] = []
    findings = logic.classify(nodes, segmentation=organs, progress=lambda done, stage: seen.append(done))
    assert [each.decision for each in findings] == ["venous", "arterial"]
    assert [each.subject for each in findings] == ["v", "a"]
    assert all(each.has_warning("no-network") for each in findings)
    measured = {row["structure"]: row for row in findings[0].tables["regions"]}
    assert measured.keys() == set(ORGANS)
    for name, row in measured.items():
        assert abs(row["hu"] - VENOUS_HU[name]) < 6
        assert row["source"] == "segmentation"
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert fact(nodes[0], "Phase", "nothing written") == "nothing written"
    written = logic.writeResults(findings, nodes, rename=True)
    assert [row["phase"] for row in table_from_node(written.summary).rows] == ["venous", "arterial"]
    assert [node.GetName() for node in nodes] == ["v [venous]", "a [arterial]"]
    assert logic.classify(nodes[0], segmentation=organs)[0].subject == "v"  # one node; our own addition is no name
    logic.removeResults(nodes)
    assert [node.GetName() for node in nodes] == ["v", "a"]


def test_placed_points_do_as_well(logic: Any) -> None:
    import slicer

    node = volume_node_from_image(body(ARTERIAL_HU), "scan")
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "points")
    for label, kji in (("aorta-1", (6, 40, 32)), ("aorta-2", (12, 40, 32)), ("liver", (10, 28, 16))):
        x, y, z = GRID.to_world(kji)
        points.AddControlPoint([-x, -y, z], label)
    (found,) = logic.classify([node], points=points)
    assert found.decision == "arterial"
    assert {row["source"] for row in found.tables["regions"]} == {"points"}
    points.SetNthControlPointPositionWorld(0, [900.0, 0.0, 0.0])
    (doubted,) = logic.classify([node], points=points)
    assert doubted.has_warning("points-unusable")


def test_a_volume_that_cannot_be_classified_does_not_cost_the_others_their_answer(logic: Any) -> None:
    import slicer

    ct = volume_node_from_image(body(VENOUS_HU), "ct")
    mr = volume_node_from_image(Image(np.full((8, 9, 9), 300, np.int16), Geometry((8, 9, 9)), Modality.MR), "mr")
    nothing = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "nothing")
    organs = segmentation("aorta", "liver", "portal_vein", beside=ct)
    refused, found, empty = logic.classify([mr, ct, nothing], segmentation=organs)
    assert found.decision == "venous"
    assert (empty.subject, empty.decision) == ("nothing", None)
    assert empty.has_warning("not-classified")
    assert refused.decision is None
    assert refused.has_warning("not-classified")
    assert "MR" in refused.reason
    logic.writeResults([refused, found], [mr, ct])
    assert fact(mr, "Phase", "nothing written") is None


def test_a_segmentation_of_another_volume_is_told_and_not_used(logic: Any) -> None:
    ct = volume_node_from_image(body(VENOUS_HU), "ct")
    organs = segmentation("aorta", "liver", beside=ct)
    moved = replace(GRID, origin_mm=(0.0, 0.0, 5000.0))
    far = volume_node_from_image(Image(body(VENOUS_HU).voxels, moved, Modality.CT), "far")
    (found,) = logic.classify([far], segmentation=organs)
    assert found.has_warning("segmentation-elsewhere")
    assert "segmentation" not in {row["source"] for row in found.tables.get("regions", ())}


def test_wrong_requests_are_raised_before_work_begins(logic: Any) -> None:
    import slicer

    ct = volume_node_from_image(body(VENOUS_HU), "ct")
    gone = volume_node_from_image(body(VENOUS_HU), "gone")
    slicer.mrmlScene.RemoveNode(gone)
    bones = segmentation_node_from_masks(
        {"vertebrae_L1": Image(np.ones((2, 2, 2), bool), Geometry((2, 2, 2)), "MASK")}, "b"
    )
    points = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "F")
    points.AddControlPoint([0, 0, 0], "F-1")

    def never(fraction: float, stage: str) -> None:
        assert fraction == 0, "work has begun"

    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"volumeNodes": []}, MissingInputError, "no volume"),
        ({"volumeNodes": None}, SceneError, "no volume"),
        ({"volumeNodes": [ct, gone]}, SceneError, "not in the scene any more"),
        ({"volumeNodes": [ct], "fraction": 0.0}, InvalidInputError, "fraction"),
        ({"volumeNodes": [ct], "bundle": "nobody-knows"}, MissingInputError, "nobody-knows"),
        ({"volumeNodes": [ct], "segmentation": bones}, MissingInputError, "no segment"),
        ({"volumeNodes": [ct], "segmentation": ct}, SceneError, "segmentation"),
        ({"volumeNodes": [ct], "points": points}, MissingInputError, "F-1"),
    ]
    for request, kind, text in wrong:
        with pytest.raises(kind, match=text):
            logic.classify(**request, progress=never)


def test_stopping_stops(logic: Any) -> None:
    def stop(fraction: float, stage: str) -> None:
        raise Cancelled("the user asked to stop")

    with pytest.raises(Cancelled):
        logic.classify([volume_node_from_image(body(VENOUS_HU), "ct")], progress=stop)


def test_without_torch_the_kinetics_answer_and_a_named_bundle_is_refused(
    logic: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ct = volume_node_from_image(body(VENOUS_HU), "ct")
    organs = segmentation("aorta", "liver", "portal_vein", beside=ct)
    monkeypatch.setattr("abdominal_oncology.worker.models.find_spec", lambda name: None)
    (found,) = logic.classify([ct], segmentation=organs)
    assert found.decision == "venous"
    assert ["PyTorch is not installed" in each.message for each in found.warnings if each.code == "no-network"] == [
        True
    ]
    (asked_for,) = logic.classify([ct], bundle="none", segmentation=organs)
    assert (asked_for.decision, asked_for.has_warning("no-network")) == ("venous", False)
    with pytest.raises(MissingDependencyError, match="PyTorch"):
        logic.classify([ct], bundle="phase-efficientnet-b0")


def test_a_bundle_stays_warm_until_it_is_released(logic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same predictor for the second click; it is handed to the classification with fraction and seed."""
    from abdominal_oncology.learning import predictor_pool
    from abdominal_oncology.learning.networks import networks_of

    made: list[Any] = []

    class Double:
        def __init__(self, model: Any, *_: Any, cache: Any, **__: Any) -> None:
            self.released, self.cache = False, cache
            made.append(self)

        def release(self) -> None:
            self.released = True

    class Model:
        sha256 = "00"
        facts = type("Facts", (), {"name": "phase-test"})()

    handed: list[Any] = []

    def classified(case: Any, *, predictor: Any, settings: Any, **_: Any) -> Any:
        handed.append((predictor, settings.fraction, settings.seed))
        return withheld(case.case, "double", [], Provenance(""))

    class Store:
        onnx_cache = "where the command line keeps its ONNX files, too"

        def stamps(self) -> tuple[()]:
            return ()

        def find(self, name: str, task: str) -> Model:
            return Model()

        def default(self, task: str, order: Any) -> Model:
            return Model()

    monkeypatch.setattr("abdominal_oncology.learning.bundle.store.installed_store", Store)
    monkeypatch.setattr(predictor_pool, "Predictor", Double)
    monkeypatch.setattr("abdominal_oncology.worker.jobs.phase_work.classify", classified)
    ct = volume_node_from_image(body(VENOUS_HU), "ct")
    for bundle in (None, "phase-test"):
        (found,) = logic.classify([ct], bundle, 0.5, 7)
        assert found.warnings == ()
    assert [each.cache for each in made] == [Store.onnx_cache]
    assert "efficientnet-b0" in networks_of("phase")  # or no bundle could be opened
    assert handed == [(made[0], 0.5, 7)] * 2
    logic.releaseModels()
    assert made[0].released


def test_a_study_in_the_scene_is_paired(logic: Any) -> None:
    times = {"non-contrast": "100000", "arterial": "100200", "venous": "100100"}
    images = {name: body(VENOUS_HU, AcquisitionTime=clock) for name, clock in times.items()}
    nodes = list(put_study(images).volumes.values())
    findings = [withheld("x", "", [], Provenance("")) for _ in nodes]
    findings = [
        replace(each, decision=name, probabilities={name: 0.9}) for each, name in zip(findings, times, strict=True)
    ]
    scout = volume_node_from_image(body(VENOUS_HU, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), "scout")
    paired = logic.pairStudy([*nodes, scout], [*findings, None])
    (found,) = paired
    assert found.series == dict(zip(map(Phase, times), [node.GetID() for node in nodes], strict=True))
    assert list(found.missing) == [Phase.DELAYED]
    assert ["arterial (arterial) and venous (venous)" in each.message for each in found.warnings] == [True]
    assert [(each.name, "LOCALIZER" in each.reason) for each in paired.aside] == [(scout.GetID(), True)]
    assert found.part == "unknown"
    where = {"abdomen": ({"first_slice": 2, "last_slice": 17, "confidence": 0.9, "from_mm": 10.0, "to_mm": 85.0},)}
    located = logic.pairStudy(nodes, [replace(findings[0], tables=where), *findings[1:]])
    assert [each.part for each in located] == ["abdomen"]  # located once, known for all in this space
    with pytest.raises(InvalidInputError, match="1 findings for 3 volumes"):
        logic.pairStudy(nodes, findings[:1])
