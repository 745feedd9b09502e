"""Places in the subject hierarchy, and what saving and reopening the scene keeps."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from abdominal_oncology.errors import (  # noqa: E402
    InvalidInputError,
    MissingInputError,
    SceneError,
    UnreadableFileError,
)
from abdominal_oncology.imaging.geometry import Geometry  # noqa: E402
from abdominal_oncology.imaging.image import Image, Modality, Source, Step  # noqa: E402
from abdominal_oncology.scene import (  # noqa: E402
    Place,
    fact,
    file_series,
    folder_item,
    image_from_volume_node,
    mask_from_segment,
    open_scene,
    place_beside,
    place_of,
    place_under,
    plot_node_from_table,
    remove_node,
    save_scene,
    segmentation_node_from_masks,
    segments,
    series_of_plot,
    set_fact,
    source_node_of,
    study_item,
    table_from_node,
    table_node_from_rows,
    volume_node_from_image,
)
from abdominal_oncology.scene.hierarchy import hierarchy  # noqa: E402

PLACE = Place("P1", "Doe^Jané", "1.2.3", "CT abdomen", "20200101", "1.2.3.4", "5", "CT")


@pytest.fixture
def study(scene, blocks, oblique):
    """A study as a clinical module would leave it."""
    uids = tuple(f"1.2.3.4.{k}" for k in range(oblique.shape[0]))
    source = Source("x", "P1", "1.2.3", "1.2.3.4", "1.5", uids, {"SeriesDescription": "arterial"})
    ct = volume_node_from_image(Image(blocks["ct"].voxels, oblique, Modality.CT, source), "arterial")
    file_series(ct, PLACE)
    set_fact(ct, "Phase", "late arterial")
    set_fact(ct, "Probabilities", {"late arterial": 0.75, "portal": 0.25})
    derived = volume_node_from_image(
        Image(blocks["ct"].voxels.astype(np.float32) / 2, oblique, history=(Step("halve", {"by": 2}),)),
        "half",
        beside=ct,
    )
    masks = {name: blocks[name] for name in ("liver", "kidney_left")}
    organs = segmentation_node_from_masks(masks, "organs", beside=ct)
    rows = [{"organ": "liver", "mean": 110.5, "n": 3}, {"organ": 'kidney "left"', "mean": None, "n": 4}]
    table = table_node_from_rows(rows, "results", units={"mean": "[hnsf'U]"}, descriptions={"n": "voxels"}, beside=ct)
    chart = plot_node_from_table(table, "n", ["mean"], "curve")
    return {"ct": ct, "derived": derived, "organs": organs, "table": table, "chart": chart, "rows": rows}


@pytest.mark.parametrize("name", ["study.mrb", "Ünïcode and spaces/ж 研究.mrb"])
def test_everything_survives_saving_and_reopening(scene, study, blocks, oblique, tmp_path: Path, name: str) -> None:
    before = image_from_volume_node(study["ct"], copy=True)
    colours = [each.colour for each in segments(study["organs"])]
    saved = save_scene(tmp_path / name)
    assert [each.name for each in saved.parent.iterdir() if each.is_file()] == [saved.name]
    scene.Clear(False)
    open_scene(saved)

    ct, half = (slicer.util.getFirstNodeByClassByName("vtkMRMLScalarVolumeNode", each) for each in ("arterial", "half"))
    after = image_from_volume_node(ct)
    assert np.array_equal(after.voxels, before.voxels)
    assert after.voxels.dtype == before.voxels.dtype
    assert after.geometry.same_grid(oblique, 1e-4)
    assert (after.source, after.modality) == (before.source, Modality.CT)
    assert len(ct.GetAttribute("DICOM.instanceUIDs").split()) == oblique.shape[0]
    assert fact(ct, "Phase") == "late arterial"
    assert fact(ct, "Probabilities") == {"late arterial": 0.75, "portal": 0.25}
    assert source_node_of(half) is ct
    assert [step.operation for step in image_from_volume_node(half).history] == ["halve"]

    organs = scene.GetFirstNodeByClass("vtkMRMLSegmentationNode")
    assert [each.structure.name for each in segments(organs)] == ["liver", "kidney_left"]
    assert [each.colour for each in segments(organs)] == colours
    assert segments(organs)[1].terminology.type_modifier[2] == "Left"
    for organ in ("liver", "kidney_left"):
        assert np.array_equal(mask_from_segment(organs, organ, ct).voxels, blocks[organ].voxels)

    table_node = scene.GetFirstNodeByClass("vtkMRMLTableNode")
    table = table_from_node(table_node)
    assert table.rows == tuple(study["rows"])
    assert (table.units, table.descriptions) == ({"mean": "[hnsf'U]"}, {"n": "voxels"})
    chart = scene.GetFirstNodeByClass("vtkMRMLPlotChartNode")
    assert [(each.GetXColumnName(), each.GetYColumnName()) for each in series_of_plot(chart)] == [("n", "mean")]
    assert series_of_plot(chart)[0].GetTableNode() is table_node

    assert place_of(ct) == PLACE
    for node in (half, organs, table_node, chart):
        place = place_of(node)
        assert (place.patient_id, place.study_uid) == ("P1", "1.2.3")


def test_a_left_handed_volume_comes_back_turned_round_but_in_the_same_place(scene, tmp_path: Path) -> None:
    """Slicer makes every file right-handed when it loads it; slices, their places and their UIDs must stay together."""
    upside_down = ((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
    grid = Geometry((4, 3, 2), (3.0, 1.0, 1.0), (0.0, 0.0, 50.0), upside_down)
    voxels = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
    image = Image(voxels, grid, Modality.CT, Source(instance_uids=("1.0", "1.1", "1.2", "1.3")))
    volume_node_from_image(image, "left-handed")
    open_scene(save_scene(tmp_path / "left.mrb"))
    back = image_from_volume_node(scene.GetFirstNodeByClass("vtkMRMLScalarVolumeNode"))
    place = {
        uid: (grid.to_world((k, 0, 0)).round(3).tolist(), voxels[k].tolist())
        for k, uid in enumerate(image.source.instance_uids)
    }
    for k, uid in enumerate(back.source.instance_uids):
        assert (back.geometry.to_world((k, 0, 0)).round(3).tolist(), back.voxels[k].tolist()) == place[uid]
    assert len(back.source.instance_uids) == 4


def test_numbers_in_saved_tables_keep_six_digits(scene, tmp_path: Path) -> None:
    rows = [{"x": 123.456789, "n": 2**60 + 1}]
    table_node_from_rows(rows, "precise")
    open_scene(save_scene(tmp_path / "t.mrb"))
    row = table_from_node(scene.GetFirstNodeByClass("vtkMRMLTableNode")).rows[0]
    assert row["x"] == pytest.approx(123.456789, rel=5e-6)
    assert row["n"] == 2**60 + 1


def test_opening_can_add_to_what_is_there(scene, blocks, tmp_path: Path) -> None:
    volume_node_from_image(blocks["ct"], "first")
    saved = save_scene(tmp_path / "one.mrb")
    scene.Clear(False)
    volume_node_from_image(blocks["ct"], "second")
    open_scene(saved, clear=False)
    names = {node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")}
    assert names == {"first", "second"}


def test_a_failed_save_leaves_the_old_file(scene, study, tmp_path: Path, monkeypatch) -> None:
    path = save_scene(tmp_path / "kept.mrb")
    content = path.read_bytes()
    monkeypatch.setattr("abdominal_oncology.scene.store.zipfile.is_zipfile", lambda _: False)
    with pytest.raises(SceneError, match="could not be saved"):
        save_scene(path)
    assert path.read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == ["kept.mrb"]


def test_bad_scene_files_are_refused_by_name(scene, study, tmp_path: Path) -> None:
    whole = save_scene(tmp_path / "whole.mrb")
    text, cut, damaged = (tmp_path / name for name in ("text.mrb", "cut.mrb", "damaged.mrb"))
    text.write_text("no bundle")
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    middle = len(data) // 3
    damaged.write_bytes(
        data[:middle] + bytes(value ^ 0xFF for value in data[middle : middle + 64]) + data[middle + 64 :]
    )
    for path in (text, cut, damaged):
        with pytest.raises(UnreadableFileError, match=path.name):
            open_scene(path)
    assert study["ct"].GetScene() is scene  # what was there stays when the file is no good
    with pytest.raises(MissingInputError, match=r"none\.mrb"):
        open_scene(tmp_path / "none.mrb")
    shutil.copy(whole, tmp_path / "scene.zip")
    with pytest.raises(InvalidInputError, match=r"\.mrb"):
        open_scene(tmp_path / "scene.zip")
    with pytest.raises(InvalidInputError, match=r"\.mrb"):
        save_scene(tmp_path / "scene.mrml")


def test_series_of_one_study_and_patient_meet(scene, blocks) -> None:
    nodes = [volume_node_from_image(blocks["ct"], f"series {n}") for n in range(3)]
    places = [
        Place("P1", "A", "1.1", series_uid="1.1.1"),
        Place("P1", "A", "1.1", series_uid="1.1.2"),
        Place("P1", "A", "1.2"),
    ]
    items = [file_series(node, place) for node, place in zip(nodes, places, strict=True)]
    tree = hierarchy()
    parents = [tree.GetItemParent(item) for item in items]
    assert parents[0] == parents[1] != parents[2]
    assert tree.GetItemParent(parents[0]) == tree.GetItemParent(parents[2])
    assert tree.GetItemName(tree.GetItemParent(parents[0])) == "A"
    assert study_item(places[0]) == parents[0]
    assert tree.GetItemLevel(parents[0]) == "Study"


def test_folders_are_made_once_and_results_go_into_them(scene, blocks) -> None:
    ct = volume_node_from_image(blocks["ct"], "ct")
    file_series(ct, PLACE)
    folder = folder_item("Findings", study_item(PLACE))
    assert folder_item("Findings", study_item(PLACE)) == folder
    table = table_node_from_rows([{"a": 1}], "t")
    place_under(table, folder)
    assert hierarchy().GetItemParent(hierarchy().GetItemByDataNode(table)) == folder
    assert place_of(table).study_uid == "1.2.3"
    place_beside(table, ct)
    assert hierarchy().GetItemParent(hierarchy().GetItemByDataNode(table)) == study_item(PLACE)


def test_looking_at_a_place_makes_no_item(scene) -> None:
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", "t")
    assert place_of(node) == Place()
    assert hierarchy().GetItemByDataNode(node) == hierarchy().GetInvalidItemID()


def test_a_removed_node_leaves_nothing_behind(scene, blocks) -> None:
    hierarchy()
    before = scene.GetNumberOfNodes(), hierarchy().GetNumberOfItems()
    node = volume_node_from_image(blocks["ct"], "ct")
    segmentation = segmentation_node_from_masks({"liver": blocks["liver"]}, "s", beside=node)
    remove_node(node)
    remove_node(segmentation)
    assert (scene.GetNumberOfNodes(), hierarchy().GetNumberOfItems()) == before
    with pytest.raises(SceneError, match="not in the scene"):
        remove_node(node)
    with pytest.raises(SceneError, match="not in the scene"):
        volume_node_from_image(blocks["ct"], "late", beside=node)
    assert scene.GetNumberOfNodes() == before[0]
