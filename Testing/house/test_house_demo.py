"""The demo does what it says, on a coarse patient so that it is quick."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from abdominal_oncology.errors import Cancelled, InvalidInputError

pytest.importorskip("slicer", reason="the demo needs the MRML scene of slicer-core")

from abdominal_oncology import scene
from abdominal_oncology.demo import DemoResult, run_demo


def _coarse(folder: Path, **options: object) -> DemoResult:
    return run_demo(folder, matrix=96, spacing_k_mm=12.0, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    return _coarse(tmp_path_factory.mktemp("demo") / "naïve output")


def test_every_series_comes_back_exactly(result: DemoResult) -> None:
    assert [row["series"] for row in result.rows] == ["non-contrast", "arterial", "portal", "delayed"]
    assert all(row["read back exactly"] for row in result.rows)


def test_organs_enhance_in_their_order(result: DemoResult) -> None:
    hu = {name: [row[name] for row in result.rows] for name in ("aorta", "liver", "portal_vein_and_splenic_vein")}
    assert hu["aorta"].index(max(hu["aorta"])) == 1
    assert hu["liver"].index(max(hu["liver"])) == 2
    assert hu["portal_vein_and_splenic_vein"][0] == min(hu["portal_vein_and_splenic_vein"])


def test_the_report_and_its_parts_are_there(result: DemoResult) -> None:
    folder = result.report.parent
    page = result.report.read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == len(list(folder.glob("*.png"))) >= 6
    assert "phantom" in page.lower()
    with (folder / "series.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.reader(file))) == 5


def test_file_names_say_nothing(result: DemoResult) -> None:
    folder = result.report.parent / "dicom"
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert names
    assert not any(phase in name for name in names for phase in ("arterial", "portal", "delayed", "contrast"))


def test_the_scene_opens_again_with_everything(result: DemoResult) -> None:
    scene.clear_scene()
    scene.open_scene(result.report.parent / "scene.mrb")
    import slicer

    volumes = [node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")]
    assert sorted(volumes) == ["arterial", "delayed", "non-contrast", "portal"]
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 4
    table = slicer.util.getNodesByClass("vtkMRMLTableNode")[0]
    assert scene.fact(table, "Phantom") is True
    assert len(scene.table_from_node(table).rows) == 4


def test_a_folder_that_is_not_a_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InvalidInputError, match="not from a demo"):
        _coarse(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_folder_with_scans_of_the_user_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "dicom").mkdir()
    (tmp_path / "dicom" / "IM0001").write_bytes(b"a real scan")
    (tmp_path / "report.html").write_text("a report of somebody else")
    with pytest.raises(InvalidInputError, match="not from a demo"):
        _coarse(tmp_path)
    assert (tmp_path / "dicom" / "IM0001").read_bytes() == b"a real scan"


def test_it_can_be_cancelled(tmp_path: Path) -> None:
    def stop(fraction: float, stage: str) -> None:
        if fraction > 0.1:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        _coarse(tmp_path / "out", progress=stop)
    assert not (tmp_path / "out" / "report.html").exists()
    with pytest.raises(Cancelled):  # what a stopped demo left may be replaced by the next
        _coarse(tmp_path / "out", progress=stop)
