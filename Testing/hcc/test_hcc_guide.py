"""The whole method on a few small phantoms: sets of lesions, folds, fusion, bundle, and going on after a stop."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from abdominal_oncology.cli import main  # noqa: E402
from abdominal_oncology.cli.output import ExitCode  # noqa: E402
from abdominal_oncology.errors import Cancelled, InvalidInputError  # noqa: E402
from abdominal_oncology.hcc import patch, training  # noqa: E402
from abdominal_oncology.hcc.fusion import INPUTS, PARTS, Fusion  # noqa: E402
from abdominal_oncology.hcc.guide import GuideRequest, guide, training_lesions  # noqa: E402
from abdominal_oncology.hcc.lesion_answers import lesion_answers  # noqa: E402
from abdominal_oncology.hcc.lesion_input import LesionPreparation  # noqa: E402
from abdominal_oncology.hcc.lesion_set import phantom_set  # noqa: E402
from abdominal_oncology.hcc.questions import CLASSES, FEATURES, QUESTIONS  # noqa: E402
from abdominal_oncology.hcc.task import TASK  # noqa: E402
from abdominal_oncology.hcc.training import default_recipe  # noqa: E402
from abdominal_oncology.learning.bundle.load import load_bundle  # noqa: E402
from abdominal_oncology.learning.predictor import Predictor  # noqa: E402

SHAPE = (16, 16, 16)
COUNT = 18


@pytest.fixture(scope="module", autouse=True)
def small_patches():
    """Patches of a tenth of the published volume, sharp enough for lesions of any size."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(training, "lesion_patch", partial(patch.lesion_patch, shape=(20, 40, 40)))
        yield


@pytest.fixture(scope="module")
def recipe():
    made = default_recipe("tiny").with_train(epochs=1, tensorboard=False)
    return replace(made, preparation=LesionPreparation(SHAPE).to_mapping(), batch=6)


@pytest.fixture(scope="module")
def lesions(recipe, tmp_path_factory):
    return phantom_set(tmp_path_factory.mktemp("set"), COUNT, 3, replace(recipe, also=FEATURES))


