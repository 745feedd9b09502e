"""Places in a liver of known shape get the right words, and unsure ones say so."""

from __future__ import annotations

import numpy as np
import pytest

from abdominal_oncology.errors import EmptyMaskError
from abdominal_oncology.hcc.location import RIGHT_SHARE, locate
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image

_GRID = Geometry((40, 40, 60), (4.0, 4.0, 4.0), (-150.0, -80.0, -80.0))
_LIVER = Image(np.ones(_GRID.shape, np.uint8), _GRID, "MASK")


def _at(k: int, j: int, i: int) -> Image:
    voxels = np.zeros(_GRID.shape, np.uint8)
    voxels[k : k + 2, j : j + 2, i : i + 2] = 1
    return Image(voxels, _GRID, "MASK")


@pytest.mark.parametrize(
    ("place", "side", "level", "segment"),
    [
        ((34, 34, 4), "right", "cranial", "VII"),
        ((34, 4, 4), "right", "cranial", "VIII"),
        ((4, 34, 4), "right", "caudal", "VI"),
        ((4, 4, 4), "right", "caudal", "V"),
        ((34, 20, 57), "left", "cranial", "II"),
        ((4, 20, 57), "left", "caudal", "III"),
    ],
)
def test_corners(place: tuple[int, int, int], side: str, level: str, segment: str) -> None:
    found = locate(_at(*place), _LIVER)
    assert (found.side, found.level, found.segment) == (side, level, segment)
    assert found.segments[segment] > 0.75
    assert found.by == "liver outline"
    assert segment in found.sentence


def test_probabilities_sum_to_one_and_the_border_is_unsure() -> None:
    border = int(60 * RIGHT_SHARE)
    found = locate(_at(19, 19, border - 1), _LIVER)
    assert sum(found.segments.values()) == pytest.approx(1.0)
    assert found.chances["left"] == pytest.approx(0.5, abs=0.1)
    assert found.chances["cranial"] == pytest.approx(0.5, abs=0.1)
    assert max(found.segments.values()) < 0.6


def test_landmarks_move_the_border_and_make_it_surer() -> None:
    lesion = _at(20, 20, 30)
    guessed = locate(lesion, _LIVER)
    organs = {"gallbladder": _at(8, 2, 20), "inferior_vena_cava": _at(20, 36, 24)}
    found = locate(lesion, _LIVER, organs)
    assert (guessed.side, found.side, found.by) == ("right", "left", "landmarks")
    assert found.chances["left"] > 0.95


def test_the_grid_of_the_liver_does_not_matter() -> None:
    flipped = Geometry(
        _GRID.shape,
        _GRID.spacing_mm,
        tuple(_GRID.to_world([0, 0, 59])),
        ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)),
    )
    liver = Image(np.ones(_GRID.shape, np.uint8), flipped, "MASK")
    assert locate(_at(34, 34, 4), liver).segment == "VII"


def test_empty_outlines_are_refused() -> None:
    with pytest.raises(EmptyMaskError):
        locate(Image(np.zeros(_GRID.shape, np.uint8), _GRID, "MASK"), _LIVER)
