"""Operating points: what they promise holds on the cases they were measured on."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="the doubles hold networks")

from rectal_doubles import facts, held_out

from abdominal_oncology.errors import InvalidInputError, UnreadableFileError
from abdominal_oncology.learning.metrics import Predictions
from abdominal_oncology.rectal.operating import (
    NAMED_SENSITIVITIES,
    operating_point,
    operating_table,
    threshold_for,
)

CHANCE = st.floats(0.01, 0.99)


def predictions(t2, t3):
    chances = np.array([*t2, *t3])
    truth = [0] * len(t2) + [1] * len(t3)
    return Predictions(np.column_stack([1 - chances, chances]), truth, list(range(len(truth))), ("T2", "T3"))


@given(st.lists(CHANCE, min_size=1, max_size=60), st.lists(CHANCE, min_size=1, max_size=60), st.floats(0.01, 1.0))
def test_a_chosen_sensitivity_is_reached_by_the_highest_threshold_that_does(t2, t3, sensitivity):
    made_by = facts(decision=operating_table(predictions(t2, t3)))
    point = operating_point(made_by, sensitivity)
    found = np.mean(np.asarray(t3) >= point.threshold)
    assert found >= sensitivity - 1e-4
    assert point.sensitivity == pytest.approx(found, abs=1e-4)
    assert point.specificity == pytest.approx(np.mean(np.asarray(t2) < point.threshold), abs=1e-4)
    higher = [each for each in t3 if each > point.threshold + 2e-6]
    assert len(higher) / len(t3) < sensitivity + 0.01 + 1 / len(t3)  # the table has steps of a hundredth


def test_the_table_is_plain_and_comes_back_from_json():
    table = operating_table(held_out())
    assert json.loads(json.dumps(table)) == table
    assert table["cases"] == {"T2": 20, "T3": 20}
    sensitivities = [row[1] for row in table["roc"]]
    specificities = [row[2] for row in table["roc"]]
    assert sensitivities == sorted(sensitivities)
    assert specificities == sorted(specificities, reverse=True)
    assert sensitivities[-1] == 1.0
    thresholds = [table["operating_points"][f"sensitivity {each:.2f}"] for each in NAMED_SENSITIVITIES]
    assert thresholds == sorted(thresholds, reverse=True)


def test_the_default_is_the_bundles_with_what_it_measured():
    table = operating_table(held_out(), default=0.4)
    point = operating_point(facts(decision=table))
    assert (point.name, point.threshold) == ("default", 0.4)
    chances = held_out().probabilities[:, 1]
    assert point.sensitivity == pytest.approx(np.mean(chances[20:] >= 0.4), abs=1e-4)
    assert point.specificity == pytest.approx(np.mean(chances[:20] < 0.4), abs=1e-4)
    assert "T3 found" in point.describe()
    assert threshold_for(facts(decision=table), 0.9) == operating_point(facts(decision=table), 0.9).threshold


def test_a_bundle_that_says_nothing_decides_at_one_half():
    silent = facts(decision={})
    point = operating_point(silent)
    assert (point.threshold, point.sensitivity) == (0.5, None)
    assert point.describe().endswith("from probability 0.50 on")
    with pytest.raises(InvalidInputError, match="does not say how sensitive"):
        operating_point(silent, 0.9)
    assert operating_point(silent, threshold=0.3).threshold == 0.3


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({"sensitivity": 0.0}, "a sensitivity is a share"),
        ({"sensitivity": 90}, "a sensitivity is a share"),
        ({"threshold": 1.0}, "between 0 and 1"),
        ({"threshold": 0.4, "sensitivity": 0.9}, "choose one"),
    ],
)
def test_what_cannot_be_asked_for(asked, text):
    with pytest.raises(InvalidInputError, match=text):
        operating_point(facts(), **asked)


def test_broken_tables_are_named():
    with pytest.raises(UnreadableFileError, match="untrained"):
        operating_point(facts(decision={"roc": [[0.5, "many", 1]]}), 0.9)
    with pytest.raises(UnreadableFileError, match="not a table"):
        operating_point(facts(decision={"operating_points": [0.5]}))
    with pytest.raises(InvalidInputError, match="both stages"):
        operating_table(predictions([], [0.4, 0.6]))
    with pytest.raises(InvalidInputError, match="threshold"):
        operating_table(held_out(), default=1.0)
