"""The abdomen is located, and organs are measured on it, in phantoms whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from phase_doubles import CountingReader
from scipy import ndimage

from abdominal_oncology.errors import InvalidInputError, WrongModalityError
from abdominal_oncology.imaging.anatomy import find
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.imaging.image import Image, Modality
from abdominal_oncology.imaging.reader import ArrayReader
from abdominal_oncology.phantom.ct_study import ct_study
from abdominal_oncology.phantom.result import Phantom
from abdominal_oncology.phase.locate import RegionsFound, Slab, find_regions, locate_slab
from abdominal_oncology.phase.locate.features import COUNT
from abdominal_oncology.phase.locate.heights import ELSEWHERE, LEVELS_MM, HeightModel
from abdominal_oncology.phase.locate.train_heights import make_examples, train

STEP_MM = 10.0


@pytest.fixture(scope="module")
def trunk() -> Phantom:
    return ct_study(
        1, seconds={"venous": 80.0}, extent="neck-to-thigh", matrix=160, spacing_mm=(STEP_MM, 2.7, 2.7), noise_hu=9.0
    )


@pytest.fixture(scope="module")
def image(trunk: Phantom) -> Image:
    return trunk.images["venous"]


@pytest.fixture(scope="module")
def slab(image: Image) -> Slab:
    return locate_slab(ArrayReader(image))


@pytest.fixture(scope="module")
def regions(image: Image) -> RegionsFound:
    return find_regions(ArrayReader(image))


def levels_mm(phantom: Phantom, image: Image) -> NDArray[np.float64]:
    z = image.geometry.to_world([(k, 0, 0) for k in range(image.geometry.shape[0])])[:, 2]
    levels: NDArray[np.float64] = z / phantom.truth["patient"]["scale"]
    return levels


def with_voxels(image: Image, voxels: NDArray[Any], modality: Modality | None = None) -> ArrayReader:
    geometry = Geometry(
        (voxels.shape[0], *image.geometry.shape[1:]), image.geometry.spacing_mm, image.geometry.origin_mm
    )
    return ArrayReader(Image(voxels, geometry, modality or image.modality))


def codes(found: RegionsFound | Slab) -> set[str]:
    return {each.code for each in found.warnings}


def test_heights_follow_the_body(trunk: Phantom, image: Image, slab: Slab) -> None:
    truth = levels_mm(trunk, image)
    off = np.abs(np.asarray(slab.heights_mm) - truth)[(truth < 10) & (truth > -215)]
    assert off.max() < 25
    assert slab.confidence > 0.8
    assert not slab.upside_down
    assert slab.flipped == (False, False)


def test_the_slab_holds_liver_and_kidneys(trunk: Phantom, slab: Slab) -> None:
    labels = trunk.labels["venous"].voxels
    for name in ("liver", "kidney_left", "kidney_right"):
        per_slice = (labels == find(name).number).sum(axis=(1, 2))
        assert per_slice[slab.start : slab.stop].sum() > 0.9 * per_slice.sum(), name
    assert len(slab) < 0.5 * labels.shape[0]


def test_organs_have_their_own_hu(trunk: Phantom, image: Image, regions: RegionsFound) -> None:
    labels = trunk.labels["venous"].voxels
    names = {each.structure for each in regions.regions}
    assert {"aorta", "liver"} <= names
    tones = trunk.truth["phases"]["venous"]["structures_hu"]
    for each in regions.regions:
        inside = ndimage.binary_erosion(labels == find(each.structure).number, np.ones((1, 3, 3)))
        truth = float(np.median(image.voxels[inside])) if inside.any() else tones[each.structure]
        assert abs(each.hu - truth) < max(3 * each.error_hu, 12), each
        assert each.source == "automatic"
        assert set(each.slices) <= set(regions.slices)
        assert each.voxels > 0


def at_place(found: RegionsFound, name: str, labels: Image) -> int:
    """The label where a region says that it was measured."""
    region = found.region(name)
    assert region is not None
    assert region.place_mm is not None
    k, j, i = np.rint(labels.geometry.to_index(region.place_mm)).astype(int)
    assert k in region.slices
    return int(labels.voxels[k, j, i])


def test_places_lie_in_their_organs(trunk: Phantom, regions: RegionsFound) -> None:
    for name in ("aorta", "inferior_vena_cava", "liver", "kidney_left", "kidney_right"):
        assert at_place(regions, name, trunk.labels["venous"]) == find(name).number


def test_a_reversed_grid_changes_nothing(trunk: Phantom, image: Image, regions: RegionsFound) -> None:
    """The same body stored head first, right to left and back to front, with a header that says so."""
    own = image.geometry
    last = own.to_world(np.asarray(own.shape) - 1)
    geometry = Geometry(
        own.shape,
        own.spacing_mm,
        (float(last[0]), float(last[1]), float(last[2])),
        ((0.0, 0.0, -1.0), (0.0, -1.0, 0.0), (-1.0, 0.0, 0.0)),
    )
    turned = find_regions(ArrayReader(Image(image.voxels[::-1, ::-1, ::-1], geometry, Modality.CT)))
    assert not turned.slab.upside_down
    assert turned.slab.flipped == (False, False)
    for name in ("aorta", "liver"):
        first, second = regions.region(name), turned.region(name)
        assert first is not None
        assert second is not None
        assert abs(first.hu - second.hu) < 4
        k = geometry.to_index(second.place_mm)[0]
        assert round(k) in second.slices
        k, j, i = np.rint(own.to_index(second.place_mm)).astype(int)  # the same patient, stored as it was
        assert trunk.labels["venous"].voxels[k, j, i] == find(name).number


def test_an_upside_down_series_is_told(image: Image) -> None:
    slab = locate_slab(with_voxels(image, image.voxels[::-1]))
    assert slab.upside_down
    assert "upside-down" in codes(slab)


def test_a_mirrored_series_is_told_and_measured(trunk: Phantom, image: Image, regions: RegionsFound) -> None:
    mirrored = find_regions(with_voxels(image, np.ascontiguousarray(image.voxels[:, :, ::-1])))
    assert mirrored.slab.flipped == (False, True)
    assert "mirrored" in codes(mirrored)
    liver, own = mirrored.region("liver"), regions.region("liver")
    assert liver is not None
    assert own is not None
    assert abs(liver.hu - own.hu) < 4
    labels = trunk.labels["venous"]
    seen = Image(np.ascontiguousarray(labels.voxels[:, :, ::-1]), labels.geometry, Modality.MASK)
    assert at_place(mirrored, "liver", seen) == find("liver").number


def test_a_chest_or_a_pelvis_is_no_abdomen(trunk: Phantom, image: Image) -> None:
    truth = levels_mm(trunk, image)
    for part, inside in (("chest", truth > 60), ("pelvis", truth < -300)):
        first, last = np.flatnonzero(inside)[[0, -1]]
        reader = with_voxels(image, image.voxels[first : last + 1])
        slab = locate_slab(reader)
        assert slab.confidence < 0.5, part
        assert not slab.found or len(slab) * STEP_MM < 40
        assert {"no-abdomen", "abdomen-uncertain"} & codes(slab)
        found = find_regions(reader, slab)
        assert {each.structure for each in found.regions} <= {"aorta"}


def test_a_series_of_2350_slices_costs_no_more(image: Image) -> None:
    long = CountingReader(image, -(-2350 // image.geometry.shape[0]))
    assert long.geometry.shape[0] >= 2350
    slab = locate_slab(long)
    assert len(slab.heights_mm) == long.geometry.shape[0]
    assert len(long.asked) <= 32
    long.asked.clear()
    found = find_regions(long, slab, max_slices=12)
    assert len(long.asked) <= 12
    assert found.region("aorta") is not None


def test_one_slice_is_enough_for_something_but_is_not_trusted(trunk: Phantom, image: Image) -> None:
    k = int(np.abs(levels_mm(trunk, image) + 90).argmin())
    found = find_regions(with_voxels(image, image.voxels[k : k + 1]))
    assert {each.structure for each in found.regions} <= {"aorta", "liver"}
    whole = find_regions(ArrayReader(image))
    for each in found.regions:
        many = whole.region(each.structure)
        assert many is not None
        assert each.error_hu >= many.error_hu


def test_slices_may_be_named(image: Image, slab: Slab) -> None:
    chosen = list(range(slab.start, slab.stop, 3))
    found = find_regions(ArrayReader(image), slab, slices=chosen)
    assert found.slices == tuple(chosen)
    with pytest.raises(InvalidInputError, match="slices must lie"):
        find_regions(ArrayReader(image), slab, slices=[image.geometry.shape[0]])


def test_nothing_but_air_finds_nothing(image: Image) -> None:
    found = find_regions(with_voxels(image, np.full((12, *image.geometry.shape[1:]), -1000, np.int16)))
    assert found.regions == ()
    assert found.slab.confidence == 0
    assert codes(found) & {"all-air", "no-body"}


def test_voxels_that_are_no_number_are_told(image: Image, slab: Slab, regions: RegionsFound) -> None:
    spoiled = image.voxels.astype(np.float32)
    spoiled[slab.start + 2, :30] = np.nan
    spoiled[slab.start + 4] = np.nan
    found = find_regions(with_voxels(image, spoiled))
    assert "not-a-number" in codes(found)
    liver, own = found.region("liver"), regions.region("liver")
    assert liver is not None
    assert own is not None
    assert abs(liver.hu - own.hu) < 5


@pytest.mark.parametrize("kind", ["windowed", "shifted"])
def test_what_is_not_in_hu_is_not_measured(image: Image, kind: str) -> None:
    if kind == "windowed":
        voxels = np.clip((image.voxels + 150.0) / 400 * 255, 0, 255).astype(np.uint8)
    else:
        voxels = np.clip(image.voxels.astype(np.int16) + 1024, 0, None)
    found = find_regions(with_voxels(image, voxels))
    assert "not-hu" in codes(found)
    assert found.regions == ()


def test_mr_and_coronal_slices_are_refused(image: Image) -> None:
    with pytest.raises(WrongModalityError, match="this image is MR"):
        find_regions(with_voxels(image, image.voxels, Modality.MR))
    with pytest.raises(WrongModalityError, match="this image is MR"):
        locate_slab(with_voxels(image, image.voxels, Modality.MR))
    coronal = Geometry((4, 8, 8), directions=((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (1.0, 0.0, 0.0)))
    with pytest.raises(InvalidInputError, match="coronal, not axial"):
        locate_slab(ArrayReader(Image(np.zeros((4, 8, 8), np.int16), coronal, Modality.CT)))


def test_the_height_model_can_be_made_again(tmp_path: Path) -> None:
    examples = make_examples(3, 1)
    assert examples.features.shape[1] == COUNT
    assert np.isnan(examples.level_mm).any()
    targets = examples.targets()
    assert np.allclose(targets.sum(axis=1), 1)
    assert (targets.argmax(axis=1) == ELSEWHERE).tolist() == np.isnan(examples.level_mm).tolist()
    model = train(examples, epochs=300)
    model.save(tmp_path / "heights.npz")
    with np.load(tmp_path / "heights.npz") as arrays:
        again = HeightModel.from_arrays(arrays)
    trunk_slices = ~np.isnan(examples.level_mm)
    guessed = LEVELS_MM[again.levels(examples.features)[trunk_slices, :ELSEWHERE].argmax(axis=1)]
    assert np.median(np.abs(guessed - examples.level_mm[trunk_slices])) < 40
    assert (tmp_path / "heights.npz").stat().st_size < 60_000
