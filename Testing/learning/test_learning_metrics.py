"""Metrics and their uncertainty, against scikit-learn, against worked numbers, and against what chance must give."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.calibration import apply_temperature, fit_temperature, reliability
from abdominal_oncology.learning.metrics import Predictions, confusion, metrics_for, value
from abdominal_oncology.learning.uncertainty import (
    bootstrap,
    compare_by_bootstrap,
    compare_by_delong,
    over_folds,
    patient_weights,
)

reference = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the reference here")


def _random(seed: int, n: int = 60, classes: int = 4, skill: float = 1.0, cases_per_patient: int = 1) -> Predictions:
    rng = np.random.default_rng(seed)
    truth = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    logits = rng.normal(size=(n, classes)) + skill * np.eye(classes)[truth]
    probabilities = special.softmax(np.round(logits, 1), axis=1)  # rounding makes ties
    names = [f"class {i}" for i in range(classes)]
    return Predictions(probabilities, truth, [f"p{i // cases_per_patient}" for i in range(n)], names)


@given(st.integers(0, 10_000), st.sampled_from([2, 3, 5]))
@settings(max_examples=40, deadline=None)
def test_agrees_with_scikit_learn(seed: int, classes: int) -> None:
    p = _random(seed, classes=classes)
    truth, decided = p.truth, p.decided
    labels = list(range(classes))
    precision, recall, f1, _ = reference.precision_recall_fscore_support(truth, decided, labels=labels, zero_division=0)
    for index, name in enumerate(p.classes):
        assert value(f"precision:{name}", p) == pytest.approx(precision[index])
        assert value(f"recall:{name}", p) == pytest.approx(recall[index])
        assert value(f"f1:{name}", p) == pytest.approx(f1[index])
        expected = reference.roc_auc_score(truth == index, p.probabilities[:, index])
        assert value(f"auc:{name}", p) == pytest.approx(expected, abs=1e-12)
    assert value("accuracy", p) == pytest.approx(reference.accuracy_score(truth, decided))
    assert value("macro_f1", p) == pytest.approx(f1.mean())
    assert value("balanced_accuracy", p) == pytest.approx(reference.balanced_accuracy_score(truth, decided))
    table = confusion(p, np.ones((1, len(p))))[0]
    assert (table == reference.confusion_matrix(truth, decided, labels=labels)).all()


def test_weights_mean_repeated_cases() -> None:
    p = _random(3, n=12)
    rng = np.random.default_rng(0)
    times = rng.integers(1, 4, len(p))
    repeated = np.repeat(np.arange(len(p)), times)
    longer = Predictions(p.probabilities[repeated], p.truth[repeated], p.patients[repeated].tolist(), p.classes)
    for name, metric in metrics_for(p.classes).items():
        assert metric(p, times[None].astype(float))[0] == pytest.approx(value(name, longer)), name


def test_macro_f1_is_the_mean_of_f1_and_not_the_f1_of_means() -> None:
    table = np.array([[10, 0, 0, 0], [0, 8, 1, 1], [0, 2, 7, 1], [0, 1, 1, 3]])
    truth, decided = (np.repeat(index, table.ravel()) for index in np.indices((4, 4)).reshape(2, -1))
    p = Predictions(np.eye(4)[decided], truth, list(range(len(truth))), "abcd")
    assert value("macro_f1", p) == pytest.approx(0.7746867167919799, abs=1e-12)


def test_auc_counts_ties_half() -> None:
    scores = np.array([0.1, 0.4, 0.35, 0.9, 0.9, 0.5])
    p = Predictions(np.c_[1 - scores, scores], [0, 0, 1, 1, 0, 1], range(6), ("no", "yes"))
    assert value("auc", p) == pytest.approx(0.6111111111111112, abs=1e-12)


def test_a_class_that_never_occurs_is_left_out_of_macro_means() -> None:
    p = Predictions([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]], [0, 1], ["a", "b"], ("x", "y", "z"))
    assert np.isnan(value("recall:z", p))
    assert value("macro_recall", p) == 1


def test_five_thousand_resamples_take_seconds_and_cover_the_value() -> None:
    p = _random(1, n=358, cases_per_patient=4)
    start = time.perf_counter()
    estimates = bootstrap(p, resamples=5000, seed=1)
    assert time.perf_counter() - start < 20
    for name, estimate in estimates.items():
        if name != "calibration_error":  # biased upwards by resampling, as every binned error is
            assert estimate.low <= estimate.value <= estimate.high, name
    assert estimates == bootstrap(p, resamples=5000, seed=1)
    assert estimates["accuracy"] != bootstrap(p, resamples=5000, seed=2)["accuracy"]


def test_interval_width_is_that_of_a_binomial_when_patients_have_one_case() -> None:
    p = _random(5, n=400, classes=2)
    estimate = bootstrap(p, ["accuracy"])["accuracy"]
    error = np.sqrt(estimate.value * (1 - estimate.value) / 400)
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * error, rel=0.06)


def test_patients_are_drawn_whole_so_repeated_series_do_not_narrow_the_interval() -> None:
    once = _random(7, n=100, classes=2)
    copies = Predictions(
        np.repeat(once.probabilities, 5, axis=0), np.repeat(once.truth, 5), np.repeat(once.patients, 5).tolist(), "ab"
    )
    narrow, wide = bootstrap(copies, ["accuracy"])["accuracy"], bootstrap(once, ["accuracy"])["accuracy"]
    assert narrow.high - narrow.low == pytest.approx(wide.high - wide.low, rel=0.05)
    weights = patient_weights(copies.patients, 50, seed=0).reshape(50, 100, 5)
    assert (weights == weights[:, :, :1]).all()


def test_delong_agrees_with_the_bootstrap_and_with_its_own_symmetry() -> None:
    first = _random(11, n=300, classes=2, skill=1.5)
    rng = np.random.default_rng(1)
    blurred = special.softmax(
        np.log(first.probabilities) + rng.normal(scale=1.5, size=first.probabilities.shape), axis=1
    )
    second = Predictions(blurred, first.truth, first.patients.tolist(), first.classes)
    exact, drawn = compare_by_delong(first, second), compare_by_bootstrap(first, second, "auc")
    assert exact.first == pytest.approx(float(value("auc", first)), abs=1e-12)
    assert exact.difference == pytest.approx(drawn.difference, abs=1e-12)
    assert exact.low == pytest.approx(drawn.low, abs=0.012)
    assert exact.high == pytest.approx(drawn.high, abs=0.012)
    assert compare_by_delong(second, first).p_value == pytest.approx(exact.p_value)
    assert exact.p_value < 0.05
    assert drawn.p_value < 0.05


def test_tests_between_models_are_right_under_no_difference() -> None:
    """Two equally good models: p below 0.05 should come up in about one of twenty trials."""
    rng = np.random.default_rng(0)
    truth = np.tile([0, 1], 60)
    p_values = []
    for _ in range(300):
        scores = special.expit(rng.normal(size=(2, 120)) + truth)
        pair = [Predictions(np.c_[1 - s, s], truth, range(120), "ab") for s in scores]
        p_values.append(compare_by_delong(pair[0], pair[1]).p_value)
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.09
    assert np.median(p_values) == pytest.approx(0.5, abs=0.12)


def test_a_model_against_itself_differs_by_nothing() -> None:
    p = _random(2, classes=2)
    assert compare_by_delong(p, p).p_value == 1
    assert compare_by_bootstrap(p, p, "accuracy", resamples=200).p_value == 1


def test_temperature_undoes_an_overconfident_model() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(scale=1.5, size=(4000, 3))
    truth = np.array([rng.choice(3, p=row) for row in special.softmax(honest, axis=1)])
    assert fit_temperature(honest * 2.5, truth) == pytest.approx(2.5, rel=0.05)
    sure = Predictions(apply_temperature(honest * 2.5, 1), truth, range(4000), "abc")
    scaled = Predictions(apply_temperature(honest * 2.5, 2.5), truth, range(4000), "abc")
    assert value("calibration_error", scaled) < 0.03 < value("calibration_error", sure)
    assert value("accuracy", scaled) == value("accuracy", sure)
    curve = reliability(scaled)
    assert sum(b.cases for b in curve) == 4000
    assert all(abs(b.confidence - b.share_right) < 0.08 for b in curve if b.cases > 100)


def test_temperature_of_a_perfect_set_stays_within_reason() -> None:
    assert 0.05 <= fit_temperature(np.eye(3) * 5, np.arange(3)) < 0.3


def test_mean_and_spread_over_folds() -> None:
    assert over_folds([0.8, 0.9, 1.0]) == pytest.approx((0.9, 0.1))
    assert np.isnan(over_folds([0.8])[1])


@pytest.mark.parametrize(
    "wrong",
    [
        {"probabilities": [[0.5, 0.6]], "truth": [0], "patients": ["a"]},
        {"probabilities": [[0.5, 0.5]], "truth": [2], "patients": ["a"]},
        {"probabilities": [[np.nan, 0.5]], "truth": [0], "patients": ["a"]},
        {"probabilities": [[0.5, 0.5]], "truth": [0, 1], "patients": ["a"]},
        {"probabilities": np.zeros((0, 2)), "truth": [], "patients": []},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        Predictions(**wrong, classes=("a", "b"))  # type: ignore[arg-type]


def test_models_on_other_cases_or_repeated_patients_are_refused() -> None:
    p = _random(2, classes=2)
    other = Predictions(p.probabilities, 1 - p.truth, p.patients.tolist(), p.classes)
    with pytest.raises(InvalidInputError, match="same cases"):
        compare_by_bootstrap(p, other, "auc")
    grouped = _random(2, classes=2, cases_per_patient=2)
    with pytest.raises(InvalidInputError, match="bootstrap"):
        compare_by_delong(grouped, grouped)
    with pytest.raises(InvalidInputError, match="no metric"):
        bootstrap(p, ["charm"])
