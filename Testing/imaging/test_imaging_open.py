"""One door for every kind of image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.imaging.dicom import write_series
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.open import open_reader
from abdominal_oncology.imaging.reader import SliceReader, read_image
from abdominal_oncology.imaging.volume_file import write_volume_file

GRID = Geometry((3, 4, 5), (5.0, 0.8, 0.7), (1.0, 2.0, 3.0))
CT = Image(np.arange(60, dtype=np.int16).reshape(GRID.shape) - 1000, GRID, Modality.CT)


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    folder = write_series(CT, tmp_path / "dicom", description="portal")
    write_volume_file(CT, tmp_path / "ct.nii.gz")
    write_volume_file(CT, tmp_path / "ct.nrrd")
    return {
        "folder": folder,
        "file": sorted(folder.iterdir())[1],
        "nifti": tmp_path / "ct.nii.gz",
        "nrrd": tmp_path / "ct.nrrd",
    }


@pytest.mark.parametrize("kind", ["folder", "file", "nifti", "nrrd"])
def test_every_kind_opens(places: dict[str, Path], kind: str) -> None:
    reader = open_reader(places[kind])
    assert isinstance(reader, SliceReader)
    image = read_image(reader)
    expected = CT.voxels[1:2] if kind == "file" else CT.voxels
    assert (image.voxels == expected).all()
    assert reader.modality is Modality.CT


def test_a_volume_file_is_what_the_caller_says(places: dict[str, Path]) -> None:
    assert open_reader(places["nifti"], modality="MR").modality is Modality.MR
    assert open_reader(places["nifti"], modality=Modality.MASK).modality is Modality.MASK


def test_what_is_not_there_is_named(tmp_path: Path, places: dict[str, Path]) -> None:
    with pytest.raises(MissingInputError, match="nowhere"):
        open_reader(tmp_path / "nowhere")
    with pytest.raises(InvalidInputError, match="one volume"):
        open_reader(places["nrrd"], volume=1)
