"""Predictions survive their file, every mistake in it is named, and an evaluation says what its numbers say."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from abdominal_oncology.errors import InvalidInputError, MissingInputError
from abdominal_oncology.learning.evaluate import compare, evaluate
from abdominal_oncology.learning.evaluation_files import as_data, write_evaluation
from abdominal_oncology.learning.metrics import Predictions, value
from abdominal_oncology.learning.predictions_file import NamedPredictions, read_predictions, write_predictions


def _named(
    name: str, seed: int, classes: tuple[str, ...] = ("T2", "T3"), n: int = 60, per: int = 1
) -> NamedPredictions:
    truth = np.random.default_rng(5).integers(0, len(classes), n)
    logits = np.random.default_rng(seed).normal(size=(n, len(classes))) + 1.5 * np.eye(len(classes))[truth]
    patients = [f"p{index // per}" for index in range(n)]
    predictions = Predictions(special.softmax(logits, axis=1), truth, patients, classes)
    return NamedPredictions(name, tuple(f"c{index}" for index in range(n)), predictions)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([("a", "b"), ("NC", "A, early", 'V"')]))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, seed: int, classes: tuple[str, ...]
) -> None:
    path = tmp_path_factory.mktemp("p") / "model.csv"
    named = _named("model", seed, classes, n=12)
    write_predictions(path, named.cases, named.predictions)
    again = read_predictions(path)
    assert (again.name, again.cases, again.predictions.classes) == ("model", named.cases, classes)
    assert np.array_equal(again.predictions.probabilities, named.predictions.probabilities)
    assert np.array_equal(again.predictions.truth, named.predictions.truth)
    assert np.array_equal(again.predictions.patients, named.predictions.patients)


_GOOD = "1,a,T2,0.7,0.3\n2,b,T3,0.4,0.6\n"


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("", "row 1", "'case' is missing"),
        ("case,patient,p.a,p.b\n", "row 1", "'truth' is missing"),
        ("case,patient,truth,p.a\n", "row 1", "1 columns of probabilities"),
        ("case,patient,truth,p.a,p.a\n", "row 1", "same name"),
        ("case,patient,truth,p.T2,p.T3\n", "p.csv", "no predictions"),
        ("case,patient,truth,p.T2,p.T3\n1,a,T2,1\n", "row 2", "4 cells for 5"),
        ("case,patient,truth,p.T2,p.T3\n1,,T2,1,0\n", "row 2, column patient", "empty"),
        ("case,patient,truth,p.T2,p.T3\n1,a,T4,1,0\n", "row 2, column truth", "'T4' is none of the classes"),
        ("case,patient,truth,p.T2,p.T3\n1,a,T2,x,0\n", "row 2, column p.T2", "no number"),
        ("case,patient,truth,p.T2,p.T3\n1,a,T2,nan,0\n", "row 2, column p.T2", "no probability"),
        ("case,patient,truth,p.T2,p.T3\n1,a,T2,1.5,-0.5\n", "row 2, column p.T2", "no probability"),
        ("case,patient,truth,p.T2,p.T3\n1,a,T2,0.7,0.7\n", "row 2", "sum to 1.4"),
        (f"case,patient,truth,p.T2,p.T3\n{_GOOD}1,a,T2,1,0\n", "row 4, column case", "twice"),
        ("case,patient,truth,p.T2,p.T3\n1,a,T2,1,0\n2,b,T2,1,0\n", "p.csv", "all cases are T2"),
    ],
)
def test_mistakes_are_named_by_row_and_column(tmp_path: Path, text: str, where: str, problem: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=problem) as error:
        read_predictions(path)
    assert where in error.value.where


def test_spreadsheets_write_it_their_way(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(
        "\ufeffcase;patient;truth;p.T2;p.T3\r\n" + _GOOD.replace(",", ";") + "\r\n;;;;\r\n", encoding="utf-8"
    )
    assert read_predictions(path).cases == ("1", "2")
    with pytest.raises(MissingInputError, match="no such file"):
        read_predictions(tmp_path / "none.csv")


def test_numbers_are_those_of_the_metrics() -> None:
    named = _named("ours", 1, ("N", "A", "V"), n=90, per=3)
    result = evaluate(named, resamples=200)
    assert (result.cases, result.patients) == (90, 30)
    assert np.trace(result.confusion) / 90 == pytest.approx(result.estimates["accuracy"].value)
    for name, estimate in result.estimates.items():
        assert estimate.value == pytest.approx(float(value(name, named.predictions)))
        assert estimate.low <= estimate.value + 0.1
        assert estimate.high >= estimate.value - 0.1
    # what was made too sure has a temperature above 1, and correcting it helps
    p = named.predictions
    sharp = Predictions(special.softmax(4 * np.log(p.probabilities), axis=1), p.truth, list(p.patients), p.classes)
    sharper = evaluate(NamedPredictions("sharp", named.cases, sharp), resamples=50)
    assert sharper.temperature == pytest.approx(4 * result.temperature, rel=0.02)
    assert sharper.error_after_temperature < sharper.estimates["calibration_error"].value


def test_probabilities_of_nought_are_no_trouble() -> None:
    p = Predictions([[1, 0], [0, 1], [0, 1], [1, 0]], [0, 1, 0, 1], "abcd", ("T2", "T3"))
    assert 0 < evaluate(NamedPredictions("bold", ("1", "2", "3", "4"), p), resamples=20).temperature < np.inf


def test_a_model_beside_itself_and_beside_a_worse_one() -> None:
    good, bad = _named("good", 1, n=200), _named("bad", 2, n=200)
    noise = Predictions(np.full((200, 2), 0.5), bad.predictions.truth, list(bad.predictions.patients), ("T2", "T3"))
    same = compare(good, good, resamples=200)
    assert all(test.difference == 0 and test.p_value == 1 for test in same.tests.values())
    worse = compare(good, NamedPredictions("noise", bad.cases, noise), resamples=500)
    assert worse.tests["auc"].p_value < 0.01
    assert worse.tests["auc (DeLong)"].p_value < 0.001
    assert worse.tests["auc (DeLong)"].difference == pytest.approx(worse.tests["auc"].difference)
    shared = compare(_named("a", 1, per=2), _named("b", 2, per=2), resamples=50)
    assert "auc (DeLong)" not in shared.tests
    assert "one case per patient" in shared.remarks[0]


def test_cases_are_matched_by_name() -> None:
    first, second = _named("a", 1), _named("b", 2)
    p = second.predictions
    order = np.random.default_rng(0).permutation(60)
    shuffled = NamedPredictions(
        "b",
        tuple(second.cases[i] for i in order),
        Predictions(p.probabilities[order], p.truth[order], list(p.patients[order]), p.classes),
    )
    assert compare(first, shuffled, resamples=50).tests == compare(first, second, resamples=50).tests
    short = NamedPredictions(
        "b", second.cases[:-1], Predictions(p.probabilities[:-1], p.truth[:-1], range(59), p.classes)
    )
    with pytest.raises(InvalidInputError, match="1 are in one only, as 'c59'"):
        compare(first, short)
    other = NamedPredictions("b", second.cases, Predictions(p.probabilities, 1 - p.truth, list(p.patients), p.classes))
    with pytest.raises(InvalidInputError, match="case 'c0' is"):
        compare(first, other)
    renamed = NamedPredictions("b", second.cases, Predictions(p.probabilities, p.truth, list(p.patients), ("x", "y")))
    with pytest.raises(InvalidInputError, match="other classes"):
        compare(first, renamed)


def test_files_hold_the_same_numbers(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="figures are drawn with matplotlib")
    named = [_named("ours", 1), _named("a/b", 2)]
    results = [evaluate(one, resamples=50) for one in named]
    comparison = compare(*named, resamples=50)
    written = write_evaluation(tmp_path / "out", named, results, comparison)
    assert {path.name for path in written} == {path.name for path in (tmp_path / "out").iterdir()}
    assert {"roc-T3.svg", "confusion-a-b.png", "reliability.png", "report.md"} <= {path.name for path in written}
    data = json.loads((tmp_path / "out" / "result.json").read_text())
    assert data == json.loads(json.dumps(as_data(*results, comparison)))
    assert data["models"][0]["metrics"]["accuracy"]["value"] == results[0].estimates["accuracy"].value
    with (tmp_path / "out" / "metrics.csv").open() as file:
        rows = {(row["model"], row["metric"]): row["value"] for row in csv.DictReader(file)}
    assert float(rows["a/b", "macro_f1"]) == pytest.approx(results[1].estimates["macro_f1"].value, abs=1e-6)
    report = (tmp_path / "out" / "report.md").read_text()
    assert f"| accuracy | {results[0].estimates['accuracy']} | {results[1].estimates['accuracy']} |" in report


def test_a_class_that_does_not_occur_is_null(tmp_path: Path) -> None:
    p = Predictions([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1]] * 3, [0, 1] * 3, range(6), ("N", "A", "V"))
    named = NamedPredictions("m", tuple("abcdef"), p)
    result = evaluate(named, resamples=20)
    assert as_data(result)["models"][0]["metrics"]["recall:V"]["value"] is None
    names = {path.name for path in write_evaluation(tmp_path, [named], [result])}
    assert "roc-A.png" in names
    assert "roc-V.png" not in names
    assert "| recall:V | not defined |" in (tmp_path / "report.md").read_text()
