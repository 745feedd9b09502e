"""A row of a rectal finding leads to its slice, however the volume is stored."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("slicer", reason="slicer-core gives the scene")

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.learning.finding import Finding, Provenance
from abdominal_oncology.rectal.words import REGION
from abdominal_oncology.scene import volume_node_from_image
from abdominal_oncology.scene.rectal_places import place_of_slice

ROW = {"centre_x_mm": 5.0, "centre_y_mm": -8.0, "centre_z_mm": 12.0}
FINDING = Finding("stage", "t2", None, {}, Provenance(""), tables={REGION: (ROW,)})
AXIAL = Geometry((9, 40, 50), (3.0, 1.0, 1.0), (-25.0, -30.0, 0.0))


def put(grid: Geometry) -> object:
    return volume_node_from_image(Image(np.zeros(grid.shape, np.int16), grid, Modality.MR), "t2")


def test_a_slice_is_found_feet_first_and_head_first() -> None:
    assert place_of_slice(FINDING, put(AXIAL), 2) == pytest.approx((5.0, -8.0, 6.0))
    k, j, i = AXIAL.directions
    down = Geometry(AXIAL.shape, AXIAL.spacing_mm, (-25.0, -30.0, 24.0), ((-k[0], -k[1], -k[2]), j, i))
    assert place_of_slice(FINDING, put(down), 2) == pytest.approx((5.0, -8.0, 18.0))


def test_a_slice_is_found_where_slices_are_not_stored_first() -> None:
    k, j, i = AXIAL.directions
    stored = Geometry((40, 9, 50), (1.0, 3.0, 1.0), AXIAL.origin_mm, (j, k, i))
    assert place_of_slice(FINDING, put(stored), 7) == pytest.approx((5.0, -8.0, 21.0))


def test_a_slice_that_is_not_there() -> None:
    with pytest.raises(InvalidInputError, match="no slice 9"):
        place_of_slice(FINDING, put(AXIAL), 9)
