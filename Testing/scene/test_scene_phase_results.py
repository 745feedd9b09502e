"""Phase findings in the scene: what is written, what running again replaces, what saving keeps, how it is undone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

from abdominal_oncology.errors import EmptyMaskError, InvalidInputError, MissingInputError, SceneError  # noqa: E402
from abdominal_oncology.imaging.dicom import write_series  # noqa: E402
from abdominal_oncology.imaging.geometry import Geometry  # noqa: E402
from abdominal_oncology.imaging.image import Image, Modality, Source  # noqa: E402
from abdominal_oncology.learning.finding import Finding, FindingWarning, Measurement, Provenance  # noqa: E402
from abdominal_oncology.scene import (  # noqa: E402
    fact,
    facts,
    image_from_volume_node,
    open_scene,
    place_of,
    put_study,
    remove_node,
    save_scene,
    segmentation_node_from_masks,
    series_of_plot,
    source_node_of,
    table_from_node,
    volume_node_from_image,
)
from abdominal_oncology.scene.header_facts import header_of  # noqa: E402
from abdominal_oncology.scene.markups import points_by_structure  # noqa: E402
from abdominal_oncology.scene.organ_labels import labels_from_segmentation  # noqa: E402
from abdominal_oncology.scene.phase_fact import finding_of  # noqa: E402
from abdominal_oncology.scene.phase_results import (  # noqa: E402
    remove_findings,
    results_of,
    summary_node,
    write_findings,
)
from abdominal_oncology.scene.rename import add_to_name, plain_name, undo_rename  # noqa: E402

CLASSES = ("non-contrast", "arterial", "venous", "delayed")
AWKWARD = 'aorta 151 HU; portal "vein": 133 HU, 90 % & <more> – ж'


def finding(phase: str | None = "venous", *, votes: int = 3, regions: bool = True, **change: Any) -> Finding:
    probabilities = {name: 0.85 if name == phase else 0.05 for name in CLASSES}
    tables: dict[str, Any] = {
        "description": ({"says": "venous", "agreement": "agrees", "finer": "", "why": 'SeriesDescription says "PV"'},)
    }
    if votes:
        tables["votes"] = tuple(
            {"slice": 2 * n, "z_mm": 5.0 * n - 40.5, "vote": phase or "venous", **probabilities} for n in range(votes)
        )
    if regions:
        row = {"structure": "aorta", "hu": 151.0, "error_hu": 4.0, "expected_hu": None, "voxels": 900, "slices": "1 2"}
        tables["regions"] = (row, {**row, "structure": "liver", "hu": 104.5})
    values: dict[str, Any] = {
        "reason": AWKWARD,
        "measurements": (Measurement("seconds since injection", 71.5, "s", 62.0, 88.0),),
        "tables": tables,
        "warnings": (FindingWarning("few-slices", "only 3 slices voted"),),
    }
    made_by = Provenance("network", "phase-efficientnet-b0", "1.2", settings={"fraction": 0.3})
    return Finding("phase", "scan", phase, probabilities, made_by, **values | change)


def volume(name: str = "scan", patient: str = "P1") -> Any:
    image = Image(np.zeros((4, 5, 6), np.int16), Geometry((4, 5, 6)), Modality.CT, Source("", patient, f"1.{patient}"))
    return put_study({name: image}).volumes[name]


def count(scene: Any, *kinds: str) -> int:
    return sum(scene.GetNumberOfNodesByClass(f"vtkMRML{kind}Node") for kind in kinds)


RESULTS = ("Table", "PlotChart", "PlotSeries")


def test_a_finding_becomes_tables_a_chart_and_facts(scene) -> None:
    node = volume()
    written = write_findings([finding()], [node])
    (row,) = table_from_node(written.summary).rows
    assert (row["volume"], row["phase"], row["probability"]) == ("scan", "venous", 0.85)
    assert (row["seconds"], row["seconds_low"], row["seconds_high"]) == (71.5, 62.0, 88.0)
    assert (row["header_says"], row["agreement"], row["reason"]) == ("venous", "agrees", AWKWARD)
    assert (row["warnings"], row["bundle"]) == ("few-slices: only 3 slices voted", "phase-efficientnet-b0 1.2")
    (details,) = written.details
    votes = table_from_node(details.votes)
    assert [row["z_mm"] for row in votes.rows] == [-40.5, -35.5, -30.5]
    assert votes.units == {"z_mm": "mm", **dict.fromkeys(CLASSES, "1")}
    lines = series_of_plot(details.chart)
    assert [(each.GetXColumnName(), each.GetYColumnName()) for each in lines] == [("z_mm", name) for name in CLASSES]
    regions = table_from_node(details.regions)
    assert [(row["structure"], row["hu"], row["expected_hu"]) for row in regions.rows] == [
        ("aorta", 151.0, None),
        ("liver", 104.5, None),
    ]
    assert regions.units["expected_hu"] == "[hnsf'U]"
    assert (fact(node, "Phase"), fact(node, "PhaseProbability"), fact(node, "PhaseSeconds")) == ("venous", 0.85, 71.5)
    assert (fact(node, "PhaseBundle"), fact(node, "PhaseBundleVersion")) == ("phase-efficientnet-b0", "1.2")
    assert node.GetName() == "scan"
    for result in (written.summary, details.votes, details.chart, details.regions):
        assert place_of(result).study_uid == "1.P1"
    assert source_node_of(details.votes) is node
    assert results_of(node) == details


def test_the_finding_stays_on_its_volume_without_its_long_tables(scene) -> None:
    node = volume()
    before = finding(parts=(finding(),))
    assert finding_of(node) is None
    write_findings([before], [node])
    after = finding_of(node)
    assert set(after.tables) == {"description"}
    assert (after.decision, after.probabilities, after.measurements) == (
        before.decision,
        before.probabilities,
        before.measurements,
    )
    assert (after.provenance, after.warnings, after.reason) == (before.provenance, before.warnings, AWKWARD)


def test_a_withheld_answer_is_shown_as_unknown_and_names_nothing(scene) -> None:
    node = volume()
    written = write_findings([finding(None, votes=0, regions=False, measurements=())], [node], rename=True)
    (row,) = table_from_node(written.summary).rows
    assert (row["phase"], row["probability"], row["seconds"]) == ("unknown", None, None)
    assert written.details[0] == results_of(node)
    assert (written.details[0].votes, written.details[0].chart, written.details[0].regions) == (None, None, None)
    assert fact(node, "Phase", "not asked") is None
    assert node.GetName() == "scan"


def test_votes_without_heights_are_drawn_over_slice_numbers(scene) -> None:
    rows = tuple({"slice": n, "vote": "venous", "venous": 0.5, "arterial": 0.5} for n in range(2))
    written = write_findings([finding(tables={"votes": rows})], [volume()])
    (first, _) = series_of_plot(written.details[0].chart)
    assert (first.GetXColumnName(), first.GetYColumnName()) == ("slice", "venous")


def test_writing_again_replaces_and_leaves_other_volumes_alone(scene) -> None:
    one, other = volume("one"), volume("other")
    write_findings([finding(), finding("arterial")], [one, other])
    kept = results_of(other)
    nodes = {kind: count(scene, kind) for kind in RESULTS}
    for phase in ("delayed", "non-contrast"):
        written = write_findings([finding(phase)], [one])
        assert {kind: count(scene, kind) for kind in RESULTS} == nodes
        rows = {row["volume"]: row["phase"] for row in table_from_node(written.summary).rows}
        assert rows == {"one": phase, "other": "arterial"}
    assert results_of(other) == kept
    write_findings([finding(votes=0)], [one])
    assert results_of(one).chart is None
    assert count(scene, "PlotSeries") == len(CLASSES)


def test_names_take_the_phase_and_give_it_back(scene) -> None:
    node = volume()
    write_findings([finding()], [node], rename=True)
    assert node.GetName() == "scan [venous]"
    written = write_findings([finding("arterial")], [node], rename=True)
    assert node.GetName() == "scan [arterial]"
    assert table_from_node(written.summary).rows[0]["volume"] == "scan"
    write_findings([finding("delayed")], [node])  # a name of ours must not tell of an older answer
    assert node.GetName() == "scan"
    assert add_to_name(node, "venous") == "scan [venous]"
    assert undo_rename(node) == "scan"
    add_to_name(node, "venous")
    node.SetName("mine")
    assert (undo_rename(node), node.GetName(), plain_name(node)) == ("mine", "mine", "mine")


def test_volumes_of_one_name_keep_their_rows(scene) -> None:
    written = write_findings([finding(), finding("arterial")], [volume(), volume()])
    assert [row["volume"] for row in table_from_node(written.summary).rows] == ["scan", "scan (2)"]


def test_a_copy_of_a_volume_does_not_own_the_results(scene) -> None:
    node = volume()
    write_findings([finding()], [node])
    copy = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "copy")
    copy.Copy(node)
    copy.SetName("copy")
    before = results_of(node)
    written = write_findings([finding("arterial")], [copy])
    assert results_of(node) == before
    assert results_of(copy) == written.details[0] != before
    assert {row["volume"] for row in table_from_node(written.summary).rows} == {"scan", "copy"}


def test_bad_input_writes_nothing(scene) -> None:
    node, gone = volume("kept"), volume("gone")
    write_findings([finding()], [node])
    remove_node(gone)
    label_map = volume_node_from_image(Image(np.ones((2, 2, 2), np.uint8), Geometry((2, 2, 2)), Modality.MASK), "m")
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "t")
    before, nodes = facts(node), scene.GetNumberOfNodes()
    wrong: list[tuple[list[Finding], list[Any], type[Exception], str]] = [
        ([finding("arterial")] * 2, [node, gone], SceneError, "not in the scene any more"),
        ([finding("arterial")] * 2, [node, None], SceneError, "no volume"),
        ([finding("arterial")] * 2, [node, table], SceneError, "a volume was expected"),
        ([finding("arterial")] * 2, [node, node], InvalidInputError, "given twice"),
        ([finding("arterial")], [node, label_map], InvalidInputError, "1 findings for 2 volumes"),
        ([], [], InvalidInputError, "0 findings"),
        ([finding("arterial", tables={"votes": ({"slice": 1, "": 0.5},)})], [node], InvalidInputError, "column"),
    ]
    for findings, volumes, kind, text in wrong:
        with pytest.raises(kind, match=text):
            write_findings(findings, volumes)
        assert (facts(node), scene.GetNumberOfNodes()) == (before, nodes)
    other = Finding("hcc", "x", None, {}, Provenance("none"))
    with pytest.raises(InvalidInputError, match="hcc"):
        write_findings([other], [node])


def test_what_the_user_deletes_is_forgotten(scene) -> None:
    one, other = volume("one"), volume("other")
    written = write_findings([finding(), finding("arterial")], [one, other])
    remove_node(written.details[1].chart)
    remove_node(written.summary)
    assert results_of(other).chart is None
    written = write_findings([finding()], [one])  # the summary is new; the other volume comes back when it is written
    assert [row["volume"] for row in table_from_node(written.summary).rows] == ["one"]
    written = write_findings([finding("arterial")], [other])
    remove_node(one)
    written = write_findings([finding("delayed")], [other])
    assert [row["phase"] for row in table_from_node(written.summary).rows] == ["delayed"]
    scene.Clear(False)
    assert summary_node() is None
    with pytest.raises(SceneError, match="not in the scene any more"):
        write_findings([finding()], [other])


def test_findings_can_be_taken_away(scene) -> None:
    before = None
    one = volume("one")
    before = facts(one), scene.GetNumberOfNodes()
    write_findings([finding()], [one], rename=True)
    remove_findings([one])
    assert (facts(one), scene.GetNumberOfNodes()) == before
    assert one.GetName() == "one"
    other = volume("other")
    write_findings([finding(), finding("arterial")], [one, other])
    remove_findings([one])
    assert [row["volume"] for row in table_from_node(summary_node()).rows] == ["other"]


def test_everything_survives_saving_and_reopening(scene, tmp_path: Path) -> None:
    nodes = [volume("one"), volume("zwei ж")]
    findings = [finding(), finding("arterial")]
    written = write_findings(findings, nodes, rename=True)
    summary = table_from_node(written.summary)
    votes = table_from_node(written.details[0].votes)
    saved = save_scene(tmp_path / "phases.mrb")
    scene.Clear(False)
    open_scene(saved)
    one = slicer.util.getFirstNodeByClassByName("vtkMRMLScalarVolumeNode", "one [venous]")
    assert finding_of(one).reason == AWKWARD
    assert finding_of(one).provenance == findings[0].provenance
    assert table_from_node(summary_node()).rows == summary.rows
    assert table_from_node(summary_node()).units == summary.units
    details = results_of(one)
    assert table_from_node(details.votes).rows == votes.rows
    assert [each.GetTableNode() for each in series_of_plot(details.chart)] == [details.votes] * len(CLASSES)
    number = {kind: count(scene, kind) for kind in RESULTS}
    again = write_findings([finding("delayed")], [one])  # replaces what came back from the file
    assert {kind: count(scene, kind) for kind in RESULTS} == number
    assert [row["phase"] for row in table_from_node(again.summary).rows] == ["arterial", "delayed"]
    assert one.GetName() == "one"


def test_a_second_scene_read_beside_the_first_merges_its_summary(scene, tmp_path: Path) -> None:
    write_findings([finding()], [volume("one")])
    saved = save_scene(tmp_path / "one.mrb")
    open_scene(saved, clear=False)
    written = write_findings([finding("arterial")], [volume("two")])
    assert [row["volume"] for row in table_from_node(written.summary).rows] == ["one", "one (2)", "two"]


def test_segments_become_one_label_map_by_what_they_are(scene, blocks) -> None:
    ct = volume_node_from_image(blocks["ct"], "ct")
    masks = {name: blocks[name] for name in ("liver", "kidney_left")}
    node = segmentation_node_from_masks(masks, "organs", beside=ct)
    wanted = ("kidney_left", "aorta", "liver")
    labels, names = labels_from_segmentation(node, ct, wanted)
    by_name = {name: value for value, name in names.items()}
    kidney, liver = blocks["kidney_left"].voxels, blocks["liver"].voxels
    assert np.array_equal(labels.voxels == by_name["kidney_left"], kidney)  # named first: kept where they overlap
    assert np.array_equal(labels.voxels == by_name["liver"], liver & ~kidney)
    assert (kidney & liver).any()
    with pytest.raises(MissingInputError, match="no segment"):
        labels_from_segmentation(node, ct, ("spleen",))
    far = volume_node_from_image(
        Image(np.zeros((3, 3, 3), np.int16), Geometry((3, 3, 3), origin_mm=(9e3, 0, 0))), "far"
    )
    with pytest.raises(EmptyMaskError, match="none of its structures"):
        labels_from_segmentation(node, far, wanted)


def test_points_are_sorted_by_the_structure_their_labels_name(scene) -> None:
    points = scene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", "points")
    with pytest.raises(MissingInputError, match="no point is placed"):
        points_by_structure(points)
    for label, ras in (("aorta-1", (1.0, 2.0, 3.0)), ("aorta-2", (1.0, 2.0, 13.0)), ("IVC", (-20.0, 5.0, 3.0))):
        points.AddControlPoint(list(ras), label)
    found = points_by_structure(points)
    assert found == {"aorta": [(-1.0, -2.0, 3.0), (-1.0, -2.0, 13.0)], "inferior_vena_cava": [(20.0, -5.0, 3.0)]}
    points.SetNthControlPointLabel(2, "F-3")
    with pytest.raises(MissingInputError, match="F-3"):
        points_by_structure(points)
    with pytest.raises(SceneError):
        points_by_structure(volume())


def test_headers_of_volumes_that_slicer_loaded(scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Attributes on the node first, then the files that the DICOM database knows."""
    image = Image(np.zeros((3, 8, 8), np.int16), Geometry((3, 8, 8)), Modality.CT)
    written = write_series(image, tmp_path / "dicom", description="Leber venös", acquisition_time="101500")
    files = [str(path) for path in sorted(written.iterdir())]
    by_uid = {f"1.{n}": path for n, path in enumerate(files)}
    database = SimpleNamespace(fileForInstance=lambda uid: by_uid.get(uid, ""))
    monkeypatch.setattr(slicer, "dicomDatabase", database, raising=False)
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "7: Leber")
    node.SetAndObserveImageData(volume("other").GetImageData())
    node.SetAttribute("DICOM.instanceUIDs", " ".join([*by_uid, "1.99"]))
    found = image_from_volume_node(node).source
    assert found.header["SeriesDescription"] == "Leber venös"
    assert found.header["AcquisitionTime"].startswith("101500")
    assert found.frame_of_reference_uid == found.header["FrameOfReferenceUID"] != ""
    assert "PatientName" not in found.header
    node.SetAttribute("DICOM.SeriesDescription", "said by the node")
    assert image_from_volume_node(node).source.header["SeriesDescription"] == "said by the node"
    (tmp_path / "broken.dcm").write_bytes(b"nothing")
    by_uid["1.0"] = str(tmp_path / "broken.dcm")
    assert header_of(node, ("1.0",)) == {"SeriesDescription": "said by the node"}
    assert header_of(volume("plain"), ("1.77",)) == {}
