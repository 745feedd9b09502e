"""Named experiments: one per table or figure of a source paper, row by row beside the printed numbers.

A row's result is a file of its own, written when it is whole; starting the same experiment again measures what is
missing. Phantoms are not patients: every report says what was measured on what.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from abdominal_oncology import __version__
from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.files import write_atomically
from abdominal_oncology.learning.plots import save
from abdominal_oncology.progress import Progress, part, silent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from abdominal_oncology.learning.bundle.load import Bundle

Scale = Literal["smoke", "small", "full"]


@dataclass(frozen=True)
class Measured:
    """A value with its interval (95 % unless the experiment says otherwise) or its standard deviation over folds."""

    value: float
    low: float | None = None
    high: float | None = None
    sd: float | None = None

    def __str__(self) -> str:
        """
        >>> str(Measured(0.91, 0.88, 0.93)), str(Measured(0.8, sd=0.05)), str(Measured(12.0))
        ('0.910 (0.880–0.930)', '0.800 ± 0.050', '12')
        """
        if self.sd is not None:
            return f"{self.value:.3f} ± {self.sd:.3f}"
        if self.low is not None and self.high is not None:
            return f"{self.value:.3f} ({self.low:.3f}–{self.high:.3f})"
        return f"{self.value:.4g}"


Row = Mapping[str, Measured]
Results = Mapping[str, Row]


@dataclass(frozen=True)
class Work:
    """What a row's measurement may use. ``folder`` is the row's own, ``shared`` that of the whole experiment.

    Every training begins with the weights of ``start``.
    """

    scale: Scale
    folder: Path
    shared: Path
    seed: int
    device: str
    progress: Progress
    start: Bundle | None = None


@dataclass(frozen=True)
class Experiment:
    """``rows`` names what is compared at a scale; ``measure`` one of them; ``published`` the paper's own numbers.

    ``draw`` gets the results and the experiment's folder, where ``measure`` may have left what no table can hold.
    ``begins_with`` names the network of the bundles that :attr:`Work.start` may be, "" where there is no such choice.
    """

    name: str
    title: str
    source: str
    data: str
    rows: Callable[[Scale], Sequence[str]]
    measure: Callable[[str, Work], Row]
    draw: Callable[[Results, Path], Mapping[str, Figure]]
    published: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    begins_with: str = ""


def run_experiment(
    experiment: Experiment,
    scale: Scale,
    output: Path,
    *,
    seed: int = 0,
    device: str = "cpu",
    start: Bundle | None = None,
    progress: Progress = silent,
) -> dict[str, Row]:
    """Measure what is missing in ``output``, then write ``results.csv``, ``results.md`` and the plots."""
    if scale not in get_args(Scale):
        raise InvalidInputError(f"no scale is called {scale!r}", remedy=f"use {', '.join(get_args(Scale))}")
    begun = "" if start is None else _may_begin(experiment, start)
    _claim(experiment, scale, seed, begun, output)
    names = list(experiment.rows(scale))
    results: dict[str, Row] = {}
    for index, name in enumerate(names):
        folder = output / "rows" / _folder_name(name)
        kept = folder / "result.json"
        if kept.exists():
            results[name] = _read_row(kept)
            continue
        folder.mkdir(parents=True, exist_ok=True)
        reporting = _prefixed(part(progress, index / len(names), (index + 1) / len(names)), name)
        row = experiment.measure(name, Work(scale, folder, output, seed, device, reporting, start))
        write_atomically(kept, json.dumps({key: each.__dict__ for key, each in row.items()}, indent=1).encode())
        results[name] = row
    write_atomically(output / "results.csv", _as_csv(results).encode())
    drawn = experiment.draw(results, output)
    for title, figure in drawn.items():
        save(figure, output / f"{title}.png")
    write_atomically(output / "results.md", _as_markdown(experiment, scale, seed, begun, results, list(drawn)).encode())
    return results


def _may_begin(experiment: Experiment, start: Bundle) -> str:
    """The bundle's name and what its files are, where the experiment can begin with it."""
    facts, wanted = start.facts, experiment.begins_with
    if not wanted:
        raise InvalidInputError(f"{experiment.name} begins with random weights always", remedy="leave the bundle out")
    if facts.network != wanted:
        raise InvalidInputError(
            f"{experiment.name} begins with a bundle of {wanted}, this one holds {facts.network}",
            where=start.path,
            remedy=f"train one: abdominal-oncology train {facts.task} --network {wanted}",
        )
    return f"{start.path.name} ({start.verified.content_sha256[:12]})"


def _claim(experiment: Experiment, scale: Scale, seed: int, begun: str, output: Path) -> None:
    """A folder belongs to one experiment at one scale, seed and beginning: rows of two must not meet in one table."""
    facts = {"experiment": experiment.name, "scale": scale, "seed": seed} | ({"start": begun} if begun else {})
    path = output / "experiment.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found != facts:
            raise InvalidInputError(
                f"this folder holds {found['experiment']} at scale {found['scale']}, seed {found['seed']}"
                + (f", begun with {found['start']}" if "start" in found else ""),
                where=output,
                remedy="name another folder",
            )
    else:
        output.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(facts).encode())


def _read_row(path: Path) -> Row:
    values: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return {key: Measured(**each) for key, each in values.items()}


def _columns(results: Results) -> list[str]:
    return list(dict.fromkeys(key for row in results.values() for key in row))


def _as_csv(results: Results) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "measure", "value", "low", "high", "sd"])
    for name, row in results.items():
        for key, each in row.items():
            writer.writerow([name, key, each.value, each.low, each.high, each.sd])
    return text.getvalue()


def _as_markdown(
    experiment: Experiment, scale: Scale, seed: int, begun: str, results: Results, plots: Sequence[str]
) -> str:
    ours = _columns(results)
    printed = list(dict.fromkeys(key for row in experiment.published.values() for key in row))
    header = ["", *ours, *(f"paper: {key}" for key in printed)]
    lines = [
        f"# {experiment.title}",
        "",
        f"{experiment.name}, scale {scale}, seed {seed}, AbdominalOncology {__version__}. Measured on: "
        f"{experiment.data}. Paper: {experiment.source}, measured on patients."
        + (f" Every training began with the weights of the bundle {begun}." if begun else ""),
        "",
        "| " + " | ".join(header) + " |",
        "|" + "---|" * len(header),
    ]
    for name in [*results, *(each for each in experiment.published if each not in results)]:
        row, paper = results.get(name, {}), experiment.published.get(name, {})
        cells = [name, *(_cell(row.get(key)) for key in ours), *(paper.get(key, "") for key in printed)]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *(f"- {note}" for note in experiment.notes), ""]
    lines += [f"![{title}]({title}.png)" for title in plots]
    return "\n".join(lines) + "\n"


def _cell(value: Measured | None) -> str:
    return "" if value is None or math.isnan(value.value) else str(value)


def _folder_name(row: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in row)


def _prefixed(progress: Progress, name: str) -> Progress:
    def report(fraction: float, stage: str) -> None:
        progress(fraction, f"{name}: {stage}")

    return report
