"""The locator's proposal as a box that a person may correct."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from abdominal_oncology.errors import InvalidInputError, WrongModalityError
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.rectal import prepare
from abdominal_oncology.rectal.localise import locate
from abdominal_oncology.rectal.located import locate_box
from abdominal_oncology.rectal.phantom import rectal_phantom
from abdominal_oncology.rectal.plane import as_axial_stack
from abdominal_oncology.rectal.prepare import VolumePreparation, prepare_volume

SMALL = VolumePreparation(size=32, field_mm=80.0, depth=8)


@pytest.fixture(scope="module")
def pelvis() -> Image:
    """Of a seed that no training used."""
    return rectal_phantom(900_000_003, matrix=96, slices=16, spacing_mm=(3.5, 2.0, 2.0), difficulty=0.2).images["t2"]


def upside_down(image: Image) -> Image:
    """The same patient, stored head first."""
    grid = image.geometry
    k, j, i = grid.directions
    x, y, z = (float(each) for each in grid.to_world([grid.shape[0] - 1, 0, 0]))
    turned = Geometry(grid.shape, grid.spacing_mm, (x, y, z), ((-k[0], -k[1], -k[2]), j, i))
    return image.derive("store head first", voxels=np.ascontiguousarray(image.voxels[::-1]), geometry=turned)


def test_a_box_given_back_makes_the_same_cut(pelvis: Image) -> None:
    found = locate_box(pelvis)
    alone, corrected = prepare_volume(pelvis, SMALL), prepare_volume(pelvis, SMALL, box=found.box)
    assert alone.region.confidence == found.confidence
    assert corrected.region.slices == alone.region.slices
    np.testing.assert_allclose(corrected.region.centre, alone.region.centre, atol=1e-6)
    np.testing.assert_array_equal(corrected.pixels, alone.pixels)
    assert [each.code for each in found.doubts if each.code == "region-located"] == []


def test_storage_order_changes_nothing(pelvis: Image) -> None:
    one, two = locate_box(pelvis), locate_box(upside_down(pelvis))
    assert one.confidence == two.confidence
    assert one.box.size_mm == pytest.approx(two.box.size_mm)
    assert one.box.centre_mm == pytest.approx(two.box.centre_mm, abs=1e-6)


@pytest.mark.parametrize(("in_plane", "height", "code"), [(0.3, 1.0, "region"), (0.9, 0.3, "height")])
def test_what_is_unsure_is_told(
    pelvis: Image, monkeypatch: pytest.MonkeyPatch, in_plane: float, height: float, code: str
) -> None:
    unsure = replace(locate(as_axial_stack(pelvis)[0]), in_plane=in_plane, height=height)
    monkeypatch.setattr(prepare, "locate", lambda stack: unsure)
    found = locate_box(pelvis)
    assert f"{code}-not-located" in [each.code for each in found.doubts]
    assert found.box.size_mm[2] == pytest.approx(16 * 3.5), "all slices"
    assert found.confidence == (None if code == "region" else pytest.approx(0.27))


def test_what_is_no_axial_mr_is_refused(pelvis: Image) -> None:
    with pytest.raises(WrongModalityError):
        locate_box(replace(pelvis, modality=Modality.CT))
    k, j, i = pelvis.geometry.directions
    with pytest.raises(InvalidInputError, match="axial series"):
        locate_box(pelvis.derive("stand up", geometry=replace(pelvis.geometry, directions=(i, k, j))))
