"""The phase experiments: complete tables at every scale, two of them whole at the smallest, the others row by row."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("monai")
pytest.importorskip("matplotlib")

from abdominal_oncology.errors import Cancelled  # noqa: E402
from abdominal_oncology.learning.experiment import Measured, Scale, Work, run_experiment  # noqa: E402
from abdominal_oncology.learning.samples import SampleStore, StoredCase  # noqa: E402
from abdominal_oncology.learning.trainer import Output  # noqa: E402
from abdominal_oncology.phase import experiments  # noqa: E402
from abdominal_oncology.phase.experiments import encodings, external, sampling, shared, slice_tables, systems  # noqa: E402
from abdominal_oncology.phase.experiments.scans import (  # noqa: E402
    Scan,
    StudyScanner,
    VolumeForm,
    as_samples,
    class_at,
    second_for,
    slice_scans,
    study_scans,
    volume_of,
)
from abdominal_oncology.phase.labels import INTERCLASS_VIEW, SAMPLING_VIEW  # noqa: E402
from abdominal_oncology.phase.prepare import SlicePreparation  # noqa: E402
from abdominal_oncology.progress import silent  # noqa: E402

BY_NAME = {each.name: each for each in experiments.EXPERIMENTS}
CLASSES = SAMPLING_VIEW.classes


class Brightness(torch.nn.Module):
    """Stands for a trained network: votes by how bright a sample is, so answers differ between samples."""

    def forward(self, inputs):
        mean = inputs.flatten(1).mean(dim=1, keepdim=True)
        logits = -((mean - torch.linspace(0.1, 0.5, 4)) ** 2) * 100
        return Output(logits, mean)


@pytest.fixture
def without_training(monkeypatch):
    """Every network is trained at once, and well enough to answer something."""
    trained = []

    def fit_network(recipe, store, training, work, folder):
        folder.mkdir(parents=True, exist_ok=True)
        trained.append((recipe, len(training)))
        return Brightness()

    for module in (shared, systems, external):
        monkeypatch.setattr(module, "fit_network", fit_network)
    return trained


@pytest.fixture(scope="session")
def smallest_scans():
    return list(slice_scans(CLASSES, 8, 4, 48, seed=3, validation=4))


def work_in(folder: Path, name: str = "row") -> Work:
    row = folder / name
    row.mkdir(parents=True, exist_ok=True)
    return Work("smoke", row, folder, 0, "cpu", silent)


# what is promised before anything is measured


def test_the_seven_experiments_of_the_phase_papers_are_there():
    assert list(BY_NAME) == [
        "phase-encodings",
        "phase-backbones",
        "phase-input-size",
        "phase-scan",
        "phase-sampling",
        "phase-systems",
        "phase-external",
    ]


@pytest.mark.parametrize("name", list(BY_NAME))
def test_rows_exist_at_every_scale_and_meet_the_published_ones_at_full(name):
    experiment = BY_NAME[name]
    for scale in get_args(Scale):
        rows = list(experiment.rows(scale))
        assert len(rows) >= 2
        assert len(set(rows)) == len(rows)
    full = set(experiment.rows("full"))
    assert experiment.published
    assert set(experiment.published) <= full
    for row in experiment.published.values():
        assert all(any(letter.isdigit() for letter in number) for number in row.values())
    assert any("not patients" in note for note in experiment.notes)


def test_published_numbers_are_the_printed_ones():
    published = {name: each.published for name, each in BY_NAME.items()}
    assert published["phase-encodings"]["one-hot, 32000 scans"]["accuracy"] == "90.63%"
    assert published["phase-backbones"]["GhostNet"]["macro F1"] == "0.8397"
    assert published["phase-input-size"]["224×224"]["macro recall"] == "0.8745"
    assert published["phase-scan"]["scan: others"]["F1"] == ".7617 (.7026, .8187)"
    assert published["phase-systems"]["3DSENet"]["seconds per scan"] == "2.12×10−3"
    assert published["phase-external"]["CPTAC-CCRCC: others"]["recall"] == "0.4858"


def test_full_scale_trains_as_the_papers_print_it():
    recipe = shared.slice_recipe(shared.PLANS["full"], 0)
    assert (recipe.network, recipe.train.epochs, recipe.train.learning_rate) == ("efficientnet-b2", 15, 1e-2)
    assert [term.name for term in recipe.loss] == ["binary-cross-entropy"]
    form = SlicePreparation.from_mapping(recipe.preparation)
    assert (form.size, form.crop, form.window_hu) == (224, "none", (50.0, 400.0))
    scope = encodings._SCOPES["full"]
    assert (scope.train.iterations, scope.train.learning_rate, scope.batch) == (150_000, 1e-4, 32)
    assert scope.form == VolumeForm(20, 256, (40.0, 350.0))
    assert shared.RESAMPLES == 5000


# phantom scans


def test_scans_share_neither_anatomy_nor_side(smallest_scans):
    tested = list(slice_scans(CLASSES, 4, 4, 48, seed=3, test=True))
    assert {scan.split for scan in smallest_scans[:4]} == {"validation"}
    assert {scan.split for scan in smallest_scans[4:]} == {"train"}
    assert {scan.split for scan in tested} == {"test"}
    sides = [{scan.patient for scan in each} for each in (smallest_scans[:4], smallest_scans[4:], tested)]
    assert not sides[0] & sides[1]
    assert not (sides[0] | sides[1]) & sides[2]
    assert not np.array_equal(tested[0].hu, smallest_scans[0].hu)
    assert all(scan.hu.shape == (4, 48, 48) for scan in smallest_scans)


def test_smaller_sets_are_the_first_of_larger_ones(smallest_scans):
    few = list(slice_scans(CLASSES, 4, 4, 48, seed=3, validation=4))
    for one, same in zip(few, smallest_scans, strict=False):
        np.testing.assert_array_equal(one.hu, same.hu)


def test_only_the_training_side_has_a_reader_who_errs():
    plane = np.zeros((1, 16, 16), np.int16)
    form = SlicePreparation(size=16)
    sides = {"train": 0, "test": 0}
    for split in sides:
        scans = [Scan(f"{split}-{n}", "p", split, plane, 59.0) for n in range(200)]
        labels = [each.label for each in as_samples(scans, CLASSES, form, seed=1)]
        sides[split] = labels.count("others")
    assert sides["test"] == 200
    assert 60 < sides["train"] < 180


def test_seconds_fill_all_classes_and_the_borders_between_them():
    rng = np.random.default_rng(0)
    for classes in (CLASSES, INTERCLASS_VIEW.classes):
        drawn = [second_for(classes, n, rng) for n in range(2000)]
        labels = [class_at(np.nan if each is None else each, classes) for each in drawn]
        counts = [labels.count(name) / 2000 for name in classes]
        assert min(counts) > 0.15
    between = [each for each in drawn if each is not None and (48 < each < 60 or 105 < each < 150)]
    assert 0.2 < len(between) / 2000 < 0.45
    only = {class_at(second_for(CLASSES, n, rng, ("venous", "arterial")), CLASSES) for n in range(50)}
    assert only == {"venous", "arterial"}


def test_studies_differ_by_scanner_and_keep_their_geometry():
    plain, noisy = (
        next(study_scans(CLASSES, 1, 1, 3, 48, 5, scanner=scanner))
        for scanner in (StudyScanner(noise_hu=3.0), StudyScanner(noise_hu=60.0))
    )
    assert plain.image is not None
    assert plain.image.geometry.shape == plain.hu.shape == (3, 48, 48)
    inside = plain.hu > -200
    assert np.median(np.abs(plain.hu - noisy.hu)[inside]) > 15  # the same patient but for the noise


def test_a_volume_blends_or_picks_its_slices():
    hu = np.repeat(np.array([-150, 50, 250], np.int16), 2)[:, None, None] * np.ones((1, 8, 8), np.int16)
    assert volume_of(hu, VolumeForm(3, 4))[0, 0, :, 0, 0].tolist() == [0, 128, 255]
    assert volume_of(hu, VolumeForm(3, 4, blended=True))[0, 0, :, 0, 0].tolist() == [0, 128, 255]
    doubled = volume_of(hu, VolumeForm(12, 4, blended=True))[0, 0, :, 0, 0].astype(int)
    assert (np.diff(doubled) >= 0).all()
    assert len(set(doubled.tolist())) > 3


# votes and intervals


def small_store(truth, slices=4):
    cases = tuple(
        StoredCase(f"c{n}", f"p{n}", CLASSES[label], "test", n * slices, (n + 1) * slices)
        for n, label in enumerate(truth)
    )
    return SampleStore(Path(), CLASSES, cases, (1, 8, 8), "uint8")


def test_a_vote_decides_where_the_mean_would_not():
    store = small_store([1, 0], slices=3)
    rows = np.array([[0.1, 0.9, 0, 0], [0.55, 0.45, 0, 0], [0.55, 0.45, 0, 0]] * 2)
    voted = shared.by_vote(rows, store)
    assert voted.decided.tolist() == [0, 0]
    tied = shared.by_vote(np.array([[0.1, 0.9, 0, 0], [0.6, 0.4, 0, 0]] * 2), small_store([1, 0], slices=2))
    assert tied.decided.tolist() == [1, 1]  # the larger mean probability
    assert len(shared.by_vote(rows, store, 30, draws=5)) == 10


def test_a_mean_is_over_the_classes_that_a_set_has():
    store = small_store([1, 1, 2, 2])
    rows = np.eye(4)[np.repeat([1, 1, 2, 3], 4)]
    row = external._over_classes(shared.by_vote(rows, store), range(4))
    assert row["F1"].value == pytest.approx((1 + 2 / 3) / 2)
    assert row["F1"].low <= row["F1"].value <= row["F1"].high
    assert np.isnan(external._over_classes(shared.by_vote(rows, store), [0])["F1"].value)


def test_votes_stop_as_their_row_says():
    alike = np.tile([0.1, 0.7, 0.1, 0.1], (100, 1))
    read = {way: sampling._vote(alike, way, 0, None).read for way in sampling.rows("small")[1:17]}
    assert read["R = 30 %"] == 30
    assert read["stopped when decided"] == 51  # the other 49 could not change it
    assert read["sequential test, 5 %"] <= read["sequential test, 1 %"] <= 12
    assert sampling._vote(alike, "R = 50 %", 0, (20, 40)).read == 10


# whole at the smallest scale


def test_encodings_run_whole_resume_and_lay_the_paper_beside(tmp_path):
    experiment, seen = BY_NAME["phase-encodings"], []

    def stop_in_the_second_row(fraction, stage):
        seen.append(stage)
        if stage.startswith("PL-SORD"):
            raise Cancelled("enough for today")

    with pytest.raises(Cancelled):
        run_experiment(experiment, "smoke", tmp_path, progress=stop_in_the_second_row)
    finished = [path.parent.name for path in (tmp_path / "rows").glob("*/result.json")]
    assert finished == ["one-hot--4-scans"]
    results = run_experiment(experiment, "smoke", tmp_path)
    assert run_experiment(experiment, "smoke", tmp_path) == results
    weights = [each.value for key, each in results["PL-SORD s=1, 8 scans"].items() if key.startswith("σ")]
    assert len(weights) == 3
    assert sum(weights) == pytest.approx(1)
    learned = [each.value for each in results["labels learned for venous"].values()]
    assert sum(learned) == pytest.approx(1)
    assert learned[2] == pytest.approx(0.855)
    assert len(set(np.round(learned, 6))) > 2  # it moved from where it started
    page = (tmp_path / "results.md").read_text()
    assert "90.63%" in page
    assert "not patients" in page
    for plot in ("accuracy-over-scans", "label-rows"):
        assert (tmp_path / f"{plot}.png").stat().st_size > 1000
        assert f"![{plot}]" in page
    with (tmp_path / "results.csv").open() as file:
        assert {row["row"] for row in csv.DictReader(file)} == set(results)
    assert len(list((tmp_path / "stores").iterdir())) == 2  # one for training, one for tests, for all rows


def test_scan_table_runs_whole_with_confusion_and_roc(tmp_path):
    experiment = BY_NAME["phase-scan"]
    results = run_experiment(experiment, "smoke", tmp_path)
    assert set(results) == set(experiment.published)
    slices, scans = (sum(_count(tmp_path, side)) for side in ("slice", "scan"))
    plan = shared.PLANS["smoke"]
    assert (slices, scans) == (plan.test_scans * plan.slices, plan.test_scans)
    mean = results["slice: mean"]
    assert mean["F1"].value == pytest.approx(np.mean([results[f"slice: {name}"]["F1"].value for name in CLASSES]))
    assert mean["F1"].low <= mean["F1"].value <= mean["F1"].high
    page = (tmp_path / "results.md").read_text()
    assert ".9209 (.9033, .9374)" in page
    for plot in ("confusion-slices", "confusion-scans", "roc-slices"):
        assert (tmp_path / f"{plot}.svg").exists()
    assert len(list(tmp_path.glob("**/last.pt"))) == 1  # eight rows, one training


def _count(folder, side):
    with np.load(folder / f"answers-{side}.npz") as kept:
        return np.bincount(kept["truth"])


# the others, with a network that need not be trained


def test_sampling_reads_what_it_says_and_reports_agreement(tmp_path, without_training):
    work = work_in(tmp_path)
    one, most, every = (sampling.measure(f"R = {percent} %", work) for percent in (1, 50, 100))
    slices = sampling._TESTS["smoke"].slices
    assert [row["slices read"].value for row in (one, most, every)] == [1, slices // 2, slices]
    assert every["as all slices"].value == 1
    assert one["as all slices"].value < 1
    exact = sampling.measure("stopped when decided", work)
    assert exact["as all slices"].value == 1
    assert exact["slices read"].value <= slices
    assert exact["macro F1"].value == every["macro F1"].value
    sequential = sampling.measure("sequential test, 5 %", work)
    assert sequential["as all slices"].value >= 0.95
    located = sampling.measure("located region, R = 100 %", work)
    slabs = json.loads((tmp_path / "slabs.json").read_text())
    assert slabs  # the abdomen is found in some of these scans
    assert located["slices read"].value < slices
    assert set(sampling.measure("slice by slice", work)) == {"macro F1", "accuracy"}
    assert len(without_training) == 1
    drawn = sampling.draw(
        {row: sampling.measure(row, work) for row in ("R = 1 %", "R = 100 %", "located region, R = 100 %")}, tmp_path
    )
    assert list(drawn) == ["f1-over-slices"]


def test_systems_see_the_same_scans_as_slices_and_as_volumes(tmp_path, without_training):
    work = work_in(tmp_path)
    results = {row: systems.measure(row, work) for row in systems.rows("smoke")}
    per_scan = {row for row, values in results.items() if "seconds per scan" in values}
    assert per_scan == set(results) - {"ours, slice by slice", "CD-GAN, slice by slice"}
    assert all(0 < each.value < 60 for row in results.values() for key, each in row.items() if key.startswith("sec"))
    shapes = {tuple(json.loads(path.read_text())["shape"]) for path in tmp_path.glob("stores/*/store.json")}
    assert shapes == {(1, 48, 48), (1, 32, 32), (1, 8, 32, 32)}  # the first are the bare HU
    networks = [recipe.network for recipe, _ in without_training]
    assert {shared.PLANS["smoke"].network, "cd-gan", "3dsenet", "resnet-50-3d"} == set(networks)
    counts = {count for _, count in without_training}
    assert counts == {shared.PLANS["smoke"].train_scans}
    assert set(systems.draw(results, tmp_path)) == {"macro-f1", "seconds"}


def test_external_sets_have_the_phases_they_stand_for(tmp_path, without_training):
    work = work_in(tmp_path)
    size = external._SIZES["smoke"]
    venous, arterial, mean = (external.measure(f"LiTS: {name}", work) for name in ("venous", "arterial", "mean"))
    assert venous["scans"].value + arterial["scans"].value == mean["scans"].value == size.patients * size.series
    assert venous["scans"].value > arterial["scans"].value
    inside = external.measure("internal: mean", work)
    assert inside["scans"].value == shared.PLANS["smoke"].test_scans
    assert "macro-f1" in external.draw({"internal: mean": inside, "LiTS: mean": mean}, tmp_path)


def test_slice_tables_train_the_network_and_size_that_their_row_names(tmp_path, without_training):
    measured = slice_tables._measure_backbone("GhostNet", work_in(tmp_path, "a"))
    assert set(measured) == {"accuracy", "macro precision", "macro recall", "macro F1"}
    slice_tables._measure_backbone("CD-GAN", work_in(tmp_path, "b"))
    slice_tables._measure_size("64×64", work_in(tmp_path, "c"))
    names = [recipe.network for recipe, _ in without_training]
    sizes = [recipe.preparation["size"] for recipe, _ in without_training]
    assert names == ["ghostnet", "cd-gan", "ghostnet"]
    assert sizes == [32, 32, 64]
    assert [recipe.loss[0].name for recipe, _ in without_training][1] == "cd-gan"
    drawn = slice_tables._draw({"a": measured, "b": {"macro F1": Measured(0.5, 0.4, 0.6)}}, tmp_path)
    assert list(drawn) == ["macro-f1"]
