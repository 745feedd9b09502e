"""Phantoms on disk: what is read back is what was made; the command line writes the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from abdominal_oncology.cli import main
from abdominal_oncology.cli.output import ExitCode
from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.imaging.sitk_bridge import from_sitk
from abdominal_oncology.imaging.volume_file import open_volume_file
from abdominal_oncology.phantom.result import Phantom
from abdominal_oncology.phantom.save import save_phantom
from abdominal_oncology.rectal.compare import side_by_side
from abdominal_oncology.rectal.phantom import rectal_phantom


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    return rectal_phantom(9, stage="T3", matrix=64, slices=5)


@pytest.mark.parametrize("file_format", ["nifti", "nrrd"])
def test_volumes_and_labels_come_back_as_they_were(phantom: Phantom, tmp_path: Path, file_format: str) -> None:
    written = save_phantom(phantom, tmp_path / "out", file_format=file_format)
    image = read_image(open_volume_file(written["t2"], "MR"))
    labels = read_image(open_volume_file(written["labels_t2"], "MASK"))
    assert np.array_equal(image.voxels, phantom.images["t2"].voxels)
    assert np.array_equal(labels.voxels, phantom.labels["t2"].voxels)
    assert image.geometry.same_grid(phantom.images["t2"].geometry)
    assert labels.geometry.same_grid(phantom.images["t2"].geometry)


def test_dicom_slices_hold_the_voxels_and_the_geometry(phantom: Phantom, tmp_path: Path) -> None:
    import SimpleITK as sitk

    written = save_phantom(phantom, tmp_path / "out", scramble=True)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(written["t2"])))
    back = from_sitk(reader.Execute(), Modality.MR)
    assert np.array_equal(back.voxels, phantom.images["t2"].voxels)
    assert back.geometry.same_grid(phantom.images["t2"].geometry, tolerance_mm=0.02)


def test_truth_is_written_with_label_names(phantom: Phantom, tmp_path: Path) -> None:
    written = save_phantom(phantom, tmp_path / "out", file_format="nifti")
    record = json.loads(written["truth"].read_text())
    assert record["truth"]["stage"] == "T3"
    assert record["truth"]["depth_mm"] == pytest.approx(phantom.truth["depth_mm"])
    assert record["label_names"]["247"] == "tumour"
    assert all((tmp_path / "out" / name).exists() for name in record["files"].values())


def test_a_folder_with_files_or_a_strange_format_is_refused(phantom: Phantom, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    for folder, file_format in ((tmp_path, "nifti"), (tmp_path / "new", "jpeg")):
        with pytest.raises(InvalidInputError) as caught:
            save_phantom(phantom, folder, file_format=file_format)
        assert caught.value.remedy


def test_command_line_makes_the_same_patients(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["phantom", "mr", "--seed", "9", "--stage", "T3", "--matrix", "64", "--slices", "5", "--count", "2"]
    code = main([*arguments, "--format", "nifti", "--output", str(tmp_path / "out"), "--json"])
    assert code == ExitCode.DONE
    rows = json.loads(capsys.readouterr().out)
    assert [row["seed"] for row in rows] == [9, 10]
    image = read_image(open_volume_file(rows[0]["files"]["t2"], "MR"))
    assert np.array_equal(image.voxels, rectal_phantom(9, stage="T3", matrix=64, slices=5).images["t2"].voxels)


def test_command_line_prints_a_table_and_refuses_nonsense(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--matrix", "48", "--slices", "3", "--format", "nrrd"]
    assert main(["phantom", "mr", *small, "--stage", "T2", "--output", str(tmp_path / "a")]) == ExitCode.DONE
    assert "T2" in capsys.readouterr().out
    assert main(["phantom", "mr", *small, "--count", "0", "--output", str(tmp_path / "b")]) == ExitCode.BAD_INPUT
    assert main(["phantom", "mr", "--difficulty", "7", "--output", str(tmp_path / "c")]) == ExitCode.BAD_INPUT
    assert "difficulty" in capsys.readouterr().err


def test_side_by_side_picture_has_both_rows(phantom: Phantom, tmp_path: Path) -> None:
    other = rectal_phantom(10, matrix=48, slices=4).images["t2"]
    path = side_by_side(phantom.images["t2"], other, tmp_path / "docs" / "picture.png", slices=3)
    pixels = np.asarray(Picture.open(path))
    assert pixels.shape == (2 * 64, 4 * 64)
    assert pixels[:64].std() > 10
    assert pixels[64:].std() > 10


@pytest.mark.real_data
def test_real_scan_beside_the_phantom(shared_data: Path, tmp_path: Path) -> None:
    import SimpleITK as sitk

    folder = shared_data / "rectal_mr_filitto"
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder / "dicom")))
    real = from_sitk(reader.Execute(), Modality.MR)
    mask = from_sitk(sitk.ReadImage(str(folder / "tumour_mask.nii.gz"))).voxels > 0
    ours = rectal_phantom(7, stage="T3", female=False, matrix=256, slices=12, spacing_mm=(6.0, 0.86, 0.86))
    centre = tuple(float(v) for v in real.geometry.to_world(np.argwhere(mask).mean(axis=0)))
    path = side_by_side(
        real, ours.images["t2"], tmp_path / "real.png", real_centre_mm=(centre[0], centre[1], centre[2])
    )
    assert Picture.open(path).size == (5 * 512, 2 * 512)

    def contrast(image: Image, tumour: np.ndarray) -> float:
        """Tumour against the bright tail (fat, urine) of the same scan: free of the scanner's units."""
        return float(np.median(image.voxels[tumour]) / np.quantile(image.voxels, 0.9))

    painted = ours.labels["t2"].voxels == 247
    assert contrast(ours.images["t2"], painted) == pytest.approx(contrast(real, mask), rel=0.5)
