"""The tables of paper 004: complete at every scale, and one measured whole at the smallest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from rectal_doubles import facts, network  # noqa: E402

from abdominal_oncology.errors import InvalidInputError  # noqa: E402
from abdominal_oncology.learning.bundle.load import load_bundle  # noqa: E402
from abdominal_oncology.learning.bundle.write import write_bundle  # noqa: E402
from abdominal_oncology.learning.experiment import Scale, run_experiment  # noqa: E402
from abdominal_oncology.learning.networks import find_network  # noqa: E402
from abdominal_oncology.rectal import networks  # noqa: E402, F401
from abdominal_oncology.rectal.experiments import EXPERIMENTS, shared, slice_tables  # noqa: E402
from abdominal_oncology.rectal.experiments.shared import PLANS, Plan, slice_recipe, volume_recipe  # noqa: E402
from abdominal_oncology.rectal.prepare import VolumePreparation  # noqa: E402

BY_NAME = {each.name: each for each in EXPERIMENTS}
PAPERS_BEST = {"rectal-table2": "f-rMC5", "rectal-table3": "+Triplet", "rectal-table4": "Bilin"}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_there_are_the_four_tables() -> None:
    assert list(BY_NAME) == ["rectal-table2", "rectal-table3", "rectal-table4", "rectal-table5"]


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("scale", get_args(Scale))
def test_every_row_has_the_papers_numbers_beside_it(name: str, scale: Scale) -> None:
    experiment = BY_NAME[name]
    rows = experiment.rows(scale)
    assert set(rows) <= set(experiment.published)
    if scale == "full" and name != "rectal-table5":  # the readers are not ours to measure
        assert list(rows) == list(experiment.published)
    for printed in experiment.published.values():
        assert {"AUC", "Acc", "Recall(T2)", "Recall(T3)"} <= set(printed)


@pytest.mark.parametrize(("name", "best"), PAPERS_BEST.items())
def test_the_printed_numbers_have_the_papers_winner(name: str, best: str) -> None:
    areas = {row: float(each["AUC"].split("±")[0]) for row, each in BY_NAME[name].published.items()}
    assert max(areas, key=areas.__getitem__) == best


def test_the_encoders_table_prints_what_the_networks_have() -> None:
    for row, encoder in slice_tables.ENCODER_ROWS.items():
        with torch.device("meta"):
            network = find_network("rectal", encoder).build(2)
        counted = sum(each.numel() for each in network.parameters())
        assert str(counted) == BY_NAME["rectal-table2"].published[row]["# params"]


def test_the_full_scale_is_the_papers() -> None:
    plan = PLANS["full"]
    assert (plan.folds, plan.filters, plan.patients, plan.preparation.size) == (10, 32, 567, 256)
    recipe = volume_recipe(plan, 3)
    assert (recipe.train.optimizer, recipe.train.learning_rate, recipe.train.weight_decay) == ("sgd", 0.01, 0.01)
    assert recipe.before is not None
    assert recipe.before.network == recipe.network == "f-rmc5"
    assert recipe.train.seed == recipe.before.train.seed == 3
    assert slice_recipe(plan, 0, "f-r3d").network_options["aggregation"] == "none"


def test_a_table_is_measured_and_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = Plan(20, 2, VolumePreparation(size=16, field_mm=80.0, depth=3, scale_by="region"), 2, 1, 1)
    monkeypatch.setattr(shared, "PLANS", {"smoke": tiny})
    readers = BY_NAME["rectal-table5"]
    results = run_experiment(readers, "smoke", tmp_path)
    (row,) = results.values()
    for metric in ("AUC", "Acc", "Recall(T2)", "Recall(T3)"):
        assert 0 <= row[metric].value <= 1
        assert row[metric].sd is not None
    wide = find_network("rectal", "f-rmc5").build(2, aggregation="bilinear", filters=2)
    assert row["# params"].value == sum(each.numel() for each in wide.parameters())
    table = (tmp_path / "results.md").read_text(encoding="utf-8")
    for reader in readers.published:
        assert reader in table
    assert (tmp_path / "auc.png").exists()
    monkeypatch.setattr(shared, "phantom_samples", None)  # painting again would fail
    assert run_experiment(replace(readers), "smoke", tmp_path).keys() == results.keys()


def test_a_table_may_begin_with_a_flat_encoder_that_has_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preparation = VolumePreparation(size=16, field_mm=80.0, depth=3, scale_by="region")
    tiny = Plan(20, 2, preparation, 2, 1, 1, learning_rate=1e-12)
    monkeypatch.setattr(shared, "BEGUN", {"smoke": tiny})
    flat = facts(
        name="flat",
        network="f-r2d",
        input_shape=(2, 3, 16, 16),
        network_options={"aggregation": "none", "filters": 2},
        preparation=dict(preparation.to_mapping()),
    )
    write_bundle(tmp_path / "flat-1.0.0", network(flat), flat)
    start = load_bundle(tmp_path / "flat-1.0.0")
    losses = BY_NAME["rectal-table3"]
    results = run_experiment(losses, "smoke", tmp_path / "begun", start=start)
    rows = list(results.values())
    assert rows[0] == rows[1] == rows[2], "at such a rate each loss leaves the encoder as it began"
    table = (tmp_path / "begun" / "results.md").read_text(encoding="utf-8")
    assert "began with the weights of the bundle flat-1.0.0 (" in table
    with pytest.raises(InvalidInputError, match=r"begun with flat-1\.0\.0"):
        run_experiment(losses, "smoke", tmp_path / "begun")
    with pytest.raises(InvalidInputError, match="begins with random weights always"):
        run_experiment(replace(losses, begins_with=""), "smoke", tmp_path / "other", start=start)
    with pytest.raises(InvalidInputError, match="begins with a bundle of f-rmc5, this one holds f-r2d"):
        run_experiment(replace(losses, begins_with="f-rmc5"), "smoke", tmp_path / "other", start=start)
