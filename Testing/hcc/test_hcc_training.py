"""What lesion networks are given: inputs, labels, recipes; and phantoms measured as patients are."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from abdominal_oncology.errors import EmptyMaskError, InvalidInputError, MissingInputError
from abdominal_oncology.hcc import patch, training
from abdominal_oncology.hcc.cut import CutPatch
from abdominal_oncology.hcc.lesion_input import LesionPreparation, input_of_cut, input_of_phantom, lesion_input
from abdominal_oncology.hcc.measure_patch import measure_patch
from abdominal_oncology.hcc.patch import PATCH_SHAPE, PATCH_SPACING_MM, LesionPatch, lesion_patch
from abdominal_oncology.hcc.phase_roles import PHASES
from abdominal_oncology.hcc.questions import CLASSES, FEATURES
from abdominal_oncology.hcc.training import (
    EXPERT_ERROR,
    asked,
    default_recipe,
    phantom_lesions,
    phantom_samples,
    published_recipe,
)
from abdominal_oncology.imaging.geometry import Geometry
from abdominal_oncology.learning.recipe import Recipe

SMALL = (16, 40, 40)


@pytest.fixture(scope="module")
def painted() -> LesionPatch:
    return lesion_patch(4, kind="hcc", size_mm=20.0, noise_hu=8.0, shape=SMALL)


@pytest.fixture
def small_patches(monkeypatch):
    monkeypatch.setattr(training, "lesion_patch", partial(patch.lesion_patch, shape=SMALL))


# -- the input ---------------------------------------------------------------------------------------------------------


def test_an_input_holds_the_window_in_255_steps_and_the_mask(painted):
    made = input_of_phantom(painted, LesionPreparation(SMALL))
    assert made.shape == (4, *SMALL)
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made[3] > 0, painted.lesion)
    assert set(np.unique(made[3])) == {0, 255}
    expected = (np.clip(painted.voxels_hu, -100, 250) + 100) / 350 * 255
    assert np.abs(made[:3] - expected).max() <= 0.5


def test_a_smaller_shape_is_the_middle_of_the_patch(painted):
    whole = input_of_phantom(painted, LesionPreparation(SMALL))
    middle = input_of_phantom(painted, LesionPreparation((8, 20, 20)))
    np.testing.assert_array_equal(middle, whole[:, 4:12, 10:30, 10:30])


def test_beyond_a_phase_stands_its_parenchyma(painted):
    hu = painted.voxels_hu.copy()
    hu[0, :6] = np.nan
    made = lesion_input(PHASES, hu, painted.lesion, painted.liver, LesionPreparation(SMALL))
    parenchyma = float(np.median(hu[0][painted.liver & ~painted.lesion & np.isfinite(hu[0])]))
    assert np.unique(made[0, :6]).tolist() == [round((parenchyma + 100) / 350 * 255)]
    np.testing.assert_array_equal(made[1:], input_of_phantom(painted, LesionPreparation(SMALL))[1:])
    hu[0] = np.nan
    assert np.unique(lesion_input(PHASES, hu, painted.lesion, painted.liver, LesionPreparation(SMALL))[0]).size == 1


def test_patients_and_phantoms_go_one_way(painted):
    grid = Geometry(SMALL, PATCH_SPACING_MM)
    order = ("portal", "delayed", "arterial")  # phases come in any order
    hu = np.stack([painted.voxels_hu[PHASES.index(role)] for role in order])
    cut = CutPatch(order, hu, painted.lesion, painted.liver, grid, 1.0)
    settings = LesionPreparation(SMALL)
    np.testing.assert_array_equal(input_of_cut(cut, settings), input_of_phantom(painted, settings))


def test_a_missing_phase_or_lesion_is_named(painted):
    with pytest.raises(MissingInputError, match="delayed phase is missing") as told:
        lesion_input(PHASES[:2], painted.voxels_hu[:2], painted.lesion, painted.liver, LesionPreparation(SMALL), "7")
    assert "measured features" in str(told.value)
    with pytest.raises(EmptyMaskError, match="nothing of the lesion"):
        lesion_input(PHASES, painted.voxels_hu, painted.lesion & False, painted.liver, LesionPreparation(SMALL))


@pytest.mark.parametrize(
    "values",
    [
        {"shape": [24, 96]},
        {"shape": [25, 96, 96]},
        {"window_hu": [100, -100]},
        {"window_hu": [1]},
        {"size": [1]},
        {"pool": [1, 2]},
        {"pool": [0, 2, 2]},
        {"pool": [1, 5, 5]},
    ],
)
def test_a_wrong_preparation_is_refused(values):
    with pytest.raises(InvalidInputError):
        LesionPreparation.from_mapping(values)


def test_averaged_voxels_keep_the_field_of_view_and_lose_noise(painted):
    fine = input_of_phantom(painted, LesionPreparation(SMALL))
    coarse = input_of_phantom(painted, LesionPreparation(SMALL, pool=(2, 2, 2)))
    assert coarse.shape == (4, 8, 20, 20)
    means = fine.reshape(4, 8, 2, 20, 2, 20, 2).mean(axis=(2, 4, 6))
    # bytes are rounded once instead of eight times
    assert np.abs(coarse - means).max(axis=(1, 2, 3))[3] <= 0.5
    assert np.median(np.abs(coarse - means)[:3]) <= 0.5
    # a voxel on the lesion's border is partly lesion
    assert np.count_nonzero((coarse[3] > 0) & (coarse[3] < 255)) > 0


def test_relative_values_are_differences_to_the_patients_own_parenchyma(painted):
    """A patient whose liver is brighter or darker as a whole gives the same input; a lesion that differs does not."""
    settings = LesionPreparation(SMALL, (-75.0, 75.0), relative=True)
    as_it_is = lesion_input(PHASES, painted.voxels_hu, painted.lesion, painted.liver, settings)
    offsets = np.array([-15.0, 0.0, 25.0], np.float32)[:, None, None, None]
    np.testing.assert_array_equal(
        lesion_input(PHASES, painted.voxels_hu + offsets, painted.lesion, painted.liver, settings), as_it_is
    )
    parenchyma = painted.liver & ~painted.lesion
    assert np.all(np.abs(np.median(as_it_is[:3, parenchyma], axis=1) - 127.5) <= 1)
    brighter = painted.voxels_hu + np.where(painted.lesion, np.float32(30), np.float32(0))
    moved = lesion_input(PHASES, brighter, painted.lesion, painted.liver, settings)
    inside = (as_it_is[:3] < 200) & (as_it_is[:3] > 0) & painted.lesion
    assert np.all(np.abs((moved[:3].astype(int) - as_it_is[:3])[inside] - 51) <= 1)  # 30 of 150 HU
    np.testing.assert_array_equal(moved[:3, ~painted.lesion], as_it_is[:3, ~painted.lesion])


def test_the_quick_recipe_is_a_sixteenth_of_the_published_one():
    quick = LesionPreparation.from_mapping(default_recipe().preparation)
    whole = LesionPreparation.from_mapping(published_recipe().preparation)
    assert whole == LesionPreparation()
    assert quick.relative
    assert 16 * np.prod(quick.pooled_shape) == np.prod(whole.pooled_shape)


# -- measured as patients are ------------------------------------------------------------------------------------------


def test_a_patch_is_measured_as_what_was_painted():
    for seed, size in ((1, 12.0), (2, 20.0), (3, 30.0)):
        painted = lesion_patch(seed, kind="metastasis", size_mm=size, noise_hu=8.0)
        measured = measure_patch(painted)
        assert measured.size.value == pytest.approx(size, abs=2.0)
        truth = painted.truth["features"]
        assert measured.published.washout_hu == pytest.approx(truth["portal_minus_liver_hu"], abs=14)
        assert measured.findings is None


def test_a_lesion_larger_than_its_patch_keeps_its_size():
    measured = measure_patch(lesion_patch(5, kind="hcc", size_mm=90.0))
    assert measured.size.value == pytest.approx(90, abs=3)


# -- labels and samples ------------------------------------------------------------------------------------------------


def test_an_expert_is_wrong_as_often_as_said_and_histology_never(small_patches):
    wrong = dict.fromkeys(FEATURES, 0)
    count = 60
    for lesion in phantom_lesions(count, 7):
        ideal = lesion.patch.truth["features"]
        assert (lesion.labels["hcc"] == "hcc") == lesion.patch.truth["is_hcc"]
        seen = {"aphe": ideal["aphe"] == "nonrim", "ec": ideal["capsule"], "npw": ideal["washout"] == "nonperipheral"}
        for feature in FEATURES:
            wrong[feature] += (lesion.labels[feature] == "present") != seen[feature]
    # three features: 180 draws at 8 %; within four standard deviations
    assert sum(wrong.values()) / (3 * count) == pytest.approx(EXPERT_ERROR, abs=4 * (0.08 * 0.92 / 180) ** 0.5)


def test_phantoms_repeat_from_their_seed_and_differ_between_seeds(small_patches):
    recipe = replace(default_recipe(), preparation=LesionPreparation((8, 16, 16)).to_mapping())
    first, again, other = (list(phantom_samples(12, seed, recipe)) for seed in (1, 1, 2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.samples.inputs, b.samples.inputs)
        assert (a.case, a.label, a.split) == (b.case, b.label, b.split)
    assert not np.array_equal(first[0].samples.inputs, other[0].samples.inputs)
    assert {each.label for each in first} == set(CLASSES["hcc"])
    assert [each.split for each in first].count("validation") == 2
    assert all(each.rows is None for each in first)


def test_the_share_of_hcc_is_that_asked_for(small_patches):
    for share in (0.0, 1.0):
        assert {each.labels["hcc"] == "hcc" for each in phantom_lesions(6, 3, hcc_share=share)} == {share == 1.0}


def test_a_feature_network_learns_its_own_label_and_a_guided_one_all(small_patches):
    washout = asked(default_recipe(), "npw")
    guided = default_recipe("guided")
    made = list(phantom_samples(8, 1, replace(washout, preparation=LesionPreparation((8, 16, 16)).to_mapping())))
    both = list(phantom_samples(8, 1, replace(guided, preparation=LesionPreparation((8, 16, 16)).to_mapping())))
    for lesion, one, four in zip(phantom_lesions(8, 1), made, both, strict=True):
        assert one.label == lesion.labels["npw"]
        expected = [lesion.labels["hcc"] == "other", lesion.labels["hcc"] == "hcc"]
        expected += [lesion.labels[feature] == "present" for feature in FEATURES]
        np.testing.assert_array_equal(four.rows, [expected])


# -- recipes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", ["hcc", *FEATURES])
@pytest.mark.parametrize("make", [default_recipe, published_recipe])
def test_recipes_survive_their_mapping(make, question):
    recipe = make("tiny", question)
    assert Recipe.from_mapping(recipe.to_mapping()) == recipe
    assert recipe.classes == CLASSES[question]
    assert recipe.question == ("" if question == "hcc" else question)
    assert recipe.network_options.get("phases") == {"hcc": None, "aphe": ["arterial", "portal"]}.get(
        question, list(PHASES)
    )
    assert recipe.mask_channels == (3,)


def test_the_published_recipe_is_the_printed_one():
    recipe = published_recipe("resnet-18")
    train = recipe.train
    assert (train.optimizer, train.epochs, train.learning_rate, train.weight_decay) == ("adamw", 600, 1e-5, 1e-3)
    assert (recipe.batch, recipe.augmentation) == (32, "hcc")
    assert tuple(recipe.preparation["shape"]) == PATCH_SHAPE
    tuned = published_recipe("resnet-50", "npw", pretrained="resnet_50.pth")
    assert tuned.train.learning_rate == 1e-6
    assert tuned.network_options["freeze"] is True


def test_asking_again_forgets_the_question_before():
    assert asked(asked(default_recipe(), "aphe"), "hcc") == default_recipe()
    with pytest.raises(InvalidInputError, match="asked for 'growth'"):
        asked(default_recipe(), "growth")


@pytest.mark.parametrize("network", ["guided", "quartet"])
def test_a_network_of_all_questions_is_not_asked_for_one(network):
    with pytest.raises(InvalidInputError, match="answers all questions at once"):
        asked(default_recipe(network), "aphe")
