"""Figures in one style: readable at one column of a journal, safe for colour-blind eyes, PNG and SVG.

Colours are Okabe and Ito's; series also differ by line style and marker, so that a grey print still tells them apart.
Each function returns a matplotlib Figure; :func:`save` writes it. Nothing touches pyplot's global state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np
from numpy.typing import ArrayLike, NDArray

from abdominal_oncology.errors import InvalidInputError, MissingDependencyError
from abdominal_oncology.files import replacing
from abdominal_oncology.learning.calibration import reliability
from abdominal_oncology.learning.metrics import Predictions, confusion, value

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_LINES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_COLUMN_INCHES = 3.5
_STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "svg.fonttype": "none",
    "svg.hashsalt": "abdominal-oncology",  # the same figure gives the same file
}


_Arguments = ParamSpec("_Arguments")


def _styled(draw: Callable[_Arguments, Figure]) -> Callable[_Arguments, Figure]:
    """Draw in our style without changing the style of the process."""

    @wraps(draw)
    def drawn(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> Figure:
        with _matplotlib().rc_context(_STYLE):
            return draw(*arguments, **options)

    return drawn


@dataclass(frozen=True)
class Series:
    """One line of a sweep: y over x, with an optional band."""

    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


@_styled
def roc(models: Mapping[str, Predictions], index: int = 1) -> Figure:
    """ROC curves of class ``index`` against the rest, one per model, with the AUC in the legend."""
    figure, axes = _square()
    for (name, predictions), look in zip(models.items(), _looks(len(models)), strict=True):
        false_rate, true_rate = roc_points(predictions, index)
        area = float(value(f"auc:{predictions.classes[index]}", predictions))
        axes.plot(false_rate, true_rate, label=f"{name} ({area:.2f})", color=look["color"], ls=look["ls"])
    axes.plot([0, 1], [0, 1], color="0.6", lw=0.8)
    axes.set(xlabel="1 − specificity", ylabel="sensitivity", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.legend(loc="lower right", title="AUC")
    return figure


def roc_points(predictions: Predictions, index: int = 1) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False- and true-positive rates from (0, 0) to (1, 1), one step per distinct score."""
    scores, positive = predictions.probabilities[:, index], predictions.truth == index
    if positive.all() or not positive.any():
        raise InvalidInputError("a ROC curve needs cases of the class and cases of another")
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits, misses = np.cumsum(positive[order])[ends], np.cumsum(~positive[order])[ends]
    return np.append(0, misses / misses[-1]), np.append(0, hits / hits[-1])


@_styled
def confusion_matrix(predictions: Predictions) -> Figure:
    """Counts, shaded by the share of each true class."""
    table = confusion(predictions, np.ones((1, len(predictions))))[0]
    shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    figure, axes = _square()
    axes.grid(False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(*table.shape):
        dark = shares[row, column] > 0.55
        text = f"{table[row, column]:.0f}\n{shares[row, column]:.0%}"
        axes.text(column, row, text, ha="center", va="center", color="white" if dark else "black", fontsize=7)
    ticks = range(len(predictions.classes))
    axes.set_xticks(ticks, predictions.classes, rotation=30, ha="right")
    axes.set_yticks(ticks, predictions.classes)
    axes.set(xlabel="decision", ylabel="truth")
    return figure


@_styled
def tables(panels: Mapping[str, ArrayLike], classes: Sequence[str], x_label: str, y_label: str) -> Figure:
    """Square tables of shares beside each other, such as label rows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_COLUMN_INCHES * 2, _COLUMN_INCHES * 2 / len(panels) + 0.3), layout="constrained")
    ticks = range(len(classes))
    for axes, (title, values) in zip(np.ravel(figure.subplots(1, len(panels))), panels.items(), strict=True):
        shares = np.asarray(values, dtype=float)
        axes.grid(False)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(*shares.shape):
            colour = "white" if shares[row, column] > 0.55 else "black"
            axes.text(column, row, f"{shares[row, column]:.2f}", ha="center", va="center", color=colour, fontsize=7)
        axes.set_xticks(ticks, classes)
        axes.set_yticks(ticks, classes)
        axes.set(title=title, xlabel=x_label, ylabel=y_label)
    return figure


@_styled
def reliability_curve(models: Mapping[str, Predictions]) -> Figure:
    """Share right over confidence, with the expected calibration error in the legend."""
    figure, axes = _square()
    axes.plot([0, 1], [0, 1], color="0.6", lw=0.8)
    for (name, predictions), look in zip(models.items(), _looks(len(models)), strict=True):
        bins = reliability(predictions)
        error = float(value("calibration_error", predictions))
        confident, right = [b.confidence for b in bins], [b.share_right for b in bins]
        axes.plot(confident, right, label=f"{name} ({error:.3f})", **look)
    axes.set(xlabel="confidence", ylabel="share right", xlim=(0, 1.01), ylim=(-0.01, 1.01))
    axes.legend(loc="upper left", title="calibration error")
    return figure


@_styled
def lines(series: Mapping[str, Series], x_label: str, y_label: str, *, log_x: bool = False) -> Figure:
    """Learning curves and sweeps: one line per name, with a band where the series has one."""
    figure, axes = _wide()
    for (name, line), look in zip(series.items(), _looks(len(series)), strict=True):
        axes.plot(line.x, line.y, label=name, **look)
        if line.low is not None and line.high is not None:
            axes.fill_between(line.x, line.low, line.high, color=look["color"], alpha=0.15, lw=0)
    if log_x:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    axes.set(xlabel=x_label, ylabel=y_label)
    if len(series) > 1:
        axes.legend()
    return figure


@_styled
def bars(
    names: Sequence[str],
    values: ArrayLike,
    y_label: str,
    *,
    low: ArrayLike | None = None,
    high: ArrayLike | None = None,
) -> Figure:
    """One bar per method, with its interval."""
    heights = np.asarray(values, dtype=float)
    figure, axes = _wide()
    spread = None if low is None or high is None else np.abs(np.stack([heights - low, np.asarray(high) - heights]))
    axes.bar(names, heights, yerr=spread, color=COLOURS[0], width=0.6, capsize=3, error_kw={"lw": 0.9})
    axes.grid(axis="x", visible=False)
    axes.set_ylabel(y_label)
    axes.tick_params(axis="x", rotation=25 if len(names) > 3 else 0)
    return figure


def save(figure: Figure, path: Path) -> list[Path]:
    """Write ``path`` with the endings .png (300 dpi) and .svg; gives both paths."""
    written = [path.with_suffix(".png"), path.with_suffix(".svg")]
    for target in written:
        with _matplotlib().rc_context(_STYLE), replacing(target) as temporary:
            # a date in the file would make equal figures differ
            metadata = {"Date": None} if target.suffix == ".svg" else {"Software": None}
            figure.savefig(temporary, dpi=300, metadata=metadata)
    return written


def _looks(count: int) -> list[dict[str, Any]]:
    looks = zip(cycle(COLOURS), cycle(_LINES), cycle(_MARKERS))
    return [{"color": colour, "ls": line, "marker": marker} for colour, line, marker in islice(looks, count)]


def _square() -> tuple[Figure, Any]:
    return _figure(_COLUMN_INCHES, _COLUMN_INCHES)


def _wide() -> tuple[Figure, Any]:
    return _figure(_COLUMN_INCHES, _COLUMN_INCHES * 0.75)


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError as missing:
        raise MissingDependencyError("drawing figures needs matplotlib", remedy="install matplotlib") from missing
    return matplotlib
