"""The report's picture of where regions were measured: the right place, the right way round, from any grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core gives the scene")

from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import ArrayReader
from abdominal_oncology.panels.phase_places import picture_of_places

DARK, BRIGHT = 0, 255
SIDE = 160


def scan(turned: bool = False) -> Image:
    """Air; in slice 3 a bright block towards the patient's right and front of the point (0, 0, 15)."""
    grid = Geometry((6, 80, 80), (5.0, 2.0, 2.0), (-79.0, -79.0, 0.0))
    voxels = np.full(grid.shape, -1000, np.int16)
    voxels[3, 20:40, 20:40] = 400
    if not turned:
        return Image(voxels, grid, Modality.CT)
    last = grid.to_world(np.asarray(grid.shape) - 1)
    origin = (float(last[0]), float(last[1]), float(last[2]))
    mirrored = Geometry(grid.shape, grid.spacing_mm, origin, ((0.0, 0.0, -1.0), (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0)))
    return Image(np.ascontiguousarray(voxels[::-1, ::-1, ::-1]), mirrored, Modality.CT)


@pytest.mark.parametrize("turned", [False, True])
def test_right_and_front_are_on_the_upper_left(turned: bool) -> None:
    piece = picture_of_places(ArrayReader(scan(turned)), [(0.0, 0.0, 15.0)])
    assert piece.shape == (SIDE, SIDE, 3)
    quarter = SIDE // 4
    corners = [piece[j, i].tolist() for j in (quarter + 10, SIDE - quarter) for i in (quarter + 10, SIDE - quarter)]
    assert corners == [[BRIGHT] * 3, [DARK] * 3, [DARK] * 3, [DARK] * 3]


def test_the_cross_leaves_its_place_open() -> None:
    image = scan()
    inside: Any = tuple(float(each) for each in image.geometry.to_world((3, 30, 30)))
    piece = picture_of_places(ArrayReader(image), [inside])
    middle = SIDE // 2
    assert piece[middle, middle].tolist() == [BRIGHT] * 3
    assert piece[middle, middle + 9].tolist() not in ([BRIGHT] * 3, [DARK] * 3)


def test_many_places_stand_row_by_row_and_beyond_the_image_is_air() -> None:
    reader = ArrayReader(scan())
    sheet = picture_of_places(reader, [(0.0, 0.0, 15.0)] * 4 + [(-79.0, 79.0, 500.0)])
    assert sheet.shape == (2 * SIDE, 4 * SIDE, 3)
    np.testing.assert_array_equal(sheet[:SIDE, :SIDE], sheet[:SIDE, SIDE : 2 * SIDE])
    assert sheet[SIDE:, SIDE:].max() == 0
