"""A rectal finding in the scene: what is written, what asking again replaces, what saving keeps, how it is undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from abdominal_oncology.errors import (  # noqa: E402
    EmptyMaskError,
    GeometryMismatchError,
    InvalidInputError,
    MissingInputError,
    SceneError,
)
from abdominal_oncology.imaging.geometry import Geometry  # noqa: E402
from abdominal_oncology.imaging.image import Image, Modality, Source  # noqa: E402
from abdominal_oncology.learning.finding import Finding, FindingWarning, Measurement, Provenance  # noqa: E402
from abdominal_oncology.rectal.box import Box  # noqa: E402
from abdominal_oncology.scene import (  # noqa: E402
    fact,
    facts,
    image_from_volume_node,
    open_scene,
    place_of,
    put_study,
    save_scene,
    series_of_plot,
    source_node_of,
    table_from_node,
)
from abdominal_oncology.scene.rectal_results import (  # noqa: E402
    remove_stage,
    stage_of,
    stage_results,
    write_stage,
)
from abdominal_oncology.scene.rectal_roi import box_from_roi_node, fill_roi_node  # noqa: E402

TILT = np.radians(6.0)
GRID = Geometry(
    (6, 8, 9),
    (3.0, 0.5, 0.5),
    (-10.0, 20.0, 30.0),
    ((0.0, -np.sin(TILT), np.cos(TILT)), (0.0, np.cos(TILT), np.sin(TILT)), (1.0, 0.0, 0.0)),
)
AWKWARD = 'T3 with probability 0.71; "default": T3 from 0.50 on, 90 % & <more> – ж'
RESULTS = ("Table", "PlotChart", "PlotSeries", "ScalarVolume", "MarkupsROI")


def finding(stage: str | None = "T3", *, slices: int = 4, **change: Any) -> Finding:
    region = {
        "source": "segmentation",
        "first_slice": 1,
        "last_slice": 4,
        "centre_x_mm": 1.5,
        "centre_y_mm": -2.5,
        "centre_z_mm": 3.5,
        "height_mm": 12.0,
        "rows_mm": 100.0,
        "columns_mm": 112.0,
    }
    tables: dict[str, Any] = {
        "region": (region,),
        "operating": ({"name": "default", "threshold": 0.5, "sensitivity": 0.8, "specificity": None},),
        "views": ({"view": "as it is", "probability": 0.71},),
    }
    if slices:
        tables["slices"] = tuple(
            {"slice": n, "z_mm": 30.0 + 3 * n, "probability": 0.5 + n / 10, "influence": n / 100, "share": -n / 10}
            for n in range(slices)
        )
    values: dict[str, Any] = {
        "reason": AWKWARD,
        "measurements": (Measurement("extramural depth", 6.5, "mm", 6.0, 7.0, "5–15 mm"),),
        "tables": tables,
        "warnings": (FindingWarning("few-slices", "only 6 slices"),),
    }
    made_by = Provenance("network f-rmc5", "rectal-rmc5-bilinear", "1.0.0")
    return Finding("stage", "scan", stage, {"T2": 0.29, "T3": 0.71}, made_by, **values | change)


def volume(name: str = "scan") -> Any:
    image = Image(np.zeros(GRID.shape, np.int16), GRID, Modality.MR, Source("", "P1", "1.P1"))
    return put_study({name: image}).volumes[name]


def overlay(geometry: Geometry = GRID) -> Image:
    return Image(np.linspace(-1, 1, int(np.prod(geometry.shape)), dtype=np.float32).reshape(geometry.shape), geometry)


def count(scene: Any) -> dict[str, int]:
    return {kind: scene.GetNumberOfNodesByClass(f"vtkMRML{kind}Node") for kind in RESULTS}


def test_a_finding_becomes_tables_a_chart_a_map_and_a_region(scene) -> None:
    node = volume()
    written = write_stage(finding(), node, overlay())
    summary = {row["item"]: row for row in table_from_node(written.summary).rows}
    assert (summary["stage"]["value"], summary["stage"]["note"]) == (0.71, "T3")
    assert (summary["T3 from"]["value"], summary["T3 from"]["note"]) == (0.5, "default")
    depth = summary["extramural depth"]
    assert (depth["value"], depth["low"], depth["high"], depth["unit"]) == (6.5, 6.0, 7.0, "mm")
    assert (summary["reason"]["note"], summary["warning: few-slices"]["note"]) == (AWKWARD, "only 6 slices")
    assert summary["made by"]["note"] == "rectal-rmc5-bilinear 1.0.0"
    slices = table_from_node(written.slices)
    assert [row["z_mm"] for row in slices.rows] == [30.0, 33.0, 36.0, 39.0]
    assert slices.units == {"z_mm": "mm", "probability": "1", "influence": "1", "share": "1"}
    lines = series_of_plot(written.chart)
    assert [(each.GetXColumnName(), each.GetYColumnName()) for each in lines] == [
        ("z_mm", "probability"),
        ("z_mm", "influence"),
    ]
    shown = image_from_volume_node(written.overlay)
    assert shown.geometry.same_grid(GRID)
    assert np.array_equal(shown.voxels, overlay().voxels)
    display = written.overlay.GetDisplayNode()
    assert (display.GetWindow(), display.GetLevel()) == (2.0, 0.0)
    box = box_from_roi_node(written.region)
    assert box.centre_mm == pytest.approx((1.5, -2.5, 3.5))
    assert box.size_mm == pytest.approx((112.0, 100.0, 12.0))
    assert np.asarray(box.axes) == pytest.approx(np.asarray(GRID.directions)[[2, 1, 0]])
    assert (fact(node, "Stage"), fact(node, "StageProbabilityT3"), fact(node, "StageThreshold")) == ("T3", 0.71, 0.5)
    assert fact(node, "StageBundle") == "rectal-rmc5-bilinear"
    for result in (written.summary, written.slices, written.chart, written.overlay, written.region):
        assert source_node_of(result) is node
        assert place_of(result).study_uid == "1.P1"
    assert stage_results(node) == written


def test_the_finding_stays_on_its_volume_without_its_long_tables(scene) -> None:
    node = volume()
    before = finding()
    assert stage_of(node) is None
    write_stage(before, node)
    after = stage_of(node)
    assert set(after.tables) == {"region", "operating"}
    assert (after.decision, after.probabilities, after.reason) == ("T3", before.probabilities, AWKWARD)
    assert (after.measurements, after.warnings, after.provenance) == (
        before.measurements,
        before.warnings,
        before.provenance,
    )


def test_without_a_network_there_is_a_region_and_what_was_measured(scene) -> None:
    node = volume()
    tables = {"region": finding().tables["region"]}
    bare = finding(None, tables=tables)
    written = write_stage(bare, node)
    assert (written.slices, written.chart, written.overlay) == (None, None, None)
    rows = table_from_node(written.summary).rows
    assert (rows[0]["item"], rows[0]["note"]) == ("stage", "unknown")
    assert fact(node, "Stage", "not asked") is None
    assert written.region is not None


def test_writing_again_replaces_and_keeps_the_same_roi(scene) -> None:
    node, other = volume("one"), volume("other")
    kept = write_stage(finding("T2"), other, overlay())
    first = write_stage(finding(), node, overlay())
    number = count(scene)
    moved = dict(finding().tables["region"][0]) | {"centre_x_mm": 44.0}
    again = write_stage(finding("T2", tables={**finding().tables, "region": (moved,)}), node, overlay())
    assert count(scene) == number
    assert again.region is first.region
    assert box_from_roi_node(again.region).centre_mm[0] == pytest.approx(44.0)
    assert first.summary.GetScene() is None
    assert stage_results(other) == kept
    assert stage_of(node).decision == "T2"
    write_stage(finding(slices=0), node)  # no network any more: no chart and no map are left behind
    assert stage_results(node).overlay is None
    assert stage_results(node).chart is None
    remove_stage(node)
    remove_stage(other)
    assert sum(count(scene).values()) == 2  # the two volumes
    assert not [name for name in facts(node) if name.startswith("Stage")]


def test_all_or_nothing(scene, monkeypatch: pytest.MonkeyPatch) -> None:
    node = volume()
    write_stage(finding(), node, overlay())
    before, number = facts(node), scene.GetNumberOfNodes()
    elsewhere = overlay(Geometry(GRID.shape, (3.0, 0.5, 0.5)))
    broken = finding(tables={"region": ({"centre_x_mm": 1.0},)})
    for wrong, picture, kind, text in (
        (Finding("phase", "x", None, {}, Provenance("")), None, InvalidInputError, "question 'phase'"),
        (finding("T2"), elsewhere, GeometryMismatchError, "another grid"),
        (broken, None, InvalidInputError, "where the region lies"),
        (finding(tables={}), None, InvalidInputError, "where the region lies"),
    ):
        with pytest.raises(kind, match=text):
            write_stage(wrong, node, picture)
        assert (facts(node), scene.GetNumberOfNodes()) == (before, number)

    def refuse(*_: Any, **__: Any) -> None:
        raise SceneError("no more charts")

    monkeypatch.setattr("abdominal_oncology.scene.rectal_results.plot_node_from_table", refuse)
    with pytest.raises(SceneError, match="no more charts"):
        write_stage(finding("T2"), node, overlay())
    assert (facts(node), scene.GetNumberOfNodes()) == (before, number)
    scene.Clear(False)
    with pytest.raises(SceneError, match="not in the scene any more"):
        write_stage(finding(), node)


def test_everything_survives_saving_and_reopening(scene, tmp_path: Path) -> None:
    written = write_stage(finding(), volume("zwei ж"), overlay())
    summary, slices = table_from_node(written.summary), table_from_node(written.slices)
    box = box_from_roi_node(written.region)
    saved = save_scene(tmp_path / "rectum.mrb")
    scene.Clear(False)
    open_scene(saved)
    node = slicer.util.getFirstNodeByClassByName("vtkMRMLScalarVolumeNode", "zwei ж")
    assert stage_of(node).reason == AWKWARD
    back = stage_results(node)
    assert table_from_node(back.summary).rows == summary.rows
    assert table_from_node(back.slices).rows == slices.rows
    again = box_from_roi_node(back.region)
    assert np.asarray(again.centre_mm) == pytest.approx(np.asarray(box.centre_mm), abs=1e-3)
    assert np.asarray(again.axes) == pytest.approx(np.asarray(box.axes), abs=1e-4)
    number = count(scene)
    write_stage(finding("T2"), node, overlay())
    assert count(scene) == number


def test_a_roi_and_a_box_are_the_same_place(scene) -> None:
    from scipy.spatial.transform import Rotation

    node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "roi")
    with pytest.raises(MissingInputError, match="not placed"):
        box_from_roi_node(node)
    turned = tuple(map(tuple, Rotation.from_euler("xyz", [0.3, -0.2, 0.5]).as_matrix()))
    box = Box((10.0, -20.0, 30.0), (112.0, 100.0, 48.0), turned)
    fill_roi_node(node, box)
    back = box_from_roi_node(node)
    assert np.sort(back.corners_mm(), axis=0) == pytest.approx(np.sort(box.corners_mm(), axis=0), abs=1e-6)
    bounds = [0.0] * 6
    node.GetRASBounds(bounds)
    low, high = box.corners_mm().min(axis=0), box.corners_mm().max(axis=0)
    assert bounds == pytest.approx([-high[0], -low[0], -high[1], -low[1], low[2], high[2]], abs=1e-4)
    mirrored = Box(box.centre_mm, box.size_mm, (tuple(-v for v in turned[0]), turned[1], turned[2]))
    fill_roi_node(node, mirrored)
    assert np.sort(box_from_roi_node(node).corners_mm(), axis=0) == pytest.approx(
        np.sort(box.corners_mm(), axis=0), abs=1e-6
    )
    flat = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "flat")
    flat.SetSize([10.0, 0.0, 10.0])
    flat.SetCenter([1.0, 2.0, 3.0])
    with pytest.raises((EmptyMaskError, MissingInputError)):
        box_from_roi_node(flat)
    with pytest.raises(SceneError):
        box_from_roi_node(volume())


def test_a_roi_under_a_transform_is_read_where_it_is_shown(scene, transform_node) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLMarkupsROINode", "roi")
    fill_roi_node(node, Box((1.0, 2.0, 3.0), (10.0, 20.0, 30.0)))
    shift = np.eye(4)
    shift[:3, 3] = (5.0, 6.0, 7.0)  # RAS
    node.SetAndObserveTransformNodeID(transform_node(shift).GetID())
    assert box_from_roi_node(node).centre_mm == pytest.approx((-4.0, -4.0, 10.0))
