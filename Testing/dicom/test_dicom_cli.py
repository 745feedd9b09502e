"""The commands scan and info, as a person and a script see them; one door for all kinds of images."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from abdominal_oncology.cli import main
from abdominal_oncology.cli.output import ExitCode
from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.imaging.open import open_reader


def test_scan_prints_one_line_per_volume_and_names_what_it_left_out(make_series, tmp_path: Path, capsys) -> None:
    make_series("a", description="arterial 1.0")
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    assert main(["scan", str(tmp_path)]) == ExitCode.DONE
    text = capsys.readouterr().out
    (line,) = [line for line in text.splitlines() if "arterial 1.0" in line]
    assert "2.5 × 0.7 × 0.8" in line
    assert "image" in line
    assert "notes.txt: this is not a DICOM file" in text


def test_scan_as_json_and_exit_code_when_something_is_broken(make_series, files_of, tmp_path: Path, capsys) -> None:
    folder, _ = make_series("a", description="portal")
    files_of(folder)[2].unlink()
    path = files_of(folder)[4]
    path.write_bytes(path.read_bytes()[:300])
    assert main(["scan", str(tmp_path), "--json"]) == ExitCode.SOME_FAILED
    found = json.loads(capsys.readouterr().out)
    (volume,) = found["volumes"]
    assert (volume["description"], volume["slices"], volume["volume"]) == ("portal", 5, 0)
    assert any(remark.startswith("missing-slices") for remark in volume["remarks"])
    assert [Path(file["path"]) for file in found["skipped"]] == [path]


def test_info_of_a_folder_and_of_a_file_of_it(make_series, files_of, capsys) -> None:
    folder, image = make_series(description="portal")
    assert main(["info", str(folder), "--json"]) == ExitCode.DONE
    facts = json.loads(capsys.readouterr().out)
    assert facts["shape_kji"] == [6, 18, 16]
    assert (facts["lowest_value"], facts["highest_value"]) == (image.voxels.min(), image.voxels.max())
    assert facts["header"]["SeriesDescription"] == "portal"
    assert facts["warnings"] == []
    assert main(["info", str(files_of(folder)[0])]) == ExitCode.DONE
    assert "warning single-slice" in capsys.readouterr().out


def test_info_of_a_nifti_file(tmp_path: Path, capsys) -> None:
    picture = sitk.GetImageFromArray(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    picture.SetSpacing((0.8, 0.7, 2.5))
    sitk.WriteImage(picture, str(tmp_path / "a.nii.gz"))
    assert main(["info", str(tmp_path / "a.nii.gz"), "--json"]) == ExitCode.DONE
    facts = json.loads(capsys.readouterr().out)
    assert facts["shape_kji"] == [3, 4, 5]
    assert facts["spacing_mm_kji"] == pytest.approx([2.5, 0.7, 0.8])
    assert facts["highest_value"] == 59


def test_wrong_input_has_its_exit_code_and_says_what_to_do(make_series, tmp_path: Path, capsys) -> None:
    assert main(["info", str(tmp_path / "nowhere")]) == ExitCode.BAD_INPUT
    assert "To go on" in capsys.readouterr().err
    make_series("a", description="one")
    make_series("b", description="two", series_number=2)
    assert main(["info", str(tmp_path)]) == ExitCode.BAD_INPUT
    assert "0: one, 6 slices" in capsys.readouterr().err
    assert main(["info", str(tmp_path), "--volume", "1", "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["header"]["SeriesDescription"] == "two"


def test_open_reader_takes_folders_dicom_files_and_volume_files(make_series, files_of, tmp_path: Path) -> None:
    folder, image = make_series()
    assert np.array_equal(open_reader(folder).read(), image.voxels)
    assert np.array_equal(open_reader(files_of(folder)[3]).read(), image.voxels[[3]])
    sitk.WriteImage(sitk.GetImageFromArray(image.voxels), str(tmp_path / "Ä.nrrd"))
    assert np.array_equal(open_reader(tmp_path / "Ä.nrrd").read([1]), image.voxels[[1]])
    with pytest.raises(MissingInputError):
        open_reader(tmp_path / "nothing")
    with pytest.raises(InvalidInputError, match="one volume"):
        open_reader(tmp_path / "Ä.nrrd", series_uid="1.2")


def test_a_dicomdir_stands_for_its_folder(make_series) -> None:
    folder, image = make_series()
    (folder / "DICOMDIR").write_bytes(b"table of contents")
    assert np.array_equal(open_reader(folder / "DICOMDIR").read(), image.voxels)
