"""Series and studies into the scene, compared with what Slicer's own loader makes of the same files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed")

import vtk  # noqa: E402

from abdominal_oncology.errors import Cancelled, MissingInputError  # noqa: E402
from abdominal_oncology.imaging.dicom import DicomReader, write_study  # noqa: E402
from abdominal_oncology.imaging.geometry import Geometry  # noqa: E402
from abdominal_oncology.imaging.image import Image, Modality, Source  # noqa: E402
from abdominal_oncology.scene import (  # noqa: E402
    fact,
    image_from_volume_node,
    load_dicom_series,
    mask_from_segment,
    place_of,
    put_study,
    segments,
    set_fact,
)
from abdominal_oncology.scene.headless import clear_scene  # noqa: E402
from abdominal_oncology.scene.hierarchy import Place, file_series, hierarchy  # noqa: E402

GRID = Geometry((6, 16, 20), (3.0, 0.7, 0.7), (-7.0, -5.0, 40.0))


def phase(level: int) -> Image:
    k, j, i = np.indices(GRID.shape)
    return Image((level + 100 * k + 3 * j + i).astype(np.int16), GRID, Modality.CT)


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    return write_study(
        {"arterial": phase(0), "portal": phase(500)},
        tmp_path / "study",
        patient_name="Müller^Änne",
        patient_id="P7",
        seconds={"arterial": 35.0, "portal": 70.0},
        descriptions={"arterial": "Abd arterial", "portal": "Abd portal venous"},
        scramble=True,
    )


def slicers_own(folder: Path):
    """The series as Slicer's DICOM import loads it: files sorted by position first, then given to ITK."""

    def height(path: Path) -> float:
        return float(pydicom.dcmread(path, stop_before_pixels=True).ImagePositionPatient[2])

    files = vtk.vtkStringArray()
    paths = sorted((path for path in folder.iterdir() if path.is_file()), key=height)
    for path in paths:
        files.InsertNextValue(str(path))
    return slicer.modules.volumes.logic().AddArchetypeScalarVolume(str(paths[0]), "theirs", 0, files)


def assert_same_volume(ours: Image, theirs: Image, tolerance_mm: float) -> None:
    assert ours.geometry.same_grid(theirs.geometry, tolerance_mm)
    assert np.array_equal(ours.voxels, theirs.voxels)


def test_slicer_reads_the_same_volume_from_scrambled_files(folders) -> None:
    for role, level in (("arterial", 0), ("portal", 500)):
        ours = image_from_volume_node(load_dicom_series(DicomReader.from_folder(folders[role])))
        assert_same_volume(ours, image_from_volume_node(slicers_own(folders[role])), 1e-3)
        assert_same_volume(ours, phase(level), 1e-3)


@pytest.mark.real_data
def test_slicer_reads_the_same_volume_from_a_real_scan(shared_data: Path) -> None:
    folder = shared_data / "totalsegmentator" / "example_ct_dicom"
    node = load_dicom_series(DicomReader.from_folder(folder))
    ours = image_from_volume_node(node)
    assert_same_volume(ours, image_from_volume_node(slicers_own(folder)), 1e-2)
    assert ours.modality is Modality.CT
    assert node.GetAttribute("DICOM.Modality") == "CT"
    assert len(node.GetAttribute("DICOM.instanceUIDs").split()) == ours.geometry.shape[0]


def test_a_series_brings_its_patient_study_and_attributes(folders) -> None:
    reader = DicomReader.from_folder(folders["portal"])
    node = load_dicom_series(reader)
    assert "Abd portal venous" in node.GetName()
    assert node.GetAttribute("DICOM.instanceUIDs").split() == list(reader.source.instance_uids)
    assert node.GetAttribute("DICOM.Modality") == "CT"
    assert node.GetAttribute("DICOM.SeriesDescription") == "Abd portal venous"
    place = place_of(node)
    assert place.patient_id == "P7"
    assert (place.study_uid, place.series_uid) == (reader.source.study_uid, reader.source.series_uid)
    assert place.modality == "CT"
    other = load_dicom_series(DicomReader.from_folder(folders["arterial"]))
    tree = hierarchy()
    items = [tree.GetItemByDataNode(each) for each in (node, other)]
    assert tree.GetItemParent(items[0]) == tree.GetItemParent(items[1])
    assert tree.GetItemByUID("DICOM", reader.source.series_uid) == items[0]
    back = image_from_volume_node(node)
    assert back.source.header["ContrastBolusStartTime"] == reader.source.header["ContrastBolusStartTime"]


def test_items_are_found_in_a_scene_that_was_closed_and_filled_again(scene) -> None:
    place = Place(patient_id="P7", study_uid="1.2.3", series_uid="1.2.3.4")
    for _ in range(100):  # now and then a node lies where one of the closed scene lay
        held = hierarchy()  # a caller's own reference
        clear_scene()
        assert held.GetScene() is scene
        node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
        item = file_series(node, place)
        assert hierarchy().GetItemByDataNode(node) == item
        assert hierarchy().GetItemByUID("DICOM", "1.2.3.4") == item


def test_a_study_by_role_with_its_labels() -> None:
    labels = np.zeros(GRID.shape, np.uint8)
    labels[1:4, 3:9, 3:9], labels[4] = 5, 52
    names = {5: "liver", 52: "aorta", 3: "kidney_left"}
    source = Source(patient_id="P1", study_uid="1.2.3")
    images = {role: Image(phase(0).voxels, GRID, Modality.CT, source) for role in ("arterial", "portal")}
    seen: list[float] = []
    study = put_study(
        images, {"portal": Image(labels, GRID, Modality.MASK)}, names, lambda fraction, _: seen.append(fraction)
    )
    assert [node.GetName() for node in study.volumes.values()] == ["arterial", "portal"]
    assert fact(study.volumes["portal"], "Role") == "portal"
    assert list(study.segmentations) == ["portal"]
    assert [each.name for each in segments(study.segmentations["portal"])] == ["liver", "aorta"]
    liver = mask_from_segment(study.segmentations["portal"], "liver", study.volumes["portal"])
    assert np.array_equal(liver.voxels, labels == 5)
    assert liver.source.patient_id == "P1"
    assert place_of(study.segmentations["portal"]).study_uid == "1.2.3"
    unnamed = put_study({"portal": images["portal"]}, {"portal": Image(labels, GRID, Modality.MASK)})
    assert [each.name for each in segments(unnamed.segmentations["portal"])] == ["liver", "aorta"]
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_bad_studies_are_refused_and_a_cancelled_one_stops() -> None:
    with pytest.raises(MissingInputError, match="at least one image"):
        put_study({})
    with pytest.raises(MissingInputError, match="no image for portal"):
        put_study({"arterial": phase(0)}, {"portal": Image(phase(0).voxels, GRID, Modality.MASK)})

    def stop(fraction: float, stage: str) -> None:
        raise Cancelled("enough")

    with pytest.raises(Cancelled):
        put_study({"arterial": phase(0)}, progress=stop)
    assert slicer.mrmlScene.GetNumberOfNodesByClass("vtkMRMLScalarVolumeNode") == 0


def test_a_click_from_nodes_to_results_leaves_the_source_as_it_was(folders) -> None:
    """The journey of a panel: node → Image → something → fact beside the source."""
    node = load_dicom_series(DicomReader.from_folder(folders["arterial"]))
    before = node.GetImageData().GetMTime()
    image = image_from_volume_node(node)
    set_fact(node, "Phase", "arterial" if image.voxels.mean() < 400 else "portal")
    assert fact(node, "Phase") == "arterial"
    assert node.GetImageData().GetMTime() == before
