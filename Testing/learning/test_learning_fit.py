"""Recipe → fit → figures → bundle, cross-validation, experiments: on a question that trains in a second."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_task import SIDES, ToyTask, labelled, toy_recipe

from abdominal_oncology.errors import Cancelled, InvalidInputError
from abdominal_oncology.learning.bundle.load import load_bundle
from abdominal_oncology.learning.crossval import cross_validate, in_folds
from abdominal_oncology.learning.experiment import Experiment, Measured, Work, run_experiment
from abdominal_oncology.learning.fit import answer_store, fit
from abdominal_oncology.learning.loss_table import build_loss, losses
from abdominal_oncology.learning.metrics import value
from abdominal_oncology.learning.plots import bars
from abdominal_oncology.learning.predictions_file import read_predictions
from abdominal_oncology.learning.recipe import LossTerm, Recipe
from abdominal_oncology.learning.samples import SampleStore, build_store
from abdominal_oncology.learning.train_task import TrainRequest, train_task
from abdominal_oncology.learning.unfamiliar import distances, fit_unfamiliar


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SampleStore:
    return build_store(tmp_path_factory.mktemp("store"), labelled(80), SIDES, {})


def test_a_fit_learns_and_keeps_its_best(store: SampleStore, tmp_path: Path) -> None:
    fitted = fit(toy_recipe(), store, store.on_side("train"), store.on_side("validation"), tmp_path)
    predictions = answer_store(fitted.network, store, store.on_side("test")).by_case(store)
    assert float(value("accuracy", predictions)) > 0.9
    again = fit(toy_recipe(), store, store.on_side("train"), store.on_side("validation"), tmp_path)  # found finished
    for one, two in zip(fitted.network.parameters(), again.network.parameters(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)


def test_a_fit_is_the_same_twice(store: SampleStore, tmp_path: Path) -> None:
    recipe = replace(toy_recipe(epochs=2), augmentation="phase")
    one = fit(recipe, store, store.on_side("train"), (), tmp_path / "one")
    two = fit(recipe, store, store.on_side("train"), (), tmp_path / "two")
    for a, b in zip(one.network.parameters(), two.network.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_shared_patients_and_single_classes_are_refused(store: SampleStore, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="in training and in validation"):
        fit(toy_recipe(), store, [0, 2, 3], [1], tmp_path / "a")
    with pytest.raises(InvalidInputError, match="two classes"):
        fit(toy_recipe(), store, [0, 2], [5], tmp_path / "b")
    with pytest.raises(InvalidInputError, match="prepared for"):
        fit(replace(toy_recipe(), classes=("up", "down")), store, [0, 1], [5], tmp_path / "c")


def test_folds_answer_every_case_once_and_resume(store: SampleStore, tmp_path: Path) -> None:
    folded = in_folds(store, 4, seed=1)
    by_patient: dict[str, set[str]] = {}
    for case in folded.cases:
        by_patient.setdefault(case.patient, set()).add(case.split)
    assert all(len(folds) == 1 for folds in by_patient.values())
    stages: list[str] = []

    def stop_in_third(fraction: float, stage: str) -> None:
        stages.append(stage)
        if fraction > 0.6:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        cross_validate(toy_recipe(), folded, tmp_path, progress=stop_in_third)
    done = sorted(path.parent.name for path in tmp_path.glob("*/answers.npz"))
    assert done == ["fold-0", "fold-1"]
    times = {name: (tmp_path / name / "answers.npz").stat().st_mtime_ns for name in done}
    result = cross_validate(toy_recipe(), folded, tmp_path)
    assert {name: (tmp_path / name / "answers.npz").stat().st_mtime_ns for name in done} == times
    assert len(result.predictions) == len(store.cases)
    assert result.answers.owners.tolist() == store.owners.tolist()
    mean, sd = result.mean_and_sd("accuracy")
    assert mean > 0.85
    assert sd == pytest.approx(np.std(result.per_fold["accuracy"], ddof=1))


def test_cross_validation_without_folds_is_refused(store: SampleStore, tmp_path: Path) -> None:
    single = replace(store, cases=tuple(replace(case, split="") for case in store.cases))
    with pytest.raises(InvalidInputError, match="two or more folds"):
        cross_validate(toy_recipe(), single, tmp_path)


def test_a_training_leaves_a_bundle_that_answers_alike(tmp_path: Path) -> None:
    request = TrainRequest(ToyTask(), toy_recipe(), tmp_path, "toy-sides", phantoms=240, device="cpu", command="test")
    trained = train_task(request)
    assert trained is not None
    assert trained.held_out == "test"
    bundle = load_bundle(trained.bundle, task="toy")
    assert bundle.facts.trained_on == "phantoms"
    assert bundle.facts.training["seed"] == 0
    assert bundle.facts.seconds["cpu"] > 0
    accuracy = bundle.facts.results["accuracy"]
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    named = read_predictions(trained.predictions)
    assert float(value("accuracy", named.predictions)) == pytest.approx(accuracy["value"], abs=1e-4)
    inputs = torch.rand(5, 1, 8, 8)
    with torch.no_grad():
        assert torch.isfinite(bundle.network()(inputs).logits).all()
    assert bundle.facts.unfamiliar is not None
    with torch.no_grad():
        strange = bundle.network()(10 * torch.randn(20, 1, 8, 8)).features.numpy()
    assert np.median(distances(strange, bundle.facts.unfamiliar)) > 1


def test_a_training_without_held_out_cases_is_refused(tmp_path: Path) -> None:
    class OneSided(ToyTask):
        def phantoms(self, count, seed, recipe, progress=None):  # type: ignore[no-untyped-def]
            for case in labelled(8):
                yield replace(case, split="train")

    with pytest.raises(InvalidInputError, match="sides train and validation"):
        train_task(TrainRequest(OneSided(), toy_recipe(), tmp_path, "toy", phantoms=24, device="cpu"))


def test_recipes_survive_yaml_and_refuse_strangers(tmp_path: Path) -> None:
    recipe = replace(
        toy_recipe(),
        loss=(LossTerm("focal", 1.0, {"gamma": 2.0}), LossTerm("centre", 0.003)),
        augmentation=({"name": "rotation", "probability": 1.0, "strength": 5.0},),
        preparation={"window_hu": [50.0, 400.0]},
        mask_channels=(2,),
    )
    recipe.write_yaml(tmp_path / "recipe.yaml")
    assert Recipe.from_yaml(tmp_path / "recipe.yaml") == recipe
    table = recipe.to_mapping()
    for key, wrong, message in [
        ("colour", "red", "not a setting"),
        ("classes", ["one"], "two different classes"),
        ("loss", [], "at least one loss"),
        ("sampler", "alphabetic", "must be one of"),
        ("batch", 0, "positive"),
        ("loss", [{"weight": 2}], "each term has name"),
        ("train", {"epochs": 1, "optimizer": "lion"}, "must be one of"),
    ]:
        with pytest.raises(InvalidInputError, match=message):
            Recipe.from_mapping({**table, key: wrong})


def test_every_named_loss_builds_with_its_defaults() -> None:
    for name in losses():
        loss = build_loss([LossTerm(name)], classes=4, features=6)
        got = loss(torch.randn(8, 4), torch.randn(8, 6), torch.tensor([0, 1, 2, 3] * 2))
        assert torch.isfinite(got), name
    with pytest.raises(InvalidInputError, match="no loss is called"):
        build_loss([LossTerm("guess")], 2, 2)
    with pytest.raises(InvalidInputError, match="no option 'beta'"):
        build_loss([LossTerm("focal", options={"beta": 1})], 2, 2)


def test_unfamiliar_is_beyond_what_training_cases_reach() -> None:
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(3, 40))
    seen = rng.normal(size=(3000, 3)) @ mixing + rng.normal(0, 0.05, (3000, 40))
    statistics = fit_unfamiliar(seen, np.arange(3000), most_directions=3)
    fresh = rng.normal(size=(4000, 3)) @ mixing + rng.normal(0, 0.05, (4000, 40))
    assert 0.002 < (distances(fresh, statistics) > 1).mean() < 0.03
    along = 6 * rng.normal(size=(200, 3)) @ mixing
    assert (distances(along, statistics) > 1).mean() > 0.8
    beside = rng.normal(size=(200, 3)) @ mixing + rng.normal(0, 0.5, (200, 40))  # off the directions seen
    assert (distances(beside, statistics) > 1).all()


def _experiment(calls: list[str]) -> Experiment:
    def measure(row: str, work: Work) -> dict[str, Measured]:
        calls.append(row)
        if row == "b" and calls.count("b") == 1:
            raise Cancelled("interrupted")
        return {"accuracy": Measured(0.5 + 0.1 * len(row), 0.4, 0.7), "seconds": Measured(2.0)}

    return Experiment(
        "toy-table",
        "A toy table",
        "paper 1, Table 1",
        "toy pictures",
        lambda scale: ("a", "b") if scale == "smoke" else ("a", "b", "c"),
        measure,
        lambda results, folder: {
            "accuracy": bars(list(results), [row["accuracy"].value for row in results.values()], "acc")
        },
        {"a": {"accuracy": "0.93"}, "z": {"accuracy": "0.80"}},
        ("pictures are not patients",),
    )


def test_an_experiment_resumes_row_by_row_and_lays_the_paper_beside(tmp_path: Path) -> None:
    calls: list[str] = []
    experiment = _experiment(calls)
    with pytest.raises(Cancelled):
        run_experiment(experiment, "smoke", tmp_path)
    results = run_experiment(experiment, "smoke", tmp_path)
    assert calls == ["a", "b", "b"]
    assert run_experiment(experiment, "smoke", tmp_path) == results
    assert calls == ["a", "b", "b"]
    page = (tmp_path / "results.md").read_text()
    assert "| a | 0.600 (0.400–0.700) | 2 | 0.93 |" in page
    assert "| z |  |  | 0.80 |" in page
    assert "toy pictures" in page
    assert "pictures are not patients" in page
    assert (tmp_path / "accuracy.png").stat().st_size > 1000
    assert (tmp_path / "accuracy.svg").exists()
    assert len((tmp_path / "results.csv").read_text().splitlines()) == 5


def test_a_folder_belongs_to_one_experiment_scale_and_seed(tmp_path: Path) -> None:
    run_experiment(_experiment(["b"]), "smoke", tmp_path)
    for changed in ({"scale": "small"}, {"scale": "smoke", "seed": 1}):
        with pytest.raises(InvalidInputError, match="this folder holds toy-table at scale smoke"):
            run_experiment(_experiment(["b"]), output=tmp_path, **changed)  # type: ignore[arg-type]
    facts = json.loads((tmp_path / "experiment.json").read_text())
    assert facts == {"experiment": "toy-table", "scale": "smoke", "seed": 0}
    with pytest.raises(InvalidInputError, match="no scale"):
        run_experiment(_experiment([]), "huge", tmp_path / "x")  # type: ignore[arg-type]


def test_a_training_goes_on_from_a_bundle(tmp_path: Path) -> None:
    first = TrainRequest(ToyTask(), toy_recipe(), tmp_path / "one", "first", phantoms=240, device="cpu", command="one")
    begun = train_task(first)
    assert begun is not None
    bundle = load_bundle(begun.bundle, task="toy")
    still = toy_recipe(epochs=1, learning_rate=1e-9)
    second = replace(first, folder=tmp_path / "two", name="second", recipe=still, start_from=bundle, command="two")
    gone_on = train_task(second)
    assert gone_on is not None
    after = load_bundle(gone_on.bundle, task="toy")
    for name, weight in bundle.state_dict().items():
        torch.testing.assert_close(after.state_dict()[name], weight, rtol=1e-3, atol=1e-3)
    assert after.facts.training["command"] == "two"
    assert after.facts.training["start_from"]["command"] == "one"
    wide = replace(second, folder=tmp_path / "three", recipe=replace(still, network_options={"width": 4}))
    with pytest.raises(InvalidInputError, match="start from a bundle with the same network"):
        train_task(wide)


def test_the_temperature_of_a_bundle_is_that_of_cases(store: SampleStore, tmp_path: Path) -> None:
    """Ten samples that each are unsure but agree make a sure case: their mean must be sharpened."""
    from abdominal_oncology.learning.fit import StoreAnswers
    from abdominal_oncology.learning.package import case_temperature

    rng = np.random.default_rng(0)
    sure = 0.8 * np.where(store.labels == 1, 1.0, -1.0)
    flipped = np.repeat(np.where(rng.random(len(store.cases)) < 0.1, -1.0, 1.0), 3)  # one case in ten is wrong
    logits = np.stack([np.zeros(len(store)), sure * flipped], axis=1).astype(np.float32)
    answers = StoreAnswers(logits, logits, store.owners)
    temperature = case_temperature(answers, store)
    confidence = answers.by_case(store, temperature).probabilities.max(axis=1).mean()
    right = float(value("accuracy", answers.by_case(store)))
    assert confidence == pytest.approx(right, abs=0.02)
    assert temperature < 1
