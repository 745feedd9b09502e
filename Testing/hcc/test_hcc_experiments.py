"""The liver experiments: complete tables at every scale, whole at the smallest with small patches."""

from __future__ import annotations

import csv
from functools import partial
from typing import get_args

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from abdominal_oncology.hcc import patch, training  # noqa: E402
from abdominal_oncology.hcc.experiments import EXPERIMENTS, shared  # noqa: E402
from abdominal_oncology.hcc.experiments.shared import BASELINE, GAIN, PLANS, auc, by_fold, method_row  # noqa: E402
from abdominal_oncology.hcc.experiments.size_bias import EQUAL, LARGE_GAP, SMALL_GAP, auc_at_equal_size  # noqa: E402
from abdominal_oncology.hcc.experiments.tables import READER  # noqa: E402
from abdominal_oncology.hcc.fusion import PARTS  # noqa: E402
from abdominal_oncology.learning.experiment import Scale, run_experiment  # noqa: E402
from abdominal_oncology.tasks import experiments  # noqa: E402

BY_NAME = {each.name: each for each in EXPERIMENTS}


@pytest.fixture(scope="module", autouse=True)
def small_patches():
    """One network, patches of a tenth of the published volume."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(training, "lesion_patch", partial(patch.lesion_patch, shape=(20, 40, 40)))
        yield


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Lesions and networks of a first experiment, for the others to find ready."""
    folder = tmp_path_factory.mktemp("experiments") / "hcc-table3"
    return folder, run_experiment(BY_NAME["hcc-table3"], "smoke", folder)


def reusing(kept, name):
    """A folder of another experiment with the lesions and runs of the first."""
    folder = kept[0].parent / name
    folder.mkdir()
    for each in ("lesions", "runs"):
        (folder / each).symlink_to(kept[0] / each, target_is_directory=True)
    return folder


def test_the_four_experiments_of_the_paper_are_there():
    assert list(BY_NAME) == ["hcc-table2", "hcc-table3", "hcc-figure4", "hcc-size-bias"]
    assert set(BY_NAME) <= set(experiments())


@pytest.mark.parametrize("name", list(BY_NAME))
def test_rows_exist_at_every_scale(name):
    experiment = BY_NAME[name]
    for scale in get_args(Scale):
        rows = list(experiment.rows(scale))
        assert len(rows) >= 2
        assert len(set(rows)) == len(rows)
    measurable = set(experiment.rows("full"))
    assert all(row in measurable or "Med3D" in row for row in experiment.published)
    assert any("not patients" in note for note in experiment.notes)


def test_published_numbers_are_the_printed_ones():
    two, three = BY_NAME["hcc-table2"].published, BY_NAME["hcc-table3"].published
    assert two["Tiny"] == {
        "DL baseline": "68.3 ± 4.3",
        "DLF": "74.2 ± 4.7",
        "HF": "74.4 ± 3.8",
        "DLF+HF": "74.9 ± 3.8",
        "gain": "+6.6",
    }
    assert three["ResNet-50 (Med3D)"]["DLF+HF"] == "82.4 ± 0.5"
    for table in (two, three):  # the gain that we state is the difference of the two columns
        for name, row in table.items():
            if name != READER:
                difference = float(row["DLF+HF"].split()[0]) - float(row["DL baseline"].split()[0])
                assert float(row["gain"].split()[0]) == pytest.approx(difference, abs=0.05)


def test_full_scale_trains_as_printed_and_smaller_scales_say_what_they_are():
    recipe = PLANS["full"].recipe("ResNet-18", 3)
    assert (recipe.train.epochs, recipe.train.learning_rate, recipe.batch) == (600, 1e-5, 32)
    assert tuple(recipe.preparation["shape"]) == (24, 96, 96)
    assert (PLANS["full"].first, PLANS["full"].second, PLANS["full"].folds) == (244, 1012, 5)
    assert PLANS["small"].recipe("Tiny", 0).train.epochs == 6
    for word in ("2.00 × 1.52 × 1.52 mm", "three folds", "six epochs"):
        assert word in shared.DATA


def test_table3_asks_every_fold_for_all_of_the_second_set(kept):
    folder, results = kept
    assert list(results) == [READER, "Tiny"]
    row = results["Tiny"]
    assert list(row) == [BASELINE, "DLF", "HF", "DLF+HF", "HF+LF", "DLF+HF+LF", GAIN]
    assert row[GAIN].value == pytest.approx(row["DLF+HF"].value - row[BASELINE].value)
    assert all(0 <= row[column].value <= 1 for column in row if column != GAIN)
    assert (folder / "auc-by-method.png").exists()
    table = (folder / "results.md").read_text(encoding="utf-8")
    assert "77.8 ± 1.8" in table
    assert "ResNet-50 (Med3D)" in table


def test_table2_uses_what_was_trained(kept, monkeypatch):
    folder = reusing(kept, "hcc-table2")
    monkeypatch.setattr("abdominal_oncology.learning.crossval.fit", lambda *_, **__: pytest.fail("trained again"))
    results = run_experiment(BY_NAME["hcc-table2"], "smoke", folder)
    assert results[READER]["AUC"].sd is not None
    with (folder / "results.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {each["row"] for each in rows} == {READER, "Tiny"}


def test_figure4_sets_how_well_a_feature_is_told_beside_its_weight(kept):
    results = run_experiment(BY_NAME["hcc-figure4"], "smoke", reusing(kept, "hcc-figure4"))
    assert list(results) == ["Tiny: APHE", "Tiny: EC", "Tiny: NPW"]
    for row in results.values():
        weight, signed = row["absolute coefficient"], row["coefficient"]
        assert weight.value == abs(signed.value)
        assert weight.low <= weight.value <= weight.high


def test_size_bias_takes_the_size_away_and_holds_it_equal(kept):
    results = run_experiment(BY_NAME["hcc-size-bias"], "smoke", reusing(kept, "hcc-size-bias"))
    assert results[LARGE_GAP]["mm, HCC"].value > results[SMALL_GAP]["mm, HCC"].value
    equal = results[f"{SMALL_GAP}, {EQUAL}"]["size alone"].value
    assert np.isnan(equal) or abs(equal - 0.5) <= abs(results[SMALL_GAP]["size alone"].value - 0.5) + 0.5


# -- the figures themselves --------------------------------------------------------------------------------------------


def test_at_equal_size_the_size_tells_nothing_and_other_knowledge_stays():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 600)
    sizes = 15 + 8 * truth + rng.normal(0, 5, 600)
    other = truth + rng.normal(0, 1, 600)
    assert auc(sizes, truth) > 0.8
    assert auc_at_equal_size(sizes, truth, sizes) == pytest.approx(0.5, abs=0.08)
    assert auc_at_equal_size(other, truth, sizes) == pytest.approx(auc(other, truth), abs=0.04)
    assert np.isnan(auc_at_equal_size(other, truth, sizes * 1e6))


def test_folds_are_measured_apart():
    scores, truth = np.array([0.9, 0.1, 0.2, 0.8]), np.array([1, 0, 1, 0])
    fold = np.array([0, 0, 1, 1])
    assert by_fold(scores, truth, fold) == [1.0, 0.0]
    row = method_row([0.5, 0.7], {name: [0.8, 0.8] if name == "dlf+hf" else [0.6, 0.7] for name in PARTS})
    assert (row[BASELINE].value, row[BASELINE].sd) == (pytest.approx(0.6), pytest.approx(0.1 * 2**0.5))
    assert row[GAIN].value == pytest.approx(0.2)
