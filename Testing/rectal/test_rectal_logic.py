"""RectalStagingLogic as a person uses it in Slicer's Python console, without the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core gives the scene")
pytest.importorskip("torch", reason="networks need torch")
pytest.importorskip("safetensors", reason="bundles need safetensors")

from rectal_doubles import DEPTH, facts, network, sagittal

from abdominal_oncology.errors import (
    Cancelled,
    GeometryMismatchError,
    InvalidInputError,
    MissingDependencyError,
    MissingInputError,
    SceneError,
    WrongModalityError,
)
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.learning.bundle.store import Store
from abdominal_oncology.learning.bundle.write import write_bundle
from abdominal_oncology.panels import RectalLogic
from abdominal_oncology.rectal.box import Box
from abdominal_oncology.scene import (
    boot,
    clear_scene,
    fact,
    image_from_volume_node,
    segmentation_node_from_masks,
    table_from_node,
    volume_node_from_image,
)
from abdominal_oncology.scene.rectal_results import stage_results
from abdominal_oncology.scene.rectal_roi import fill_roi_node


class Logic(RectalLogic):
    expects = "MR"
    sample_role = "t2"

    def phantom(self) -> Any:
        raise NotImplementedError


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made_by = facts(name="rectal-untrained")
    folder = tmp_path_factory.mktemp("bundle") / "rectal-untrained"
    write_bundle(folder, network(made_by), made_by)
    return folder


@pytest.fixture
def logic(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    clear_scene()
    empty = Store(tmp_path / "bundles")  # what is installed on this machine must not matter
    monkeypatch.setattr("abdominal_oncology.learning.bundle.store.installed_store", lambda: empty)
    # an export to ONNX takes longer than all these networks
    monkeypatch.setattr("abdominal_oncology.learning.runtime_choice.find_spec", lambda name: None)
    yield Logic()
    clear_scene()


@pytest.fixture
def volume(logic: Any, t2: Image) -> Any:
    return volume_node_from_image(t2, "T2 axial")


def segments(tumour: Image, rectum: Image, beside: Any, **names: Image) -> Any:
    return segmentation_node_from_masks({"tumour": tumour, "rectum": rectum, **names}, "drawn", beside=beside)


def roi(box: Box) -> Any:
    node = boot().AddNewNodeByClass("vtkMRMLMarkupsROINode", "my region")
    fill_roi_node(node, box)
    return node


def codes(finding: Any) -> set[str]:
    return {each.code for each in finding.warnings}


def test_a_volume_is_staged_and_written(
    logic: Any, volume: Any, bundle: Path, tumour: Image, rectum: Image, t2: Image
) -> None:
    drawn = segments(tumour, rectum, volume)
    seen: list[float] = []
    before = boot().GetNumberOfNodes()
    finding = logic.stage(
        volume, segmentation=drawn, bundle=bundle, progress=lambda done, stage: seen.append(done), sensitivity=0.9
    )
    assert boot().GetNumberOfNodes() == before
    assert finding.decision in ("T2", "T3")
    assert finding.subject == "T2 axial"
    assert finding.tables["operating"][0]["name"] == "sensitivity 0.90"
    assert finding.measurement("extramural depth").value > 0
    assert (np.diff(seen) > -1e-9).all()
    assert seen[-1] == 1.0
    written = logic.writeResults(finding, volume)
    assert len(table_from_node(written.slices).rows) == DEPTH
    assert image_from_volume_node(written.overlay).geometry.same_grid(t2.geometry)
    assert fact(volume, "Stage") == finding.decision
    again = logic.stage(volume, roi=written.region, bundle=bundle)  # the region that was written, given back
    assert again.tables["region"][0]["source"] == "box"
    assert again.probabilities["T3"] == pytest.approx(finding.probabilities["T3"], abs=0.02)
    rewritten = logic.writeResults(again, volume)
    assert rewritten.region is written.region
    assert written.overlay.GetScene() is None
    logic.removeResults(volume)
    assert stage_results(volume).summary is None
    logic.releaseModels()
    logic.writeResults(again, volume)  # its map was given back with the models
    assert stage_results(volume).overlay is None
    assert stage_results(volume).slices is not None


def test_a_finding_gets_its_own_map_and_no_other(logic: Any, volume: Any, bundle: Path, tumour: Image) -> None:
    middle = Box(tumour.geometry.centre_mm, (80.0, 80.0, 30.0))
    first = logic.stage(volume, roi=roi(middle), bundle=bundle, tta=False)
    second = logic.stage(volume, bundle=bundle, tta=False)
    assert logic.writeResults(first, volume).overlay is None
    assert logic.writeResults(second, volume).overlay is not None


def test_without_a_bundle_what_is_drawn_is_measured(logic: Any, volume: Any, tumour: Image, rectum: Image) -> None:
    finding = logic.stage(volume, segmentation=segments(tumour, rectum, volume))
    assert finding.decision is None
    assert "no-network" in codes(finding)
    assert {each.name for each in finding.measurements} == {"extramural depth", "tumour volume"}
    written = logic.writeResults(finding, volume)
    assert (written.slices, written.overlay) == (None, None)
    assert fact(volume, "Stage", "not asked") is None
    asked_for = logic.stage(volume, bundle="none")
    assert "no-network" not in codes(asked_for)


def test_without_torch_a_named_bundle_is_refused(
    logic: Any, volume: Any, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("abdominal_oncology.worker.models.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="PyTorch"):
        logic.stage(volume, bundle=bundle)
    (told,) = (each.message for each in logic.stage(volume).warnings if each.code == "no-network")
    assert "PyTorch is not installed" in told


def test_segments_are_told_by_name_and_an_empty_one_is_not_used(
    logic: Any, volume: Any, tumour: Image, rectum: Image, t2: Image
) -> None:
    others = segmentation_node_from_masks({"bladder": tumour}, "others", beside=volume)
    with pytest.raises(MissingInputError, match="tumour or rectum"):
        logic.stage(volume, segmentation=others)
    far = Geometry(t2.geometry.shape, t2.geometry.spacing_mm, (900.0, 0.0, 0.0), t2.geometry.directions)
    elsewhere = segments(tumour, Image(rectum.voxels, far, Modality.MASK), volume)
    finding = logic.stage(volume, segmentation=elsewhere)
    assert "segment-empty" in codes(finding)
    assert [each.name for each in finding.measurements] == ["tumour volume"]


def test_what_a_person_gets_wrong_is_named(logic: Any, volume: Any, t2: Image) -> None:
    with pytest.raises(GeometryMismatchError, match="outside the volume"):
        logic.stage(volume, roi=roi(Box((900.0, 0.0, 0.0), (60.0, 60.0, 40.0))))
    with pytest.raises(MissingInputError, match="not placed"):
        logic.stage(volume, roi=boot().AddNewNodeByClass("vtkMRMLMarkupsROINode", "unplaced"))
    with pytest.raises(SceneError, match="a ROI was expected"):
        logic.stage(volume, roi=volume)
    with pytest.raises(SceneError, match="no volume was given"):
        logic.stage(None)
    with pytest.raises(MissingInputError):
        logic.stage(volume, bundle="never-installed")
    ct = volume_node_from_image(Image(t2.voxels, t2.geometry, Modality.CT), "ct")
    with pytest.raises(WrongModalityError, match="not CT"):
        logic.stage(ct)
    side = volume_node_from_image(sagittal(t2), "side")
    with pytest.raises(InvalidInputError, match="axial series is needed"):
        logic.stage(side)


def test_it_can_be_cancelled(logic: Any, volume: Any) -> None:
    def stop(fraction: float, stage: str) -> None:
        raise Cancelled("the user asked to stop")

    with pytest.raises(Cancelled):
        logic.stage(volume, progress=stop)
