"""Slices as radiologists look at them."""

from __future__ import annotations

import numpy as np
import pytest

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.phantom.tile import TILE, tile


def body(directions: tuple[tuple[float, float, float], ...]) -> Image:
    """A block of soft tissue that is bright on the patient's right, in front."""
    voxels = np.full((2, 100, 100), -1000, np.int16)
    voxels[:, 20:80, 20:80] = 0
    front = slice(20, 40) if directions[1][1] > 0 else slice(60, 80)
    right = slice(20, 40) if directions[2][0] > 0 else slice(60, 80)
    voxels[:, front, right] = 240
    return Image(voxels, Geometry((2, 100, 100), (5, 4, 4), (0, 0, 0), directions), Modality.CT)  # type: ignore[arg-type]


@pytest.mark.parametrize("j", [1.0, -1.0])
@pytest.mark.parametrize("i", [1.0, -1.0])
def test_every_slice_is_shown_as_radiologists_look(j: float, i: float) -> None:
    seen = tile(body(((0, 0, 1), (0, j, 0), (i, 0, 0))), 0, 400.0)
    assert seen.shape == (TILE, TILE)
    brightest = np.argwhere(seen > 240).mean(axis=0)
    assert (brightest < (110, 150)).all()  # above and left
