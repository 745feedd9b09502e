"""The published formulas against the house's vectors, and the border they rest on."""

from __future__ import annotations

import numpy as np
import pytest

from abdominal_oncology.errors import EmptyMaskError, InvalidInputError
from abdominal_oncology.hcc.features.published import (
    BORDER_MM,
    PublishedFeatures,
    energy,
    energy_difference,
    median_difference,
    split_border,
)
from abdominal_oncology.hcc.features.region import depth_below

_ARTERIAL, _ARTERIAL_LIVER, _BORDER = [60.0, 80.0, 100.0, 120.0], [50.0, 55.0, 60.0, 70.0, 90.0], [110.0, 130.0]
_PORTAL, _PORTAL_LIVER = [40.0, 50.0, 65.0, 75.0], [90.0, 100.0, 110.0, 95.0, 105.0]


def test_vectors_of_the_house() -> None:
    assert median_difference(_ARTERIAL, _ARTERIAL_LIVER) == 30.0
    assert median_difference(_PORTAL, _PORTAL_LIVER) == -42.5
    assert energy_difference(_ARTERIAL, _BORDER, "sum") == 5400.0
    assert energy_difference(_ARTERIAL, _BORDER) == -5900.0


def test_mean_energy_does_not_grow_with_the_lesion_and_the_sum_does() -> None:
    once, thrice = np.array(_ARTERIAL), np.tile(_ARTERIAL, 3)
    assert energy(thrice) == energy(once)
    assert energy(thrice, "sum") == 3 * energy(once, "sum")
    with pytest.raises(InvalidInputError, match="no energy is called"):
        energy(once, "product")


def test_unseen_voxels_do_not_count_and_nothing_seen_is_refused() -> None:
    assert median_difference([60, np.nan, 100], [50]) == 30
    with pytest.raises(EmptyMaskError, match="lesion"):
        median_difference([np.nan, np.nan], [50])


def test_border_is_the_outer_layer_of_a_ball() -> None:
    grid = np.stack(np.meshgrid(*(np.arange(-14, 15),) * 3, indexing="ij"), axis=-1)
    radius = np.sqrt(np.square(grid).sum(axis=-1))
    inner, border = split_border(depth_below(radius < 10, (1.0, 1.0, 1.0)))
    assert not (inner & border).any()
    assert ((inner | border) == (radius < 10)).all()
    assert radius[inner].max() < 10 - BORDER_MM + 0.8
    assert radius[border].min() > 10 - BORDER_MM - 1.2


@pytest.mark.parametrize("shape", [(1, 1, 2), (1, 2, 2), (3, 3, 3)])
def test_smallest_lesions_have_both_inside_and_border(shape: tuple[int, int, int]) -> None:
    mask = np.pad(np.ones(shape, bool), 2)
    inner, border = split_border(depth_below(mask, (1.0, 1.0, 1.0)))
    assert inner.any()
    assert border.any()
    assert ((inner | border) == mask).all()


def test_a_single_voxel_has_no_border() -> None:
    with pytest.raises(EmptyMaskError):
        split_border(depth_below(np.pad(np.ones((1, 1, 1), bool), 2), (1.0, 1.0, 1.0)))


def test_vector_has_the_order_of_the_fusion() -> None:
    assert PublishedFeatures(1.0, 2.0, 3.0, 4.0).vector().tolist() == [1.0, 2.0, 3.0, 4.0]
