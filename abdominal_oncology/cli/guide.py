"""``abdominal-oncology guide``: four lesion networks in folds, the published fusion on them, and a bundle of it all."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from abdominal_oncology.cli.output import ExitCode, add_json_option, print_json, print_table, terminal_progress
from abdominal_oncology.cli.train import add_recipe_options, recipe_from
from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.tasks import load_task

TASK = "hcc"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("manifest", type=Path, nargs="?", help="one lesion a row, with labels hcc, aphe, ec and npw")
    parser.add_argument("--phantoms", type=int, default=0, metavar="N", help="N synthetic lesions instead")
    parser.add_argument("--folds", type=int, default=5)
    add_recipe_options(parser, network="the kind of all four networks (default: the recipe's)")
    parser.add_argument("--output", type=Path, required=True, help="the run's folder; a stopped run goes on in it")
    parser.add_argument("--bundle", default="", help="the new bundle's name (default: hcc-lirads-NETWORK)")
    parser.add_argument("--version", default="1.0.0", help="the new bundle's version")
    parser.add_argument("--trained-on", default="", help="what the data are, in words for the card")
    add_json_option(parser)
    parser.set_defaults(run=run, question="")


def run(options: argparse.Namespace) -> int:
    from abdominal_oncology.hcc.guide import GuideRequest, guide
    from abdominal_oncology.learning.device import choose_device

    if options.folds < 2:
        raise InvalidInputError(f"the networks are asked in two or more folds, not {options.folds}")
    task = load_task(TASK)
    recipe = recipe_from(options, task)
    request = GuideRequest(
        task,
        recipe,
        options.output,
        options.bundle or f"hcc-lirads-{recipe.network}",
        manifest=options.manifest,
        phantoms=options.phantoms,
        data_seed=options.data_seed,
        folds=options.folds,
        device=str(choose_device(options.device).device),
        version=options.version,
        trained_on=options.trained_on,
        command=shlex.join(["abdominal-oncology", *sys.argv[1:]]),
    )
    done = guide(request, terminal_progress(quiet=options.json))
    failed = [{"case": case, "reason": reason} for case, reason in done.failed.items()]
    if options.json:
        print_json({"bundle": done.bundle, "results": done.results, "left_out": failed})
    else:
        rows = [{"measure": name, **each} for name, each in done.results.items() if isinstance(each, dict)]
        print(f"AUC on {done.results['cases']} lesions by models that never saw their patient, 95 % by patient:\n")
        print_table(rows)
        for each in failed:
            print(f"left out: {each['case']}: {each['reason']}")
        print(f"\nbundle: {done.bundle}")
    return ExitCode.SOME_FAILED if failed else ExitCode.DONE
