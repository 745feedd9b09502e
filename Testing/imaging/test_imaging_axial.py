"""Slices the way radiologists look at them, whatever way they were stored."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.axial import axial_view
from abdominal_oncology.imaging.geometry import Geometry

SHAPE = (3, 5, 7)
SIGNED = [(swap, k, j, i) for swap, k, j, i in itertools.product((False, True), *(((1.0, -1.0),) * 3))]


def _geometry(swap: bool, k: float, j: float, i: float) -> Geometry:
    rows, columns = ((0.0, j, 0.0), (i, 0.0, 0.0)) if not swap else ((j, 0.0, 0.0), (0.0, i, 0.0))
    return Geometry(SHAPE, (2.0, 1.5, 0.5), (10.0, 20.0, 30.0), ((0.0, 0.0, k), rows, columns))


@pytest.mark.parametrize("case", SIGNED)
def test_rows_run_to_the_back_and_columns_to_the_left(case: tuple[bool, float, float, float]) -> None:
    geometry = _geometry(*case)
    index = np.moveaxis(np.indices(SHAPE), 0, -1).reshape(-1, 3)
    world = geometry.to_world(index).reshape(*SHAPE, 3)
    view = axial_view(geometry)
    x, y = view.apply(world[..., 0]), view.apply(world[..., 1])
    assert (np.diff(y, axis=1) > 0).all()
    assert (np.diff(x, axis=2) > 0).all()
    np.testing.assert_array_equal(view.undo(x), world[..., 0])
    assert view.head_first == (case[1] < 0)


@pytest.mark.parametrize("case", SIGNED)
def test_points_of_the_view_lead_back_to_stored_pixels(case: tuple[bool, float, float, float]) -> None:
    geometry = _geometry(*case)
    view = axial_view(geometry)
    stored = np.arange(35).reshape(5, 7)
    seen = view.apply(stored[None])[0]
    points = np.argwhere(seen >= 0)
    back = view.to_stored((points + 0.5) / seen.shape, (5, 7)).round().astype(int)
    np.testing.assert_array_equal(stored[back[:, 0], back[:, 1]], seen[points[:, 0], points[:, 1]])


@pytest.mark.parametrize(
    ("directions", "name"),
    [
        (((1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0)), "sagittal"),
        (((0, 1.0, 0), (0, 0, 1.0), (1.0, 0, 0)), "coronal"),
    ],
)
def test_other_planes_are_refused_by_name(directions: tuple, name: str) -> None:
    with pytest.raises(InvalidInputError, match=name):
        axial_view(Geometry(SHAPE, directions=directions))
