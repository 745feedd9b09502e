"""The published fusion: its formula, its fit, and that nothing of a patient reaches the fold that tests them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.hcc.fusion import INPUTS, PARTS, WIDEST, FusedModel, Fusion
from abdominal_oncology.hcc.fusion_fit import STRENGTHS, cross_fused, fit_all_parts, fit_fusion, patient_folds
from abdominal_oncology.hcc.lesion_answers import LesionAnswers, lesion_answers
from abdominal_oncology.hcc.logistic import fit_logistic
from abdominal_oncology.learning.answers import Answers
from abdominal_oncology.learning.metrics import Predictions, value
from abdominal_oncology.learning.uncertainty import bootstrap

MODEL = FusedModel(
    PARTS["hf"], (5.0, 0.0, -3.0, 18.0), (20.0, 900.0, 15.0, 6.0), (0.4, -0.1, -0.7, 0.5), 0.3, 1.0, ((-1.0, 1.0),) * 4
)
VALUES = {"f_aphe": 25.0, "f_ec": 900.0, "f_npw": -18.0, "size": 24.0}


def lesions(count=240, per_patient=2, signal=1.2, seed=0):
    """Rows of a fusion with two useful inputs; lesions of a patient are alike."""
    rng = np.random.default_rng(seed)
    patients = [f"p{n // per_patient}" for n in range(count)]
    truth = np.repeat(rng.integers(0, 2, count // per_patient), per_patient)
    rows = rng.normal(size=(count, len(INPUTS)))
    rows[:, 0] += signal * truth
    rows[:, 7] += 0.8 * truth
    return rows, truth, patients


def auc(chances, truth, patients):
    return float(value("auc", Predictions(np.column_stack([1 - chances, chances]), truth, patients, ("no", "yes"))))


# -- at work -----------------------------------------------------------------------------------------------------------


def test_log_odds_are_the_intercept_and_what_each_input_adds():
    added = MODEL.contributions(VALUES)
    assert added == pytest.approx({"f_aphe": 0.4, "f_ec": -0.1, "f_npw": 0.7, "size": 0.5})
    assert MODEL.probability(VALUES) == pytest.approx(1 / (1 + math.exp(-(0.3 + sum(added.values())))))
    average = dict(zip(MODEL.inputs, MODEL.mean, strict=True))
    assert MODEL.probability(average) == pytest.approx(1 / (1 + math.exp(-0.3)))


@pytest.mark.parametrize(("size", "expected"), [(1e9, 1.0), (-1e9, 0.0)])
def test_extreme_values_end_at_certainty_and_not_in_an_overflow(size, expected):
    assert MODEL.probability(VALUES | {"size": size}) == expected


@pytest.mark.parametrize("values", [{}, VALUES | {"f_npw": math.nan}, {k: v for k, v in VALUES.items() if k != "f_ec"}])
def test_an_input_that_is_not_known_is_an_error(values):
    with pytest.raises(InvalidInputError, match="the fusion lacks"):
        MODEL.probability(values)


def test_a_fusion_survives_its_table_in_json():
    fusion = Fusion({"hf": MODEL})
    assert Fusion.from_table(json.loads(json.dumps(fusion.to_table()))) == fusion


def test_the_widest_part_that_knows_its_inputs_answers():
    rows, truth, patients = lesions(60)
    fusion = fit_all_parts(rows, truth, patients, seed=0)
    everything = dict(zip(INPUTS, rows[0], strict=True))
    assert fusion.best(everything)[0] == "dlf+hf+lf"
    measured = {name: everything[name] for name in PARTS["hf+lf"]}
    assert fusion.best(measured) == ("hf+lf", fusion.models["hf+lf"].probability(measured))
    assert fusion.best(everything | {"p_ec": math.nan})[0] == "hf+lf"
    assert fusion.best(everything | {"c_ec": math.nan})[0] == "dlf+hf"
    assert fusion.best(everything | {"c_ec": math.nan, "p_ec": math.nan})[0] == "hf"
    assert fusion.best(everything | {"f_ec": math.nan})[0] == "dlf"
    assert fusion.best({"size": 20.0}) is None
    published = Fusion({part: fusion.models[part] for part in ("dlf", "hf", "dlf+hf")})  # as bundles were before LF
    assert published.best(everything)[0] == "dlf+hf"
    assert set(WIDEST) == set(PARTS)


@pytest.mark.parametrize(
    "change",
    [
        {"mean": [1.0]},
        {"scale": [0.0, 1, 1, 1]},
        {"intercept": math.inf},
        {"inputs": ["f_aphe", "f_ec", "f_npw", "age"]},
        {"coefficients": None},
        {"regularisation": "strong"},
    ],
)
def test_a_damaged_table_is_refused_by_name(change):
    with pytest.raises(InvalidInputError, match="a fusion"):
        FusedModel.from_table(MODEL.to_table() | change)


def test_a_table_without_a_part_is_refused():
    for table in ({}, {"other": {}}, [1]):
        with pytest.raises(InvalidInputError, match="a fusion"):
            Fusion.from_table(table)


# -- answers of the networks -------------------------------------------------------------------------------------------


def test_log_odds_become_probabilities_lesion_by_lesion():
    features = np.array([[0.0, 2.0, -2.0, 900.0, 1.0], [-900.0, 0.0, 0.0, 0.0, 1.0]], np.float32)
    answers = Answers(
        np.zeros((2, 2)), np.full((2, 2), 0.5), features, np.array([0.5, 3.0], np.float32), ("on the CPU",)
    )
    first, second = lesion_answers(answers)
    assert (first.p_hcc, first.p_npw, second.p_hcc) == (0.5, 1.0, 0.0)
    assert first.p_aphe == pytest.approx(1 - first.p_ec) == pytest.approx(0.880797, abs=1e-6)
    assert second.unfamiliar == 3.0
    assert first.notes == ("on the CPU",)
    assert isinstance(first, LesionAnswers)


@pytest.mark.parametrize("shape", [(2, 3), (4,)])
def test_features_without_the_four_are_refused(shape):
    with pytest.raises(InvalidInputError, match="do not begin with the log-odds"):
        lesion_answers(Answers(np.zeros((2, 2)), np.zeros((2, 2)), np.zeros(shape, np.float32)))


# -- the fit -----------------------------------------------------------------------------------------------------------


def test_the_regression_is_that_of_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    rows, truth, _ = lesions(120, 1)
    weights = np.random.default_rng(1).integers(0, 3, (2, 120)).astype(float)
    for strength in (STRENGTHS[0], 1.0, STRENGTHS[-1]):
        ours = fit_logistic(rows, truth, weights, strength)
        for mine, weight in zip(ours, weights, strict=True):
            theirs = linear_model.LogisticRegression(C=strength, tol=1e-10, max_iter=5000)
            theirs.fit(rows, truth, sample_weight=weight)
            np.testing.assert_allclose(mine, [*theirs.coef_[0], *theirs.intercept_], atol=1e-5)


def test_a_separable_problem_stays_finite():
    rows = np.linspace(-1, 1, 20)[:, None]
    beta = fit_logistic(rows, (rows[:, 0] > 0).astype(int), np.ones((1, 20)), STRENGTHS[-1])
    assert np.isfinite(beta).all()
    assert beta[0, 0] > 5
    with pytest.raises(InvalidInputError, match="must be positive"):
        fit_logistic(rows, (rows[:, 0] > 0).astype(int), np.ones((1, 20)), 0.0)


def test_coefficients_find_what_matters_and_their_intervals_hold_what_does_not():
    rows, truth, patients = lesions(400)
    model = fit_fusion(rows, truth, patients, "dlf+hf", seed=0)
    low = {name: pair[0] for name, pair in zip(model.inputs, model.intervals, strict=True)}
    high = {name: pair[1] for name, pair in zip(model.inputs, model.intervals, strict=True)}
    assert low["p_hcc"] > 0
    assert low["size"] > 0
    assert sum(low[name] <= 0 <= high[name] for name in INPUTS[1:7]) >= 5
    for name, beta in zip(model.inputs, model.coefficients, strict=True):
        assert low[name] <= beta <= high[name]
    assert model.regularisation in STRENGTHS
    assert fit_fusion(rows, truth, patients, "dlf+hf", seed=0) == model


def test_scaling_belongs_to_the_model():
    rows, truth, patients = lesions()
    stretched = rows * np.array([1, 1, 1, 1, 20, 900, 15, 6, 1, 1, 1]) + 7
    plain, other = (fit_fusion(each, truth, patients, "dlf+hf", seed=0) for each in (rows, stretched))
    np.testing.assert_allclose(plain.coefficients, other.coefficients, rtol=1e-5)
    a = plain.probability(dict(zip(INPUTS, rows[3], strict=True)))
    b = other.probability(dict(zip(INPUTS, stretched[3], strict=True)))
    assert a == pytest.approx(b, rel=1e-5)


def test_each_part_uses_its_own_inputs_only():
    rows, truth, patients = lesions()
    fold = patient_folds(truth, patients, 5, 0)
    changed = rows.copy()
    changed[:, :4] = 0
    np.testing.assert_array_equal(*(cross_fused(each, truth, patients, "hf", fold, 0) for each in (rows, changed)))
    assert auc(cross_fused(rows, truth, patients, "dlf", fold, 0), truth, patients) > 0.75


# -- no leak -----------------------------------------------------------------------------------------------------------


def test_folds_keep_patients_together_and_the_share_of_hcc():
    _, truth, patients = lesions(300, 3)
    fold = patient_folds(truth, patients, 5, 0)
    names = np.array(patients)
    assert all(len(set(fold[names == name])) == 1 for name in set(patients))
    assert np.ptp([truth[fold == n].mean() for n in range(5)]) < 0.06
    assert sorted(set(fold)) == [0, 1, 2, 3, 4]


def test_a_patient_in_two_folds_is_refused():
    rows, truth, patients = lesions(40)
    with pytest.raises(InvalidInputError, match="in two folds"):
        cross_fused(rows, truth, patients, "hf", np.arange(40) % 2, 0)


def test_an_input_that_is_only_the_patient_does_not_help():
    rows, truth, patients = lesions(400, 4, signal=0.0, seed=2)
    rows[:] = np.random.default_rng(5).normal(size=rows.shape)
    # a number of the patient's own that their other lesions share: it would tell the answer to who has seen them
    own = np.repeat(np.random.default_rng(3).normal(size=(100, 4)) * 3, 4, axis=0)
    rows[:, :4] = own
    fold = patient_folds(truth, patients, 5, 0)
    chances = cross_fused(rows, truth, patients, "dlf+hf", fold, 0)
    found = bootstrap(Predictions(np.column_stack([1 - chances, chances]), truth, patients, ("no", "yes")), ["auc"])
    assert found["auc"].low < 0.5 + 0.03
    assert found["auc"].value < 0.6


def test_permuted_labels_give_a_coin():
    rows, truth, patients = lesions(400, 1)
    for seed in range(3):
        permuted = np.random.default_rng(seed).permutation(truth)
        chances = cross_fused(rows, permuted, patients, "dlf+hf", patient_folds(permuted, patients, 5, seed), seed)
        two = Predictions(np.column_stack([1 - chances, chances]), permuted, patients, ("no", "yes"))
        found = bootstrap(two, ["auc"], level=0.99)["auc"]
        assert found.low <= 0.5 + 0.01
        assert found.high >= 0.5 - 0.04
    assert (
        auc(cross_fused(rows, truth, patients, "dlf+hf", patient_folds(truth, patients, 5, 0), 0), truth, patients)
        > 0.8
    )


def test_a_tested_lesion_changes_no_other_answer_of_its_fold():
    rows, truth, patients = lesions(100, 1)
    fold = patient_folds(truth, patients, 4, 0)
    before = cross_fused(rows, truth, patients, "dlf+hf", fold, 0)
    odd = int(np.flatnonzero(fold == 2)[0])
    changed, other = rows.copy(), truth.copy()
    changed[odd], other[odd] = 1e3, 1 - truth[odd]
    after = cross_fused(changed, other, patients, "dlf+hf", fold, 0)
    same = (fold == 2) & (np.arange(100) != odd)
    np.testing.assert_array_equal(after[same], before[same])
    assert not np.array_equal(after[fold != 2], before[fold != 2])


def test_rows_that_cannot_be_fitted_are_refused():
    rows, truth, patients = lesions(40)
    with pytest.raises(InvalidInputError, match="rows of a fusion are"):
        fit_fusion(rows[:, :4], truth, patients, "dlf", 0)
    with pytest.raises(InvalidInputError, match="no numbers"):
        fit_fusion(rows * np.nan, truth, patients, "dlf", 0)
    with pytest.raises(InvalidInputError, match="are HCC and lesions that are not"):
        fit_fusion(rows, truth * 0, patients, "dlf", 0)
