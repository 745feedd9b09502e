"""Real DICOM bytes for the tests: good series from our writer, made ugly with pydicom."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from abdominal_oncology.errors import AbdominalOncologyError
from abdominal_oncology.imaging.dicom import headers, write_series
from abdominal_oncology.imaging.geometry import AXIAL, Geometry
from abdominal_oncology.imaging.image import Image

SeriesMaker = Callable[..., tuple[Path, Image]]


def make_image(
    count: int = 6,
    rows: int = 18,
    columns: int = 16,
    modality: str = "CT",
    spacing_mm: tuple[float, float, float] = (2.5, 0.7, 0.8),
    directions: Any = AXIAL,
    seed: int = 1,
) -> Image:
    """A smooth random volume, every slice different, so that a swapped slice is seen."""
    values = np.random.default_rng(seed).integers(-900 if modality == "CT" else 0, 1500, (count, rows, columns))
    geometry = Geometry((count, rows, columns), spacing_mm, (-11.0, -22.0, 33.0), directions)
    return Image(values.astype(np.int16), geometry, modality)


@pytest.fixture
def make_series(tmp_path: Path) -> SeriesMaker:
    """``make_series(name="a", image=None, …)`` writes a series below tmp_path and gives its folder and image."""

    def make(name: str = "series", image: Image | None = None, **options: Any) -> tuple[Path, Image]:
        made = {
            key: options.pop(key) for key in ("count", "modality", "spacing_mm", "directions", "seed") if key in options
        }
        chosen = image or make_image(**made)
        return write_series(chosen, tmp_path / name, **options), chosen

    return make


def edit(path: Path, change: Callable[[pydicom.FileDataset], object] | None = None, **attributes: Any) -> Path:
    """Rewrite one file with attributes set (None: removed) or changed."""
    data = pydicom.dcmread(path)
    for keyword, value in attributes.items():
        if value is None:
            delattr(data, keyword)
        else:
            setattr(data, keyword, value)
    if change is not None:
        change(data)
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.save_as(path)
    return path


def files_of(folder: Path) -> list[Path]:
    """The files of a series in the order of their slices."""
    return sorted(
        folder.iterdir(), key=lambda path: float(pydicom.dcmread(path, specific_tags=["InstanceNumber"]).InstanceNumber)
    )


@pytest.fixture(name="edit")
def edit_fixture() -> Callable[..., Path]:
    return edit


@pytest.fixture(name="files_of")
def files_of_fixture() -> Callable[[Path], list[Path]]:
    return files_of


@pytest.fixture(name="make_image")
def make_image_fixture() -> Callable[..., Image]:
    return make_image


def _header_or_error(data: bytes) -> str:
    try:
        return repr(headers.read_header_from_memory(data, "a file"))
    except AbdominalOncologyError as problem:
        return repr((type(problem), problem.problem, problem.where, problem.remedy))


@pytest.fixture(scope="session")
def same_both_ways() -> Callable[[bytes], bool]:
    """Asserts that pydicom gives the same header or error as the quick way; says whether the quick one was taken."""

    def compare(data: bytes) -> bool:
        found = _header_or_error(data)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(headers, "_quick", lambda stream: None)
            assert found == _header_or_error(data)
        return headers._quick(BytesIO(data)) is not None

    return compare