@pytest.fixture(scope="module")
def done(recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("guide")
    request = GuideRequest(TASK, recipe, folder, "hcc-test", phantoms=COUNT, data_seed=3, folds=2, command="as typed")
    return request, guide(request)


# -- sets of lesions ---------------------------------------------------------------------------------------------------


def test_a_set_holds_every_answer_and_every_measurement(lesions):
    assert lesions.store.shape == (4, *SHAPE)
    assert lesions.measured.shape == (COUNT, len(PARTS["hf+lf"]))
    assert np.isfinite(lesions.measured).all()
    np.testing.assert_array_equal(lesions.sizes_mm, lesions.measured[:, PARTS["hf"].index("size")])
    chances = lesions.measured[:, len(PARTS["hf"]) :]
    assert ((chances >= 0) & (chances <= 1)).all()
    assert set(lesions.lirads) <= {0.2, 0.4, 0.6, 0.8, 1.0}
    for question in QUESTIONS:
        store = lesions.asked(question)
        assert store.classes == CLASSES[question]
        np.testing.assert_array_equal(store.labels, lesions.truth(question))
        np.testing.assert_array_equal(store.rows, np.eye(2)[lesions.truth(question)])
    assert 0 < lesions.truth().mean() < 1


def test_a_set_is_made_once(lesions, recipe, monkeypatch):
    monkeypatch.setattr(training, "lesion_patch", lambda *_, **__: pytest.fail("painted again"))
    again = phantom_set(lesions.store.folder, COUNT, 3, replace(recipe, also=FEATURES))
    np.testing.assert_array_equal(again.measured, lesions.measured)
    assert again.store.cases == lesions.store.cases


def test_a_set_must_know_all_four_answers(recipe, tmp_path):
    with pytest.raises(InvalidInputError, match="a set of lesions answers"):
        phantom_set(tmp_path, 4, 0, recipe)


# -- the method --------------------------------------------------------------------------------------------------------


def test_its_bundle_answers_and_fuses(done):
    request, made = done
    bundle = load_bundle(made.bundle, task="hcc")
    facts = bundle.facts
    assert (facts.network, dict(facts.network_options), facts.input_shape) == (
        "quartet",
        {"member": "tiny"},
        (4, *SHAPE),
    )
    assert "no real HCC was used" in facts.trained_on
    assert facts.training["command"] == "as typed"
    assert facts.training["folds"] == 2
    inputs = training_lesions(request).store.inputs[:3]
    answers = lesion_answers(Predictor(bundle, "cpu", "torch").run(np.array(inputs)))
    fusion = Fusion.from_table(facts.decision["fusion"])
    values = {
        "p_hcc": answers[0].p_hcc,
        "p_aphe": answers[0].p_aphe,
        "p_ec": answers[0].p_ec,
        "p_npw": answers[0].p_npw,
    }
    values |= dict(zip(PARTS["hf+lf"], training_lesions(request).measured[0], strict=True))
    assert set(fusion.models) == set(PARTS)
    assert fusion.best(values)[0] == "dlf+hf+lf"
    assert 0 < fusion.best(values)[1] < 1
    assert fusion.models["dlf+hf+lf"].inputs == INPUTS
    assert max(each.unfamiliar for each in answers) < 1.2  # they were trained on
    assert 0.5 <= facts.thresholds["abstain"] < 1


def test_every_figure_has_its_interval(done):
    results = done[1].results
    assert results["cases"] == COUNT
    for name in ("baseline", *PARTS, "li-rads", "size", *(f"feature {each}" for each in FEATURES)):
        found = results[f"auc:{name}"]
        if found["value"] is not None:
            assert 0 <= found["low"] <= found["value"] <= found["high"] <= 1


def test_a_stopped_run_goes_on_and_gives_the_same(done, recipe, tmp_path):
    request = replace(done[0], folder=tmp_path)
    seen = []

    def stop(fraction, stage):
        seen.append(stage)
        if stage.startswith("npw") and fraction < 0.7:
            raise Cancelled("stopped by the user")

    with pytest.raises(Cancelled):
        guide(request, stop)
    finished = tmp_path / "hcc" / "fold-0" / "answers.npz"
    before = finished.stat().st_mtime_ns
    made = guide(request)
    assert finished.stat().st_mtime_ns == before
    assert made.results == done[1].results
    assert load_bundle(made.bundle).weights_sha256 == load_bundle(done[1].bundle).weights_sha256
    assert any(stage.startswith("aphe: ") for stage in seen)


def test_folds_keep_every_network_from_the_lesions_it_answers(done):
    folder = done[0].folder
    owners = [np.load(folder / "hcc" / f"fold-{n}" / "answers.npz")["owners"] for n in range(2)]
    assert not set(owners[0].tolist()) & set(owners[1].tolist())
    assert len(owners[0]) + len(owners[1]) == COUNT


@pytest.mark.parametrize("network", ["quartet", "guided"])
def test_four_of_a_composed_network_are_refused(recipe, network, tmp_path):
    request = GuideRequest(TASK, replace(recipe, network=network), tmp_path, "x", phantoms=4)
    with pytest.raises(InvalidInputError, match="cannot be"):
        guide(request)


def test_data_are_a_manifest_or_phantoms(recipe, tmp_path):
    for wrong in ({}, {"phantoms": 4, "manifest": tmp_path / "m.csv"}):
        with pytest.raises(InvalidInputError, match="either a manifest or"):
            training_lesions(GuideRequest(TASK, recipe, tmp_path, "x", **wrong))


def test_the_command_tells_its_figures_as_json(tmp_path, capsys, recipe):
    path = tmp_path / "recipe.yaml"
    recipe.write_yaml(path)
    options = ["--phantoms", "12", "--folds", "2", "--recipe", str(path), "--output", str(tmp_path / "run")]
    assert main(["guide", *options, "--bundle", "hcc-cli", "--device", "cpu", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["left_out"] == []
    assert set(told["results"]) >= {"auc:baseline", "auc:dlf+hf", "auc:li-rads"}
    facts = load_bundle(tmp_path / "run" / "bundle").facts
    assert facts.name == "hcc-cli"
    assert main(["guide", *options, "--folds", "1"]) == ExitCode.BAD_INPUT
