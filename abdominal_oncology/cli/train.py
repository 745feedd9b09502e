"""``abdominal-oncology train``: from a manifest (or phantoms) to a run folder and a bundle."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from abdominal_oncology.cli.output import ExitCode, add_json_option, print_json, print_table, terminal_progress
from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.learning.bundle.store import installed_store
from abdominal_oncology.learning.recipe import LossTerm, Recipe
from abdominal_oncology.learning.task import AsksMore, Task
from abdominal_oncology.progress import Progress
from abdominal_oncology.tasks import TASKS, load_task


def configure(parser: argparse.ArgumentParser) -> None:
    add_data_options(parser)
    parser.add_argument("--output", type=Path, required=True, help="the run's folder; a stopped run goes on in it")
    parser.add_argument("--bundle", default="", help="the new bundle's name (default: TASK-NETWORK)")
    parser.add_argument("--version", default="1.0.0", help="the new bundle's version")
    parser.add_argument("--trained-on", default="", help="what the data are, in words for the card")
    parser.add_argument("--start-from", default="", metavar="BUNDLE", help="go on from the weights of this bundle")
    parser.add_argument("--onnx", action="store_true", help="put the network into the bundle as ONNX, too")
    parser.add_argument("--precision", choices=("auto", "32", "bf16", "16"), help="instead of the recipe's")
    parser.add_argument("--devices", type=int, default=1, help="devices per node; with nodes, under a launcher")
    parser.add_argument("--nodes", type=int, default=1)
    add_json_option(parser)
    parser.set_defaults(run=run)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """What ``train`` and ``crossval`` share: task, data, recipe, device."""
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("manifest", type=Path, nargs="?", help="the table of cases, with labels and split")
    parser.add_argument("--phantoms", type=int, default=0, metavar="N", help="about N synthetic samples instead")
    parser.add_argument("--question", default="", help="another label column than the task's own (hcc: aphe, ec, npw)")
    add_recipe_options(parser)


def add_recipe_options(parser: argparse.ArgumentParser, network: str = "instead of the recipe's") -> None:
    """What every training takes: seeds, the recipe and what is changed in it, device. ``network`` is its help."""
    parser.add_argument("--data-seed", type=int, default=0, help="the seed of the phantoms")
    parser.add_argument("--recipe", type=Path, help="YAML; without it, the task's own recipe")
    parser.add_argument("--network", default="", help=network)
    parser.add_argument(
        "--loss", type=loss_term, metavar="NAME[:OPTION=NUMBER,...]", help="one loss instead of the recipe's, by name"
    )
    parser.add_argument("--published", action="store_true", help="the recipe as the source paper printed it")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--batch", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, help="instead of the recipe's")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")


def loss_term(text: str) -> LossTerm:
    """A registered loss and its options.

    >>> loss_term("circular-sord:s=0.625")
    LossTerm(name='circular-sord', weight=1.0, options={'s': 0.625})
    """
    name, _, said = text.partition(":")
    pairs = [each.partition("=") for each in said.split(",") if each]
    try:
        return LossTerm(name, options={option.strip(): float(value) for option, _, value in pairs})
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no loss: write NAME or NAME:OPTION=NUMBER") from None


def recipe_from(options: argparse.Namespace, task: Task) -> Recipe:
    """The recipe that the options name, with what they change in it."""
    from dataclasses import replace

    if options.recipe is not None:
        if options.published:
            raise InvalidInputError("--recipe and --published exclude each other")
        recipe = Recipe.from_yaml(options.recipe)
        if recipe.task != task.name:
            raise InvalidInputError(f"the recipe is for task {recipe.task}, not {task.name}", where=options.recipe)
        recipe = replace(recipe, network=options.network or recipe.network)
    else:
        recipe = task.recipe(options.network, options.published)
    if options.question:
        if not isinstance(task, AsksMore):
            raise InvalidInputError(f"task {task.name} has the one question {task.question}", where="--question")
        recipe = task.asked(recipe, options.question)
    if options.loss is not None:
        recipe = replace(recipe, loss=(options.loss,))
    if options.epochs is not None:
        recipe = recipe.with_train(epochs=options.epochs, iterations=0)
    if options.seed is not None:
        recipe = recipe.with_train(seed=options.seed)
    return replace(recipe, batch=options.batch) if options.batch is not None else recipe


def run(options: argparse.Namespace) -> int:
    from abdominal_oncology.learning.train_task import TrainRequest, train_task

    task = load_task(options.task)
    recipe = recipe_from(options, task)
    if options.precision:
        recipe = recipe.with_train(precision=options.precision)
    progress: Progress = terminal_progress(quiet=options.json)
    request = TrainRequest(
        task,
        recipe,
        options.output,
        manifest=options.manifest,
        phantoms=options.phantoms,
        data_seed=options.data_seed,
        device=options.device,
        devices=options.devices,
        nodes=options.nodes,
        name=options.bundle or f"{task.name}-{recipe.network}",
        version=options.version,
        trained_on=options.trained_on,
        command=shlex.join(["abdominal-oncology", *sys.argv[1:]]),
        onnx=options.onnx,
        start_from=installed_store().find(options.start_from, task=task.name) if options.start_from else None,
    )
    trained = train_task(request, progress)
    if trained is None:
        return ExitCode.DONE  # another rank of the same training reports
    failed = [{"case": case, "reason": reason} for case, reason in trained.failed.items()]
    if options.json:
        print_json(
            {
                "run": options.output,
                "bundle": trained.bundle,
                "predictions": trained.predictions,
                "steps": trained.steps,
                "best_step": trained.best_step,
                "held_out": trained.held_out,
                "results": trained.results,
                "left_out": failed,
            }
        )
    else:
        rows = [
            {"metric": name, "value": each["value"], "low": each["low"], "high": each["high"]}
            for name, each in trained.results.items()
            if isinstance(each, dict)
        ]
        print(f"on {trained.results['cases']} cases of {trained.held_out}, with 95 % intervals by patient:\n")
        print_table(rows)
        for each in failed:
            print(f"left out: {each['case']}: {each['reason']}")
        print(f"\nrun: {options.output}\npredictions: {trained.predictions}\nbundle: {trained.bundle}")
    return ExitCode.SOME_FAILED if failed else ExitCode.DONE
