"""Figures show the numbers they are given, fit one column, and come out the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import special

from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning import plots
from abdominal_oncology.learning.metrics import Predictions, value

pytest.importorskip("matplotlib", reason="figures are drawn with matplotlib")


def _predictions(seed: int, classes: tuple[str, ...] = ("T2", "T3")) -> Predictions:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, len(classes), 80)
    logits = np.round(rng.normal(size=(80, len(classes))) + 1.5 * np.eye(len(classes))[truth], 1)
    return Predictions(special.softmax(logits, axis=1), truth, range(80), classes)


def test_the_curve_encloses_the_auc() -> None:
    p = _predictions(0)
    false_rate, true_rate = plots.roc_points(p)
    assert (false_rate[0], true_rate[0], false_rate[-1], true_rate[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true_rate, false_rate) == pytest.approx(float(value("auc", p)), abs=1e-12)
    with pytest.raises(InvalidInputError):
        plots.roc_points(Predictions([[0.2, 0.8]], [1], ["a"], ("T2", "T3")))


def test_texts_and_lines_are_those_of_the_data() -> None:
    two = {"ours": _predictions(0), "theirs": _predictions(1)}
    legend = plots.roc(two).axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == [
        f"{name} ({float(value('auc', p)):.2f})" for name, p in two.items()
    ]
    four = _predictions(2, ("N", "A", "V", "D"))
    axes = plots.confusion_matrix(four).axes[0]
    counts = [int(text.get_text().split("\n")[0]) for text in axes.texts]
    assert sum(counts) == 80
    assert counts[0] == int(((four.truth == 0) & (four.decided == 0)).sum())
    sweep = {"a": plots.Series([1, 10], [0.5, 0.7], [0.4, 0.6], [0.6, 0.8]), "b": plots.Series([1, 10], [0.4, 0.8])}
    drawn = plots.lines(sweep, "slices", "F1", log_x=True).axes[0]
    assert [line.get_ydata().tolist() for line in drawn.lines] == [[0.5, 0.7], [0.4, 0.8]]
    assert len(drawn.collections) == 1
    heights = [
        bar.get_height()
        for bar in plots.bars(["x", "y"], [0.8, 0.9], "AUC", low=[0.7, 0.8], high=[0.9, 1]).axes[0].patches
    ]
    assert heights == [0.8, 0.9]


def test_series_differ_without_colour() -> None:
    looks = [
        (line.get_linestyle(), line.get_marker())
        for line in plots.reliability_curve({str(i): _predictions(i) for i in range(4)}).axes[0].lines[1:]
    ]
    assert len(set(looks)) == 4


def test_files_are_one_column_wide_and_repeatable(tmp_path: Path) -> None:
    from PIL import Image

    first = plots.save(plots.roc({"ours": _predictions(0)}), tmp_path / "first")
    again = plots.save(plots.roc({"ours": _predictions(0)}), tmp_path / "again")
    assert [path.suffix for path in first] == [".png", ".svg"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    with Image.open(first[0]) as picture:
        assert picture.width == pytest.approx(3.5 * 300, abs=2)
    assert b"<text" in first[1].read_bytes()
