"""An evaluation as files: ``metrics.csv``, ``confusion.csv``, ``comparison.csv``, ``report.md``, ``result.json``, and
as PNG and SVG ``confusion``, ``reliability`` and a ``roc-CLASS`` for each class that occurs.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from abdominal_oncology.files import write_atomically
from abdominal_oncology.learning.evaluate import Evaluation, ModelComparison
from abdominal_oncology.learning.predictions_file import NamedPredictions
from abdominal_oncology.learning.uncertainty import Estimate
from abdominal_oncology.progress import Progress, silent


def as_data(
    evaluation: Evaluation, against: Evaluation | None = None, comparison: ModelComparison | None = None
) -> Any:
    """Plain lists and dictionaries for JSON; what is not defined is null."""
    data: dict[str, Any] = {"models": [_model_data(one) for one in (evaluation, against) if one is not None]}
    if comparison is not None:
        tests = {
            name: {key: _number(cell) for key, cell in vars(test).items()} for name, test in comparison.tests.items()
        }
        data["comparison"] = {"first": comparison.first, "second": comparison.second, "tests": tests}
        data["comparison"]["remarks"] = list(comparison.remarks)
    return data


def write_evaluation(
    folder: Path,
    named: Sequence[NamedPredictions],
    evaluations: Sequence[Evaluation],
    comparison: ModelComparison | None = None,
    progress: Progress = silent,
) -> list[Path]:
    """Write all files into ``folder`` (made where missing); gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    second = evaluations[1] if len(evaluations) > 1 else None
    tables = {"metrics.csv": _metric_rows(evaluations), "confusion.csv": _confusion_rows(evaluations)}
    if comparison is not None:
        tables["comparison.csv"] = _comparison_rows(comparison)
    data = json.dumps(as_data(evaluations[0], second, comparison), indent=2, ensure_ascii=False, allow_nan=False)
    texts = {name: _csv(rows) for name, rows in tables.items()}
    texts |= {"report.md": _report(evaluations, comparison), "result.json": data + "\n"}
    written = []
    for name, text in texts.items():
        write_atomically(folder / name, text.encode())
        written.append(folder / name)
    return written + _draw(folder, named, progress)


def _draw(folder: Path, named: Sequence[NamedPredictions], progress: Progress) -> list[Path]:
    from abdominal_oncology.learning import plots

    models = {one.name: one.predictions for one in named}
    classes = named[0].predictions.classes
    shown = [1] if len(classes) == 2 else range(len(classes))
    present = [i for i in shown if all(0 < (p.truth == i).sum() < len(p) for p in models.values())]
    steps = len(present) + len(named) + 1
    written = plots.save(plots.reliability_curve(models), folder / "reliability")
    for number, one in enumerate(named, start=1):
        progress(number / steps, "drawing")
        name = "confusion" if len(named) == 1 else f"confusion-{_file_name(one.name)}"
        written += plots.save(plots.confusion_matrix(one.predictions), folder / name)
    for number, index in enumerate(present, start=len(named) + 1):
        progress(number / steps, "drawing")
        written += plots.save(plots.roc(models, index), folder / f"roc-{_file_name(classes[index])}")
    progress(1.0, "drawing")
    return written


def _file_name(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in text)


def _model_data(one: Evaluation) -> dict[str, Any]:
    fields = ("value", "low", "high", "level", "resamples")
    return {
        "name": one.name,
        "cases": one.cases,
        "patients": one.patients,
        "classes": list(one.classes),
        "metrics": {
            name: {key: _number(getattr(estimate, key)) for key in fields} for name, estimate in one.estimates.items()
        },
        "confusion": [list(row) for row in one.confusion],
        "reliability": [vars(each) for each in one.reliability],
        "temperature": one.temperature,
        "calibration_error_after_temperature": _number(one.error_after_temperature),
    }


def _number(cell: Any) -> Any:
    return None if isinstance(cell, float) and not math.isfinite(cell) else cell


def _metric_rows(evaluations: Sequence[Evaluation]) -> list[list[Any]]:
    head = ["model", "metric", "value", "low", "high", "level", "resamples"]
    return [
        head,
        *(
            [one.name, name, *(_cell(v) for v in (e.value, e.low, e.high)), e.level, e.resamples]
            for one in evaluations
            for name, e in one.estimates.items()
        ),
    ]


def _confusion_rows(evaluations: Sequence[Evaluation]) -> list[list[Any]]:
    classes = evaluations[0].classes
    return [
        ["model", "truth", *(f"decided {label}" for label in classes)],
        *(
            [one.name, label, *row]
            for one in evaluations
            for label, row in zip(one.classes, one.confusion, strict=True)
        ),
    ]


def _comparison_rows(comparison: ModelComparison) -> list[list[Any]]:
    return [
        ["metric", comparison.first, comparison.second, "difference", "low", "high", "p", "method"],
        *(
            [name, *(_cell(v) for v in (t.first, t.second, t.difference, t.low, t.high, t.p_value)), t.method]
            for name, t in comparison.tests.items()
        ),
    ]


def _cell(number: float) -> str:
    return f"{number:.6g}" if math.isfinite(number) else ""


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _report(evaluations: Sequence[Evaluation], comparison: ModelComparison | None) -> str:
    first = evaluations[0]
    some = next(iter(first.estimates.values()))
    parts = [
        "# Evaluation",
        f"{first.cases} cases of {first.patients} patients. Intervals hold {some.level:.0%} of resamples of patients.",
        _markdown(
            [
                ["metric", *(one.name for one in evaluations)],
                *([name, *(_shown(one.estimates[name]) for one in evaluations)] for name in first.estimates),
            ]
        ),
    ]
    for one in evaluations:
        rows = [[label, *row] for label, row in zip(one.classes, one.confusion, strict=True)]
        parts += [
            f"## {one.name}: truth (rows) and decision (columns)",
            _markdown([["", *one.classes], *rows]),
            f"Temperature fitted on these cases: {one.temperature:.2f}; with it the calibration error would be "
            f"{one.error_after_temperature:.3f} here.",
        ]
    if comparison is not None:
        rows = _comparison_rows(comparison)
        parts += ["## Comparison", _markdown(rows), *comparison.remarks]
    return "\n\n".join(parts) + "\n"


def _shown(estimate: Estimate) -> str:
    return str(estimate) if math.isfinite(estimate.value) else "not defined"


def _markdown(rows: Sequence[Sequence[Any]]) -> str:
    lines = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
