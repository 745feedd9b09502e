"""``abdominal-oncology evaluate``: what a table of predictions says, alone or beside another model's."""

from __future__ import annotations

import argparse
from pathlib import Path

from abdominal_oncology.cli.output import ExitCode, add_json_option, print_json, print_table, terminal_progress
from abdominal_oncology.learning.evaluate import compare, evaluate
from abdominal_oncology.learning.evaluation_files import as_data, write_evaluation
from abdominal_oncology.learning.predictions_file import read_predictions
from abdominal_oncology.progress import part


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "predictions", type=Path, help="CSV with the columns case, patient, truth and p.CLASS for each class"
    )
    parser.add_argument("--compare", type=Path, metavar="OTHER", help="another model's predictions of the same cases")
    parser.add_argument("--output", type=Path, help="folder for tables, a report and plots (default: none are written)")
    parser.add_argument("--resamples", type=_at_least_one, default=5000, help="bootstrap resamples (default: 5000)")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: 0)")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    progress = terminal_progress(quiet=options.json)
    paths = [options.predictions, *([options.compare] if options.compare else [])]
    named = [read_predictions(path) for path in paths]
    if len(named) == 2 and named[0].name == named[1].name:  # two runs, each with its predictions.csv
        named = [type(one)(str(path), one.cases, one.predictions) for one, path in zip(named, paths, strict=True)]
    chosen = {"resamples": options.resamples, "seed": options.seed}
    comparison = None
    if len(named) == 2:
        named[1] = named[1].aligned_with(named[0])
        comparison = compare(*named, **chosen, progress=part(progress, 0.0, 0.3))
    step = 0.4 / len(named)
    evaluations = [
        evaluate(one, **chosen, progress=part(progress, 0.3 + step * n, 0.3 + step * (n + 1)))
        for n, one in enumerate(named)
    ]
    written = []
    if options.output:
        written = write_evaluation(options.output, named, evaluations, comparison, part(progress, 0.7, 1.0))
    progress(1.0, "done")
    second = evaluations[1] if len(evaluations) == 2 else None
    if options.json:
        print_json({**as_data(evaluations[0], second, comparison), "written": written})
        return ExitCode.DONE
    print(f"{evaluations[0].cases} cases of {evaluations[0].patients} patients, 95 % intervals by patient\n")
    print_table(
        [{"metric": name} | {e.name: str(e.estimates[name]) for e in evaluations} for name in evaluations[0].estimates]
    )
    if comparison is not None:
        print(f"\ndifference: {comparison.first} − {comparison.second}")
        columns = ("difference", "low", "high", "p_value", "method")
        print_table([{"metric": n, **{c: getattr(test, c) for c in columns}} for n, test in comparison.tests.items()])
        for remark in comparison.remarks:
            print(remark)
    for path in written:
        print(f"written: {path}")
    return ExitCode.DONE


def _at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
