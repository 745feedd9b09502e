"""A folder becomes a table: every volume is a row that opens, or is left out with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from abdominal_oncology.errors import MissingInputError
from abdominal_oncology.imaging.dicom import write_series, write_study
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.imaging.reference import open_reference
from abdominal_oncology.imaging.volume_file import write_volume_file
from abdominal_oncology.learning.folder_contents import Facts
from abdominal_oncology.learning.manifest import read_manifest
from abdominal_oncology.learning.manifest_folder import FolderListing, Told, list_folder


@dataclass(frozen=True)
class _Said:
    label: str
    reasons: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


def _first_letter(study: Sequence[Facts]) -> Sequence[Told]:
    """A miner that labels by the first letter, and says how large the study is."""
    letters = [str(facts.get("SeriesDescription", "")) for facts in study]
    return [_Said(letter[:1] if letter[:1] in "av" else "", (f"one of {len(study)}",)) for letter in letters]


def _image(value: int, modality: Modality = Modality.CT, slices: int = 3) -> Image:
    voxels = np.full((slices, 6, 6), value, np.int16) + np.arange(36, dtype=np.int16).reshape(6, 6)
    voxels[:, 0, 0] = -1000 if modality is Modality.CT else 0
    return Image(voxels, Geometry((slices, 6, 6), (2.0, 1.0, 1.0)), modality)


def _study(root: Path, patient: str, seed: int, **series: int) -> None:
    images = {role: _image(value) for role, value in series.items()}
    write_study(images, root, patient_name=patient, patient_id=patient, seconds={}, seed=seed)


def _opened(listing: FolderListing, folder: Path) -> dict[str, int]:
    """Case → the value in the middle of its image, through the table on disk."""
    listing.manifest.write(folder / listing.manifest.name)
    manifest = read_manifest(folder / listing.manifest.name)
    manifest.check_files()
    return {
        row.case: int(read_image(open_reference(folder, row.images["ct"], modality="CT")).voxels[1, 1, 1]) - 7
        for row in manifest.rows
    }


def test_each_series_is_a_row_that_opens(tmp_path: Path) -> None:
    _study(tmp_path / "anna", "A", 1, arterial=10, venous=20)
    _study(tmp_path / "bert", "B", 2, venous=30)
    listing = list_folder(tmp_path, tmp_path / "m.csv", question="phase", miner=_first_letter)
    assert [(v.row.patient, v.row.labels) for v in listing.volumes] == [
        ("A", {"phase": "a"}),
        ("A", {"phase": "v"}),
        ("B", {"phase": "v"}),
    ]
    assert [v.reasons for v in listing.volumes] == [("one of 2",), ("one of 2",), ("one of 1",)]
    assert sorted(_opened(listing, tmp_path).values()) == [10, 20, 30]
    assert all("#" not in v.row.images["ct"] for v in listing.volumes), "each has a folder of its own"


def test_series_in_one_folder_are_told_apart(tmp_path: Path) -> None:
    scans, table = tmp_path / "scans", tmp_path / "tables" / "m.csv"
    table.parent.mkdir()
    _study(scans, "A", 1, arterial=10, venous=20, other=30)
    for file in list(scans.rglob("*.dcm")):
        file.rename(scans / f"{file.parent.name}-{file.name}")
    listing = list_folder(scans, table, question="phase", miner=_first_letter)
    assert all(v.row.images["ct"].startswith("../scans#series=") for v in listing.volumes)
    assert sorted(_opened(listing, table.parent).values()) == [10, 20, 30]
    unlabelled = [v for v in listing.volumes if not v.label]
    assert [v.row.labels for v in unlabelled] == [{}]


def test_series_without_a_uid_are_named_by_number(tmp_path: Path) -> None:
    for number, value in enumerate((10, 20), start=1):
        write_series(
            _image(value), tmp_path / f"s{number}", series_number=number, attributes={"SeriesInstanceUID": None}
        )
        for file in list((tmp_path / f"s{number}").iterdir()):
            file.rename(tmp_path / f"{number}-{file.name}")
    listing = list_folder(tmp_path, tmp_path / "m.csv", question="phase")
    assert len(listing.volumes) == 2
    assert sorted(_opened(listing, tmp_path).values()) == [10, 20]


def test_what_is_not_wanted_is_left_out_with_its_reason(tmp_path: Path) -> None:
    _study(tmp_path / "ct", "A", 1, arterial=10)
    write_series(_image(10, Modality.MR), tmp_path / "mr", patient_id="A")
    write_series(_image(10, slices=1), tmp_path / "one", patient_id="A", description="premonitoring")
    write_series(
        _image(10), tmp_path / "scout", patient_id="A", attributes={"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
    )
    (tmp_path / "notes.txt").write_text("arterial")
    broken = tmp_path / "ct" / "broken.dcm"
    broken.write_bytes(b"")
    listing = list_folder(tmp_path, tmp_path / "m.csv", question="phase")
    assert len(listing.volumes) == 1
    reasons = {Path(one.path).parent.name: (one.reason, one.is_loss) for one in listing.left_out}
    assert reasons["mr"] == ("MR, not CT", False)
    assert reasons["one"] == ("a single slice", False)
    assert reasons["scout"] == ("a localizer", False)
    assert reasons["ct"] == ("the file is empty", True)


def test_volume_files_have_their_patient_from_the_folder(tmp_path: Path) -> None:
    for name in ("anna/a.nii.gz", "anna/deep/v.nii.gz", "bert_v.nii.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_volume_file(_image(len(name)), tmp_path / name)
    mask = Image(np.eye(36, dtype=np.uint8).reshape(36, 6, 6), Geometry((36, 6, 6)), Modality.MASK)
    write_volume_file(mask, tmp_path / "anna" / "liver.nii.gz")
    write_volume_file(mask, tmp_path / "anna" / "a_seg.nii.gz")
    write_volume_file(_image(5, Modality.MR), tmp_path / "anna" / "m.nrrd")
    (tmp_path / "bert.nrrd").write_bytes(b"NRRD0004\n")
    listing = list_folder(tmp_path, tmp_path / "m.csv", question="phase", miner=_first_letter)
    rows = {v.row.images["ct"]: (v.row.case, v.row.patient, v.label) for v in listing.volumes}
    assert rows == {
        "anna/a.nii.gz": ("anna_a", "anna", "a"),
        "anna/deep/v.nii.gz": ("anna_v", "anna", "v"),
        "bert_v.nii.gz": ("bert_v", "bert_v", ""),
    }
    assert all("does not say what it measures" in v.remarks[0] for v in listing.volumes)
    reasons = {Path(one.path).name: one.reason for one in listing.left_out}
    assert "perhaps a mask" in reasons["liver.nii.gz"]
    assert "name is that of a mask" in reasons["a_seg.nii.gz"]
    assert reasons["m.nrrd"] == "MR, not CT"
    assert [one.path for one in listing.left_out if one.is_loss] == [str(tmp_path / "bert.nrrd")]


def test_one_patient_id_for_all_is_remarked_and_folders_help(tmp_path: Path) -> None:
    for seed, name in enumerate(("anna", "bert")):
        _study(tmp_path / name, "ANON", seed, venous=seed)
        for file in (tmp_path / name).rglob("*.dcm"):
            _set_study(file, f"1.2.{seed + 1}")
    by_header = list_folder(tmp_path, tmp_path / "m.csv", question="phase")
    assert {v.row.patient for v in by_header.volumes} == {"ANON"}
    assert "by folder" in by_header.remarks[0]
    by_folder = list_folder(tmp_path, tmp_path / "m.csv", question="phase", patient_by="folder")
    assert [v.row.patient for v in by_folder.volumes] == ["anna", "bert"]
    assert by_folder.remarks == ()


def _set_study(file: Path, uid: str) -> None:
    import pydicom

    data = pydicom.dcmread(file)
    data.StudyInstanceUID = uid
    data.save_as(file)


def test_a_folder_without_volumes_is_named(tmp_path: Path) -> None:
    write_series(_image(10, Modality.MR), tmp_path / "mr")
    with pytest.raises(MissingInputError, match=r"no CT volume here \(1 × MR, not CT\)"):
        list_folder(tmp_path, tmp_path / "m.csv", question="phase")
    assert len(list_folder(tmp_path, tmp_path / "m.csv", question="stage", modality="MR", role="t2").volumes) == 1
    with pytest.raises(MissingInputError, match="no such folder"):
        list_folder(tmp_path / "none", tmp_path / "m.csv", question="phase")
