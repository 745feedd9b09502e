"""``abdominal-oncology crossval``: every case answered by a network that never saw its patient."""

from __future__ import annotations

import argparse
from pathlib import Path

from abdominal_oncology.cli.output import ExitCode, add_json_option, print_json, print_table, terminal_progress
from abdominal_oncology.cli.train import add_data_options, recipe_from
from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.predictions_file import write_predictions
from abdominal_oncology.progress import part
from abdominal_oncology.tasks import load_task


def configure(parser: argparse.ArgumentParser) -> None:
    add_data_options(parser)
    parser.add_argument("--folds", type=int, default=5, help="for phantoms; a manifest brings its own folds")
    parser.add_argument("--output", type=Path, required=True, help="folder of the runs; finished folds are kept")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from abdominal_oncology.learning.crossval import cross_validate, in_folds
    from abdominal_oncology.learning.device import choose_device
    from abdominal_oncology.learning.package import results_of
    from abdominal_oncology.learning.train_task import TrainRequest, prepare

    task = load_task(options.task)
    recipe = recipe_from(options, task)
    progress = terminal_progress(quiet=options.json)
    request = TrainRequest(
        task,
        recipe,
        options.output,
        "crossval",
        manifest=options.manifest,
        phantoms=options.phantoms,
        data_seed=options.data_seed,
    )
    if options.folds < 2:
        raise InvalidInputError(f"cross-validation needs two or more folds, not {options.folds}")
    store = prepare(request, part(progress, 0.0, 0.2))
    if options.phantoms:
        store = in_folds(store, options.folds, recipe.train.seed)
    options.output.mkdir(parents=True, exist_ok=True)
    recipe.write_yaml(options.output / "recipe.yaml")
    device = str(choose_device(options.device).device)
    done = cross_validate(recipe, store, options.output, device=device, progress=part(progress, 0.2, 1.0))
    table = options.output / "predictions.csv"
    write_predictions(table, [store.cases[i].case for i in sorted(set(done.answers.owners.tolist()))], done.predictions)
    pooled = results_of(done.predictions)
    rows = []
    for name, values in done.per_fold.items():
        mean, sd = done.mean_and_sd(name)
        together = pooled.get(name, {})
        rows.append(
            {
                "metric": name,
                "mean": mean,
                "sd": sd,
                "pooled": together.get("value"),
                "low": together.get("low"),
                "high": together.get("high"),
                **dict(zip(done.folds, values, strict=True)),
            }
        )
    failed = [{"case": case, "reason": reason} for case, reason in store.failed.items()]
    if options.json:
        print_json({"predictions": table, "folds": done.folds, "metrics": rows, "left_out": failed})
    else:
        print_table(rows, ("metric", "mean", "sd", "pooled", "low", "high"))
        for each in failed:
            print(f"left out: {each['case']}: {each['reason']}")
        print(f"\npredictions of cases never seen: {table}")
    return ExitCode.SOME_FAILED if failed else ExitCode.DONE
