"""A reference in a table opens the volume it was written for, and no other kind of image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abdominal_oncology.errors import InconsistentSeriesError, MissingInputError, WrongModalityError
from abdominal_oncology.imaging.dicom import write_series
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import read_image
from abdominal_oncology.imaging.reference import Reference, open_reference, write_reference
from abdominal_oncology.imaging.volume_file import write_volume_file


def _image(value: int, modality: Modality = Modality.CT, slices: int = 3) -> Image:
    voxels = np.full((slices, 4, 5), value, np.int16)
    voxels[0, 0, 0] = -1000 if modality is Modality.CT else 0
    return Image(voxels, Geometry((slices, 4, 5), (2.0, 1.0, 1.0)), modality)


def _together(root: Path, *images: Image) -> list[str]:
    """Several series in one folder, as an export on a disc has them; gives their UIDs."""
    uids = []
    for number, image in enumerate(images, start=1):
        apart = write_series(image, root / f"apart-{number}", series_number=number, description=f"s{number}")
        for file in apart.iterdir():
            uids.append(str(pydicom.dcmread(file, specific_tags=["SeriesInstanceUID"]).SeriesInstanceUID))
            file.rename(root / f"{number}-{file.name}")
        apart.rmdir()
    return list(dict.fromkeys(uids))


@given(
    st.from_regex(r"[\w .#=&+-]{1,12}(/[\w #=&+-]{1,8})?", fullmatch=True),
    st.from_regex(r"([0-9]{1,3}(\.[0-9]{1,3}){1,4})?", fullmatch=True),
    st.none() | st.integers(0, 40),
)
def test_what_is_written_is_parsed(path: str, series: str, volume: int | None) -> None:
    plain = Reference.parse(path)
    if plain.path == path:  # unless the path itself ends like a choice
        assert Reference.parse(str(Reference(path, series, volume))) == Reference(path, series, volume)


def test_one_series_of_several_is_opened(tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    uids = _together(scans, _image(10), _image(20), _image(30))
    for uid, value in zip(uids, (10, 20, 30), strict=True):
        text = write_reference(scans, tmp_path, series_uid=uid)
        assert text == f"scans#series={uid}"
        assert read_image(open_reference(tmp_path, text, modality="CT")).voxels[1, 1, 1] == value
    with pytest.raises(InconsistentSeriesError):
        open_reference(tmp_path, "scans")
    with pytest.raises(MissingInputError, match=r"no series 1\.2"):
        open_reference(tmp_path, "scans#series=1.2")
    with pytest.raises(MissingInputError):
        open_reference(tmp_path, "elsewhere#series=1.2")


def test_another_modality_is_refused(tmp_path: Path) -> None:
    write_series(_image(10, Modality.MR), tmp_path / "mr")
    write_volume_file(_image(10, Modality.MR), tmp_path / "mr.nrrd")
    for name in ("mr", "mr.nrrd"):
        assert open_reference(tmp_path, name).modality is Modality.MR
        with pytest.raises(WrongModalityError, match="MR, not CT") as refused:
            open_reference(tmp_path, name, modality=Modality.CT)
        assert refused.value.where.endswith(name)


def test_a_file_that_says_nothing_is_taken_at_the_callers_word(tmp_path: Path) -> None:
    write_volume_file(_image(10), tmp_path / "a.nii.gz")
    for modality in (Modality.CT, Modality.MR, Modality.MASK):
        reader = open_reference(tmp_path, "a.nii.gz", modality=modality)
        assert reader.modality is modality
        assert not reader.warnings
