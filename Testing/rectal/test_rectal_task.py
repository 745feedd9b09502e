"""What the stage network is given of a case, and what the rectal room tells the learning layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.imaging.image import Image
from abdominal_oncology.learning.case import Case
from abdominal_oncology.learning.fit import build_network, load_fitting
from abdominal_oncology.learning.networks import find_network
from abdominal_oncology.learning.recipe import Recipe
from abdominal_oncology.learning.samples import Samples
from abdominal_oncology.phantom.result import Phantom
from abdominal_oncology.rectal.networks.stage_network import neighbourhood, take_apart
from abdominal_oncology.rectal.phantom import rectal_phantom
from abdominal_oncology.rectal.prepare import VolumePreparation
from abdominal_oncology.rectal.samples import StageContext, stage_samples
from abdominal_oncology.rectal.task import TASK
from abdominal_oncology.rectal.training import phantom_samples, stage_and_side

SMALL = VolumePreparation(size=32, field_mm=80.0, depth=6, scale_by="region")


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def patient() -> Phantom:
    return rectal_phantom(5, stage="T3", matrix=64, slices=10)


def _tumour(patient: Phantom) -> Image:
    from abdominal_oncology.imaging.anatomy import find

    labels = patient.labels["t2"]
    return labels.derive("tumour", voxels=(labels.voxels == find("tumour").number).astype(np.uint8))


def _upside_down(image: Image) -> Image:
    """The same patient stored from head to feet."""
    geometry = image.geometry
    x, y, z = (float(each) for each in geometry.to_world((geometry.shape[0] - 1, 0, 0)))
    normal = geometry.directions[0]
    flipped = replace(
        geometry, origin_mm=(x, y, z), directions=((-normal[0], -normal[1], -normal[2]), *geometry.directions[1:])
    )
    return image.derive("stored from head to feet", voxels=image.voxels[::-1], geometry=flipped)


def test_a_case_gives_one_sample_about_its_mask(patient: Phantom) -> None:
    tumour = _tumour(patient)
    case = Case.of_images("1", dict(patient.images), {"tumour": tumour})
    samples = TASK.samples(case, SMALL.to_mapping())
    assert samples.inputs.shape == (1, 2, 6, 32, 32)
    assert samples.inputs.dtype == np.uint8
    context = samples.context
    assert isinstance(context, StageContext)
    assert context.prepared.region.source == "segmentation"
    assert list(context.masks) == ["tumour"]
    placed = context.placed
    np.testing.assert_array_equal(
        samples.inputs[0, 0, placed.start : placed.start + placed.count],
        context.prepared.pixels[placed.first : placed.first + placed.count],
    )
    through = np.flatnonzero(tumour.voxels.any(axis=(1, 2)))
    assert placed.first <= through.mean() <= placed.first + placed.count - 1


def test_representative_slices_are_those_of_the_stored_volume(patient: Phantom) -> None:
    chosen = patient.truth["representative_slices"]
    count = patient.images["t2"].geometry.shape[0]
    masks = {"tumour": _tumour(patient)}
    one = stage_samples(patient.images["t2"], SMALL, masks=masks, representative=chosen)
    turned = stage_samples(
        _upside_down(patient.images["t2"]),
        SMALL,
        masks={"tumour": _upside_down(masks["tumour"])},
        representative=[count - 1 - k for k in chosen],
    )
    np.testing.assert_array_equal(one.inputs, turned.inputs)
    marked = np.flatnonzero(one.inputs[0, 1, :, 0, 0] == 255)
    assert len(marked) == len(chosen)
    with pytest.raises(InvalidInputError, match="slice 10 cannot be representative"):
        stage_samples(patient.images["t2"], SMALL, masks=masks, representative=[10])


def test_scaling_by_the_region_does_not_see_what_lies_beyond(patient: Phantom) -> None:
    image = patient.images["t2"]
    masks = {"tumour": _tumour(patient)}
    voxels = image.voxels.copy()
    voxels[:, :5] = voxels.max()  # a bright belly outside of the square
    bright = image.derive("bright belly", voxels=voxels)
    narrow = replace(SMALL, field_mm=60.0)
    change = {}
    for scale_by in ("body", "region"):
        settings = replace(narrow, scale_by=scale_by)
        plain, lit = (stage_samples(each, settings, masks=masks).inputs[0, 0] for each in (image, bright))
        change[scale_by] = np.abs(plain.astype(int) - lit).mean()
    assert change["region"] < 6
    assert change["body"] > 2 * change["region"]
    with pytest.raises(InvalidInputError, match="'body' or 'region'"):
        VolumePreparation.from_mapping({"scale_by": "slice"})


def test_a_case_without_its_volume_is_named() -> None:
    with pytest.raises(MissingInputError, match="no image 't2'"):
        TASK.samples(Case("7"), SMALL.to_mapping())


@pytest.mark.parametrize("published", [False, True])
def test_recipes_train_slices_first(published: bool) -> None:
    recipe = TASK.recipe(published=published)
    assert Recipe.from_mapping(recipe.to_mapping()) == recipe
    assert recipe.network_options["aggregation"] == "bilinear"
    first = recipe.before
    assert first is not None
    assert first.network_options["aggregation"] == "none"
    assert first.preparation == recipe.preparation
    if published:
        assert (recipe.train.optimizer, recipe.train.learning_rate, recipe.train.weight_decay) == ("sgd", 0.01, 0.01)
        assert (recipe.preparation["size"], recipe.sampler) == (256, "oversampled")
        assert [term.name for term in recipe.loss] == ["focal", "triplet"]


def test_phantoms_come_to_every_side_with_both_stages() -> None:
    drawn = [stage_and_side(n) for n in range(40)]
    assert sum(stage == "T2" for stage, _ in drawn) == 12
    for side, count in (("train", 28), ("validation", 4), ("test", 8)):
        assert sum(each == side for _, each in drawn) == count
        assert {stage for stage, each in drawn if each == side} == {"T2", "T3"}


def test_phantoms_are_marked_and_the_same_twice() -> None:
    recipe = replace(TASK.recipe(), before=None, preparation=VolumePreparation(size=16, depth=3).to_mapping())
    one, two = (list(phantom_samples(2, 3, recipe)) for _ in range(2))
    for first, second in zip(one, two, strict=True):
        assert isinstance(first.samples, Samples)
        assert isinstance(second.samples, Samples)
        np.testing.assert_array_equal(first.samples.inputs, second.samples.inputs)
        assert (first.samples.inputs[0, 1] == 255).any()


def _marked_volumes() -> torch.Tensor:
    torch.manual_seed(0)
    marks = torch.full((3, 1, 20, 1, 1), 0.5)
    marks[0, :, :3], marks[:, :, -1], marks[:, :, 9] = 0, 0, 1
    return torch.cat([torch.rand(3, 1, 20, 32, 32) * (marks > 0), marks.expand(-1, -1, -1, 32, 32)], dim=1)


@pytest.mark.parametrize("name", ["f-r2d", "f-rmc5", "f-rmc4", "f-mc2"])
@pytest.mark.parametrize("middle", [3, 10, 18])
def test_a_slices_feature_needs_no_more_than_its_neighbourhood(name: str, middle: int) -> None:
    network = find_network("rectal", name).build(2, filters=4).eval()
    marked = take_apart(_marked_volumes())
    with torch.no_grad():
        whole = network.slice_features(marked)[:, :, middle]  # type: ignore[operator]
        near, place = neighbourhood(marked, torch.full((3, 1), middle), network.encoder.reach)  # type: ignore[arg-type,union-attr]
        features = network.slice_features(near)  # type: ignore[operator]
    assert near.volume.shape[2] < 20
    picked = features.gather(2, place[:, :, None].expand(-1, features.shape[1], 1))[:, :, 0]
    torch.testing.assert_close(picked, whole, rtol=1e-5, atol=1e-6)


def test_a_flat_encoder_grows_into_a_deep_one() -> None:
    """The volume network begins with what the slice network knew: the same features, a new last layer."""
    recipe = TASK.recipe()
    small = {"filters": 4}
    first = replace(recipe, network="f-r2d", network_options={"aggregation": "none", **small}, before=None)
    second = replace(recipe, network_options={"aggregation": "bilinear", **small})
    flat, deep = (build_network(each, (2, 20, 32, 32)).eval() for each in (first, second))
    assert load_fitting(deep, flat.state_dict()) == ("head.weight",)
    marked = take_apart(_marked_volumes())
    with torch.no_grad():
        one, two = (each.slice_features(marked) for each in (flat, deep))  # type: ignore[operator]
    torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6)
    with pytest.raises(InvalidInputError, match="another network"):
        load_fitting(deep, {"elsewhere": torch.zeros(1)})
